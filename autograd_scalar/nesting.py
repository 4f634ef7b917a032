"""Numbers in any nesting of lists, tuples, dicts and NumPy arrays.

``flatten`` takes the numbers out, in order, and ``Nesting.fill`` puts others in their places.
"""

from __future__ import annotations

import sys
from itertools import product

from autograd_scalar.primitives import as_float, described

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


class Nesting:
    """The shape of nested numbers: what ``flatten`` saw, without the numbers.

    Attributes:
        container: the type of the list, tuple, dict or array; None for a number.
        keys: of a dict its keys; of a sequence the positions.
        shape: the shape of an array, else None.
        children: what is inside of a container, in order; an array has none.
        size: how many numbers there are.
    """

    __slots__ = ("children", "container", "keys", "shape", "size")

    def __init__(
        self,
        container: Any = None,
        keys: Sequence[Any] = (),
        children: Sequence[Nesting] = (),
        shape: tuple[int, ...] | None = None,
        size: int = 1,
    ) -> None:
        self.container = container
        self.keys = tuple(keys)
        self.children = tuple(children)
        self.shape = shape
        self.size = size

    def fill(self, numbers: Sequence[Any]) -> Any:
        """The same nesting of other numbers.

        An array is of floats if all its numbers are, and of objects otherwise.

        >>> numbers, nesting = flatten({"a": [1.0, 2.0], "b": (3.0,)}, "x")
        >>> numbers
        [1.0, 2.0, 3.0]
        >>> nesting.fill([10.0, 20.0, 30.0])
        {'a': [10.0, 20.0], 'b': (30.0,)}
        """
        return self.fill_leaves(numbers, arrange)

    def fill_leaves(
        self, items: Sequence[Any], make: Callable[[Sequence[Any], Nesting], Any]
    ) -> Any:
        """The nesting, in the place of each number or array what ``make`` gives for its items."""
        if self.container is None or self.shape is not None:
            return make(items, self)
        filled = []
        start = 0
        for child in self.children:
            filled.append(child.fill_leaves(items[start : start + child.size], make))
            start += child.size
        if issubclass(self.container, dict):
            mapping = self.container.__new__(self.container)  # a defaultdict takes no items
            for key, item in zip(self.keys, filled, strict=True):
                mapping[key] = item  # one by one, as the update of a Counter adds
            return mapping
        if hasattr(self.container, "_fields"):  # a namedtuple takes its items one by one
            return self.container(*filled)
        return filled if self.container is list else self.container(filled)

    @property
    def is_flat_list(self) -> bool:
        """Whether it is a list of numbers."""
        return self.container is list and all(child.container is None for child in self.children)

    def difference(self, other: Nesting, what: str) -> str:
        """Where ``other`` is another nesting, and how, for error messages; '' if it is the same.

        >>> _, this = flatten([1.0, (2.0, 3.0)], "x")
        >>> _, other = flatten([1.0, 2.0], "x")
        >>> this.difference(other, "x")
        'x[1] must be a tuple of 2, not a number'
        """
        alike = (self.container, self.keys, self.shape) == (
            other.container,
            other.keys,
            other.shape,
        )
        if not alike:
            return f"{what} must be {self.describe()}, not {other.describe()}"
        pairs = zip(self.keys, self.children, other.children, strict=True)
        found = (a.difference(b, f"{what}[{key!r}]") for key, a, b in pairs)
        return next(filter(None, found), "")

    def describe(self) -> str:
        """In a few words, for error messages."""
        if self.container is None:
            return "a number"
        if self.shape is not None:
            return f"an array of shape {self.shape}"
        name = self.container.__name__
        if issubclass(self.container, dict):
            return f"a {name} with the keys {list(self.keys)}"
        return f"a {name} of {len(self.children)}"


def arrange(numbers: Sequence[Any], *leaves: Nesting) -> Any:
    """One number, or an array of the shapes of the leaves, one after the other."""
    shapes = [leaf.shape for leaf in leaves if leaf.shape is not None]
    if not shapes:
        return numbers[0]
    import numpy

    all_floats = all(number.__class__ is float for number in numbers)
    array = numpy.empty(len(numbers), float if all_floats else object)
    array[:] = numbers
    return array.reshape(sum(shapes, ()))


