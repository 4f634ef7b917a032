"""Compiled code kept on disk, so that what was compiled once is loaded the next time.

An entry's name is the SHA-256 of all that its content follows from. The content carries a checksum.
An entry that is cut off, changed, or another user's is built anew, never trusted. Where nothing
can be written, there is just no cache.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path

from autograd_scalar.files import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 256 * 2**20
"""How many bytes the entries may take on disk; beyond, those go that were used least recently."""

BETWEEN = 4 * 2**20
"""How many bytes are written between two looks at what there is, on average: each look takes a
while where there are thousands of entries."""

VARIABLE = "AUTOGRAD_SCALAR_CACHE"
"""The environment variable that names the directory; an empty one turns the cache off."""

_MAGIC = b"ags-code"
_FORMAT = 1
_HEADER = struct.Struct("<8sI32sQ32s")  # magic, format, key, length and SHA-256 of the payload
_SUFFIX = ".code"
_BLOCK = 4096  # what a file takes on disk is a multiple of this
_ABANDONED = 3600.0  # seconds after which a file that has not got its name yet never will

_warned = False


def cached(key: bytes | str, build: Callable[[], bytes]) -> bytes:
    """What ``build()`` returns, from disk if it was built before for the same key.

    The key has to say everything that the result depends on: see ``key_of``. Raises what ``build``
    raises; of the disk's errors it warns once, with a RuntimeWarning, and does without.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as os.environ["AUTOGRAD_SCALAR_CACHE"]:
    ...     cached("key", lambda: b"built"), cached("key", lambda: b"not built again")
    (b'built', b'built')
    >>> del os.environ["AUTOGRAD_SCALAR_CACHE"]
    """
    where = directory()
    if where is None:
        return build()
    digest = hashlib.sha256(key.encode() if isinstance(key, str) else key).digest()
    path = where / f"{digest.hex()}{_SUFFIX}"
    found = _read(path, digest)
    if found is not None:
        return found
    payload = build()
    if not isinstance(payload, bytes):
        raise TypeError(f"cached: build must return bytes, not {type(payload).__name__}")
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, _sealed(digest, payload))
        if _is_time_to_look(digest, len(payload)):
            _evict(where)
    except OSError as error:
        if _read(path, digest) is None:  # it may be there all the same, by another process
            _warn(f"compiled code is not kept in {where}: {error.strerror or error}")
    return payload


def key_of(*parts: str | bytes) -> bytes:
    """A key that differs if any of the parts does, or where one ends and the next begins.

    >>> key_of("ab", "c") == key_of("a", "bc")
    False
    """
    hashed = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        hashed.update(struct.pack("<Q", len(content)))
        hashed.update(content)
    return hashed.digest()


def directory() -> Path | None:
    """Where the entries are, or None if the cache is turned off.

    The environment variable AUTOGRAD_SCALAR_CACHE says where; an empty one turns the cache off. By
    default it is the platform's place for such things: ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux
    and its like, ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on Windows.
    """
    chosen = os.environ.get(VARIABLE)
    try:
        if chosen is not None:
            return Path(chosen).expanduser().absolute() if chosen else None
        return _platform_caches() / "autograd_scalar"
    except RuntimeError:  # there is no home directory
        return None


def _platform_caches() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The specification has a relative path ignored.
    return Path(given) if os.path.isabs(given) else Path.home() / ".cache"


def clear() -> None:
    """Remove all entries; an error of the disk's is left to raise."""
    where = directory()
    if where is not None:
        for path in where.glob(f"*{_SUFFIX}"):
            path.unlink(missing_ok=True)


def _sealed(digest: bytes, payload: bytes) -> bytes:
    checksum = hashlib.sha256(payload).digest()
    return _HEADER.pack(_MAGIC, _FORMAT, digest, len(payload), checksum) + payload


def _read(path: Path, digest: bytes) -> bytes | None:
    """The payload of an entry; None if there is none, or if anything about it is wrong."""
    try:
        with path.open("rb") as file:
            if not _is_ours(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    payload = content[_HEADER.size :]
    if content != _sealed(digest, payload):
        return None
    with suppress(OSError):  # on a disk that can only be read nothing is evicted either
        os.utime(path)  # used now
    return payload


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else could have put machine code there for us to run."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o002


def _is_time_to_look(digest: bytes, size: int) -> bool:
    """As often as the entry is large, at random: by its name, so processes need not agree."""
    return int.from_bytes(digest[:8]) * BETWEEN < _on_disk(size) << 64


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _evict(where: Path) -> None:
    """Remove the least recently used entries beyond the limit, and what killed writers left."""
    entries = []
    now = time.time()
    with os.scandir(where) as found:
        for entry in found:
            try:
                status = entry.stat()
            except OSError:
                continue  # somebody else has removed it
            if entry.name.endswith(_SUFFIX):
                entries.append((status.st_mtime, status.st_size, entry.path))
            elif entry.name.endswith(".tmp") and now - status.st_mtime > _ABANDONED:
                Path(entry.path).unlink(missing_ok=True)
    total = 0
    for _, size, path in sorted(entries, reverse=True):
        total += _on_disk(size)
        if total > LIMIT:
            Path(path).unlink(missing_ok=True)


def _warn(message: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(message, RuntimeWarning, stacklevel=3)
