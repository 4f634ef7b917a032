"""Paths: what a function computes depends on the decisions that Python took on the way.

Each path is a recording with the outcomes of its guards. All begin alike; where an outcome differs
they part, as the branches of a tree do. A replay whose guards come out otherwise finds the path
that goes on with this outcome, or learns that there is none yet.
"""

from __future__ import annotations

import warnings

from autograd_scalar.tape.arguments import unpacker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from autograd_scalar.tape.recording import Recording


class Path:
    """One way through a function.

    Attributes:
        recording: of the function that went it.
        programs: what was compiled of it, by what it computes.
        checked: whether a second recording has shown the same program at other numbers.
        used: when it was used last, in runs of the function.
        unpack: nests the numbers of a result.
        builtins: what calls programs from machine code, by what they compute; None: nothing can.
    """

    __slots__ = ("branches", "builtins", "checked", "programs", "recording", "unpack", "used")

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.programs: dict[Any, Any] = {}
        self.builtins: dict[Any, Any] = {}
        self.unpack = unpacker(recording.nesting)
        self.checked = False
        self.used = 0
        self.branches: list[_Branch] = []


class _Branch:
    """Where paths have come to after some outcomes: the last that went by, and where they go on."""

    __slots__ = ("further", "path")

    def __init__(self) -> None:
        self.path: Path | None = None
        self.further: dict[bool, _Branch] = {}


class Paths:
    """The paths of a function for one nesting of arguments, at most ``limit``."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._root = _Branch()
        self._paths: list[Path] = []
        self._clock = 0
        self._lines: dict[str, int] = {}
        self._warned = False
        self.latest: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def touch(self, path: Path) -> None:
        """Note that from now on the path is used; while it is the latest, no use is noted."""
        for used in (self.latest, path):
            if used is not None:
                self._clock += 1
                used.used = self._clock
        self.latest = path

    def after(self, path: Path, place: int) -> Path | None:
        """A path with the outcomes of this one before that guard, and the other one there."""
        outcome = path.recording.outcomes[place]
        branch = path.branches[place].further.get(not outcome)
        return None if branch is None else branch.path

    def add(self, recording: Recording) -> Path:
        """The path of a recording: a new one, or that which has just these outcomes."""
        branch = self._root
        trail = [branch]
        is_new = False
        for place, outcome in enumerate(recording.outcomes):
            following = branch.further.get(outcome)
            if following is None:
                if not is_new and branch.further:
                    line = recording.tape.guards[place].line
                    self._lines[line] = self._lines.get(line, 0) + 1
                is_new = True
                following = branch.further[outcome] = _Branch()
            branch = following
            trail.append(branch)
        if not is_new and branch.path is not None:
            found = branch.path
            if found.recording.outcomes == recording.outcomes:
                return found
        path = Path(recording)
        path.branches = trail
        for branch in trail:
            branch.path = path
        self._paths.append(path)
        self.touch(path)
        if len(self._paths) > self._limit:
            self._forget_one()
        return path

    def _forget_one(self) -> None:
        if not self._warned:
            self._warned = True
            line, count = max(self._lines.items(), key=lambda item: item[1])
            warnings.warn(
                f"jit: {self._name} has taken more than {self._limit} paths, and each is recorded "
                f"and compiled. It branches most at {line} ({count} times). What helps there: "
                "where(condition, a, b) in place of if, a number of steps that does not depend on "
                "the numbers, or max_paths=",
                stacklevel=4,
            )
        kept = sorted(self._paths, key=lambda path: path.used)[1:]
        self.clear()
        for path in kept:
            branch = self._root
            path.branches = [branch]
            for outcome in path.recording.outcomes:
                branch = branch.further.setdefault(outcome, _Branch())
                path.branches.append(branch)
            for branch in path.branches:
                branch.path = path
            self._paths.append(path)
        self.latest = kept[-1]

    def clear(self) -> None:
        """Forget all paths."""
        self._root = _Branch()
        self._paths = []
        self.latest = None


def first_other(outcomes: Sequence[bool], found: Sequence[float]) -> int | None:
    """The first guard that came out otherwise; None if all came out the same.

    >>> first_other([True, False], [1.0, 1.0]), first_other([True], [1.0])
    (1, None)
    """
    for place, (outcome, number) in enumerate(zip(outcomes, found, strict=True)):
        if outcome != (number != 0.0):
            return place
    return None
