"""Gradients that are Values of the graph: by ``gradients`` and ``backward(create_graph=True)``."""

import gc
import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import (
    Value,
    cbrt,
    detect_anomaly,
    exp,
    gaussian,
    gradients,
    hvp,
    log,
    no_grad,
    primitive,
    sin,
)
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import RULES, Primitive
from tests.strategies import Program, by_operators, programs, whole_programs
from tests.sweeps import examples, same


def recorded(program: Program) -> list[Value]:
    return program.run(by_operators, [Value(x) for x in program.inputs])


def number(gradient: Any) -> float:
    """A gradient's float: those by ``create_graph`` are Values."""
    return float(getattr(gradient, "data", gradient))


# --- One derivative, found in four ways -----------------------------------------------------------


@examples(150)
@given(programs() | whole_programs())
def test_gradients_are_the_same_to_the_bit_with_and_without_a_graph(program: Program) -> None:
    values = recorded(program)
    values[-1].backward()
    expected = [value.grad for value in values]
    for found in (
        gradients(values[-1], values),
        [g.data for g in gradients(values[-1], values, create_graph=True)],
    ):
        assert all(map(same, found, expected))
    again = recorded(program)
    again[-1].backward(create_graph=True)
    assert all(same(number(v.grad), e) for v, e in zip(again, expected, strict=True))
    for node in topological_order(again[-1]):
        assert type(node.grad) is (float if node.parents else Value)


@examples(100)
@given(programs() | whole_programs(), st.booleans(), st.data())
def test_gradients_change_no_grad(program: Program, recording: bool, data: st.DataObject) -> None:
    values = recorded(program)
    grads = [float(k) for k in range(len(values))]
    for value, grad in zip(values, grads, strict=True):
        value.grad = grad
    chosen = data.draw(st.lists(st.sampled_from(values), max_size=4))
    gradients(values[-1], chosen, create_graph=recording)
    assert [value.grad for value in values] == grads


@examples(100)
@given(whole_programs(), st.data())
def test_an_inner_node_is_an_input_as_a_leaf_in_its_place_would_be(
    program: Program, data: st.DataObject
) -> None:
    values = recorded(program)
    i = data.draw(st.integers(0, len(values) - 1))
    cut = list(values[: i + 1])
    cut[i] = leaf = values[i].detach()
    steps = program.steps[max(0, i + 1 - len(program.inputs)) :]
    if i < len(program.inputs):
        cut = [leaf if k == i else v for k, v in enumerate(values[: len(program.inputs)])]
        steps = program.steps
    for step in steps:
        operands = [cut[o] if isinstance(o, int) else o for o in step.operands]
        cut.append(by_operators(step.name, operands))
    expected = gradients(cut[-1], leaf)
    for create_graph in (False, True):
        assert number(gradients(values[-1], values[i], create_graph)) == expected


def test_the_inputs_may_be_nested_repeated_and_beside_the_output() -> None:
    x, other = Value(3.0), Value(1.0)
    other.grad = 5.0
    y = x * x
    assert gradients(y, {"x": (x, [y]), "other": other, "again": x}) == {
        "x": (6.0, [1.0]),
        "other": 0.0,
        "again": 6.0,
    }
    assert gradients(y, []) == []
    zero = gradients(y, other, create_graph=True)
    assert isinstance(zero, Value)
    assert zero.data == 0.0
    assert gradients(zero, [x, other]) == [0.0, 0.0]


# --- Higher orders --------------------------------------------------------------------------------

# A function, a point, and its derivatives there of order 0, 1, 2, ...
KNOWN: dict[str, tuple[Callable[[Value], Any], float, list[float]]] = {
    "x**5": (lambda x: x**5, 2.0, [32.0, 80.0, 160.0, 240.0, 240.0, 120.0, 0.0]),
    "x*x*x": (lambda x: x * x * x, -3.0, [-27.0, 27.0, -18.0, 6.0, 0.0]),
    "exp": (exp, 0.0, [1.0] * 7),
    "sin": (sin, 0.0, [0.0, 1.0, 0.0, -1.0, 0.0, 1.0]),
    "log": (log, 1.0, [0.0, 1.0, -1.0, 2.0, -6.0, 24.0]),
    "1/x": (lambda x: 1 / x, 0.5, [2.0, -4.0, 16.0, -96.0, 768.0]),
    "2**x": (lambda x: 2**x, 0.0, [math.log(2) ** k for k in range(5)]),
}


