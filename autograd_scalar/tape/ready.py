"""Calls that machine code can do alone, from taking arguments apart to putting results together.

After a call has gone the careful way, what it found is kept here as a builtin (see
``native.calls``): the next call like it, on the same path, with nothing changed around the
function, is that builtin and nothing else.
"""

from __future__ import annotations

from array import array

from autograd_scalar.tape import backends
from autograd_scalar.tape.arguments import are_positions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autograd_scalar.nesting import Nesting
    from autograd_scalar.tape.environment import Environment
    from autograd_scalar.tape.native.calls import Replay
    from autograd_scalar.tape.paths import Path

METHODS = {
    "value": None,
    "gradient": "value_and_grad",
    "jacobian": "jacobian",
    "hessian": "hessian",
    "hvp": None,
}
"""What can be asked for, and the method in whose place a builtin does it; None: in none's."""

MOST = 8
"""So many paths are tried in machine code; where the last one does not fit, most often another."""


class Ready:
    """The builtins of a compiled function, as long as nothing that it reads has changed."""

    def __init__(self, function: Any, environment: Environment) -> None:
        self._function = function
        self._environment = environment
        self._last = array("q", [0])
        self._known: dict[str, dict[Any, list[Replay]]] = {name: {} for name in METHODS}

    @property
    def last(self) -> int:
        """The id of the path that a builtin has run last, 0 for none."""
        return self._last[0]

    @last.setter
    def last(self, number: int) -> None:
        self._last[0] = number

    def call(self, name: str, wrt: Any, args: tuple[Any, ...]) -> Any:
        """What machine code gives for arguments like those before; None: take the careful way."""
        known = self._known[name]
        if not known or not _is_key(wrt):
            return None
        for place, replay in enumerate(known.get(wrt, ())):
            found = replay.call(*args)
            if found is not None:
                if place:
                    self._put_first(name, wrt, replay)
                return found
        return None

    def add(
        self,
        name: str,
        wrt: Any,
        arguments: Nesting,
        path: Path,
        kind: Any,
        by: Nesting | None,
        *,
        checked: bool,
    ) -> None:
        """Keep a call on a path, if machine code can do all of it.

        Args:
            name: what was asked for, one of METHODS.
            wrt: by what, as it was given; None where nothing is differentiated.
            arguments: their nesting.
            path: that was run.
            kind: of the program that was.
            by: the nesting of what is differentiated by, if anything.
            checked: whether the path is known to be right for other numbers too.
        """
        program = path.programs[kind]
        is_code = isinstance(program, backends.Program) and program.backend == "machine code"
        if not is_code or path.recording.captured or not _is_key(wrt):
            return
        watched = self._environment.objects()
        if watched is None:
            return
        key = kind, checked, tuple([id(thing) for _, thing in watched])
        if key not in path.builtins:
            options = {
                "only_at": None if checked else path.recording.numbers,
                "last": self._last,
                "watched": watched,
            }
            path.builtins[key] = _replay(name, program.run, arguments, path, by, options)
        replay = path.builtins[key]
        if replay is not None:
            self._put_first(name, wrt, replay)

    def forget(self) -> None:
        """Give the methods their places back."""
        for method in filter(None, METHODS.values()):
            self._function.__dict__.pop(method, None)

    def _put_first(self, name: str, wrt: Any, replay: Replay) -> None:
        known = self._known[name]
        others = [other for other in known.get(wrt, ()) if other is not replay]
        known[wrt] = [replay, *others][:MOST]
        method = METHODS[name]
        if method is not None and wrt == 0:
            self._function.__dict__[method] = replay.method(self._function, method)


def _is_key(wrt: Any) -> bool:
    return wrt is None or are_positions(wrt)


def _replay(
    name: str, run: Any, arguments: Nesting, path: Path, by: Nesting | None, options: dict[str, Any]
) -> Replay | None:
    """What calls a program from machine code; None if Python is needed for that."""
    from autograd_scalar.tape.native import calls

    if isinstance(run, backends.Sparse):
        options |= {"pattern": run.pattern, "varying": run.varying}
        run = run.run
    if run.address is None:
        return None
    of = path.recording.nesting
    start = 0
    try:
        taken = [calls.shape_of(child, calls.array_taken) for child in arguments.children]
        if by is None:
            result = calls.shape_of(of, calls.array_given)
        elif name == "gradient":
            gradient = calls.shape_of(by, calls.array_given)
            result = calls.container(tuple, [calls.NUMBER, gradient])
        elif name == "jacobian":
            result = calls.matrix_of(of, by)
            start = of.size
        elif name == "hessian":
            result = calls.matrix_of(by, by)
        else:
            taken.append(calls.shape_of(by, calls.array_taken))
            result = calls.shape_of(by, calls.array_given)
        return calls.Replay(
            run,
            taken,
            result,
            start=start,
            outcomes=path.recording.outcomes,
            refuse_nan=by is not None,
            number=id(path),
            **options,
        )
    except calls.Unsupported:
        return None
