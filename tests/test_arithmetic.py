"""What every kind of number inherits: operators, methods, comparisons, all handed to primitives."""

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, rules
from autograd_scalar.arithmetic import Arithmetic, Layered, new_level, split
from autograd_scalar.forward import Dual
from autograd_scalar.primitives import Primitive
from autograd_scalar.taylor import Expansion, Series
from tests.strategies import OPERATORS, PRIMITIVES, operands
from tests.sweeps import examples, same, sweep


class Call(Arithmetic):
    """A number that only remembers which primitive was asked for what."""

    def __init__(self, data: float, primitive: Any = None, operands: tuple[Any, ...] = ()) -> None:
        self._data = data
        self.primitive, self.operands = primitive, operands

    @property
    def data(self) -> float:
        return self._data

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        numbers = [o.data if isinstance(o, Call) else float(o) for o in operands]
        return cls(primitive.function(*numbers), primitive, operands)


class Shy(Call):
    """One that leaves every call to the next operand's class."""

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        return NotImplemented


METHODS = {
    name: getattr(Arithmetic, name).primitive
    for name in dir(Arithmetic)
    if hasattr(getattr(Arithmetic, name), "primitive")
}


@sweep
def test_an_operator_calls_its_primitive_with_the_operands_in_order(primitive: Primitive) -> None:
    if primitive.name not in OPERATORS:
        return
    operation = OPERATORS[primitive.name]
    a, b = Call(0.75), Call(0.5)
    pairs: list[tuple[Any, ...]] = [(a,)] if primitive.arity == 1 else [(a, b), (a, 2), (2.0, a)]
    for pair in pairs:
        result = operation(*pair)
        assert result.primitive is primitive
        assert result.operands == pair
        assert result.data == primitive.function(*[getattr(x, "data", x) for x in pair])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_calls_its_primitive(name: str) -> None:
    primitive = METHODS[name]
    x, other = Call(0.75), Call(0.5)
    rest = (other,) * (primitive.arity - 1)
    result = getattr(x, name)(*rest)
    assert result.primitive is primitive
    assert result.operands == (x, *rest)
    assert getattr(Arithmetic, name).__doc__ == primitive.__doc__.partition(">>>")[0].strip()


# NumPy finds the sign of an object by comparison, without its method: a whole number.
@pytest.mark.parametrize("name", [n for n in METHODS if hasattr(np, n) and n != "sign"])
def test_numpys_functions_work_on_arrays_of_objects(name: str) -> None:
    function = getattr(np, name)
    a = 1.75 if name.endswith("cosh") else 0.75
    xs = [np.array([Call(a), Call(a)]) for _ in range(METHODS[name].arity)]
    for result in function(*xs):
        assert result.primitive is METHODS[name]
        assert result.data == pytest.approx(function(*[a] * len(xs)), rel=1e-14)


@pytest.mark.parametrize("function", [math.floor, math.ceil, operator.pos, divmod])
def test_functions_of_python(function: Callable[..., Any]) -> None:
    x = Call(2.75)
    if function is divmod:
        assert [y.data for y in divmod(x, 2)] == [1.0, 0.75]
        assert [y.data for y in divmod(7, x)] == [2.0, 1.5]
    else:
        assert function(x).data == function(2.75)


def test_other_kinds_of_numbers() -> None:
    x = Call(0.5)
    for number in (2, True, 0.25, Fraction(1, 4), np.float64(2), np.int8(2)):
        assert (x * number).data == (number * x).data == 0.5 * float(number)
    for odd in ("a", None, [1.0], 1j):
        for operation in (operator.add, operator.pow, operator.mod):
            for pair in ((x, odd), (odd, x)):
                if operation is operator.mod and odd == "a" and pair[0] == "a":
                    continue  # formatting, to Python
                with pytest.raises(TypeError, match="a constant operand must be a real number"):
                    operation(*pair)
    with pytest.raises(TypeError, match="unsupported operand"):
        x + Decimal(1)


