"""Gradients of whole programs, and the laws that ``backward`` obeys on any graph."""

import math
from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd_scalar
from autograd_scalar import Value, detect_anomaly, dot, fsum, mean, no_grad, rules, where
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import Primitive
from autograd_scalar.testing.differences import slope_at
from autograd_scalar.testing.rounding import chain_rule_sizes
from tests.references import derivative_in_mpmath, in_mpmath, mp, partial_slope
from tests.strategies import (
    PRIMITIVES,
    Program,
    by_functions,
    by_operators,
    numbers,
    programs,
    whole_programs,
)
from tests.sweeps import examples, same

SMALL = st.lists(numbers(), min_size=1, max_size=6)


def recorded(program: Program) -> list[Value]:
    return program.run(by_operators, [Value(x) for x in program.inputs])


def gradients(program: Program, seed: float = 1.0) -> list[float]:
    values = recorded(program)
    values[-1].backward(seed)
    return [value.grad for value in values[: len(program.inputs)]]


# --- Programs against references that know no derivative ------------------------------------------


def exact_gradients(program: Program, wobble: float = 0.0) -> list[Any]:
    """By differences in mpmath; ``wobble`` makes each operation wrong by that much, up or down."""
    signs = [1 if math.sin(7.0 * k) > 0 else -1 for k in range(len(program.steps))]

    def result(*inputs: Any) -> Any:
        sign = iter(signs)

        def apply(name: str, xs: list[Any]) -> Any:
            y = None if None in xs else in_mpmath(name, xs)
            return None if y is None else y * (1 + next(sign) * mp.mpf(wobble))

        return program.run(apply, inputs)[-1]

    return [partial_slope(result, program.inputs, i, 60) for i in range(len(program.inputs))]


def is_smooth(program: Program) -> bool:
    """Whether every step is, on its own: cbrt(x - x) is 0 everywhere, but no rule can know that."""
    numbers = program.run(by_functions, program.inputs)
    for step in program.steps:
        xs = [numbers[o] if isinstance(o, int) else o for o in step.operands]
        for i, o in enumerate(step.operands):
            if isinstance(o, int) and derivative_in_mpmath(step.name, xs, i, 50) is None:
                return False
    return True


@pytest.mark.slow
def test_gradients_of_programs_are_those_of_mpmath() -> None:
    """To as many digits as can be had: those that survive a change in the 13th of each result."""
    tally: Counter[str] = Counter()

    @examples(500)
    @given(programs())
    def check(program: Program) -> None:
        tally["programs"] += 1
        if not is_smooth(program):
            return
        exact, shaken = exact_gradients(program), exact_gradients(program, 1e-13)
        if None in exact or None in shaken:
            return
        both = list(zip(exact, shaken, strict=True))
        # Contributions that cancel leave their rounding.
        added = chain_rule_sizes(lambda xs: program(*xs), program.inputs)
        allowed = [
            1e-12 * abs(e) + 4 * abs(e - s) + 1e-15 * size + 1e-25
            for (e, s), size in zip(both, added, strict=True)
        ]
        if any(4 * abs(e - s) > 1e-4 * abs(e) + 1e-20 for e, s in both):  # nothing can be said
            return
        tally["compared"] += 1
        tally.update({node.op for node in topological_order(recorded(program)[-1])})
        for found, e, a in zip(gradients(program), exact, allowed, strict=True):
            assert abs(found - e) <= a, f"{mp.nstr(e, 17)}, not {found!r}, in\n{program}"

    check()
    assert tally["compared"] > 0.75 * tally["programs"], tally
    unused = [p.name for p in PRIMITIVES if not tally[p.name]]
    assert len(unused) < 0.05 * len(PRIMITIVES), f"hardly any program uses {unused}"


def test_gradients_of_programs_are_slopes_of_the_programs() -> None:
    """By differences of the same program on floats, where their error can be told."""
    tally: Counter[str] = Counter()

    @examples(400)
    @given(programs())
    def check(program: Program) -> None:
        tally["programs"] += 1
        if not is_smooth(program):
            return
        for i, found in enumerate(gradients(program)):

            def result(x: float, i: int = i) -> float:
                inputs = (*program.inputs[:i], x, *program.inputs[i + 1 :])
                return program.run(by_functions, inputs)[-1]

            slope = slope_at(result, program.inputs[i])
            if slope.error < 1e-3 * abs(slope.value) + 1e-9:
                tally["compared"] += 1 / len(program.inputs)
                assert abs(found - slope.value) <= 1e-6 * abs(slope.value) + 10 * slope.error, (
                    f"the slope by v{i} is {slope}, not {found}, in\n{program}"
                )

    check()
    assert tally["compared"] > 0.75 * tally["programs"], tally


