"""Files are whole, whatever happens while they are written."""

import os
import stat
from pathlib import Path

import pytest

from autograd_scalar.files import remove_unfinished, write_whole


def test_a_file_is_replaced_and_keeps_ordinary_permissions(tmp_path):
    path = tmp_path / "file"
    assert write_whole(path, b"old") == path
    write_whole(str(path), b"new")
    assert path.read_bytes() == b"new"
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize(("place", "failing"), [(os, "fsync"), (Path, "replace")])
def test_a_failure_leaves_the_old_file_alone(tmp_path, monkeypatch, place, failing):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*args):
        raise OSError(28, "No space left on device", "the file beside")

    monkeypatch.setattr(place, failing, fail)
    with pytest.raises(OSError, match=r"No space left.*/file'"):
        write_whole(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    path, other = tmp_path / "run [1]*", tmp_path / "run"
    monkeypatch.setattr(Path, "replace", lambda *_: os.abort)  # it never gets its name
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for target in (path, other):
        write_whole(target, b"half")
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2
    remove_unfinished(path)
    assert len(list(tmp_path.iterdir())) == 1
    remove_unfinished(path)
    remove_unfinished(other)
    assert list(tmp_path.iterdir()) == []


def test_the_longest_of_names_will_do(tmp_path):
    path = tmp_path / ("n" * 255)
    write_whole(path, b"x")
    remove_unfinished(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