@sweep
def test_a_class_may_leave_a_call_to_the_next_operands(primitive: Primitive) -> None:
    if primitive.arity == 1 and not primitive.variadic:
        with pytest.raises(TypeError):
            primitive(Shy(0.75))
        return
    xs: list[Any] = [Shy(0.75)] * (1 if primitive.variadic else primitive.arity - 1) + [Call(0.5)]
    result = primitive(*xs)
    assert type(result) is Call
    assert result.operands == tuple(xs)


def test_comparisons_are_of_the_data_with_any_other_kind() -> None:
    small, large = Call(1.0), Call(2.0)
    for other in (large, Value(2.0), 2, 2.0, Fraction(2), np.float64(2), 10**400):
        assert small < other
        assert small <= other
        assert other > small
        assert not small > other
        assert not small >= other
    assert small <= 1.0
    assert small >= 1.0
    with pytest.raises(TypeError, match="'<' not supported"):
        assert small < "a"  # type: ignore[operator]


# --- The kinds of numbers there are ---------------------------------------------------------------

KINDS: dict[str, Callable[[float], Any]] = {
    "Value": Value,
    "Dual": lambda x: Dual(x, 1.0, 0),
    "Dual of Values": lambda x: Dual(Value(x), Value(1.0), 0),
    "Dual of Duals": lambda x: Dual(Dual(x, 1.0, 0), 1.0, 1),
}


@sweep
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@examples(4)
@given(st.data())
def test_a_number_of_any_kind_is_the_float_function_of_the_data(
    primitive: Primitive, kind: Callable[[float], Any], data: st.DataObject
) -> None:
    xs = data.draw(operands(primitive))
    expected = primitive(*xs)
    assert same(primitive(*map(kind, xs)).data, expected)
    for i, x in enumerate(xs):
        mixed = [kind(x) if k == i else other for k, other in enumerate(xs)]
        assert same(primitive(*mixed).data, expected)
    if primitive.name in OPERATORS:
        assert same(OPERATORS[primitive.name](*map(kind, xs)).data, expected)


def series(level_of: Expansion, x: float) -> Series:
    return Series(level_of, [x, 1.0])


def test_the_innermost_level_decides() -> None:
    outer, inner = new_level(), new_level()
    expansion = Expansion(1)
    assert outer < inner < expansion.level
    x, y, z = Dual(1.0, 1.0, outer), Dual(2.0, 1.0, inner), series(expansion, 3.0)
    assert split(rules.add, (x, y, 1), Dual) == ([x, y, 1.0], inner)
    assert split(rules.add, (x, y, z), Dual) is None
    assert split(rules.add, (z, y), Series) == ([z, y], expansion.level)
    for pair, kind, level in (
        ((x, y), Dual, inner),
        ((y, x), Dual, inner),
        ((x, z), Series, expansion.level),
        ((z, x), Series, expansion.level),
        ((Value(1.0), z), Series, expansion.level),
        ((Value(1.0), x), Dual, outer),
    ):
        for result in (rules.multiply(*pair), pair[0] * pair[1]):
            assert type(result) is kind
            assert result.level == level
    with pytest.raises(TypeError, match=r"\+: a constant operand must be a real number, not 'a'"):
        split(rules.add, (x, "a"), Dual)


@pytest.mark.parametrize(
    "number", [Dual(1.5, Value(2.0), 3), series(Expansion(1), 1.5)], ids=["Dual", "Series"]
)
def test_parts_are_taken_out_and_put_back(number: Layered) -> None:
    again = number.of_parts(number.parts)
    assert type(again) is type(number)
    assert again.level == number.level
    assert list(again.parts) == list(number.parts)
    assert again.data == 1.5


def test_every_primitive_that_numpy_has_on_objects_has_its_method() -> None:
    """NumPy calls ``x.name()`` for an array of objects: without it np.name(array) would fail."""
    of_numpy = {p.__name__ for p in PRIMITIVES if p.arity == 1 and not p.variadic}
    of_numpy = {name for name in of_numpy if isinstance(getattr(np, name, None), np.ufunc)}
    by_operators = {"negative", "absolute", "floor", "ceil"}
    assert of_numpy - by_operators <= METHODS.keys()