@examples(60)
@given(programs())
def test_a_program_as_printed_is_the_program(program: Program) -> None:
    """The source that a failing test shows can be pasted: it computes the same, to the bit."""
    names = vars(autograd_scalar) | {p.__name__: p for p in PRIMITIVES}
    exec(str(program), names)
    values = [names[f"v{i}"] for i in range(len(program.inputs) + len(program.steps))]
    values[-1].backward()
    found = [value.grad for value in values[: len(program.inputs)]]
    assert all(map(same, found, gradients(program)))
    assert [value.data for value in values] == program.run(by_functions, program.inputs)


# --- Laws of backward -----------------------------------------------------------------------------


@examples(100)
@given(programs(), st.integers(1, 4))
def test_each_pass_adds_the_same_to_every_leaf_and_leaves_inner_gradients(
    program: Program, passes: int
) -> None:
    values = recorded(program)
    values[-1].backward()
    once = [value.grad for value in values]
    for n in range(2, passes + 2):
        values[-1].backward()
        for value, first in zip(values, once, strict=True):
            if value.parents:
                assert same(value.grad, first)
            elif n == 2:
                assert same(value.grad, 2 * first)
            else:
                assert value.grad == pytest.approx(n * first, rel=1e-15, nan_ok=True)


@examples(50)
@given(st.lists(numbers(), min_size=3, max_size=8))
def test_a_second_pass_doubles_a_leaf_exactly_however_often_it_is_used(ws: list[float]) -> None:
    """As many contributions as uses, and rounding at each: the sum is still the same each time."""
    x = Value(1.0)
    y = fsum([w * x for w in ws])
    y.backward()
    once = x.grad
    y.backward()
    assert x.grad == 2 * once


@examples(100)
@given(programs(), st.sampled_from([2.0, -1.0, -0.5, 2.0**20]))
def test_gradients_are_linear_in_the_seed(program: Program, seed: float) -> None:
    """To the bit for a power of two, as nothing underflows."""
    once = gradients(program)
    assume(all(abs(g) < 1e200 and (g == 0 or abs(g) > 1e-200) for g in once))
    for found, g in zip(gradients(program, seed), once, strict=True):
        assert abs(found - seed * g) <= 1e-12 * abs(seed * g) + 1e-200


@given(numbers(), numbers())
@examples(20)
def test_the_gradient_of_a_leaf_by_itself_is_the_seed(number: float, seed: float) -> None:
    x = Value(number)
    x.backward()
    x.backward(seed)
    assert x.grad == 1.0 + seed


@examples(50)
@given(programs())
def test_a_seed_of_zero_changes_nothing(program: Program) -> None:
    assert gradients(program, 0.0) == [0.0] * len(program.inputs)


@examples(150)
@given(whole_programs(), st.data())
def test_the_gradient_of_a_sum_is_the_sum_of_gradients_however_much_they_share(
    program: Program, data: st.DataObject
) -> None:
    total, apart = recorded(program), recorded(program)
    i, j = (data.draw(st.integers(0, len(total) - 1)) for _ in range(2))
    (total[i] + total[j]).backward()
    apart[i].backward()
    apart[j].backward()
    leaves = len(program.inputs)
    assert [v.grad for v in total[:leaves]] == [v.grad for v in apart[:leaves]]


@examples(100)
@given(whole_programs(), st.integers(1, 5))
def test_a_result_used_n_times_counts_n_times(program: Program, n: int) -> None:
    once = gradients(program)
    for add_up in (sum, fsum, lambda ys: dot([1.0] * n, ys), lambda ys: n * mean(ys)):
        values = recorded(program)
        add_up([values[-1]] * n).backward()
        found = [value.grad for value in values[: len(once)]]
        assert found == pytest.approx([n * g for g in once], rel=1e-15)


@examples(100)
@given(programs())
def test_watched_gradients_are_the_same(program: Program) -> None:
    with detect_anomaly():
        try:
            watched = recorded(program)
            for _ in range(2):
                watched[-1].backward()
        except FloatingPointError:
            assume(False)
    plain = recorded(program)
    for _ in range(2):
        plain[-1].backward()
    assert [value.grad for value in watched] == [value.grad for value in plain]


@examples(100)
@given(programs())
def test_results_are_the_same_on_floats_on_values_and_unrecorded(program: Program) -> None:
    on_floats = program.run(by_functions, program.inputs)
    with no_grad():
        unrecorded = recorded(program)
    assert on_floats == [value.data for value in recorded(program)]
    assert on_floats == [value.data for value in unrecorded]
    assert all(value.parents == () for value in unrecorded)


