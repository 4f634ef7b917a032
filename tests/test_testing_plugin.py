"""The pytest plugin, as a user's run of pytest sees it."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest
from autograd_scalar import exp, sin
from autograd_scalar.primitives import Primitive

def test_right(check_gradients):
    report = check_gradients(lambda x: sin(x) * exp(x), 0.5)
    assert report.orders == (1, 2)

def test_wrong(check_gradients):
    def square(x):
        return x * x

    rule = lambda g, y, x: g * (1 + 1e-5) * 2 * x
    square = Primitive("slightly off", square, (rule,))
    with pytest.raises(AssertionError, match="off by 1.0e-05"):
        check_gradients(square, 3.0)
    check_gradients(square, 3.0, digits=4)

def test_flat(check_gradients):
    check_gradients(lambda x: (x * 0.0) // 1.0, 0.5)
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    def run(*options: str, tests: str = TESTS) -> pytest.RunResult:
        pytester.makepyfile(tests)
        plugin = "autograd_scalar.testing.plugin"
        return pytester.runpytest_inprocess("-p", plugin, "-p", "no:cacheprovider", *options)

    return run


def test_the_fixture_checks(run) -> None:
    result = run()
    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line("*digits of gradients*")


def test_the_table_has_the_worst_of_each_primitive(run) -> None:
    result = run("--gradients-digits=4")
    result.assert_outcomes(passed=2, failed=1)  # 4 digits do not see the one that is slightly off
    result.stdout.fnmatch_lines(
        [
            "*= digits of gradients =*",
            "slightly off    5.0 digits in the worst of 1: square(3.0)",
            "exp * digits in the worst of 1: exp(0.5)",
            "//                - nothing that differences can tell from 0",
            "3 check(s) of gradients",
        ]
    )
    for line in result.outlines:
        if line.startswith(("sin ", "exp ", "* ")):
            assert float(line.split()[1]) > 9, line


def test_the_digits_are_demanded(run) -> None:
    result = run("--gradients-digits=6", "-k", "wrong")
    result.assert_outcomes(passed=1)
    result = run("--gradients-digits=3", "-k", "wrong")
    result.stdout.fnmatch_lines(["*DID NOT RAISE*"])


@pytest.mark.parametrize("digits", ["0", "17", "-1", "many"])
def test_other_digits_are_refused(run, digits: str) -> None:
    result = run(f"--gradients-digits={digits}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--gradients-digits*"])


def test_a_test_of_hypothesis_may_use_the_fixture(run) -> None:
    tests = """
    from hypothesis import given, settings
    from autograd_scalar import sin
    from autograd_scalar.testing.strategies import finite_floats

    @settings(max_examples=5, derandomize=True, deadline=None, database=None)
    @given(finite_floats(-3, 3))
    def test_sin(check_gradients, x):
        check_gradients(sin, x)
    """
    run(tests=tests).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "module", ["autograd_scalar.testing.plugin", "autograd_scalar.testing", "autograd_scalar"]
)
def test_little_is_imported_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert loaded.isdisjoint({"hypothesis", "mpmath", "numpy", "graphviz", "nn", "torch", "jax"})
    assert "autograd_scalar.testing.checking" not in loaded
    if module == "autograd_scalar":
        assert "autograd_scalar.testing" not in loaded


def test_the_kit_has_what_it_lists_and_nothing_else() -> None:
    from autograd_scalar import testing

    assert all(getattr(testing, name).__name__ == name for name in testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'check_grads'"):
        testing.check_grads  # noqa: B018
