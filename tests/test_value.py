"""The laws of ``Value``: what backward does to leaves and inner nodes, and what a Value refuses."""

import gc
import math
import tracemalloc
import weakref
from fractions import Fraction

import numpy as np
import pytest

from autograd_scalar import Value, dot, exp, fsum, no_grad, primitive, relu, where
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import RULES


def shared_graph() -> tuple[Value, Value, Value, Value]:
    """Two leaves, an inner node used twice, and the result."""
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    inner = a * b
    return a, b, inner, inner * inner + a


# --- backward -------------------------------------------------------------------------------------


def test_a_second_pass_doubles_every_leaf_and_leaves_inner_gradients_alone() -> None:
    a, b, inner, loss = shared_graph()
    loss.backward()
    leaves, inner_grad = (a.grad, b.grad), inner.grad
    assert leaves == (37.0, -24.0)
    assert inner_grad == -12.0
    loss.backward()
    assert (a.grad, b.grad) == (74.0, -48.0)
    assert inner.grad == inner_grad
    assert loss.grad == 1.0


def test_losses_that_share_a_part_add_up() -> None:
    a, b = Value(2.0), Value(5.0)
    shared = a * b
    first, second = shared * 3, exp(a) + shared
    first.backward()
    second.backward()
    expected = a.grad, b.grad
    a.grad = b.grad = 0.0
    (first + second).backward()
    assert (a.grad, b.grad) == pytest.approx(expected, rel=1e-15)


def test_backward_of_an_inner_node_after_the_whole() -> None:
    a, _, inner, loss = shared_graph()
    loss.backward()
    a.grad = 0.0
    inner.backward()
    assert a.grad == -3.0
    assert inner.grad == 1.0


def test_backward_on_a_leaf_adds_the_seed() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(2)
    assert x.grad == 3.0


@pytest.mark.parametrize("seed", [2, 0.5, -1, Fraction(1, 4), np.float32(3), True])
def test_backward_is_linear_in_its_seed(seed: object) -> None:
    a, b, _, loss = shared_graph()
    loss.backward(seed)  # type: ignore[arg-type]
    assert (a.grad, b.grad) == (37.0 * float(seed), -24.0 * float(seed))  # type: ignore[arg-type]


def test_a_zero_seed_contributes_nothing_even_through_infinite_derivatives() -> None:
    x = Value(0.0)
    x.sqrt().backward(0.0)
    assert x.grad == 0.0


def test_a_leaf_used_n_times_gets_n_contributions() -> None:
    x = Value(1.5)
    total = x
    for _ in range(9):
        total = total + x
    total.backward()
    assert x.grad == 10.0


def test_an_error_on_the_way_leaves_the_leaves_as_they_were() -> None:
    @primitive(lambda g, y, x: g * x**0.5)  # complex for a negative x
    def careless(x: float) -> float:
        return x

    del RULES["careless"]
    x, w = Value(-2.0), Value(3.0)
    w.grad = 0.5
    for node in (careless(x), where(True, careless(x), 0.0), relu(careless(x) + 5)):
        with pytest.raises(TypeError, match="complex"):
            (node * w).backward()
        assert (x.grad, w.grad) == (0.0, 0.5)


def test_a_rule_that_gives_its_contributions_one_by_one_is_run_once_or_not_at_all() -> None:
    @primitive(lambda g, y, *xs: (g / x for x in xs))
    def log_of_product(*xs: float) -> float:
        return 0.0

    del RULES["log_of_product"]
    x, zero = Value(1.0), Value(0.0)
    log_of_product(x, zero).backward()
    assert (x.grad, zero.grad) == (1.0, math.inf)
    log_of_product(x, 2.0, zero).backward()
    assert (x.grad, zero.grad) == (2.0, math.inf)


def test_gradient_zeroed_by_hand_as_an_int_works() -> None:
    a, _, _, loss = shared_graph()
    a.grad = 0
    loss.backward()
    assert a.grad == 37.0


