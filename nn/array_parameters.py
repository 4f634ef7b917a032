"""Parameters that are NumPy arrays, for optimizers: what they must be, and gradients given by hand.

NumPy is imported when an array is there, and then it is imported already.
"""

import sys
from collections.abc import Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from autograd_scalar.primitives import described

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Array = NDArray[numpy.float64]


def is_array(x: object) -> bool:
    """Return whether x is a NumPy array of numbers, and not one of Values.

    >>> import numpy
    >>> is_array(numpy.zeros(3)), is_array([0.0, 0.0, 0.0])
    (True, False)
    """
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray) and x.dtype != object


def require_movable(name: str, array: "Array") -> None:
    """Raise TypeError or ValueError, naming the argument, for an array that can't be changed.

    >>> import numpy
    >>> require_movable("params[0]", numpy.array([1, 2]))
    Traceback (most recent call last):
    ...
    TypeError: params[0] must be an array of float64 to be changed in place, not of int64
    """
    if array.dtype != float:
        raise TypeError(
            f"{name} must be an array of float64 to be changed in place, not of {array.dtype}"
        )
    if not array.flags.writeable:
        raise ValueError(f"{name} must be an array that can be changed in place: it is read-only")


def overlap(a: "Array", b: "Array") -> bool:
    """Return whether the two arrays have a number in common, so that to move both moves it twice.

    >>> import numpy
    >>> numbers = numpy.zeros(6)
    >>> overlap(numbers[:4], numbers[3:]), overlap(numbers[::2], numbers[1::2])
    (True, False)
    """
    import numpy

    return numpy.may_share_memory(a, b) and numpy.shares_memory(a, b)


def array_gradients(who: str, params: Sequence["Array"], given: Any) -> "list[Array]":
    """Return copies of the gradients that were given, each of the shape of its parameter.

    given: one for each; or the gradient itself if there is only one parameter.
    """
    if given is None:
        raise TypeError(f"{who}: needs the gradients of its arrays, which have none of their own")
    if len(params) == 1:
        found = _numbers(f"{who}: the gradient", given)
        # As itself or the only one of a list: the shapes tell.
        return [
            found[0] if found.shape == (1, *params[0].shape) else _shaped(who, 0, found, params)
        ]
    try:
        gradients = list(given)
    except TypeError:
        gradients = []
    if isinstance(given, (dict, str)) or len(gradients) != len(params):
        raise ValueError(
            f"{who}: gradients must be {len(params)}, one for each array, not {described(given)}"
        )
    return [
        _shaped(who, place, _numbers(f"{who}: gradients[{place}]", gradient), params)
        for place, gradient in enumerate(gradients)
    ]


def _numbers(name: str, given: Any) -> "Array":
    import numpy

    try:
        found = numpy.asarray(given)
    except (TypeError, ValueError):  # rows of several lengths, for one
        found = numpy.asarray(None)
    if found.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be of real numbers, not {described(given)}")
    return numpy.array(found, float)  # a copy: a rule may keep it


def _shaped(who: str, place: int, found: "Array", params: Sequence["Array"]) -> "Array":
    if found.shape != params[place].shape:
        name = "the gradient" if len(params) == 1 else f"gradients[{place}]"
        raise ValueError(
            f"{who}: {name} must have the shape of its array, {params[place].shape}, "
            f"not {found.shape}"
        )
    return found


def state_like(array: "Array", initial: dict[str, Any]) -> dict[str, Any]:
    """Return what is remembered of an array at first: of each float one for each of its numbers.

    >>> import numpy
    >>> state_like(numpy.ones(2), {"step": 0, "sum": 0.5})
    {'step': 0, 'sum': array([0.5, 0.5])}
    """
    import numpy

    return {
        name: numpy.full(array.shape, entry) if isinstance(entry, float) else entry
        for name, entry in initial.items()
    }


def array_state(name: str, entry: Any, shape: tuple[int, ...]) -> "Array":
    """Return what a saved state has of an array, as an array, from nested lists or an array."""
    found = _numbers(name, entry)
    if not found.size:
        found = found.reshape(shape) if 0 in shape else found
    if found.shape != shape:
        raise ValueError(f"{name} must be of shape {shape}, not {found.shape}")
    return found


# --- Values and arrays, number by number ----------------------------------------------------------


def count(parameter: Any) -> int:
    """Return how many numbers a parameter is: a Value one, an array its size."""
    size: int = parameter.size if is_array(parameter) else 1
    return size


def all_numbers(params: Sequence[Any]) -> list[float]:
    """Return the numbers of Values, or all of arrays, one after the other.

    >>> import numpy
    >>> all_numbers([numpy.array([[1.0, 2.0]]), numpy.array(3.0)])
    [1.0, 2.0, 3.0]
    """
    if not is_array(params[0]):
        return [parameter.data for parameter in params]
    return [number for array in params for number in array.ravel().tolist()]


def put_numbers(params: Sequence[Any], numbers: Sequence[float]) -> None:
    """Give the parameters these numbers, in the order of `all_numbers`."""
    if not is_array(params[0]):
        for parameter, number in zip(params, numbers, strict=True):
            parameter.data = number
        return
    import numpy

    start = 0
    for array in params:
        array[...] = numpy.reshape(numbers[start : start + array.size], array.shape)
        start += array.size


class ByIdentity(MutableMapping[Any, Any]):
    """A dict whose keys are arrays, which have no hash: each is itself and equal to no other.

    >>> import numpy
    >>> a, b = numpy.zeros(2), numpy.zeros(2)
    >>> of = ByIdentity()
    >>> of[a], of[b] = 1, 2
    >>> of[a], of[b], a[:] in of
    (1, 2, False)
    """

    def __init__(self) -> None:
        """See the class."""
        self._items: dict[int, tuple[Any, Any]] = {}

    def __getitem__(self, key: Any) -> Any:
        """See the class."""
        return self._items[id(key)][1]

    def __setitem__(self, key: Any, item: Any) -> None:
        """See the class."""
        self._items[id(key)] = key, item

    def __delitem__(self, key: Any) -> None:
        """See the class."""
        del self._items[id(key)]

    def __iter__(self) -> Iterator[Any]:
        """Return the keys, in the order in which they came."""
        return (key for key, _ in self._items.values())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._items)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: a copy has other keys, with other identities."""
        return type(self), (), None, None, iter(self.items())