@examples(100)
@given(programs(), st.data())
def test_no_gradient_flows_through_a_detached_number(program: Program, data: st.DataObject) -> None:
    """What comes out of ``detach`` is a leaf, and the chain rule multiplies across the cut."""
    values = recorded(program)
    inner = values[data.draw(st.integers(0, len(values) - 1))]
    cut = inner.detach()
    outer = Value(3.0) * cut + cut
    outer.backward()
    assert cut.grad == 4.0
    assert all(value.grad == 0 for value in values)
    inner.backward(cut.grad)
    through = recorded(program)
    same_inner = through[values.index(inner)]
    (3.0 * same_inner + same_inner).backward()
    leaves = range(len(program.inputs))
    assert all(same(through[i].grad, values[i].grad) for i in leaves)


UNARY = [p for p in PRIMITIVES if p.arity == 1 and not p.variadic]


@pytest.mark.parametrize("outer", UNARY, ids=lambda p: p.__name__)
def test_the_chain_rule(outer: Primitive) -> None:
    """The derivative of f(g(x)) is f'(g(x)) times g'(x), for all pairs."""
    for inner in UNARY:
        for number in (0.375, 1.75, -0.625):
            x, y = Value(number), Value(inner(number))
            outer(inner(x)).backward()
            outer(y).backward()
            inner(seeded := Value(number)).backward(y.grad)
            assert same(x.grad, seeded.grad), (outer, inner, number)
            inner(single := Value(number)).backward()
            if math.isfinite(product := y.grad * single.grad):
                assert x.grad == pytest.approx(product, rel=1e-14)


# --- Laws of single operations on many operands ---------------------------------------------------


@pytest.mark.parametrize(
    "commuting",
    ["add", "multiply", "hypot", "maximum", "minimum", "fsum", "mean", "prod", "norm", "logsumexp"],
)
@examples(20)
@given(st.lists(numbers(), min_size=3, max_size=4))
def test_gradients_move_along_when_commuting_operands_do(commuting: str, xs: list[float]) -> None:
    primitive = getattr(rules, commuting)
    xs = xs if primitive.variadic else xs[:2]
    for order in permutations(range(len(xs))):
        values, moved = [Value(x) for x in xs], [Value(x) for x in xs]
        primitive(*values).backward()
        primitive(*[moved[i] for i in order]).backward()
        for a, b in zip(values, moved, strict=True):
            assert a.grad == pytest.approx(b.grad, rel=1e-14)


@examples(100)
@given(st.lists(st.tuples(numbers(), numbers(), st.integers(0, 3)), min_size=1, max_size=6))
def test_dot_is_the_sum_of_products_to_the_bit(rows: list[tuple[float, float, int]]) -> None:
    """Values and constants on either side, and what it gives to each."""
    ways = []
    for one_node in (True, False):
        ws = [Value(w) if kind & 1 else w for w, _, kind in rows]
        xs = [Value(x) if kind & 2 else x for _, x, kind in rows]
        if one_node:
            total = dot(ws, xs)
        else:
            total = ws[0] * xs[0]
            for w, x in zip(ws[1:], xs[1:], strict=True):
                total = total + w * x
        if isinstance(total, Value):
            total.backward(-2.5)
        ways.append((total, [v.grad for v in ws + xs if isinstance(v, Value)]))
    (a, to_a), (b, to_b) = ways
    assert getattr(a, "data", a) == getattr(b, "data", b)
    assert to_a == to_b


@examples(100)
@given(SMALL)
def test_sums_are_rounded_once_and_give_to_all_alike(xs: list[float]) -> None:
    for function, expected, share in (
        (fsum, math.fsum(xs), 1.0),
        (mean, math.fsum(xs) / len(xs), 1.0 / len(xs)),
    ):
        values = [Value(x) for x in xs]
        node = function(values)
        node.backward()
        assert node.data == expected
        assert {value.grad for value in values} == {share}


@examples(100)
@given(whole_programs(), whole_programs(), st.booleans())
def test_where_is_the_program_that_it_chooses(a: Program, b: Program, first: bool) -> None:
    chosen, other = (a, b) if first else (b, a)
    in_a, in_b = recorded(a), recorded(b)
    condition = Value(float(first))
    node = where(condition, in_a[-1], in_b[-1])
    node.backward()
    taken, left = (in_a, in_b) if first else (in_b, in_a)
    assert node.data == taken[-1].data
    assert [v.grad for v in taken[: len(chosen.inputs)]] == gradients(chosen)
    assert [v.grad for v in left[: len(other.inputs)]] == [0.0] * len(other.inputs)
    assert condition.grad == 0.0
