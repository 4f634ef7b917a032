"""What a function reads besides its arguments, as far as it can be seen from outside.

A tape has the numbers in it that the function found in variables around it when it was recorded.
Before each replay they are looked at again: if one has changed, the function is recorded anew.
"""

from __future__ import annotations

from functools import partial

from autograd_scalar.frames import is_ours
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FunctionType
    from typing import Any

    # A cell and None, or a dict and a key; nothing for what can't change.
    Place = tuple[Any, Any] | tuple[()]

_PLAIN = (int, float, complex, bool, str, bytes, type(None), Value)
_LONGEST = 1000  # containers with more items are not looked into
_MISSING = object()


class Environment:
    """Plain numbers and texts in the closure and globals of a function, and of those that it uses.

    >>> factor = 2.0
    >>> environment = Environment(lambda x: factor * x)
    >>> environment.changed()
    >>> factor = 3.0
    >>> environment.changed()
    'factor'

    Attributes:
        reads: of each variable the name, a function that reads it, what it was, and where it is.
    """

    def __init__(self, f: Any) -> None:
        self.reads: list[tuple[str, Callable[[], Any], Any, Place | None]] = []
        self._seen: set[int] = set()
        self._add(f)

    def changed(self) -> str | None:
        """The name of a variable that is not what it was; None if all are."""
        for name, read, before, _ in self.reads:
            now = read()
            if now is not before and not _same(now, before):
                return name
        return None

    def forget_changed(self) -> None:
        """Watch no more what has changed: after a run of the function, by the function itself."""
        self.reads = [
            (name, read, before, place)
            for name, read, before, place in self.reads
            if (now := read()) is before or _same(now, before)
        ]

    def objects(self) -> list[tuple[tuple[Any, Any], Any]] | None:
        """Where each variable is, and the object that is there; None if that does not tell enough.

        A list may get other items and stay the same object.
        """
        found = []
        for k, (name, read, before, place) in enumerate(self.reads):
            if place is None or before.__class__ in (list, tuple, dict):
                return None
            now = read()
            if now is not before:
                if not _same(now, before):
                    return None  # it was changed since the recording was looked for
                self.reads[k] = name, read, now, place
            if place:
                found.append((place, now))
        return found

    def numbers(self) -> list[tuple[str, Any]]:
        """The names and what they stood for, to compare with those in another process."""
        return [(name, before) for name, _, before, _ in self.reads]

    def agrees(self, numbers: list[tuple[str, Any]]) -> bool:
        """Whether these are the same; a Value is only itself."""
        mine = self.numbers()
        return len(mine) == len(numbers) and all(
            name == other and _same(a, b)
            for (name, a), (other, b) in zip(mine, numbers, strict=True)
        )

    def _add(self, f: Any) -> None:
        receiver = getattr(f, "__self__", None)
        if receiver is not None:
            self._add_flag(receiver)
        while isinstance(f, partial):
            for argument in (*f.args, *f.keywords.values()):
                if callable(argument):
                    self._add(argument)
            f = f.func
        f = getattr(f, "__func__", f)
        code: CodeType | None = getattr(f, "__code__", None)
        if code is None or id(f) in self._seen:
            self._add_flag(f)
            return
        if len(self._seen) > 100 or is_ours(str(f.__module__), code.co_filename):
            return
        self._seen.add(id(f))
        for name, read, place in _variables(f, code):
            now = read()
            if _is_plain(now):
                self.reads.append((name, read, _copied(now), place))
            elif now is not _MISSING:
                self._add_flag(now)
                if callable(now) and not isinstance(now, type):
                    self._add(now)

    def _add_flag(self, thing: Any) -> None:
        """Whether a module is in training changes what it computes."""
        if isinstance(getattr(thing, "training", None), bool):
            self.reads.append(("training", lambda: thing.training, thing.training, None))


def _variables(f: FunctionType, code: CodeType) -> Iterator[tuple[str, Callable[[], Any], Place]]:
    for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
        yield name, lambda cell=cell: _contents(cell), (cell, None)  # type: ignore[misc]
    names = set(code.co_names)
    for constant in code.co_consts:  # functions and comprehensions inside of it
        if hasattr(constant, "co_names"):
            names.update(constant.co_names)
    for name in sorted(names & f.__globals__.keys()):
        place = f.__globals__, name
        yield name, lambda name=name: f.__globals__.get(name, _MISSING), place  # type: ignore[misc]
    for number, default in enumerate(f.__defaults__ or ()):
        yield f"default {number}", lambda default=default: default, ()  # type: ignore[misc]


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, _PLAIN):
        return True
    if thing.__class__ in (list, tuple):
        return len(thing) <= _LONGEST and all(map(_is_plain, thing))
    if thing.__class__ is dict:
        return len(thing) <= _LONGEST and all(map(_is_plain, thing.values()))
    return False


def _copied(thing: Any) -> Any:
    if thing.__class__ in (list, tuple):
        return thing.__class__(map(_copied, thing))
    if thing.__class__ is dict:
        return {name: _copied(item) for name, item in thing.items()}
    return thing


def _same(a: Any, b: Any) -> bool:
    if a.__class__ is not b.__class__:
        return False
    if a.__class__ is float:
        return bool(a == b and (a or str(a) == str(b))) or (a != a and b != b)
    if a.__class__ in (list, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if a.__class__ is dict:
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    return bool(a == b)
