"""Derivatives of functions: gradients, Jacobians, Hessians, and derivatives along a direction.

The functions are ordinary Python. Their arguments and results are numbers, or any nesting of lists,
tuples, dicts and NumPy arrays of numbers; a derivative comes back in the nesting of what it was
taken by, with an array where an array came. The transforms compose: ``grad(grad(f))`` is the second
derivative. What they do is in the names that JAX gave them (Bradbury et al. 2018).

Answers are floats. If the function also uses Values from outside of it, a model's parameters, say,
then answers are Values that can be differentiated by those; under ``no_grad`` they are floats
again. By an argument that the result does not depend on, the derivative is 0.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext
from functools import update_wrapper
from operator import index

from autograd_scalar import modes, rules
from autograd_scalar.arithmetic import Layered, new_level
from autograd_scalar.forward import Dual
from autograd_scalar.graph import topological_order, topological_order_of_all
from autograd_scalar.nesting import Nesting, flatten, nest_matrix
from autograd_scalar.primitives import detached
from autograd_scalar.sweeps import (
    float_gradients,
    forward_sweep,
    gradients_along,
    reverse_sweep,
)
from autograd_scalar.taylor import Expansion, Series
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    Function = Callable[..., Any]
    Argnums = int | Sequence[int]


# --- Reverse mode ---------------------------------------------------------------------------------


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The function that computes the gradient of ``f``, which gives one number.

    The gradient is by the argument at the position ``argnums``, nested as that is. For several
    positions it is a tuple. Other arguments may be anything.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda p: p["w"] * p["x"][0])({"w": 2.0, "x": [3.0, 4.0]})
    {'w': 3.0, 'x': [2.0, 0.0]}

    Raises TypeError for an argument that is no nesting of numbers, or if ``f`` gives anything but
    one number, and IndexError if there is no argument at the position. Warns if ``f`` gives a plain
    float: it has lost its derivative on the way, or never had one.
    """
    value_and_gradient = _value_and_grad("grad", f, argnums)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return value_and_gradient(*args, **kwargs)[1]

    return _named("grad", f, gradient)


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """The function that computes (f(x), gradient of f at x), at the price of the gradient alone.

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))

    Arguments, errors and warnings are those of ``grad``.
    """
    return _named("value_and_grad", f, _value_and_grad("value_and_grad", f, argnums))


def _value_and_grad(name: str, f: Function, argnums: Argnums) -> Function:
    positions = _positions(name, f, argnums)

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        record = _Record(name, f, args, positions, kwargs)
        y = record.single()
        gradient = record.by.fill(record.gradients(y))
        return record.settle(y), gradient

    return value_and_gradient


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The result of ``f``, and the pullback: from cotangents of the result to those of arguments.

    The pullback takes numbers nested as the result and gives a tuple with one entry per argument,
    the vector-Jacobian product: sum over i of cotangent_i * d(result_i)/d(argument).

    >>> y, pullback = vjp(lambda a, b: [a * b, a + b], 2.0, 3.0)
    >>> y
    [6.0, 5.0]
    >>> pullback([1.0, 10.0])
    (13.0, 12.0)

    Raises TypeError or ValueError for cotangents that are nested otherwise.
    """
    record = _Record("vjp", f, primals, _positions("vjp", f, range(len(primals))), {})

    def pullback(cotangents: Any) -> Any:
        numbers, _ = flatten(cotangents, "vjp: cotangents", record.output_nesting)
        with _recording():
            total = rules.dot(*record.outputs, *numbers)
        return record.by.fill(record.gradients(total))

    return record.output_nesting.fill(list(map(record.settle, record.outputs))), pullback


# --- Forward mode ---------------------------------------------------------------------------------


def jvp(f: Function, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The result of ``f``, and how fast it changes as the arguments change by the tangents.

    That is the Jacobian-vector product, sum over j of d(result)/d(argument_j) * tangent_j, computed
    along with the result on dual numbers. ``primals`` and ``tangents`` are tuples of arguments.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)

    Raises TypeError or ValueError for tangents that are not nested as the primals.
    """
    _check_function("jvp", f)
    numbers, directions, nesting = _along("jvp", primals, tangents)
    level = new_level()
    scope = _Scope(numbers + directions)
    moving = [Dual(x, t, level) for x, t in zip(numbers, directions, strict=True)]
    outputs, output_nesting = flatten(f(*nesting.fill(moving)), "jvp: the result of f")
    _warn_of_plain_floats("jvp", f, outputs)
    values, changes = [], []
    for y in outputs:
        is_moving = y.__class__ is Dual and y.level == level
        values.append(scope.settle(y.primal if is_moving else y))
        changes.append(scope.lift(scope.settle(y.tangent if is_moving else 0.0), values[-1]))
    return output_nesting.fill(values), output_nesting.fill(changes)


