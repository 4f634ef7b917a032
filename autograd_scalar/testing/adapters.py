"""Ways to differentiate a function, under one face: this package's, your own, PyTorch's, JAX's.

``check_gradients`` sees a function from a list of numbers to one number, and asks an adapter for
its derivatives along directions. The libraries are imported when their adapter is made, not before.
"""

from __future__ import annotations

import importlib
import math
import random

from autograd_scalar.nesting import flatten
from autograd_scalar.primitives import detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Flat = Callable[[Sequence[Any]], Any]
    Directions = Sequence[Sequence[float]]
    Modes = Sequence[str]

MODES = ("forward", "reverse")


class Adapter:
    """A function, and how to differentiate it. The base class differentiates with this package.

    Attributes:
        function: the function of nested numbers.
        modes: how it can be differentiated: ``"forward"``, ``"reverse"``.
        highest_order: up to which order.
    """

    modes: tuple[str, ...] = MODES
    highest_order: float = math.inf

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = getattr(function, "__name__", "f")

    def __call__(self, *args: Any) -> Any:
        """The function itself."""
        return self.function(*args)

    def constants(self, xs: Sequence[float]) -> list[Any]:
        """The numbers as the function takes them."""
        return list(xs)

    def outputs(self, result: Any) -> list[Any]:
        """The numbers that the function returned, in order."""
        if result.__class__ is float or isinstance(result, complex):
            return [result]
        return flatten(result, f"the result of {self.__name__}")[0]

    def value(self, flat: Flat, xs: Sequence[float]) -> float:
        """The number at ``xs``, computed on plain floats."""
        return plain(flat(xs))

    def along(self, flat: Flat, xs: Sequence[float], directions: Directions, modes: Modes) -> float:
        """The derivative along the directions, one after the other, each by its mode."""
        return plain(directional(flat, directions, modes)(list(xs)))

    def gradient(
        self, flat: Flat, xs: Sequence[float], directions: Directions, modes: Modes
    ) -> list[float]:
        """The gradient, by reverse mode, of the derivative along the directions."""
        from autograd_scalar.transforms import grad

        return list(map(plain, grad(directional(flat, directions, modes))(list(xs))))


def directions_of(count: int, size: int) -> list[list[float]]:
    """Directions to take inner derivatives along, the same in each run."""
    source = random.Random(1)
    return [[source.uniform(0.5, 1.5) for _ in range(size)] for _ in range(count)]


def directional(flat: Flat, directions: Directions, modes: Modes) -> Flat:
    """The derivative along the directions, as a function like ``flat``."""
    flat = _never_plain(flat)
    for direction, mode in zip(directions, modes, strict=False):
        flat = (_forward if mode == "forward" else _reverse)(flat, direction)
    return flat


def _never_plain(flat: Flat) -> Flat:
    """A constant result as a Value: a plain float would be warned about, and is looked at later."""
    from autograd_scalar.value import Value

    def lifted(xs: Sequence[Any]) -> Any:
        y = flat(xs)
        return Value(y) if y.__class__ is float else y

    return lifted


def _forward(flat: Flat, direction: Sequence[float]) -> Flat:
    from autograd_scalar.transforms import jvp

    return lambda xs: jvp(flat, (list(xs),), (list(direction),))[1]


def _reverse(flat: Flat, direction: Sequence[float]) -> Flat:
    from autograd_scalar.rules import dot
    from autograd_scalar.transforms import grad

    return lambda xs: dot(*direction, *grad(flat)(list(xs)))


def plain(number: Any) -> float:
    """The number as a float, also of a Value; nan for a complex one.

    Python's ``**`` gives such for a negative base.
    """
    if number.__class__ is float:
        return number
    if isinstance(number, complex):
        return math.nan
    return float(detached(number))


class _Pair(Adapter):
    modes = ("reverse",)
    highest_order = 1

    def __init__(self, function: Callable[..., Any], derivative: Callable[..., Any]) -> None:
        super().__init__(function)
        self.derivative = derivative

    def gradient(
        self, flat: Any, xs: Sequence[float], directions: Directions, modes: Modes
    ) -> list[float]:
        args = flat.nesting.fill(xs)
        found = self.derivative(*args)
        like = args[0] if len(args) == 1 else list(args)
        what = f"the gradient that {getattr(self.derivative, '__name__', 'df')} returned"
        if len(args) > 1 and isinstance(found, tuple):
            found = list(found)
        return flatten(found, what, like=flatten(like, what)[1])[0]


