"""Arguments and results of compiled functions: nestings of numbers, taken apart as fast as can be.

``nesting.flatten`` looks at everything with care. Here a function is written for each nesting that
takes apart the next arguments of that nesting, and only notices if they are others.
"""

from __future__ import annotations

import sys

from autograd_scalar.nesting import Nesting
from autograd_scalar.primitives import as_float, detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Pack = Callable[[Sequence[Any]], list[float] | None]
    Unpack = Callable[[Sequence[float]], Any]

_FLOATS = {float}


def key(nesting: Nesting) -> Any:
    """What two equal nestings share."""
    if nesting.container is None:
        return None
    if nesting.shape is not None:
        return nesting.shape
    children = tuple(map(key, nesting.children))
    if len(set(children)) == 1:
        children = (len(children), children[0])
    return (
        nesting.container,
        nesting.keys if issubclass(nesting.container, dict) else None,
        children,
    )


def place_of(name: str, position: int, count: int) -> int:
    """The argument at a position of ``count``, counted from the end if that is negative.

    Raises IndexError, beginning with ``name``, if there is none.

    >>> place_of("grad", -1, 3)
    2
    """
    if not -count <= position < count:
        raise IndexError(f"{name}: there is no argument {position}, of {count} argument(s)")
    return position % count


def are_positions(wrt: Any) -> bool:
    """Whether that is the position of an argument or a tuple of them: it may be a key then.

    True and 1.0 are equal to 1, and no positions.

    >>> are_positions(1), are_positions((0, -1)), are_positions((True,)), are_positions([0])
    (True, True, False, False)
    """
    if wrt.__class__ is tuple:
        return all([position.__class__ is int for position in wrt])
    return wrt.__class__ is int


def glance(args: Sequence[Any]) -> Any:
    """What arguments of one nesting share, told without looking into them deeply.

    >>> glance([1.0, [2.0, [3.0]]]) == glance([4.0, [5.0, [6.0, 7.0]]])
    True
    >>> glance([1.0]) == glance([[]])
    False
    """
    return tuple(map(_glance, args))


def _glance(argument: Any) -> Any:
    if hasattr(argument, "shape"):
        return argument.shape
    return (argument.__class__, len(argument)) if hasattr(argument, "__len__") else None


def packer(nesting: Nesting) -> Pack:
    """The function that takes the numbers out of arguments nested so; None for others.

    >>> from autograd_scalar.nesting import flatten
    >>> pack = packer(flatten([1.0, [2.0, 3.0]], "x")[1])
    >>> pack([4, [5.0, 6.0]]), pack([4.0, [5.0]])
    ([4.0, 5.0, 6.0], None)
    """
    writer = _Writer()
    writer.write(nesting, "args", "    ")
    text = "\n".join(
        ["def pack(args):", "    out = []", *writer.lines, "    return out if set(map(type, out)) "
         "== floats else as_floats(out)"]
    )  # fmt: skip
    names: dict[str, Any] = {"floats": _FLOATS, "as_floats": _as_floats, **writer.names}
    exec(text, names)
    return names["pack"]  # type: ignore[no-any-return]


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}

    def name(self, thing: Any) -> str:
        name = f"n{len(self.names)}"
        self.names[name] = thing
        return name

    def write(self, nesting: Nesting, at: str, indent: str) -> None:
        """Lines that append the numbers of what stands at ``at``."""
        if nesting.container is None:
            self.lines.append(f"{indent}out.append({at})")
            return
        if nesting.shape is not None:
            kind, shape = self.name(sys.modules["numpy"].ndarray), self.name(nesting.shape)
            self.lines += [
                f"{indent}if {at}.__class__ is not {kind} or {at}.shape != {shape}: return None",
                f"{indent}out += {at}.ravel().tolist()",
            ]
            return
        kind = self.name(nesting.container)
        if at == "args":  # any sequence of arguments will do
            test = f"len(args) != {len(nesting.children)}"
        elif issubclass(nesting.container, dict):
            keys = self.name(list(nesting.keys))
            test = f"{at}.__class__ is not {kind} or list({at}) != {keys}"
        else:
            test = f"{at}.__class__ is not {kind} or len({at}) != {len(nesting.children)}"
        self.lines.append(f"{indent}if {test}: return None")
        is_dict = issubclass(nesting.container, dict)
        if all(child.container is None for child in nesting.children):
            self.lines.append(f"{indent}out += {at}{'.values()' if is_dict else ''}")
        elif len(nesting.children) > 3 and len(set(map(key, nesting.children))) == 1:
            item = f"i{len(self.lines)}"
            self.lines.append(f"{indent}for {item} in {at}{'.values()' if is_dict else ''}:")
            self.write(nesting.children[0], item, indent + "    ")
        else:
            for place, child in zip(nesting.keys, nesting.children, strict=True):
                item = f"i{len(self.lines)}"
                where = self.name(place) if is_dict else repr(place)
                self.lines.append(f"{indent}{item} = {at}[{where}]")
                self.write(child, item, indent)


def _as_floats(numbers: Sequence[Any]) -> list[float] | None:
    """Each as a float; None if one is no number, and the nesting so another."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and any(isinstance(x, numpy.ndarray) for x in numbers):
        return None  # not even one without dimensions
    try:
        return [
            x if x.__class__ is float else as_float(detached(x), "an argument") for x in numbers
        ]
    except TypeError:
        return None


def unpacker(nesting: Nesting) -> Unpack:
    """The function that nests so many numbers so.

    >>> from autograd_scalar.nesting import flatten
    >>> unpacker(flatten([1.0, 2.0], "x")[1])([3.0, 4.0])
    [3.0, 4.0]
    """
    if nesting.container is None:
        return lambda numbers: numbers[0]
    flat = all(child.container is None for child in nesting.children)
    if nesting.shape is None and flat:
        if nesting.container is list:
            return list
        if nesting.container is tuple:
            return tuple
    if nesting.shape is not None:
        numpy, shape = sys.modules["numpy"], nesting.shape
        return lambda numbers: numpy.array(numbers, float).reshape(shape)
    if nesting.container in (list, tuple) and len(nesting.children) <= 64:
        parts: list[tuple[int, int, Unpack]] = []
        start = 0
        for child in nesting.children:
            parts.append((start, start + child.size, unpacker(child)))
            start += child.size
        container = nesting.container
        return lambda numbers: container([make(numbers[a:b]) for a, b, make in parts])
    return nesting.fill
