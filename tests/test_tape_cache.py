"""Code from the cache is the code that was built, whatever happens to the files."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from autograd_scalar.tape.native import cache


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", False)
    return tmp_path / "cache"


class Builder:
    """Counts how often it is asked."""

    def __init__(self, content=b"machine code"):
        self.content, self.times = content, 0

    def __call__(self):
        self.times += 1
        return self.content


def entries(place):
    return sorted(place.glob("*.code")) if place.exists() else []


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(100_000)])
@pytest.mark.parametrize("key", ["text", b"bytes", "", "é" * 1000])
def test_what_was_built_once_is_not_built_again(key, content):
    build = Builder(content)
    assert [cache.cached(key, build) for _ in range(3)] == [content] * 3
    assert build.times == 1


def test_keys_do_not_mix(place):
    keys = ["a", "b", b"c", cache.key_of("a", "b"), cache.key_of("ab"), cache.key_of("a", "b", "")]
    built = [cache.cached(key, Builder(b"%d" % i)) for i, key in enumerate(keys)]
    assert built == [b"%d" % i for i in range(len(keys))]
    assert len(entries(place)) == len(keys)


def test_an_entry_under_another_ones_name_is_not_taken(place):
    cache.cached("a", Builder(b"for a"))
    (a,) = entries(place)
    cache.cached("b", Builder(b"for b"))
    (b,) = set(entries(place)) - {a}
    a.replace(b)
    assert cache.cached("b", Builder(b"again")) == b"again"


def test_no_byte_of_an_entry_can_change_and_none_be_lost(place):
    cache.cached("key", Builder())
    (path,) = entries(place)
    whole = path.read_bytes()
    flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    shorter = [whole[:i] for i in range(len(whole))]
    for broken in [*flipped, *shorter, whole + b"\0"]:
        path.write_bytes(broken)
        build = Builder()
        assert cache.cached("key", build) == build.content
        assert build.times == 1
        assert path.read_bytes() == whole  # and it is mended


def test_another_format_is_not_read(monkeypatch):
    cache.cached("key", Builder())
    monkeypatch.setattr(cache, "_FORMAT", cache._FORMAT + 1)
    build = Builder()
    cache.cached("key", build)
    assert build.times == 1


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_code_that_others_could_have_written_is_not_run(place, monkeypatch):
    cache.cached("key", Builder())
    (path,) = entries(place)
    path.chmod(0o666)
    build = Builder()
    cache.cached("key", build)
    assert build.times == 1
    if os.getuid() == 0:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        os.chown(path, 54321, -1)
        cache.cached("key", build)
        assert build.times == 2


def test_what_building_raises_is_raised_and_nothing_kept(place):
    def build():
        raise ZeroDivisionError("in build")

    with pytest.raises(ZeroDivisionError, match="in build"):
        cache.cached("key", build)
    with pytest.raises(TypeError, match="build must return bytes, not str"):
        cache.cached("key", lambda: "text")
    assert entries(place) == []


def test_an_empty_variable_turns_it_off(monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "")
    build = Builder()
    cache.cached("key", build)
    cache.cached("key", build)
    assert build.times == 2
    assert cache.directory() is None
    cache.clear()


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/autograd_scalar"),
        ("linux", {"XDG_CACHE_HOME": "{}/xdg"}, "xdg/autograd_scalar"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/autograd_scalar"),
        ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache/autograd_scalar"),
        ("darwin", {"XDG_CACHE_HOME": "{}/xdg"}, "home/Library/Caches/autograd_scalar"),
        ("win32", {"LOCALAPPDATA": "{}/local"}, "local/autograd_scalar"),
        ("win32", {}, "home/AppData/Local/autograd_scalar"),
        ("linux", {cache.VARIABLE: "~/mine"}, "home/mine"),
    ],
)
def test_each_platform_has_its_place(platform, variables, expected, tmp_path, monkeypatch):
    for name in (cache.VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "platform", platform)
    for name, text in variables.items():
        monkeypatch.setenv(name, text.format(tmp_path))
    assert cache.directory() == tmp_path / expected


def test_without_a_home_there_is_no_cache(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert cache.directory() is None
    assert cache.cached("key", Builder(b"built")) == b"built"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_warned_of_once(number, place, monkeypatch):
    def fail(path, content):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(cache, "write_whole", fail)
    build = Builder()
    with pytest.warns(RuntimeWarning, match=f"not kept in .*: {os.strerror(number)}"):
        assert cache.cached("key", build) == build.content
    assert cache.cached("key", build) == build.content  # pytest makes a second warning an error
    assert build.times == 2


def test_a_file_where_the_directory_should_be(place):
    place.write_text("in the way")
    with pytest.warns(RuntimeWarning, match="compiled code is not kept"):
        assert cache.cached("key", Builder(b"built")) == b"built"


def test_a_writer_that_loses_to_another_says_nothing(place, monkeypatch):
    def lose(path, content):
        path.write_bytes(content)  # the other one's, which is the same
        raise PermissionError(errno.EACCES, "Windows does not replace a file that is open")

    monkeypatch.setattr(cache, "write_whole", lose)
    assert cache.cached("key", Builder(b"built")) == b"built"


def test_the_least_recently_used_go_first(place, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 4 * cache._BLOCK)
    monkeypatch.setattr(cache, "BETWEEN", 0)
    for i in range(4):
        cache.cached(str(i), Builder(b"x"))
        for path in entries(place):  # all that is there already grows older
            os.utime(path, (path.stat().st_mtime - 100,) * 2)
    assert len(entries(place)) == 4
    used = Builder()
    cache.cached("0", used)
    cache.cached("new", Builder())
    again = {key: Builder(b"x") for key in "0123"}
    monkeypatch.setattr(cache, "LIMIT", 100 * cache._BLOCK)
    for key in "0123":
        cache.cached(key, again[key])
    assert used.times == 0
    assert [again[key].times for key in "0123"] == [0, 1, 0, 0]


@pytest.mark.parametrize("size", [1, 3 * cache._BLOCK])
def test_what_there_is_is_looked_at_now_and_then(place, monkeypatch, size):
    looks = []
    monkeypatch.setattr(cache, "BETWEEN", 30 * cache._BLOCK)
    monkeypatch.setattr(cache, "_evict", looks.append)
    for i in range(600):
        cache.cached(str(i), Builder(b"x" * size))
    expected = 600 * cache._on_disk(size) / cache.BETWEEN
    assert abs(len(looks) - expected) < 4 * expected**0.5


def test_what_killed_writers_left_is_removed_later(place, monkeypatch):
    monkeypatch.setattr(cache, "BETWEEN", 0)
    place.mkdir()
    old, young = place / ".1.tmp", place / ".2.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.cached("key", Builder())
    assert not old.exists()
    assert young.exists()


def test_clear_removes_entries_and_nothing_else(place):
    cache.cached("key", Builder())
    other = place / "other"
    other.write_text("not ours")
    cache.clear()
    assert list(place.iterdir()) == [other]


SCRIPT = """
import os, random, sys
from pathlib import Path
from autograd_scalar.tape.native import cache