# --- nodes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "constant",
    [2, 2.0, True, Fraction(5, 2), np.float64(2), np.float32(2), np.int64(2), np.bool_(1)],
)
def test_constants_of_every_kind_on_either_side_make_no_node(constant: object) -> None:
    x = Value(3.0)
    number = float(constant)  # type: ignore[arg-type]
    for y, expected, operands in [
        (x + constant, 3 + number, (x, number)),
        (constant + x, 3 + number, (number, x)),
        (x - constant, 3 - number, (x, number)),
        (constant - x, number - 3, (number, x)),
        (x * constant, 3 * number, (x, number)),
        (constant * x, number * 3, (number, x)),
        (x / constant, 3 / number, (x, number)),
        (constant / x, number / 3, (number, x)),
        (x**constant, 3**number, (x, number)),
        (constant**x, number**3, (number, x)),
        (x % constant, 3 % number, (x, number)),
        (constant % x, number % 3, (number, x)),
        (x // constant, 3 // number, (x, number)),
        (constant // x, number // 3, (number, x)),
    ]:
        assert type(y) is Value
        assert (y.data, y.parents) == (expected, (x,))
        assert type(y.data) is float
        assert y.operands == operands
        assert {type(o) for o in y.operands} == {Value, float}
        assert len(topological_order(y)) == 2


def test_divmod_and_the_unary_operators() -> None:
    x = Value(7.0)
    quotient, remainder = divmod(x, 2)
    assert (quotient.data, remainder.data) == (3.0, 1.0)
    quotient, remainder = divmod(20, x)
    assert (quotient.data, remainder.data) == (2.0, 6.0)
    assert +x is x
    assert ((-x).data, abs(-x).data, math.floor(x / 2).data, math.ceil(x / 2).data) == (
        -7.0, 7.0, 3.0, 4.0,
    )  # fmt: skip


def test_n_ary_operations_are_one_node_over_all_their_operands() -> None:
    w, x = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    y = dot(w, x)
    assert (y.data, y.op, y.parents) == (11.0, "dot", (*w, *x))
    assert dot(w, [3, 4]).operands == (*w, 3.0, 4.0)
    assert fsum([*w, *w]).parents == (*w, *w)


def test_a_leaf_has_no_op_and_no_parents() -> None:
    x = Value(1)
    assert (x.data, x.grad, x.parents, x.operands, x.op, x.label) == (1.0, 0.0, (), (), "", None)
    assert type(x.data) is float


def test_detach_and_no_grad_cut_the_graph() -> None:
    x = Value(3.0, label="x")
    y = x.detach()
    assert (y.data, y.parents, y.label) == (3.0, (), "x")
    with no_grad():
        z = x * x + exp(x) + dot([x], [x])
    assert z.parents == ()
    assert z.data == 18 + math.exp(3)
    assert (x * x).parents == (x, x)


# --- comparison, display, refusal -----------------------------------------------------------------


def test_order_is_by_value_and_equality_by_identity() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(1.0)
    for other in (b, 2, 2.0, np.float64(2), Fraction(2)):
        assert a < other and a <= other and not a > other and not a >= other
        assert other > a and other >= a and not other < a and not other <= a
    assert a <= c and a >= c and not a < c
    assert a != c and a == a and a != 1.0
    assert len({a, c}) == 2
    assert max(a, b) is b and sorted([b, a]) == [a, b]
    assert a < 10**400 and a > -(10**400)
    assert not a < math.nan and not a >= math.nan
    with pytest.raises(TypeError, match="not supported between"):
        a < "1"  # type: ignore[operator]  # noqa: B015


def test_display() -> None:
    x = Value(2.5)
    assert repr(x) == str(x) == f"{x}" == "Value(data=2.5, grad=0.0)"
    assert repr(Value(2, label="w")) == "Value(data=2.0, grad=0.0, label='w')"
    assert f"{x:.3f} {x:>8.1e}" == "2.500  2.5e+00"
    assert (round(Value(2.567), 1), round(x)) == (2.6, 2)


def test_jupyter_shows_the_graph() -> None:
    bundle = (Value(2.0) * 3)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == "Value(data=6.0, grad=0.0)"


@pytest.mark.parametrize(
    ("drop", "fix"),
    [
        (float, r"value\.data"),
        (int, r"int\(value\.data\)"),
        (bool, "compare it"),
        (math.sin, r"autograd_scalar\.sin"),
        (math.exp, r"autograd_scalar\.sin"),
        (complex, r"value\.data"),
        (lambda v: f"{v:d}" if v else "", "compare it"),
        (lambda v: "%.2f" % v, r"value\.data"),  # noqa: UP031
        (lambda v: np.array([v], dtype=float), r"value\.data"),
    ],
)
def test_what_would_drop_the_gradient_is_refused_with_the_fix(drop, fix) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=fix):
        drop(Value(1.0))


# --- NumPy ----------------------------------------------------------------------------------------


def test_object_arrays() -> None:
    numbers = np.array([[1.0, 2.0], [3.0, 4.0]])
    weights = np.array([[Value(n) for n in row] for row in numbers])
    x, bias = np.array([10.0, 20.0]), np.array([Value(0.5), Value(-0.5)])
    y = weights @ x + bias
    assert [v.data for v in y] == [50.5, 109.5]
    y.sum().backward()
    assert [[v.grad for v in row] for row in weights] == [[10.0, 20.0], [10.0, 20.0]]
    assert [v.grad for v in bias] == [1.0, 1.0]
    for scaled in (np.array([1.0, 2.0]) * Value(3.0), Value(3.0) * np.array([1.0, 2.0])):
        assert [v.data for v in scaled] == [3.0, 6.0]
    for power in (np.array([1.0, 2.0]) ** Value(2.0), np.array([Value(1.0), Value(2.0)]) ** 2):
        assert [v.data for v in power] == [1.0, 4.0]
    assert type(np.float64(2) * Value(3.0)) is type(Value(3.0) * np.float64(2)) is Value
    assert [bool(b) for b in np.array([Value(1.0), Value(3.0)]) > 2] == [False, True]


UFUNCS = """exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh
tanh arcsinh arccosh arctanh fabs absolute negative positive floor ceil square reciprocal""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs_work_on_values_and_on_arrays_of_them(name: str) -> None:
    ufunc = getattr(np, name)
    number = 1.25 if name == "arccosh" else 0.75
    for result in (ufunc(Value(number)), ufunc(np.array([Value(number)]))[0]):
        assert type(result) is Value
        assert result.data == pytest.approx(ufunc(number), rel=1e-15)


@pytest.mark.parametrize("name", ["arctan2", "hypot", "add", "power", "mod", "floor_divide"])
def test_binary_ufuncs(name: str) -> None:
    ufunc = getattr(np, name)
    for a, b in [(Value(0.75), Value(2.0)), (Value(0.75), 2.0)]:
        assert ufunc(np.array([a]), np.array([b]))[0].data == pytest.approx(ufunc(0.75, 2.0))


# --- memory ---------------------------------------------------------------------------------------


def test_a_graph_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        a, _, inner, loss = shared_graph()
        loss.backward()
        inside = weakref.ref(inner)
        del inner
        assert inside() is not None
        del loss
        assert inside() is None
    finally:
        gc.enable()
    assert a.grad == 37.0


def test_rounds_of_build_backward_drop_do_not_grow_memory() -> None:
    # Twelve, as CPython keeps freed tuples of up to 20 for reuse, a store that fills slowly.
    parameters = [Value(0.1 * k) for k in range(12)]

    def round_trip() -> None:
        loss = dot(parameters, parameters)
        for p in parameters:
            loss = loss + (p * 2.0).tanh() * p
        loss.backward()

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(100):
            round_trip()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            round_trip()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    # One node left behind per round would be 200 thousand bytes; the interpreter's own caches, and
    # a coverage tracer's, grow by a few hundred now and then.
    assert grown < 20_000


@pytest.mark.parametrize("constant", [False, True])
def test_a_binary_node_is_at_most_three_tracked_objects_and_230_bytes(constant: bool) -> None:
    count = 1000
    x, y = Value(1.5), 2.5 if constant else Value(2.5)
    results: list[Value] = [x] * count
    gc.collect()
    tracked = len(gc.get_objects())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for k in range(count):
        results[k] = x * y
        results[k].grad = float(k)
    size = (tracemalloc.get_traced_memory()[0] - before) / count
    tracemalloc.stop()
    assert (len(gc.get_objects()) - tracked) / count <= 3
    assert size <= 230
