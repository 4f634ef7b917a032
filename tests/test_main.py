"""The command line says what it computed, where the picture is, and what was wrong, in one line."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_scalar
from autograd_scalar import __main__ as command_line
from autograd_scalar.__main__ import DRAW_EXAMPLES, EXAMPLES, TREE_EXAMPLES, bind, main
from autograd_scalar.expression import FUNCTIONS, parse

ROOT = Path(autograd_scalar.__file__).parent.parent


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments, **options):
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "autograd_scalar", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})},
        text=True,
        encoding="utf-8",
        **({"capture_output": True} | options),
    )


def test_draw_prints_the_value_and_each_derivative_and_writes_the_picture(capsys):
    assert main(["draw", "tanh(w*x + b)", "w=2", "x=0.5", "b=-1", "-o", "out.svg"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "value   0",
        "d/dw    0.5",
        "d/dx    2",
        "d/db    1",
        "wrote out.svg",
    ]
    assert Path("out.svg").read_text().startswith("<svg")


def test_figures_are_aligned_whatever_their_sign_and_name(capsys):
    assert main(["draw", "-a / long_name", "a=1", "long_name=3"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "value         -0.333333333333",
        "d/da          -0.333333333333",
        "d/dlong_name   0.111111111111",
        "wrote graph.svg",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        "draw x*y x=2 y=3 -o a.png",
        "draw -o a.png x*y x=2 y=3",
        "draw x*y -o a.png x=2 y=3",
        "draw x*y x=2 -o a.png y=3",
        "draw x*y x=2 --output=a.png y=3",
        "draw -o a.png -- x*y x=2 y=3",
    ],
)
def test_options_stand_anywhere(arguments, capsys):
    assert main(shlex.split(arguments)) == 0
    assert "d/dx    3" in capsys.readouterr().out
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "text", ["-x", "-x**2", "-(x)", "-x - o", "--x", "-2*x", "-.5*x", "-exp(x)"]
)
def test_an_expression_may_begin_with_a_minus(text, capsys):
    given = ["x=3", "o=1"] if "o" in text else ["x=3"]
    assert main(["draw", text, *given]) == 0
    assert "d/dx" in capsys.readouterr().out


def test_parameters_are_coloured_apart(capsys):
    given = ["draw", "w*x", "w=2", "x=3", "-o", "a.dot"]
    assert main(given) == 0
    plain = Path("a.dot").read_text()
    assert main([*given, "-p", "w"]) == 0
    assert Path("a.dot").read_text() != plain
    assert main([*given, "-p", "w", "-p", "x"]) == 0
    capsys.readouterr()


def test_a_constant_has_a_value_and_no_derivatives(capsys):
    assert main(["draw", "2 * 3", "-o", "a.gv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["value   6", "wrote a.gv"]


def test_tree_prints_the_graph_with_its_derivatives_and_writes_nothing(capsys):
    assert main(["tree", "tanh(w*x + b)", "w=2", "x=0.5", "b=-1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "            data  grad",
        "tanh         0    1",
        "└─ +         0    1",
        "   ├─ ×      1    1",
        "   │  ├─ w   2    0.5",
        "   │  └─ x   0.5  2",
        "   └─ b     -1    1",
    ]
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        "tree x-y x=2 y=3 --limit 2",
        "tree --limit 2 x-y x=2 y=3",
        "tree x-y --limit=2 x=2 y=3",
        "tree x-y x=2 --width 100 --limit 2 y=3",
    ],
)
def test_options_of_tree_stand_anywhere(arguments, capsys):
    assert main(shlex.split(arguments)) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "… 1 more line",
        "  limit=3 shows all, tree of an operand its part",
    ]


def test_tree_takes_no_more_columns_than_asked(capsys):
    long_name = "x" * 40
    assert main(["tree", f"-{long_name} * 1e-300", f"{long_name}=123.4", "--width", "60"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


WRONG = [
    (["x*y", "x=1"], "no number given for y; add y=1"),
    (["x*y*z"], "no number given for x, y, z"),
    (["x", "x=1", "y=2"], "'y' is not in the expression; the names there: x"),
    (["1", "y=2"], "the names there: none"),
    (["x", "x=1", "x=1"], "'x' is given twice"),
    (["x", "x=one"], "x='one' is not a number"),
    (["x", "x="], "x='' is not a number"),
    (["x", "x"], "'x' is not of the form name=number"),
    (["x", "=1"], "'' is not in the expression"),
    (["x", "\x1b[31m=1"], r"'\x1b[31m' is not in the expression"),
]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [(command, *row) for command in ("draw", "tree") for row in WRONG]
    + [
        ("draw", ["x", "x=1", "-p", "y"], "parameter 'y' is not in the expression"),
        ("draw", ["x", "x=1", "-o", "a.pdf"], "must be svg, png, dot or gv, not 'pdf'"),
        ("draw", ["x + x", "x=1", "--limit", "1"], "has 2 values, more than limit=1"),
        ("tree", ["x", "x=1", "--limit", "0"], "limit must be at least 1, not 0"),
        ("tree", ["x", "x=1", "--width", "9"], "width must be at least 60, not 9"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_line(command, arguments, message, capsys):
    assert main([command, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not list(Path().iterdir())


def test_what_is_wrong_with_an_expression_is_pointed_at(capsys):
    assert main(["draw", "x + y.z", "x=1"]) == 2
    _, err = capsys.readouterr()
    assert err.splitlines()[1:] == ["  x + y.z", "      ^"]


def test_a_folder_that_does_not_exist_is_told_in_one_line(capsys):
    assert main(["draw", "x", "x=1", "-o", "no/such/a.svg"]) == 1
    assert re.fullmatch("error: .*no/such/a.svg.* folder.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["draw"],
        ["draw", "x", "--colour"],
        ["draw", "x", "--limit", "many"],
        ["tree"],
        ["tree", "x", "x=1", "-o", "a.svg"],
        ["tree", "x", "--width", "wide"],
        ["demo", "here"],
        ["demo", "--seed", "x"],
    ],
)
def test_unknown_arguments_end_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m autograd_scalar")


def test_bindings_follow_the_order_of_the_expression_and_python_s_spelling():
    leaves = bind(parse("b*a + ﬁ"), ["a=1e3", " ﬁ =-inf", "b=1_0"])
    assert [(name, v.label, v.data) for name, v in leaves.items()] == [
        ("b", "b", 10.0),
        ("a", "a", 1000.0),
        ("fi", "fi", float("-inf")),
    ]


def test_the_demo_is_given_its_folder_and_seed(monkeypatch):
    from nn import demo

    calls = []
    monkeypatch.setattr(demo, "main", lambda **options: calls.append(options) or 7)
    assert main(["demo"]) == 7
    assert main(["demo", "--directory", "pictures", "--seed", "3"]) == 7
    assert calls == [
        {"directory": Path("."), "seed": 0},
        {"directory": Path("pictures"), "seed": 3},
    ]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(13, "Permission denied", "a.svg"), 1, "Permission denied: 'a.svg'"),
        (RuntimeError("no program"), 1, "error: no program\n"),
        (ImportError("no nn"), 1, "error: no nn\n"),
    ],
)
def test_no_failure_shows_a_traceback(error, status, message, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(command_line, "draw", fail)
    assert main(["draw", "x", "x=1"]) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["draw"], ["tree"], ["demo"]])
def test_help_reads_well(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert out.startswith("usage: python -m autograd_scalar")
    assert max(map(len, out.splitlines())) <= 90


def test_help_lists_every_function():
    for text in (DRAW_EXAMPLES, TREE_EXAMPLES):
        assert set(FUNCTIONS) <= set(re.findall(r"\w+", text))


EVERY_EXAMPLE = re.findall(
    r"^  python -m autograd_scalar ((?:draw|tree).*)",
    EXAMPLES + DRAW_EXAMPLES + TREE_EXAMPLES,
    re.M,
)


@pytest.mark.parametrize("example", EVERY_EXAMPLE)
def test_the_examples_in_the_help_work(example, capsys):
    assert main(shlex.split(example)) == 0
    assert ("wrote " if example.startswith("draw") else "└─ ") in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"autograd_scalar {autograd_scalar.__version__}\n"


def test_it_runs_as_a_module(in_an_empty_folder):
    done = run("draw", "θ * 2", "θ=1", "-o", "θ.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "value   2\nd/dθ    2\nwrote θ.svg\n"


def test_a_terminal_of_any_encoding_will_do(in_an_empty_folder):
    done = run("draw", "θ * 2", "θ=1", "-o", "θ.svg", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "d/d\\u03b8" in done.stdout
    done = run("tree", "θ * 2", "θ=1", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["* 2        2     1", "`- \\u03b8  1     2"]


def test_a_reader_who_leaves_early_is_no_error(in_an_empty_folder):
    reading, writing = os.pipe()
    os.close(reading)
    done = run("draw", "x", "x=1", stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1
