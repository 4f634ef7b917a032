"""Nested lists of numbers, as what PyTorch calls tensors: their shape, and walking them.

Inside of `nn` a vector is a list of numbers or `Value`s, a matrix a list of such lists, and so on.
NumPy arrays are turned into lists at a layer's boundary, and its output into an array again.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

from autograd_scalar import Value

Tensor = Any
"""A number, a `Value`, or a list of tensors of one shape."""


def nested(x: object) -> bool:
    """Return whether `x` holds numbers, and is none itself.

    >>> nested([1.0]), nested(Value(1.0)), nested("text")
    (True, False, False)
    """
    return isinstance(x, (list, tuple)) or getattr(x, "ndim", 0) > 0


def as_lists(x: Any) -> Any:
    """Return an array (of NumPy, PyTorch, pandas) as nested lists, and anything else as it is.

    Arrays within lists become lists too.

    >>> import numpy
    >>> as_lists(numpy.array([[1.0, 2.0]])), as_lists(3.0)
    ([[1.0, 2.0]], 3.0)
    >>> as_lists([numpy.array([1.0, 2.0]), [3.0, 4.0]])
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if isinstance(x, (list, tuple)):
        # Told by the first item alone: to look at every number would take longer than to add it.
        return [as_lists(item) for item in x] if len(x) > 0 and nested(x[0]) else x
    if hasattr(x, "to_numpy"):  # pandas
        x = x.to_numpy()
    return x.tolist() if getattr(x, "ndim", 0) > 0 else x


def shape(x: Tensor, name: str = "the input", place: str = "") -> tuple[int, ...]:
    """Return the lengths of the lists, from the outermost inwards; () for a number.

    Raises ValueError for lists of unequal lengths side by side, saying where in `name`, of which x
    is the part at `place`.

    >>> shape([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (2, 3)
    >>> shape([[1.0, 2.0], [3.0]])
    Traceback (most recent call last):
    ...
    ValueError: the input is ragged: [1] is of shape 1, and [0] of shape 2
    """
    if not nested(x):
        return ()
    inner = [shape(item, name, f"{place}[{i}]") if nested(item) else () for i, item in enumerate(x)]
    for i, found in enumerate(inner):
        if found != inner[0]:
            raise ValueError(
                f"{name} is ragged: {place}[{i}] is of shape {by(found)}, "
                f"and {place}[0] of shape {by(inner[0])}"
            )
    return (len(x), *inner[0]) if inner else (0,)


def by(shape: Sequence[int | str]) -> str:
    """Return a shape in words: `2 x 3`, or `a number`.

    >>> by((2, 3))
    '2 x 3'
    """
    return " x ".join(map(str, shape)) or "a number"


def numbers(x: Tensor) -> Iterator[Any]:
    """Yield the numbers in `x`, in order.

    >>> list(numbers([[1.0, 2.0], [3.0, 4.0]]))
    [1.0, 2.0, 3.0, 4.0]
    """
    if not nested(x):
        yield x
        return
    for item in x:
        if item.__class__ is not Value and nested(item):
            yield from numbers(item)
        else:
            yield item