@pytest.mark.parametrize(("f", "at", "expected"), KNOWN.values(), ids=KNOWN)
def test_gradients_of_gradients(
    f: Callable[[Value], Any], at: float, expected: list[float]
) -> None:
    x = Value(at)
    y = f(x)
    for derivative in expected:
        assert y.data == pytest.approx(derivative, rel=1e-15)
        y = gradients(y, x, create_graph=True)
    x = Value(at)
    y = f(x)
    for derivative in expected[1:]:
        y.backward(create_graph=True)
        y, x.grad = x.grad + Value(0.0), 0.0
        assert y.data == pytest.approx(derivative, rel=1e-15)


@examples(100)
@given(whole_programs())
def test_second_derivatives_are_symmetric_by_both_ways(program: Program) -> None:
    values = recorded(program)
    leaves = values[: len(program.inputs)]
    slopes = gradients(values[-1], leaves, create_graph=True)
    matrix = [gradients(slope, leaves) for slope in slopes]
    assert matrix == [list(row) for row in zip(*matrix, strict=True)]
    values[-1].backward(create_graph=True)
    slopes = [leaf.grad + Value(0.0) for leaf in leaves]
    for slope, row in zip(slopes, matrix, strict=True):
        for leaf in leaves:
            leaf.grad = 0.0
        slope.backward()
        assert [leaf.grad for leaf in leaves] == row


@pytest.mark.parametrize("before", [0.0, 100.0, Value(100.0)], ids=["0", "a float", "a Value"])
@pytest.mark.parametrize("second", [True, False])
def test_a_second_pass_accumulates(before: Any, second: bool) -> None:
    x = Value(2.0)
    x.grad = before
    y = x**3
    y.backward(create_graph=True)
    y.backward(create_graph=second, seed=10.0)
    slope, x.grad = x.grad, 0.0
    assert slope.data == number(before) + 11 * 12.0
    slope.backward()
    assert x.grad == (11.0 if second else 1.0) * 12.0


# --- What is refused, and what is put back --------------------------------------------------------


def test_a_node_wired_by_hand_has_a_first_derivative_and_no_second() -> None:
    x = Value(3.0, label="x")
    hand = Value(9.0, (x,), "square")

    def _backward() -> None:
        x.grad += 6.0 * hand.grad

    hand._backward = _backward
    y = hand * 2.0
    assert gradients(y, [x, hand]) == [12.0, 2.0]
    for derive in (
        lambda: gradients(y, x, create_graph=True),
        lambda: y.backward(create_graph=True),
    ):
        with pytest.raises(TypeError, match=r"written by hand.*make the operation a primitive"):
            derive()
    assert x.grad == 0.0
    y.backward()
    assert x.grad == 12.0


@pytest.fixture
def broken() -> Iterator[Any]:
    def rule(g: Any, y: Any, x: Any) -> Any:
        raise KeyError("broken")

    @primitive(rule)
    def broken(x: float) -> float:
        return x

    yield broken
    del RULES["broken"]


@pytest.mark.parametrize("create_graph", [False, True])
def test_grads_are_put_back_when_a_rule_raises(broken: Any, create_graph: bool) -> None:
    x = Value(2.0)
    inner = broken(x)
    y = inner * x
    for node, grad in zip((x, inner, y), (1.0, 2.0, 3.0), strict=True):
        node.grad = grad
    with pytest.raises(KeyError):
        gradients(y, x, create_graph)
    assert (x.grad, inner.grad, y.grad) == (1.0, 2.0, 3.0)
    with pytest.raises(KeyError):
        y.backward(create_graph=create_graph)
    assert x.grad == 1.0


