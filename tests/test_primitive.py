"""Primitives that users make: the decorator, what it refuses, and that they work everywhere."""

import copy
import math
import pickle
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograd_scalar import Value, detect_anomaly, no_grad, primitive, sin
from autograd_scalar.primitives import RULES, Primitive, detached, primitive_named
from autograd_scalar.rules import Double


@pytest.fixture(autouse=True)
def table_as_before() -> Iterator[None]:
    """The primitives made here are gone afterwards: other tests sweep the table."""
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


def make_cube(factor: float = 1.0) -> Primitive:
    @primitive(lambda g, y, x: g * 3 * factor * x * x)
    def cube(x: float) -> float:
        """The cube."""
        return factor * x**3

    return cube


def make_area() -> Primitive:
    @primitive(
        lambda g, y, a, b: g * b,
        lambda g, y, a, b: g * a,
        name="area!",
        domain=((0.0, 1.0), (0.0, 2.0)),
    )
    def area(a: float, b: float) -> float:
        return a * b

    return area


def make_total(rule: Callable[..., Any]) -> Primitive:
    @primitive(rule)
    def total(*xs: float) -> float:
        return math.fsum(xs)

    return total


# --- What the decorator makes ---------------------------------------------------------------------


def test_the_decorator_gives_an_entry_of_the_table() -> None:
    cube, area, total = make_cube(), make_area(), make_total(lambda g, y, *xs: [g] * len(xs))
    for p, name, arity, variadic in (
        (cube, "cube", 1, False),
        (area, "area!", 2, False),
        (total, "total", 1, True),
    ):
        assert isinstance(p, Primitive)
        assert RULES[name] is primitive_named(name) is p
        assert (p.name, p.arity, p.variadic) == (name, arity, variadic)
        assert repr(p) == f"<primitive {name}>"
        assert p.__module__ == __name__
    assert (cube.__name__, area.__name__, cube.__doc__) == ("cube", "area", "The cube.")
    assert cube.domain == ((-math.inf, math.inf),)
    assert area.domain == ((0.0, 1.0), (0.0, 2.0))


@pytest.mark.parametrize("kind", [int, bool, float, Fraction, np.float64, np.int32, Double])
def test_on_numbers_it_is_the_function_and_gives_a_float(kind: Callable[[int], Any]) -> None:
    for result in (make_cube()(kind(1)), make_area()(kind(1), 1), make_area()(1, kind(1))):
        assert result == 1.0
        assert type(result) is (Double if kind is Double else float)


def test_the_result_is_a_float_even_if_the_function_gives_another_number() -> None:
    @primitive(lambda g, y, x: 0.0)
    def digits(x: float) -> float:
        return len(str(x))

    for operand in (1.5, 15, Fraction(3, 2), np.float64(1.5)):
        assert type(digits(operand)) is float
    assert type(digits(Value(1.5)).data) is float


def test_on_values_it_is_recorded_and_differentiated() -> None:
    cube, area = make_cube(), make_area()
    total = make_total(lambda g, y, *xs: [g * (k + 1) for k in range(len(xs))])
    x, z = Value(2.0), Value(5.0)
    y = total(cube(x), area(x, z), area(x, 3), area(3, x), 1.0, sin(0.0))
    assert y.data == 8 + 10 + 6 + 6 + 1
    assert {node.op for node in y.parents} == {"cube", "area!"}
    for passes in (1, 2):
        y.backward()
        assert x.grad == passes * (1 * 12 + 2 * 5 + 3 * 3 + 4 * 3)
        assert z.grad == passes * 2 * 2


def test_it_obeys_the_modes() -> None:
    cube = make_cube()
    with no_grad():
        assert cube(Value(2.0)).parents == ()
    with detect_anomaly():
        x = Value(2.0)
        cube(x).backward()
        assert x.grad == 12.0
        with pytest.raises(FloatingPointError, match="cube"):
            cube(Value(math.nan))


def test_a_rule_that_would_raise_on_floats_runs_by_the_arithmetic_of_ieee_754() -> None:
    @primitive(lambda g, y, x, n: g / x, lambda g, y, x, n: g * 10**n)
    def steep(x: float, n: float) -> float:
        return x

    for operands, slopes in (((0.0, 2.0), (math.inf, 100.0)), ((2.0, 400.0), (0.5, math.inf))):
        x, n = map(Value, operands)
        (steep(x, n) + (x + n)).backward()
        assert (x.grad, n.grad) == (slopes[0] + 1, slopes[1] + 1)