def taylor(f: Function, x: Any, order: int) -> list[Any]:
    """The Taylor coefficients of ``f`` at the number ``x``, from that of power 0 to ``order``.

    The coefficient of power k is the k-th derivative over k!, nested as the result of ``f``. Along
    a direction v in more dimensions it is ``taylor(lambda t: f(x + t * v), 0.0, order)``.

    >>> from autograd_scalar import exp
    >>> taylor(exp, 0.0, 3)
    [1.0, 1.0, 0.5, 0.16666666666666666]

    Raises ValueError for an order below 1, and TypeError if ``x`` is not one number. Warns as
    ``grad`` does.
    """
    _check_function("taylor", f)
    if type(order) is not int or order < 1:
        raise ValueError(f"taylor: order must be an int of at least 1, not {order!r}")
    numbers, nesting = flatten(x, "taylor: x")
    if nesting.container is not None:
        raise TypeError(f"taylor: x must be a number, not {nesting.describe()}")
    scope = _Scope(numbers)
    expansion = Expansion(order)
    variable = Series(expansion, [*numbers, 1.0, *[0.0] * (order - 1)])
    outputs, output_nesting = flatten(f(variable), "taylor: the result of f")
    _warn_of_plain_floats("taylor", f, outputs)
    rows = [
        y.parts if isinstance(y, Series) and y.level == expansion.level else [y, *[0.0] * order]
        for y in outputs
    ]
    values = [scope.settle(row[0]) for row in rows]
    settled = [
        [scope.lift(scope.settle(c), value) for c in row]
        for row, value in zip(rows, values, strict=True)
    ]
    return [output_nesting.fill([row[k] for row in settled]) for k in range(order + 1)]


# --- Matrices of derivatives ----------------------------------------------------------------------


def jacobian(f: Function, argnums: Argnums = 0, mode: str = "auto") -> Function:
    """The function that computes all derivatives d(result_i)/d(argument_j) of ``f``.

    They are nested as the result, and in the place of each of its numbers as the argument. In the
    place of arrays there is one array of both their dimensions.

    ``f`` is run once. ``mode`` says how its graph is swept then: "reverse", once per number of the
    result; "forward", once per number of the argument; "auto" takes what is less.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]

    Raises ValueError for another mode, and otherwise what ``grad`` does.
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")
    positions = _positions("jacobian", f, argnums)

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        record = _Record("jacobian", f, args, positions, kwargs)
        forward = mode == "forward"
        if mode == "auto":
            forward = len(record.inputs) < len(record.outputs)
        rows = record.rows_by_columns() if forward else list(map(record.gradients, record.outputs))
        return nest_matrix(rows, record.output_nesting, record.by)

    return _named("jacobian", f, jacobian_of_f)


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that computes the second derivatives of ``f``, which gives one number.

    They are nested as the argument, and in the place of each of its numbers as the argument again.
    ``f`` is run once, and its graph swept along each of the numbers (``hvp``).

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]

    Raises what ``grad`` does.
    """
    positions = _positions("hessian", f, argnums)

    def hessian_of_f(*args: Any, **kwargs: Any) -> Any:
        record = _Record("hessian", f, args, positions, kwargs)
        product = record.hessian_product(record.single())
        basis = range(len(record.inputs))
        rows = [product([float(i == j) for j in basis]) for i in basis]
        return nest_matrix(rows, record.by, record.by)

    return _named("hessian", f, hessian_of_f)


