"""Passes: what each leaves out, and that none changes a bit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import rules
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.passes import PASSES, counted, optimize, places, recompute
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder
from tests.random_tapes import SPECIAL, recorded, same

SEEDS = st.integers(0, 10**9)


def joint(seed: int) -> tuple[Tape, list[float]]:
    tape, numbers = recorded(seed)
    return value_and_gradient(tape, range(tape.inputs), strict=seed % 2 == 0), numbers


@pytest.mark.parametrize("name", PASSES)
@given(seed=SEEDS)
def test_a_pass_changes_no_bit_and_adds_no_node(name, seed):
    tape, numbers = joint(seed)
    shorter = PASSES[name](tape)
    shorter.check()
    assert len(shorter) <= len(tape)
    assert all(map(same, tape.run(numbers), shorter.run(numbers)))


@given(SEEDS, st.sets(st.sampled_from(list(PASSES))))
def test_any_choice_of_passes_changes_no_bit(seed, names):
    tape, numbers = joint(seed)
    shorter = optimize(tape, names)
    shorter.check()
    assert all(map(same, tape.run(numbers), shorter.run(numbers)))


@given(SEEDS, st.sets(st.sampled_from(list(PASSES))))
def test_several_passes_at_once_are_those_one_by_one(seed, names):
    tape, _ = joint(seed)
    sizes = {}
    one_by_one = tape
    for name in PASSES:
        if name in names:
            one_by_one = PASSES[name](one_by_one)
            sizes[name] = len(one_by_one)
    at_once, found = counted(tape, names)
    assert found == sizes
    assert written_out(at_once) == written_out(one_by_one)


def written_out(tape):
    """The program with its constants as numbers: they may be in another order."""

    def number(o):
        return o if o >= 0 else tape.constants[~o].hex()

    nodes = [(primitive, *map(number, operands)) for _, primitive, operands in tape.nodes()]
    return nodes, [*map(number, tape.outputs)], sorted(map(float.hex, tape.constants))


@given(SEEDS)
def test_what_has_been_optimised_with_no_more_to_do_is_returned_as_it_is(seed):
    tape, _ = joint(seed)
    while len(shorter := optimize(tape)) < len(tape):
        tape = shorter
    tape = optimize(shorter)
    assert optimize(tape) is tape


def test_what_simplifies_to_the_same_is_shared_by_all_that_need_it():
    builder = Builder(2)
    x, y = builder.inputs
    first, second = rules.sin(x * 1.0 + y), rules.sin(y / 1.0 + x)
    shorter = optimize(builder.tape([first * second, second]))
    assert [shorter.primitive_of(slot).name for slot in range(2, 5)] == ["+", "sin", "*"]
    assert len(shorter) == 3
    assert list(shorter.outputs) == [4, 3]


def test_equal_constants_are_one_when_expressions_are_shared():
    once = of(lambda x, y: (x + 2.0) * y)
    twice = Tape(
        2, [rules.add, rules.multiply], [0, 0, 1], [0, 2, 4, 6], [0, -1, 0, -2, 2, 3],
        [2.0, 2.0], [4],
    )  # fmt: skip
    shorter = PASSES["share"](twice)
    assert len(shorter) == len(once) == 2
    assert list(shorter.constants) == [2.0]


def test_a_constant_that_was_left_out_can_come_again():
    """Nothing needs 1.0 any more; then a sum is fused that has a term with no factor."""
    builder = Builder(2)
    x, y = builder.inputs
    _ = x + 1.0
    shorter = optimize(builder.tape([x * y + y * y + x]))
    shorter.check()
    assert shorter.run([2.0, 3.0]) == [17.0]
    assert list(shorter.constants) == [1.0]


IDENTITIES = {
    "x * 1": lambda x, y: x * 1.0,
    "1 * x": lambda x, y: 1.0 * x,
    "x / 1": lambda x, y: x / 1.0,
    "x - 0": lambda x, y: x - 0.0,
    "x + -0.0": lambda x, y: x + -0.0,
    "-0.0 + x": lambda x, y: -0.0 + x,
    "-(-x)": lambda x, y: rules.negative(-x),
    "x ** 1": lambda x, y: x**1.0,
    "x ** 0": lambda x, y: x**0.0,
    "where(c, x, x)": lambda x, y: rules.where(y, x, x),
    "where(1, x, y)": lambda x, y: rules.where(1.0, x, y),
    "where(0, y, x)": lambda x, y: rules.where(0.0, y, x),
    "pick(1, y, x)": lambda x, y: rules.pick(1.0, y, x),
}
REWRITES = {
    "x / 4": (lambda x, y: x / 4.0, "*"),
    "x / -1": (lambda x, y: x / -1.0, "neg"),
    "x * -1": (lambda x, y: x * -1.0, "neg"),
    "x + -y": (lambda x, y: x + -y, "-"),
    "-x + y": (lambda x, y: -x + y, "-"),
    "x - -y": (lambda x, y: x - -y, "+"),
    "-0.0 - x": (lambda x, y: -0.0 - x, "neg"),
    "-x * -y": (lambda x, y: -x * -y, "*"),
    "x ** 2": (lambda x, y: x**2.0, "*"),
    "abs(-x)": (lambda x, y: abs(-x), "abs"),
    "abs(abs(x))": (lambda x, y: abs(abs(x)), "abs"),
}
KEPT = {
    "x + 0.0 turns -0.0 into 0.0": lambda x, y: x + 0.0,
    "x * 0.0 may be nan": lambda x, y: x * 0.0,
    "x - x may be nan": lambda x, y: x - x,
    "x / 3 rounds otherwise than x * (1 / 3)": lambda x, y: x / 3.0,
    "1e-320 has no inverse": lambda x, y: x / 1e-320,
    "(x + y) - y rounds": lambda x, y: (x + y) - y,
}


def of(f):
    builder = Builder(2)
    x, y = builder.inputs
    return builder.tape([f(x, y)])


def agree(tape, shorter):
    for x in SPECIAL:
        for y in SPECIAL:
            assert all(map(same, tape.run([x, y]), shorter.run([x, y]))), (x, y)


@pytest.mark.parametrize("name", IDENTITIES)
def test_what_changes_nothing_is_left_out(name):
    tape = of(IDENTITIES[name])
    shorter = optimize(tape)
    assert len(shorter) == 0
    agree(tape, shorter)


@pytest.mark.parametrize("name", REWRITES)
def test_what_is_simpler_takes_its_place(name):
    f, operation = REWRITES[name]
    shorter = optimize(of(f))
    assert [shorter.primitives[code].name for code in shorter.codes] == [operation]
    agree(of(f), shorter)


@pytest.mark.parametrize("reason", KEPT)
def test_what_is_not_exact_is_kept(reason):
    tape = of(KEPT[reason])
    shorter = optimize(tape)
    assert len(shorter) == len(tape)
    agree(tape, shorter)


def test_constants_are_folded_even_where_python_would_raise():
    builder = Builder(1)
    inverse = builder.apply(rules.divide, [1.0, 0.0])
    shorter = optimize(builder.tape([inverse + builder.inputs[0]]))
    assert len(shorter) == 1
    assert list(shorter.constants) == [math.inf]


def test_a_guard_that_always_holds_goes_and_others_stay():
    builder = Builder(1)
    (x,) = builder.inputs
    always = builder.apply(rules.less, [1.0, 2.0])
    tape = builder.tape([x], [Guard(always.slot, True, "a"), Guard((x < 0.0).slot, False, "b")])
    shorter = optimize(tape)
    assert [guard.line for guard in shorter.guards] == ["b"]
    assert len(optimize(shorter)) == 1


def test_a_chain_of_products_and_sums_is_one_dot():
    builder = Builder(100)
    xs = builder.inputs
    total = xs[99]
    for a, b in zip(xs[:99:2], xs[1:99:2], strict=False):
        total = total + a * b
    shorter = optimize(builder.tape([total]))
    assert len(shorter) == 1
    assert shorter.primitives[0] is rules.dot


def test_a_product_that_others_use_is_not_swallowed():
    builder = Builder(2)
    x, y = builder.inputs
    product = x * y
    shorter = optimize(builder.tape([product + x * x + y * y, product]))
    assert sum(shorter.primitives[code] is rules.multiply for code in shorter.codes) == 1


def test_fusing_takes_linear_time():
    builder = Builder(2)
    x, y = builder.inputs
    total = x
    for _ in range(20_000):
        total = total + x * y
    assert len(optimize(builder.tape([total]), ["fuse"])) == 1


def test_an_unknown_pass_is_told_with_those_that_there_are():
    with pytest.raises(ValueError, match="no pass 'inline': they are fold, simplify"):
        optimize(of(lambda x, y: x), ["inline"])


# --- Memory ---------------------------------------------------------------------------------------


def run_in_places(tape: Tape, numbers: list[float]) -> list[float]:
    """Run in reused memory: a number that was overwritten too early comes out wrong."""
    place, size = places(tape)
    memory = [math.nan] * size
    memory[: tape.inputs] = numbers

    def read(o: int) -> float:
        return tape.constants[~o] if o < 0 else memory[place[o]]

    for slot, primitive, operands in tape.nodes():
        memory[place[slot]] = float(primitive.function(*map(read, operands)))
    return [read(o) for o in tape.outputs]


@given(SEEDS)
def test_reused_memory_is_never_needed_any_more(seed):
    tape, numbers = joint(seed)
    assert all(map(same, run_in_places(tape, numbers), tape.run(numbers)))


def chain(length: int) -> Tape:
    builder = Builder(1)
    x = builder.inputs[0]
    for i in range(length):
        x = rules.sin(x) * 1.5 + float(i % 3)
    return builder.tape([x])


def test_memory_goes_by_width_not_by_length():
    assert places(chain(1000))[1] <= 4


@pytest.mark.parametrize("segments", [1, 2, 7, 45, 300])
def test_recomputation_changes_no_bit_and_bounds_memory(segments):
    tape = chain(1000)
    program = value_and_gradient(tape, [0])
    again = recompute(program, len(tape), segments)
    again.check()
    assert all(map(same, program.run([0.3]), again.run([0.3])))
    assert len(again) <= len(program) + len(tape)
    if segments == 45:
        assert places(again)[1] < places(program)[1] / 8


@given(SEEDS, st.integers(1, 5))
def test_any_program_can_be_recomputed_in_segments(seed, segments):
    tape, numbers = recorded(seed)
    program = value_and_gradient(tape, range(tape.inputs), strict=True)
    again = recompute(program, len(tape), min(segments, max(len(tape), 1)))
    again.check()
    assert all(map(same, program.run(numbers), again.run(numbers)))


@pytest.mark.parametrize("segments", [0, 4])
def test_segments_must_be_possible(segments):
    with pytest.raises(ValueError, match="segments must be from 1 to 3"):
        recompute(chain(1), 3, segments)