def test_graphs_with_it_are_copied_and_pickled() -> None:
    cube, area = make_cube(), make_area()
    assert pickle.loads(pickle.dumps(cube)) is copy.deepcopy(cube) is copy.copy(cube) is cube
    x = Value(2.0, label="x")
    y = area(cube(x), 3.0) + x
    for again in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        again.backward()
        assert again.data == 26.0
        (leaf,) = {node for node in again.parents if node.label == "x"}
        assert leaf.grad == 37.0
        assert x.grad == 0.0
    stored = pickle.dumps(y)
    del RULES["cube"]
    with pytest.raises(LookupError, match=r"no primitive 'cube': import the module that defines"):
        pickle.loads(stored)


def test_defining_it_again_in_its_module_replaces_it() -> None:
    """As when a cell of a notebook runs twice."""
    old = make_cube()
    node = old(Value(2.0))
    new = make_cube(10.0)
    assert RULES["cube"] is new is not old
    assert new(2.0) == 80.0
    x = Value(2.0)
    new(x).backward()
    assert x.grad == 120.0
    node.backward()
    assert node.parents[0].grad == 12.0


# --- What it refuses ------------------------------------------------------------------------------


def test_another_modules_name_is_taken() -> None:
    for name in ("sin", "+"):
        with pytest.raises(ValueError, match=r"exists already, in autograd_scalar\.rules"):
            primitive(lambda g, y, x: g, name=name)(lambda x: x)
        assert RULES[name].__module__ == "autograd_scalar.rules"


@pytest.mark.parametrize("domain", [(), ((0.0, 1.0),), ((0.0, 1.0),) * 2, ((0.0, 1.0),) * 3])
@pytest.mark.parametrize("rules", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("function", "arity"), [(lambda x: x, 1), (lambda x, z: x, 2), (lambda *xs: 0.0, 1)]
)
def test_operands_derivatives_and_domains_must_be_as_many(
    function: Callable[..., float], arity: int, rules: int, domain: Any
) -> None:
    derivatives = [lambda g, *rest: g] * rules
    if rules == arity and len(domain) in (0, arity):
        assert primitive(*derivatives, name="new", domain=domain)(function).arity == arity
    else:
        with pytest.raises(TypeError, match="'new'"):
            primitive(*derivatives, name="new", domain=domain)(function)
        assert "new" not in RULES


def test_operands_are_all_named_or_all_starred() -> None:
    with pytest.raises(TypeError, match="'new'"):
        primitive(lambda g, y, *xs: [g] * len(xs), name="new")(lambda x, *xs: x)


@pytest.mark.parametrize("wrong", [-1, 1])
@pytest.mark.parametrize("constants", [0, 1])
def test_a_rule_with_a_wrong_number_of_contributions_is_named(wrong: int, constants: int) -> None:
    total = make_total(lambda g, y, *xs: [g] * (len(xs) + wrong))
    node = total(*map(Value, (1.0, 2.0)), *[3.0] * constants)
    count = 2 + constants
    with pytest.raises(ValueError, match=rf"'total' must give .*: {count}, not {count + wrong}$"):
        node.backward()


@pytest.mark.parametrize("result", [None, (1.0,), "1"], ids=repr)
@pytest.mark.parametrize("constants", [0, 1])
def test_a_rule_that_gives_no_number_is_named(result: Any, constants: int) -> None:
    @primitive(lambda g, y, x: result)
    def odd(x: float) -> float:
        return x

    @primitive(lambda g, y, a, b: result, lambda g, y, a, b: result)
    def odder(a: float, b: float) -> float:
        return a

    total = make_total(lambda g, y, *xs: [result] * len(xs))
    rest = [2.0] if constants else [Value(2.0)]
    for node in (odd(Value(1.0)), odder(Value(1.0), *rest), total(Value(1.0), *rest)):
        with pytest.raises(TypeError, match=f"the derivative rule of '{node.op}': a contribution"):
            node.backward()


def test_a_rule_whose_own_code_fails_says_so() -> None:
    @primitive(lambda g, y, x: math.sqrt(-1))
    def broken(x: float) -> float:
        return x

    with pytest.raises(ValueError, match="math domain error"):
        broken(Value(1.0)).backward()


@pytest.mark.parametrize("result", [None, 1j, (1.0,)], ids=repr)
def test_a_function_that_gives_no_number_is_refused(result: Any) -> None:
    @primitive(lambda g, y, x: g)
    def odd(x: float) -> Any:
        return result

    for operand in (1.0, Value(1.0)):
        with pytest.raises(TypeError):
            odd(operand)


@pytest.mark.parametrize("number", [2.0, 2, np.float64(2.0), np.float32(2.0), Value(2.0)])
def test_the_number_alone_of_whatever_carries_it(number: Any) -> None:
    assert detached(number) == 2.0
    assert not isinstance(detached(number), (memoryview, Value))