def hvp(f: Function, primals: Any, tangents: Any) -> Any:
    """The Hessian-vector product: how fast the gradient of ``f`` changes along the tangents.

    ``primals`` and ``tangents`` are tuples of arguments, ``f`` gives one number. For one argument
    the product is nested as it; for several it is a tuple. No Hessian is formed: the cost is that
    of a few gradients, whatever the number of variables (Pearlmutter 1994).

    >>> hvp(lambda x: x[0] ** 2 * x[1], ([2.0, 3.0],), ([1.0, 0.0],))
    [6.0, 4.0]

    Raises what ``grad`` does, and ValueError for tangents that are not nested as the primals.
    """
    _, directions, nesting = _along("hvp", primals, tangents)
    positions = _positions("hvp", f, range(len(nesting.children)))
    record = _Record("hvp", f, tuple(primals), positions, {}, directions)
    products = record.by.fill(record.hessian_product(record.single())(directions))
    return products[0] if len(products) == 1 else products


# --- Running a function to be differentiated -----------------------------------------------------


class _Scope:
    """What there was before a function was run, to tell it from what the function made itself.

    A derivative by a variable of the function's own is a float. But with a Value or a dual number
    from outside in it, an argument's or one that the function found, it has to stay one.
    """

    def __init__(self, numbers: Sequence[Any]) -> None:
        modes.epoch += 1
        self.begun = modes.epoch
        self.example = next((x for x in numbers if x.__class__ is not float), None)

    def is_closed(self, order: Iterable[Value]) -> bool:
        """Whether derivatives in the graph of these nodes are floats."""
        if not modes.recording():
            return not isinstance(self.example, Layered)
        return self.example is None and all(x.parents or x._constant >= self.begun for x in order)

    def settle(self, number: Any) -> Any:
        """The number as the caller gets it."""
        return self.lift(self._without_own_graph(number))

    def _without_own_graph(self, number: Any) -> Any:
        if isinstance(number, Value):
            if self.example is not None and modes.recording():
                return number  # whose graph goes on behind the arguments, maybe for long
            return number.data if self.is_closed(topological_order(number)) else number
        if isinstance(number, Layered):
            return number.of_parts(list(map(self._without_own_graph, number.parts)))
        return number

    def lift(self, number: Any, like: Any = 0.0) -> Any:
        """A float as a constant of the kind that the caller came with, or else the function."""
        if not modes.recording():
            return number
        return _lift(number, like if self.example is None else self.example)


def _lift(number: Any, example: Any) -> Any:
    if number.__class__ is float and isinstance(example, Layered):
        first, *rest = example.parts
        return example.of_parts([_lift(number, first), *[0.0] * len(rest)])
    if number.__class__ is float and isinstance(example, Value):
        return Value(number)
    return number


