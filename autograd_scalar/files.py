"""Files are written whole or not at all."""

from __future__ import annotations

import os
import uuid
import zlib
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike


def write_whole(path: str | PathLike[str], content: bytes) -> Path:
    """Write the file ``path`` so that whoever reads it finds the old content or the new.

    It is written beside, under a name of its own, and renamed once it is on the disk. Raises
    OSError that names ``path``.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        path.write_bytes(content)  # a pipe or a device can't be replaced, only written to
        return path
    target = path.resolve()  # a link stays a link
    beside = target.with_name(f"{_prefix(target)}{uuid.uuid4().hex}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:  # which names the file beside, unknown to who reads it
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        beside.unlink(missing_ok=True)
    return path


def remove_unfinished(path: str | PathLike[str]) -> None:
    """Remove what writers of ``path`` left beside it when they were killed."""
    target = Path(path).resolve()
    for beside in target.parent.glob(f"{_prefix(target)}*.tmp"):
        beside.unlink(missing_ok=True)


def _prefix(target: Path) -> str:
    """How the names of files beside ``target`` begin; its own name may be as long as can be."""
    return f".{zlib.crc32(target.name.encode()):08x}."
