"""The command line draws and animates with the options of the functions."""

import shlex
from pathlib import Path

import pytest

from autograd_scalar import Value, draw, tanh
from autograd_scalar.__main__ import ANIMATE_EXAMPLES, DRAW_EXAMPLES, PROGRAM, main
from autograd_scalar.draw.animate import animate
from tests.pictures import parsed


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def neuron():
    w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-0.5, label="b")
    y = tanh(w * x + b)
    y.backward()
    return y, w, x, b


COMMAND = 'draw "tanh(w*x + b)" w=2 x=0.5 b=-0.5 -o y.svg'


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("--theme dark", lambda w, x, b: {"theme": "dark"}),
        ("--direction up", lambda w, x, b: {"direction": "up"}),
        ("--formula", lambda w, x, b: {"formula": True}),
        ("--heat grad", lambda w, x, b: {"heat": "grad"}),
        ("--paths w", lambda w, x, b: {"paths": w}),
        ("--paths w --paths b", lambda w, x, b: {"paths": [w, b]}),
        ("--tangent x=1", lambda w, x, b: {"tangents": {x: 1.0}}),
        ("--tangent x", lambda w, x, b: {"tangents": {x: 1.0}}),
        ("--tangent w=-2 --tangent=b=0.5", lambda w, x, b: {"tangents": {w: -2.0, b: 0.5}}),
        (
            "--formula --heat data --paths x -p w --theme print",
            lambda w, x, b: {
                "formula": True, "heat": "data", "paths": x, "parameters": [w], "theme": "print",
            },
        ),
    ],
)  # fmt: skip
def test_an_option_is_that_of_draw(given, options, capsys):
    assert main(shlex.split(f"{COMMAND} {given}")) == 0
    y, *leaves = neuron()
    assert Path("y.svg").read_text("utf-8") == draw(y, **options(*leaves)).svg
    assert capsys.readouterr().out.endswith("wrote y.svg\n")


def test_animate_prints_what_draw_prints_and_writes_an_animation(capsys):
    assert main(shlex.split(COMMAND)) == 0
    drawn = capsys.readouterr().out
    assert main([*shlex.split(COMMAND.replace("draw", "animate")), "--seconds", "9"]) == 0
    assert capsys.readouterr().out == drawn
    y, *_ = neuron()
    assert Path("y.svg").read_text("utf-8") == animate(y, seconds=9).svg


@pytest.mark.parametrize(
    "line",
    [
        line.strip().removeprefix(PROGRAM)
        for line in (DRAW_EXAMPLES + ANIMATE_EXAMPLES).splitlines()
        if PROGRAM in line
    ],
)
def test_the_examples_of_the_help_run(line, capsys):
    assert main(shlex.split(line)) == 0
    name = capsys.readouterr().out.splitlines()[-1].removeprefix("wrote ")
    assert Path(name).stat().st_size > 1000
    if name.endswith(".svg"):
        picture = type("Picture", (), {"svg": Path(name).read_text("utf-8")})
        parsed(picture)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("draw x x=1 --theme drak", "draw: theme must be auto, light, dark, print or chalkboard"),
        ("draw x x=1 --direction LR", "draw: direction must be right, left, down or up"),
        ("draw x x=1 --heat gard", "draw: heat must be grad or data, not 'gard'; grad?"),
        ("draw x x=1 --paths y", "path 'y' is not in the expression"),
        ("draw x x=1 --tangent y=1", "tangent 'y' is not in the expression"),
        ("draw x x=1 --tangent x=one", "x='one' is not a number"),
        ("draw x x=1 -p y", "parameter 'y' is not in the expression"),
        ("animate x x=1 --seconds 0", "animate: seconds must be at least 1, not 0"),
        ("animate x x=1 -o x.png", "animate: only a file with the suffix .svg can move"),
        ("animate x+y x=1 y=2 --limit 2", "animate: this graph has 3 values"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(command, message, capsys):
    assert main(shlex.split(command)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {message}")
    assert captured.err.count("\n") == 1
    assert not list(Path().iterdir())


@pytest.mark.parametrize("command", ["draw", "animate"])
def test_help_tells_every_option(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 90
    options = ["--theme", "--direction", "--limit", "--parameter"]
    options += ["--seconds"] if command == "animate" else ["--formula", "--heat", "--paths"]
    assert all(option in out for option in options)
