"""The `python` backend over a batch: the same source as on floats, on NumPy arrays."""

from __future__ import annotations

import math
from functools import cached_property

import numpy

from autograd_scalar.tape.kernels import MACHINE, lower
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.source import compiled, function_names, source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from autograd_scalar.tape.program import Tape

    Array = NDArray[numpy.float64]

TILE = 1024  # examples at a time: their numbers then stay in the cache


def _on_each(function: Callable[..., float]) -> Callable[..., Any]:
    """A function of floats on arrays, example by example."""
    each = numpy.frompyfunc(function, function.__code__.co_argcount, 1)
    return lambda *xs: numpy.asarray(each(*xs), float)


def _pick(index: Any, *xs: Any) -> Any:
    table = numpy.stack(numpy.broadcast_arrays(*xs, index)[:-1])
    whole = numpy.where((index >= 0) & (index < len(xs)) & (index == numpy.floor(index)), index, -1)
    places = numpy.broadcast_to(whole, table.shape[1:]).astype(int)
    found = numpy.take_along_axis(table, numpy.maximum(places, 0)[None], 0)[0]
    return numpy.where(places < 0, math.nan, found)


def _fsum(*xs: Any) -> Any:
    """The sum, rounded once."""
    columns = numpy.stack(numpy.broadcast_arrays(*xs))
    function = MACHINE["fsum"].function
    rows = [function(*row) for row in columns.reshape(len(xs), -1).T.tolist()]
    return numpy.array(rows).reshape(columns.shape[1:])


_NUMPY: dict[str, Callable[..., Any]] = {
    "abs": numpy.abs,
    "sqrt": numpy.sqrt,
    "floor": numpy.floor,
    "ceil": numpy.ceil,
    "where": numpy.where,
    "**": numpy.power,
    "exp": numpy.exp,
    "expm1": numpy.expm1,
    "exp2": numpy.exp2,
    "log": numpy.log,
    "log1p": numpy.log1p,
    "log2": numpy.log2,
    "log10": numpy.log10,
    "sin": numpy.sin,
    "cos": numpy.cos,
    "tan": numpy.tan,
    "asin": numpy.arcsin,
    "acos": numpy.arccos,
    "atan": numpy.arctan,
    "atan2": numpy.arctan2,
    "sinh": numpy.sinh,
    "cosh": numpy.cosh,
    "tanh": numpy.tanh,
    "asinh": numpy.arcsinh,
    "acosh": numpy.arccosh,
    "atanh": numpy.arctanh,
    "hypot": numpy.hypot,
    "fmod": numpy.fmod,
    "copysign": numpy.copysign,
    "exponent": lambda x: numpy.frexp(x)[1].astype(float),
    "fsum": _fsum,
    "pick": _pick,
}
"""Machine operations on arrays; those that NumPy lacks are computed example by example."""


class ArrayProgram:
    """A tape, ready to be run over a batch.

    Args:
        tape: the program; it is lowered to machine operations.
        batched: slots of the inputs that have a number per example; the others are shared.
        summed: numbers of the outputs that are summed over the batch; the others are rows.
    """

    def __init__(self, tape: Tape, batched: Iterable[int], summed: Iterable[int] = ()) -> None:
        self.tape = optimize(lower(tape), ("fold", "simplify", "share", "prune"))
        self.batched = sorted(batched)
        self.summed = sorted(summed)
        self.single = [i for i in range(len(tape.outputs)) if i not in set(self.summed)]

    @cached_property
    def source(self) -> str:
        """What it runs."""
        return source(self.tape, free=True)

    @cached_property
    def _function(self) -> Callable[[Sequence[Any]], Sequence[Any]]:
        names: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
        for name, primitive in function_names(self.tape).items():
            on_arrays = _NUMPY.get(primitive.name)
            if on_arrays is None or MACHINE.get(primitive.name) is not primitive:
                on_arrays = _on_each(primitive.function)
            names[name] = on_arrays
        return compiled(self.source, names)

    def __call__(self, shared: Sequence[float], columns: Array) -> tuple[Array, Array]:
        """The sums over the batch, and the rows of the other outputs.

        shared: the inputs that are not batched, in order. columns: of shape (examples, batched).
        """
        count = len(columns)
        sums = numpy.zeros(len(self.summed))
        rows = numpy.empty((count, len(self.single)), order="F")  # they are read by column
        inputs: list[Any] = [None] * self.tape.inputs
        in_batch = set(self.batched)
        others = [slot for slot in range(self.tape.inputs) if slot not in in_batch]
        for slot, number in zip(others, shared, strict=True):
            inputs[slot] = numpy.float64(number)
        with numpy.errstate(all="ignore"):
            for start in range(0, count, TILE):
                tile = numpy.ascontiguousarray(columns[start : start + TILE].T)
                for slot, column in zip(self.batched, tile, strict=True):
                    inputs[slot] = column
                outputs = self._function(inputs)
                length = tile.shape[1] if len(tile) else len(columns[start : start + TILE])
                for place, i in enumerate(self.summed):
                    y = outputs[i]
                    sums[place] += numpy.sum(y) if numpy.ndim(y) else y * length
                for place, i in enumerate(self.single):
                    rows[start : start + TILE, place] = outputs[i]
        return sums, rows