class _Record:
    """One run of a function on variables, and the derivatives that its graph holds.

    Attributes:
        inputs: the variables: for each number of the arguments a Value of our own.
        by: the nesting of the arguments that are differentiated by.
        outputs: the numbers of the result.
        output_nesting: the nesting of the result.
        scope: tells what is from outside.
    """

    def __init__(
        self,
        name: str,
        f: Function,
        args: tuple[Any, ...],
        positions: int | tuple[int, ...],
        kwargs: dict[str, Any],
        directions: Sequence[Any] = (),
    ) -> None:
        self._name, self._f = name, f
        every = (positions,) if isinstance(positions, int) else positions
        numbers, nesting = _selected(name, args, every)
        self.scope = _Scope([*numbers, *directions])
        self.by = nesting.children[0] if isinstance(positions, int) else nesting
        with _recording():
            variables = list(map(_variable, numbers))
            self.inputs = [_values_in(variable)[0] for variable in variables]
            arguments = list(args)
            for position, argument in zip(every, nesting.fill(variables), strict=True):
                arguments[position] = argument
            result = f(*arguments, **kwargs)
        self.outputs, self.output_nesting = flatten(result, f"{name}: the result of {_name(f)}")
        _warn_of_plain_floats(name, f, self.outputs)
        self._latest: tuple[Any, list[Value], bool] = None, [], True

    def _graph(self, y: Value) -> tuple[list[Value], bool]:
        """The nodes between the inputs and ``y`` in order, and whether derivatives are floats."""
        if self._latest[0] is not y:
            order = topological_order(y, known=self.inputs)
            self._latest = y, order, self.scope.is_closed(order)
        return self._latest[1:]

    def settle(self, y: Any) -> Any:
        """A result as the caller gets it."""
        if isinstance(y, Value):
            return y.data if self._graph(y)[1] else y
        return self.scope.settle(y)

    def single(self) -> Any:
        """The result, which has to be one number."""
        if self.output_nesting.container is not None and self.output_nesting.shape != ():
            raise TypeError(
                f"{self._name}: {_name(self._f)} must give one number, not "
                f"{self.output_nesting.describe()}; jacobian takes the derivatives of several"
            )
        return self.outputs[0]

    def gradients(self, y: Any, in_graph: bool = False) -> list[Any]:
        """d(y)/d(input) for each input, as numbers that can be differentiated if need be."""
        slopes = self._slopes(y, in_graph)
        if isinstance(y, Value) and self._graph(y)[1] and not in_graph:
            return slopes
        return [self.scope.lift(slope, y) for slope in slopes]

    def _slopes(self, y: Any, in_graph: bool) -> list[Any]:
        if isinstance(y, Layered):  # a derivative by an input and one further out commute
            of_parts = [self._slopes(part, in_graph) for part in y.parts]
            return [y.of_parts(parts) for parts in zip(*of_parts, strict=True)]
        if not isinstance(y, Value):
            return [0.0] * len(self.inputs)
        order, closed = self._graph(y)
        if closed and not in_graph:
            return list(float_gradients(y, self.inputs, order))
        with _recording():
            found = reverse_sweep(order, self.inputs, y, 1.0)
        return [found.get(x, 0.0) for x in self.inputs]

    def rows_by_columns(self) -> list[list[Any]]:
        """For each output its derivatives by the inputs, found by one forward sweep per input."""
        roots = [value for y in self.outputs for value in _values_in(y)]
        order = topological_order_of_all(roots, known=self.inputs)
        closed = self.scope.is_closed(order)
        values = [
            y.data if closed and isinstance(y, Value) else self.settle(y) for y in self.outputs
        ]
        columns = []
        for x in self.inputs:
            with _recording():
                tangents = forward_sweep(order, {x: 1.0}, on_floats=closed)
            columns.append(
                [
                    self.scope.lift(_tangent_of(y, tangents), value)
                    for y, value in zip(self.outputs, values, strict=True)
                ]
            )
        return [[column[i] for column in columns] for i in range(len(self.outputs))]

    def hessian_product(self, y: Any) -> Callable[[Sequence[Any]], list[Any]]:
        """The function that multiplies the second derivatives of ``y`` with a vector."""
        if isinstance(y, Value):
            order, closed = self._graph(y)
            if closed:

                def product_of_floats(direction: Sequence[Any]) -> list[float]:
                    moves = dict(zip(self.inputs, map(detached, direction), strict=True))
                    tangents = forward_sweep(order, moves, on_floats=True)
                    return gradients_along(y, self.inputs, order, tangents)

                return product_of_floats
        slopes = self.gradients(y, in_graph=True)

        def product(direction: Sequence[Any]) -> list[Any]:
            with _recording():
                change = rules.dot(*slopes, *direction)
            return [self.scope.lift(number, y) for number in self.gradients(change)]

        return product