# --- Modes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
@pytest.mark.parametrize("whole", [False, True])
def test_modes_do_not_change_the_numbers(mode: Callable[[], Any], whole: bool) -> None:
    with mode() if whole and mode is detect_anomaly else nullcontext():
        x, z = Value(2.0), Value(0.5)
        y = x**3 * z + exp(z) / x
    with mode():
        slopes = gradients(y, [x, z], create_graph=True)
        floats = gradients(y, [x, z])
        y.backward(create_graph=True)
    assert [slope.data for slope in slopes] == floats == [x.grad.data, z.grad.data]
    if mode is no_grad:
        assert all(slope.parents == () for slope in slopes)
    else:
        assert gradients(slopes[0], x) == pytest.approx(6 * 2.0 * 0.5 + 2 * math.exp(0.5) / 8)
    y.backward()
    assert number(x.grad) == 2 * floats[0]


def test_an_anomaly_of_a_second_derivative_is_found() -> None:
    x = Value(0.0, label="x")
    with detect_anomaly():
        slope = gradients(x**1.5, x, create_graph=True)
        assert slope.data == 0.0
        with pytest.raises(FloatingPointError, match=r"\*\*"):
            gradients(slope, x, create_graph=True)


# --- Depth and memory -----------------------------------------------------------------------------


def chain(length: int, c: float) -> tuple[Value, Value]:
    """x and x / (1 + c x) / ..., in ``length`` nodes: n steps are x / (1 + n c x)."""
    x = Value(1.0)
    y = x
    for _ in range(length // 3):
        y = y / (1 + c * y)
    return x, y


@pytest.mark.slow
def test_gradients_of_deep_graphs() -> None:
    length, c = 99_999, 1e-5
    x, y = chain(length, c)
    total = length // 3 * c
    slope = gradients(y, x, create_graph=True)
    assert slope.data == pytest.approx(1 / (1 + total) ** 2, rel=1e-10)


@pytest.mark.slow
def test_gradients_of_gradients_of_deep_graphs() -> None:
    length, c = 20_001, 5e-5
    x, y = chain(length, c)
    total = length // 3 * c
    slope = gradients(y, x, create_graph=True)
    curvature = gradients(slope, x, create_graph=True)
    assert curvature.data == pytest.approx(-2 * total / (1 + total) ** 3, rel=1e-9)
    y.backward(create_graph=True)
    assert x.grad.data == slope.data
    x.grad = 0.0


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_gradients_leave_no_cycle(collector_off: None) -> None:
    x = Value(2.0)
    y = sin(x * x) / x
    slope = gradients(y, x, create_graph=True)
    curvature = gradients(slope, x, create_graph=True)
    gradients(curvature, [x, y])
    gone = [weakref.ref(node) for node in (x, y, slope, curvature)]
    del x, y, slope, curvature
    assert [ref() for ref in gone] == [None] * 4


def test_backward_leaves_one_cycle_until_grad_is_cleared(collector_off: None) -> None:
    """As documented: a leaf, its gradient, and what that was computed from."""
    for cleared in (False, True):
        x = Value(2.0)
        y = x * x * x
        y.backward(create_graph=True)
        gone = weakref.ref(x)
        if cleared:
            x.grad = 0.0
        del x, y
        assert (gone() is None) == cleared
    gc.collect()


def test_a_rule_that_raises_on_floats_adds_to_what_is_there_along_a_direction() -> None:
    """1 / (1 / b) raises at b = 0, where it means 0; a has had its share of a**3 by then."""
    product = Primitive(
        "product",
        lambda a, b: a * b,
        (lambda g, y, a, b: g * (1.0 / (1.0 / b)), lambda g, y, a, b: g * a),
    )
    assert hvp(lambda a, b: product(a, b) + a**3, (2.0, 0.0), (1.0, 0.0)) == (12.0, 1.0)


def test_a_gradient_of_zero_contributes_nothing_with_a_graph_either() -> None:
    x = Value(0.0)
    (slope,) = gradients(gaussian(cbrt(x)), [x], create_graph=True)
    assert slope.data == 0.0
    x = Value(math.nan)
    (slope,) = gradients(x * x, [x], create_graph=True)
    assert math.isnan(slope.data)
