"""A picture's file is whole or not there, and any program that understands DOT will do."""

import os
import stat
import sys
import sysconfig
from pathlib import Path

import pytest

from autograd_scalar import Value
from autograd_scalar.draw import draw, program
from autograd_scalar.draw.static import Picture, jupyter

X, Y = Value(3.0, label="X"), Value(2.0, label="Y")


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format", "start"),
    [
        ("a.svg", None, b"<svg"),
        ("a.SVG", None, b"<svg"),
        ("a.png", None, b"\x89PNG"),
        ("a.dot", None, b"digraph"),
        ("a.gv", None, b"digraph"),
        ("a", "svg", b"<svg"),
        ("a.svg", "png", b"\x89PNG"),
        ("n" * 250 + ".svg", None, b"<svg"),
    ],
)
def test_a_file_is_in_the_format_of_its_suffix_or_as_asked(tmp_path, name, format, start):
    picture = draw(X * Y, tmp_path / name, format=format)
    assert isinstance(picture, Picture)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes().startswith(start)
    assert picture.save(str(tmp_path / "again"), "dot").read_text() == picture.dot


def test_a_file_has_ordinary_permissions_and_replaces_what_was_there(tmp_path):
    old, new = tmp_path / "old.svg", tmp_path / "new"
    old.write_text("old")
    new.write_text("")
    draw(X, old)
    assert old.read_text().startswith("<svg")
    assert stat.S_IMODE(old.stat().st_mode) == stat.S_IMODE(new.stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.svg"
    link.symlink_to("there/real.svg")
    draw(X, link)
    assert link.is_symlink()
    assert (tmp_path / "there/real.svg").read_text().startswith("<svg")


def test_a_pipe_or_device_is_written_to_and_not_replaced():
    draw(X, "/dev/null", format="dot")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(("place", "failing"), [(os, "fsync"), (Path, "replace")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, place, failing):
    path = tmp_path / "a.svg"
    path.write_text("old")

    def fail(*args):
        raise OSError(28, "No space left on device", "the file beside")

    monkeypatch.setattr(place, failing, fail)
    with pytest.raises(OSError, match=r"No space left.*a\.svg"):
        draw(X, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: draw(3.0), TypeError, "value must be a Value, .* not 3.0"),
        (lambda: draw([X]), TypeError, "value must be a Value"),
        (lambda: draw(X, "a.bmp"), ValueError, "'a.bmp' must be svg, png, dot or gv, not 'bmp'"),
        (lambda: draw(X, "a"), ValueError, "must be svg, png, dot or gv, not ''"),
        (lambda: draw(X, "a.svg", format="pdf"), ValueError, "format must be svg.* not 'pdf'"),
        (lambda: draw(X).save("a.pdf"), ValueError, "must be svg"),
        (lambda: draw(X, "no/such/folder/a.svg"), FileNotFoundError, "no/such/folder/a.svg"),
        (lambda: draw(X, parameters=3), TypeError, "parameters must be .* not 3"),
        (lambda: draw(X, parameters=X), TypeError, "parameters must be .* not Value"),
        (lambda: draw(X, parameters=[X, 1.0]), TypeError, "each of parameters .* not 1.0"),
        (lambda: draw(X * Y, limit=2), ValueError, "has 3 values.*limit=2;"),
    ],
)
def test_bad_arguments_are_refused_by_name_before_any_file_is_written(
    call, error, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        call()
    assert not list(tmp_path.iterdir())


# --- Programs -------------------------------------------------------------------------------------


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def only_on_path(tmp_path, monkeypatch):
    """A machine whose only programs are those in the folder returned."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path / "nowhere"))
    return folder


def test_dot_is_preferred(only_on_path):
    script(only_on_path / "dot", "echo dot")
    script(only_on_path / "graphviz-pure", "echo pure")
    assert program.render("", "svg") == b"dot\n"


def test_a_dot_that_fails_leaves_it_to_graphviz_pure(only_on_path):
    script(only_on_path / "dot", "echo no such format >&2; exit 1")
    script(only_on_path / "graphviz-pure", "echo pure $*")
    assert program.render("", "png") == b"pure -Tpng -Gbgcolor=white -Gdpi=144\n"


def test_the_wheel_s_program_is_found_beside_the_interpreter(only_on_path, tmp_path):
    beside = tmp_path / "elsewhere"
    beside.mkdir()
    script(beside / "graphviz-pure", "echo beside")
    script(only_on_path / "graphviz-pure", "echo path")
    assert program.render("", "svg") == b"beside\n"


def test_why_programs_fail_is_told(only_on_path):
    script(only_on_path / "dot", "echo out of order >&2; exit 1")
    script(only_on_path / "graphviz-pure", "exit 0")
    with pytest.raises(RuntimeError, match=r"dot: out of order\n.*graphviz-pure: "):
        draw(X).svg  # noqa: B018


def test_without_a_program_there_is_dot_text_and_advice(only_on_path, tmp_path):
    assert draw(X * Y, tmp_path / "a.dot").dot.startswith("digraph")
    with pytest.raises(FileNotFoundError, match="pip install graphviz-pure"):
        draw(X * Y, tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
    assert jupyter(X) == {"text/plain": repr(X)}