role, rounds = sys.argv[1], int(sys.argv[2])
place, rng = cache.directory(), random.Random(role)
if role.startswith("user"):
    for i in range(rounds):
        key = str(i % 5)
        payload = (key * 50_000).encode()
        assert cache.cached(key, lambda: payload) == payload
        if i % 10 == 0:
            print("alive", flush=True)
else:
    for _ in iter(sys.stdin.readline, ""):  # one piece of mischief per line
        for path in place.glob("*.code"):
            try:
                content = path.read_bytes()
                kind = rng.randrange(4)
                if kind == 0:
                    os.truncate(path, rng.randrange(len(content) + 1))
                elif kind == 1:
                    with path.open("r+b") as file:
                        file.seek(rng.randrange(len(content) + 1))
                        file.write(b"corrupted")
                elif kind == 2:
                    path.unlink()
            except OSError:
                pass
"""


def test_processes_that_share_it_get_right_code_while_another_ruins_it(place):
    def start(*arguments, **streams):
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT), *arguments],
            text=True, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}, **streams,
        )  # fmt: skip

    vandal = start("vandal", "0", stdin=subprocess.PIPE)
    users = [start(f"user{i}", "100", stdout=subprocess.PIPE) for i in range(2)]
    for user in users:
        for _ in user.stdout:
            vandal.stdin.write("\n" * 20)
            vandal.stdin.flush()
    for process in (*users, vandal):
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