def nest_matrix(rows: Sequence[Sequence[Any]], outer: Nesting, inner: Nesting) -> Any:
    """The matrix with one block per leaf of the outer nesting and leaf of the inner one.

    >>> _, pair = flatten([1.0, 2.0], "x")
    >>> nest_matrix([[1.0, 2.0], [3.0, 4.0]], pair, pair)
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if outer.is_flat_list and inner.is_flat_list:
        return [list(row) for row in rows]

    def of_outer_leaf(rows: Sequence[Sequence[Any]], outer_leaf: Nesting) -> Any:
        columns = [[row[j] for row in rows] for j in range(inner.size)]

        def of_both(columns: Sequence[Sequence[Any]], inner_leaf: Nesting) -> Any:
            numbers = [column[i] for i in range(outer_leaf.size) for column in columns]
            return arrange(numbers, outer_leaf, inner_leaf)

        return inner.fill_leaves(columns, of_both)

    return outer.fill_leaves(rows, of_outer_leaf)


def flatten(tree: Any, what: str, like: Nesting | None = None) -> tuple[list[Any], Nesting]:
    """The numbers of a nesting, in order, and its shape.

    A number is a float, whatever it was before, or anything that primitives take, such as a Value.
    With ``like`` it has to be that nesting; only the order of keys in a dict may differ, and the
    numbers come in its order. TypeError names the place of what is neither a number nor a
    container, ``what['w'][1]``, and ValueError that of a nesting that differs.

    >>> flatten([1, "2"], "x")
    Traceback (most recent call last):
    TypeError: x[1] must be a number or a list, tuple, dict or array of numbers, not '2' (str)
    """
    numbers: list[Any] = []
    nesting = _flatten(tree, what, numbers, like)
    if like is not None and (difference := like.difference(nesting, what)):
        raise ValueError(difference)
    return numbers, nesting


def _flatten(tree: Any, what: str, numbers: list[Any], like: Nesting | None) -> Nesting:
    kind = tree.__class__
    if kind is float or hasattr(kind, "__primitive__"):
        numbers.append(tree)
        return _NUMBER
    if isinstance(tree, list | tuple | dict):
        keys: Sequence[Any] = list(tree) if isinstance(tree, dict) else range(len(tree))
        parts: dict[Any, Nesting] = {}
        if like is not None and like.shape is None:
            parts = dict(zip(like.keys, like.children, strict=True))
            if isinstance(tree, dict) and parts.keys() == tree.keys():
                keys = like.keys
        before = len(numbers)
        children = [
            _flatten(tree[key], f"{what}[{key!r}]", numbers, parts.get(key)) for key in keys
        ]
        return Nesting(kind, keys, children, size=len(numbers) - before)
    numpy = sys.modules.get("numpy")  # where it was not imported there are no arrays
    if numpy is not None and isinstance(tree, numpy.ndarray):
        if tree.dtype.kind not in "biufO":
            raise TypeError(f"{what} must be an array of numbers, not of {tree.dtype}")
        if tree.dtype.kind != "O":
            numbers += tree.astype(float).ravel().tolist()
            return Nesting(numpy.ndarray, shape=tree.shape, size=tree.size)
        for index in numpy.ndindex(tree.shape):
            place = _element(what, index)
            if _flatten(tree[index], place, numbers, None) is not _NUMBER:
                raise TypeError(f"{place} must be a number, as it is in an array")
        return Nesting(numpy.ndarray, shape=tree.shape, size=tree.size)
    try:
        numbers.append(as_float(tree, what))
    except TypeError:
        raise TypeError(
            f"{what} must be a number or a list, tuple, dict or array of numbers, not "
            f"{described(tree)}"
        ) from None
    return _NUMBER


_NUMBER = Nesting()


def _element(what: str, index: tuple[int, ...]) -> str:
    """The place of an element of an array, also of one without dimensions."""
    return f"{what}{list(index) if index else [()]}"


def paths(nesting: Nesting, what: str) -> Iterator[str]:
    """The place of each number, as Python writes it.

    >>> _, nesting = flatten({"w": [1.0, 2.0], "b": 0.0}, "x")
    >>> list(paths(nesting, "x"))
    ["x['w'][0]", "x['w'][1]", "x['b']"]
    """
    if nesting.shape is not None:
        for index in product(*map(range, nesting.shape)):
            yield _element(what, index)
    elif nesting.container is None:
        yield what
    else:
        for key, child in zip(nesting.keys, nesting.children, strict=True):
            yield from paths(child, f"{what}[{key!r}]")