def elements(x: Tensor, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each number in `x` and its path.

    >>> list(elements([[1.0, 2.0]], "w"))
    [('w.0.0', 1.0), ('w.0.1', 2.0)]
    """
    if nested(x):
        for i, item in enumerate(x):
            yield from elements(item, f"{path}.{i}")
    else:
        yield path, x


def filled(shape: Sequence[int], make: Callable[[], Any]) -> Tensor:
    """Return a tensor of that shape, each number of which `make()` made.

    >>> filled((2, 3), lambda: 0.0)
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    if not shape:
        return make()
    return [filled(shape[1:], make) for _ in range(shape[0])]


def reshaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the numbers in `x`, in order, as a tensor of that shape, which has room for all.

    >>> reshaped([[1.0, 2.0], [3.0, 4.0]], (4,))
    [1.0, 2.0, 3.0, 4.0]
    """
    return filled(shape, numbers(x).__next__)


def parameters(*shape: int) -> Tensor:
    """Return a tensor of new leaf `Value`s, all 0, for `init` to fill.

    >>> parameters(2)
    [Value(data=0.0, grad=0.0), Value(data=0.0, grad=0.0)]
    """
    return filled(shape, lambda: Value(0.0))


def map_numbers(function: Callable[..., Any], x: Tensor, *others: Tensor) -> Tensor:
    """Return the tensor of `function` of each number, or of the numbers at one place in several.

    >>> map_numbers(lambda a, b: a + b, [[1.0, 2.0]], [[10.0, 20.0]])
    [[11.0, 22.0]]
    """
    if not nested(x):
        return function(x, *others)
    if others:
        return [map_numbers(function, *items) for items in zip(x, *others, strict=True)]
    return [map_numbers(function, i) if nested(i) else function(i) for i in x]


def map_vectors(function: Callable[[Any], Any], x: Tensor, size: int, layer: object) -> Tensor:
    """Return the tensor of `function` of each innermost list of `x`, all of which are of `size`.

    Raises ValueError and TypeError that name `layer` for anything else.

    >>> map_vectors(sum, [[1.0, 2.0], [3.0, 4.0]], 2, "layer")
    [3.0, 7.0]
    """
    if not nested(x):
        raise TypeError(
            f"{described(layer)} takes vectors of {size} numbers, got {type(x).__name__} {x!r}"
        )
    if len(x) > 0 and nested(x[0]):
        return [map_vectors(function, item, size, layer) for item in x]
    if len(x) != size:
        raise ValueError(f"{described(layer)} takes vectors of {size} numbers, got one of {len(x)}")
    return function(x)


def require_shape(
    x: Tensor,
    expected: Sequence[int | str],
    layer: object,
    name: str = "an input",
    *,
    batch: bool = False,
) -> tuple[int, ...]:
    """Return the shape of `x`; raise ValueError if it is not as expected, a letter fits any length.

    name: what `x` is to the layer. batch: whether a list of tensors of that shape will do too.

    >>> require_shape([[1.0, 2.0]], ("N", 2), "layer")
    (1, 2)
    >>> require_shape([1.0, 2.0], ("N", 2), "layer")
    Traceback (most recent call last):
    ...
    ValueError: layer takes an input of shape N x 2, got one of shape 2
    """
    found = shape(x, f"{name} of {described(layer)}")
    choices = [tuple(expected), ("N", *expected)] if batch else [tuple(expected)]
    for choice in choices:
        if len(found) == len(choice) and all(
            isinstance(want, str) or want == have for want, have in zip(choice, found, strict=True)
        ):
            return found
    shapes = " or ".join(by(choice) for choice in choices)
    raise ValueError(
        f"{described(layer)} takes {name} of shape {shapes}, got one of shape {by(found)}"
    )


def map_examples(
    function: Callable[[Any], Any], x: Tensor, expected: Sequence[int | str], layer: object
) -> Any:
    """Return `function` of one example of the expected shape, or the list of it of each of a batch.

    Raises ValueError as `require_shape` for a tensor that is neither.

    >>> map_examples(sum, [1.0, 2.0], (2,), "layer")
    3.0
    >>> map_examples(sum, [[1.0, 2.0], [3.0, 4.0]], (2,), "layer")
    [3.0, 7.0]
    >>> map_examples(sum, [[1.0, 2.0, 3.0]], (2,), "layer")
    Traceback (most recent call last):
    ...
    ValueError: layer takes an input of shape 2 or N x 2, got one of shape 1 x 3
    """
    found = require_shape(x, expected, layer, batch=True)
    return function(x) if len(found) == len(expected) else [function(example) for example in x]


def described(layer: object) -> str:
    """Return a layer as the first line of its `repr`: `Linear(2 -> 3)`; a function as its name.

    >>> described("layer"), described(abs)
    ('layer', 'abs')
    """
    summary = None if isinstance(layer, type) else getattr(layer, "summary", None)
    return summary() if callable(summary) else getattr(layer, "__name__", str(layer))


def on_lists(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a layer that computes on lists take arrays, and return arrays for them.

    The numbers in the array it returns are `Value`s, so it is an array of objects.
    """

    @wraps(forward)
    def converted(self: Any, x: Any, *others: Any, **options: Any) -> Any:
        options = {name: as_lists(option) for name, option in options.items()}
        output = forward(self, as_lists(x), *map(as_lists, others), **options)
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(x, numpy.ndarray):
            return output
        return as_array(output)

    return converted


def as_array(x: Tensor) -> Any:
    """Return nested lists as a NumPy array of objects, a tuple of them as a tuple of arrays."""
    import numpy

    if isinstance(x, tuple):
        return tuple(map(as_array, x))
    sizes = shape(x, "the output")
    array = numpy.empty(math.prod(sizes), object)
    array[:] = list(numbers(x))
    return array.reshape(sizes)
