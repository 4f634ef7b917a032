"""The pytest plugin: a fixture that checks gradients, and a table of how well they agreed.

    def test_ricker(check_gradients):
        check_gradients(ricker, 2.0)

``pytest --gradients-digits=8`` demands that many digits of every check of the fixture, and ends
with a table: for each primitive in the graphs that were checked, how many digits of its own
derivatives agreed with differences, in the worst case.

pytest loads this file in every run of who has the package installed, so it imports nothing of it
before it is asked to.
"""

from __future__ import annotations

import math

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Worst = dict[str, tuple[float, str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--gradients-digits``."""
    parser.getgroup("autograd_scalar").addoption(
        "--gradients-digits",
        type=_digits,
        default=None,
        metavar="N",
        help="demand N digits of every derivative that the check_gradients fixture checks, and "
        "print a table of the digits that agreed, by primitive",
    )


def _digits(text: str) -> float:
    digits = float(text)
    if not 0 < digits <= 16:
        raise ValueError(text)
    return digits


class _Results:
    """What the checks of a run found.

    Attributes:
        checks: how many checks there were.
        worst: for each primitive the fewest digits that agreed, and the call where.
        seen: for each primitive how many calls were checked.
    """

    def __init__(self) -> None:
        self.checks = 0
        self.worst: Worst = {}
        self.seen: dict[str, int] = {}

    def add(self, f: Any, args: tuple[Any, ...]) -> None:
        """Check every operation of the graph on its own and remember the worst."""
        from autograd_scalar.testing.checking import operations

        self.checks += 1
        for operation in operations(f, *args):
            name = operation.node.op
            self.seen[name] = self.seen.get(name, 0) + 1
            for c in operation.comparisons:
                if c.resolved:
                    digits = -math.log10(c.error) if c.error else 16.0
                    known, _ = self.worst.get(name, (math.inf, ""))
                    if digits < known:
                        self.worst[name] = digits, operation.call


RESULTS = pytest.StashKey[_Results]()


@pytest.fixture(scope="session")
def check_gradients(pytestconfig: pytest.Config) -> Callable[..., Any]:
    """``autograd_scalar.testing.check_gradients``, under the options of this run.

    It is one for the whole session, so that tests of Hypothesis may use it.
    """
    from autograd_scalar.testing import check_gradients

    digits = pytestconfig.getoption("--gradients-digits")
    if digits is None:
        return check_gradients
    results = pytestconfig.stash.setdefault(RESULTS, _Results())

    def check_and_record(f: Any, *args: Any, **options: Any) -> Any:
        report = check_gradients(f, *args, **{"digits": digits, **options})
        results.add(f, args)
        return report

    return check_and_record


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table, the worst first."""
    results = config.stash.get(RESULTS, None)
    if results is None:
        return
    terminalreporter.section("digits of gradients")
    for name, (digits, call) in sorted(results.worst.items(), key=lambda item: item[1][0]):
        terminalreporter.line(
            f"{name:14}{digits:5.1f} digits in the worst of {results.seen[name]}: {call}"
        )
    for name in sorted(results.seen.keys() - results.worst.keys()):
        terminalreporter.line(f"{name:14}    - nothing that differences can tell from 0")
    terminalreporter.line(f"{results.checks} check(s) of gradients")