def _variable(number: Any) -> Any:
    """The number, with a Value of our own in it, which no one else's derivative can mean."""
    if isinstance(number, Layered):
        first, *rest = number.parts
        return number.of_parts([_variable(first), *rest])
    return number * 1.0 if isinstance(number, Value) else Value(number)


def _values_in(number: Any) -> list[Value]:
    """The Values in a number, that of its first part first."""
    if isinstance(number, Layered):
        return [value for part in number.parts for value in _values_in(part)]
    return [number] if isinstance(number, Value) else []


def _tangent_of(number: Any, tangents: dict[Value, Any]) -> Any:
    """The tangent of a number, given those of Values."""
    if isinstance(number, Layered):
        return number.of_parts([_tangent_of(part, tangents) for part in number.parts])
    return tangents.get(number, 0.0) if isinstance(number, Value) else 0.0


def _recording() -> AbstractContextManager[None]:
    """A derivative needs the graph, under ``no_grad`` too."""
    return nullcontext() if modes.recording() else modes.enter(recording=True)


# --- Arguments and results ------------------------------------------------------------------------


def _check_function(name: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{name}: f must be a function, not {f!r}")


def _positions(name: str, f: Function, argnums: Argnums) -> int | tuple[int, ...]:
    """``argnums``, an int or a tuple of different ones."""
    _check_function(name, f)
    one = not isinstance(argnums, list | tuple | range)
    several: Any = [argnums] if one else argnums
    try:
        if any(isinstance(position, bool) for position in several):
            raise TypeError
        found = tuple(map(index, several))
    except TypeError:
        raise TypeError(
            f"{name}: argnums must be an int or a tuple of ints, not {argnums!r}"
        ) from None
    return found[0] if one else found


def _selected(
    name: str, args: tuple[Any, ...], positions: tuple[int, ...]
) -> tuple[list[Any], Nesting]:
    """The numbers in the arguments at these positions, and the nesting of the tuple of them."""
    numbers: list[Any] = []
    children = []
    for position in positions:
        if not -len(args) <= position < len(args):
            raise IndexError(
                f"{name}: there is no argument {position}, of {len(args)} positional argument(s)"
            )
        more, nesting = flatten(args[position], f"{name}: argument {position}")
        numbers += more
        children.append(nesting)
    if len({position % len(args) for position in positions}) < len(positions):
        raise ValueError(f"{name}: argnums has an argument twice: {positions}")
    return numbers, Nesting(tuple, range(len(children)), children, size=len(numbers))


def _along(name: str, primals: Any, tangents: Any) -> tuple[list[Any], list[Any], Nesting]:
    """The numbers of the primals and of the tangents, and the nesting of both."""
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise TypeError(
                f"{name}: {what} must be a tuple with one entry per argument, not {given!r}"
            )
    numbers, nesting = flatten(tuple(primals), f"{name}: primals")
    directions, _ = flatten(tuple(tangents), f"{name}: tangents", nesting)
    return numbers, directions, nesting


def _warn_of_plain_floats(name: str, f: Function, outputs: Sequence[Any]) -> None:
    if outputs and all(y.__class__ is float for y in outputs):
        depth, frame = 1, sys._getframe()
        while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
            depth, frame = depth + 1, frame.f_back
        warnings.warn(
            f"{name}: {_name(f)} gave a plain float, so its derivative is 0. If it does depend on "
            "its argument, something inside dropped the derivative: a function of math in place of "
            "autograd_scalar's, say, or .data",
            stacklevel=depth,
        )


def _name(f: Function) -> str:
    return getattr(f, "__name__", None) or repr(f)


def _named(transform: str, f: Function, derivative: Function) -> Function:
    """The derivative, with the signature of ``f`` and a name that says what it is."""
    update_wrapper(derivative, f, updated=())
    derivative.__name__ = derivative.__qualname__ = f"{transform}({_name(f)})"
    derivative.__doc__ = f"{derivative.__name__}\n\n{f.__doc__ or ''}".strip()
    return derivative