def from_pair(f: Callable[..., Any], df: Callable[..., Any]) -> Adapter:
    """A function on floats with a gradient that was written by hand, or comes from elsewhere.

    ``df`` takes what ``f`` takes and returns the derivative in the same nesting; for several
    arguments a tuple or list of them. Only first derivatives can be checked.

    >>> import math
    >>> from autograd_scalar.testing import check_gradients
    >>> check_gradients(from_pair(math.sin, math.cos), 0.5).orders
    (1,)
    """
    for function, name in ((f, "f"), (df, "df")):
        if not callable(function):
            raise TypeError(f"from_pair: {name} must be a function, not {function!r}")
    return _Pair(f, df)


class _Torch(Adapter):
    modes = ("reverse",)

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.torch = _library("torch", "from_torch")

    def constants(self, xs: Sequence[float]) -> list[Any]:
        return [self.torch.tensor(x, dtype=self.torch.float64) for x in xs]

    def outputs(self, result: Any) -> list[Any]:
        return [_single(result, self.torch.is_tensor, "from_torch")]

    def value(self, flat: Flat, xs: Sequence[float]) -> float:
        return self.along(flat, xs, (), ())

    def along(self, flat: Flat, xs: Sequence[float], directions: Directions, modes: Modes) -> float:
        return float(self._directional(flat, xs, directions)[0].detach())

    def gradient(
        self, flat: Flat, xs: Sequence[float], directions: Directions, modes: Modes
    ) -> list[float]:
        result, leaves = self._directional(flat, xs, directions)
        return [float(g.detach()) for g in self._gradient(result, leaves)]

    def _directional(
        self, flat: Flat, xs: Sequence[float], directions: Directions
    ) -> tuple[Any, list[Any]]:
        leaves = [leaf.requires_grad_() for leaf in self.constants(xs)]
        result = flat(leaves)
        for direction in directions:
            gradient = self._gradient(result, leaves)
            result = sum(d * g for d, g in zip(direction, gradient, strict=True))
        return result, leaves

    def _gradient(self, result: Any, leaves: Sequence[Any]) -> list[Any]:
        if not result.requires_grad:
            return [self.torch.zeros((), dtype=self.torch.float64) for _ in leaves]
        found = self.torch.autograd.grad(result, leaves, create_graph=True, allow_unused=True)
        zero = self.torch.zeros((), dtype=self.torch.float64)
        return [zero if g is None else g for g in found]


def from_torch(f: Callable[..., Any]) -> Adapter:
    """A function of PyTorch tensors, each a float64 of no dimensions, nested as the arguments are.

    It returns one such tensor. Raises ImportError if PyTorch is not installed.
    """
    return _Torch(f)


class _Jax(Adapter):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.jax = _library("jax", "from_jax")
        if not self.jax.config.jax_enable_x64:
            raise ValueError(
                "from_jax: differences need 64 bits, and JAX computes with 32; say first "
                "jax.config.update('jax_enable_x64', True)"
            )

    def constants(self, xs: Sequence[float]) -> list[Any]:
        return [self.jax.numpy.float64(x) for x in xs]

    def outputs(self, result: Any) -> list[Any]:
        return [_single(result, lambda r: hasattr(r, "ndim") or isinstance(r, float), "from_jax")]

    def value(self, flat: Flat, xs: Sequence[float]) -> float:
        return float(flat(self.constants(xs)))

    def along(self, flat: Flat, xs: Sequence[float], directions: Directions, modes: Modes) -> float:
        return float(self._directional(flat, directions, modes)(self.constants(xs)))

    def gradient(
        self, flat: Flat, xs: Sequence[float], directions: Directions, modes: Modes
    ) -> list[float]:
        gradient = self.jax.grad(self._directional(flat, directions, modes))
        return list(map(float, gradient(self.constants(xs))))

    def _directional(self, flat: Flat, directions: Directions, modes: Modes) -> Flat:
        for direction, mode in zip(directions, modes, strict=False):
            flat = self._one_direction(flat, self.constants(direction), mode)
        return flat

    def _one_direction(self, flat: Flat, direction: list[Any], mode: str) -> Flat:
        jax = self.jax
        if mode == "forward":
            return lambda xs: jax.jvp(flat, (xs,), (direction,))[1]
        gradient = jax.grad(flat)
        return lambda xs: sum(
            (d * g for d, g in zip(direction, gradient(xs), strict=True)), jax.numpy.float64(0)
        )


def from_jax(f: Callable[..., Any]) -> Adapter:
    """A function of JAX scalars, nested as the arguments are, that returns one.

    Raises ImportError if JAX is not installed, and ValueError if it computes with 32 bits.
    """
    return _Jax(f)


def _library(name: str, adapter: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f"{adapter} needs {name}, which is not installed") from None


def _single(result: Any, fits: Callable[[Any], bool], adapter: str) -> Any:
    if not fits(result) or getattr(result, "shape", ()) != ():
        raise TypeError(f"{adapter}: the function must return one number, not {result!r}")
    return result
