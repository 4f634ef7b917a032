"""``scope``: parts of a computation that have a name, to fold a picture by."""

from __future__ import annotations

from contextlib import contextmanager

from autograd_scalar import modes
from autograd_scalar.closures import link
from autograd_scalar.frames import place_in_users_code
from autograd_scalar.value import Value, new_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from autograd_scalar.primitives import Primitive


class Scope:
    """One run of a part that has a name: a second run is another scope.

    Attributes:
        name: what the part is called.
        outer: the scope around it; None for an outermost one.
        module: whose call it is, where it is a module's; None for a scope of the user's.
    """

    __slots__ = ("_paths", "module", "name", "outer")

    def __init__(self, name: str, outer: Scope | None = None, module: Any = None) -> None:
        self.name = name
        self.outer = outer
        self.module = module
        # Of modules whose calls are scopes in the outermost one: the module itself, so that no
        # other gets its id, and those below with their paths.
        self._paths: dict[int, tuple[Any, dict[int, str]]] = {} if outer is None else outer._paths

    def __repr__(self) -> str:
        return f"<Scope {'/'.join(scope.name for scope in self.chain())}>"

    def chain(self) -> list[Scope]:
        """The scopes from the outermost down to this one.

        >>> Scope("head", Scope("attention")).chain()
        [<Scope attention>, <Scope attention/head>]
        """
        chain: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            chain.append(scope)
            scope = scope.outer
        return chain[::-1]

    def path_of(self, module: Any) -> str:
        """The path to a module from that of this scope; "" if it is not below it."""
        own = id(self.module)
        if own not in self._paths:
            below = {id(member): path for path, member in self.module.named_modules()}
            self._paths[own] = self.module, below
        return self._paths[own][1].get(id(module), "")


class Placed(Value):
    """A node that knows where it was recorded.

    Attributes:
        place: the file and line of the user's code, or "" if nobody asked.
        scope: the innermost scope around it, or None.
    """

    __slots__ = ("place", "scope")

    place: str
    scope: Scope | None


def placed(
    primitive: Primitive, operands: tuple[Any, ...], data: float, place: str, kind: type[Placed]
) -> Placed:
    """The node of a result, with the place and the scope of this moment."""
    node = new_node(data, *link(primitive, operands, float in map(type, operands)), kind)
    assert isinstance(node, Placed)
    node.place = place
    node.scope = modes.current().scope
    return node


class Placer:
    """A detector that objects to nothing, and notes where each node is recorded."""

    def __init__(self, *, lines: bool) -> None:
        self.lines = lines

    def record(self, primitive: Primitive, operands: tuple[Any, ...], data: float) -> Value:
        """The node of the result."""
        place = place_in_users_code() if self.lines else ""
        return placed(primitive, operands, data, place, Placed)

    def backward(self, node: Value) -> None:
        """As without."""
        node._closure.backward(node)


_PLACER = Placer(lines=False)


@contextmanager
def scope(name: str) -> Iterator[Scope]:
    """Give what a ``with`` block (or a decorated function) records a name.

    Pictures can show all of it as one box, and so can they what modules record that are called
    within: each call is a scope inside. Scopes nest; running the same block again is another scope.
    Operations in a scope take about three times as long to record.

    >>> from autograd_scalar import Value, scope
    >>> x = Value(3.0)
    >>> with scope("energy"):
    ...     y = x * x / 2
    >>> y.scope
    <Scope energy>

    Args:
        name: what to call it.

    Raises:
        TypeError: if ``name`` is no string.
    """
    if not isinstance(name, str):
        raise TypeError(f"scope: name must be a string, not {name!r} ({type(name).__name__})")
    with entered(name) as found:
        yield found


@contextmanager
def entered(name: str, module: Any = None) -> Iterator[Scope]:
    """A scope, perhaps a module's, for the length of a ``with`` block."""
    mode = modes.current()
    found = Scope(name, mode.scope, module)
    with modes.enter(detector=mode.detector or _PLACER, scope=found):
        yield found


def active() -> bool:
    """Whether this thread or task is in a scope."""
    return not modes.ordinary and modes.current().scope is not None


@contextmanager
def of_module(module: Any) -> Iterator[Scope]:
    """The scope of a module's call, named by the path from the module whose call is around it."""
    outer = modes.current().scope
    while outer is not None and outer.module is None:
        outer = outer.outer
    path = "" if outer is None else outer.path_of(module)
    with entered(path or type(module).__name__, module) as found:
        yield found
