"""What is computed alike is found, put side by side, and still computes the same."""

from itertools import pairwise

import pytest

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.tape.native.blocks import Loop, Straight
from autograd_scalar.tape.native.classes import Plan
from autograd_scalar.tape.native.straight import machine_tape
from autograd_scalar.tape.variables import Builder
from tests.test_tape_native_wide import atoms, check, kinds, layered, numbers


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


@pytest.mark.parametrize("seed", range(100))
def test_each_node_is_computed_once_and_after_what_it_needs(seed):
    tape = machine_tape(layered(seed))
    plan = Plan(tape)
    inner = {slot for chain in plan.chains.values() for slot in chain.nodes[:-1]}
    done = set(range(-len(tape.constants), tape.inputs))
    computed = []
    for place, item in enumerate(plan.items):
        before = set(done)
        if isinstance(item, Straight):
            for slot in item.nodes:
                assert done.issuperset(tape.operands_of(slot))
                done.add(slot)
            computed += item.nodes
        elif isinstance(item, Loop):
            for i, slots in enumerate(zip(*item.columns, strict=True)):
                known = set(before)
                for slot in slots:
                    assert known.issuperset(tape.operands_of(slot)), (place, i)
                    known.add(slot)
                computed += slots
                done.update(slots)
            for along in plan.along.get(place, ()):
                assert before.issuperset([o for term in along.begin for o in term])
                computed.append(along.member)
                done.add(along.member)
        else:
            for factor in item.factors:
                assert before.issuperset([o for row in factor for o in row])
            computed += item.members
            done.update(item.members)
    assert len(set(computed)) == len(computed)
    assert set(computed) | inner == set(range(tape.inputs, tape.slots))


def test_pairs_of_atoms_are_one_loop_with_their_energy_and_sums():
    tape = atoms(12)
    found = kinds(tape)
    loops = [kind for kind in found if kind[0] == "Loop" and kind[1] == 66]
    assert len(loops) == 1 and loops[0][2] >= 20
    assert sum(kind[1] for kind in found if kind[0] == "Sums") == 33
    assert sum(kind[1] for kind in found if kind[0] == "Straight") < 80
    check(tape, [numbers(36, 0, 0.0), numbers(36, 1)])


def test_rounds_that_one_member_needs_become_one():
    builder = Builder(64)
    squares = [x * x for x in builder.inputs]
    found = [a / b for a, b in zip(squares[1::2], squares[::2], strict=True)]
    tape = builder.tape(found)
    assert kinds(tape) == [("Loop", 32, 3)]
    check(tape, [numbers(64, 0)])


def test_several_members_of_a_round_join_its_loop():
    builder = Builder(80)
    xs, ys = builder.inputs[:40], builder.inputs[40:]
    roots = [rules.sqrt(x) for x in xs]
    found = [root * y for root, y in zip(roots, ys, strict=True)]
    found += [root * x for root, x in zip(roots, xs, strict=True)]
    tape = builder.tape(found)
    assert kinds(tape) == [("Loop", 40, 3)]
    check(tape, [numbers(80, 0)])


def test_what_reads_the_same_numbers_joins_the_loop():
    builder = Builder(40)
    squares = [x * x for x in builder.inputs]
    roots = [rules.sqrt(x) for x in builder.inputs]
    tape = builder.tape([*squares, *roots, *[a - b for a, b in zip(squares, roots, strict=True)]])
    assert kinds(tape) == [("Loop", 40, 3)]
    check(tape, [numbers(40, 0)])


def test_what_is_needed_by_neighbours_is_another_loop():
    builder = Builder(64)
    squares = [x * x for x in builder.inputs]
    tape = builder.tape([a - b for a, b in pairwise(squares)])
    assert kinds(tape) == [("Loop", 64, 1), ("Loop", 63, 1)]
    check(tape, [numbers(64, 0)])


def test_ends_that_differ_do_not_split_what_lies_between():
    """Cells of a rod, whose ends are held, step by step."""
    builder = Builder(200)
    cells = builder.inputs
    for _ in range(20):
        inner = zip(cells, cells[1:], cells[2:], strict=False)
        cells = [1.0 * cells[0], *[a - 2.0 * b + c for a, b, c in inner], 2.0 * cells[-1]]
    tape = builder.tape(cells)
    found = kinds(tape)
    assert sum(kind[1] for kind in found if kind[0] == "Straight") < 100
    assert len(found) < 100
    check(tape, [numbers(200, 0), numbers(200, 1, 0.0)])


@pytest.mark.parametrize("count", [40, 43])
@pytest.mark.parametrize("used", [False, True])
def test_a_sum_is_added_up_along_the_loop_of_its_terms(count, used):
    """In segments, too: a vector ends where the first of a pair is another."""
    builder = Builder(count + 1)
    pairs = [(a, b) for i, a in enumerate(builder.inputs) for b in builder.inputs[i + 1 :]]
    total = 0.5 - builder.inputs[3]
    for a, b in pairs:
        term = a * b
        total = total + term - rules.sqrt(term)
    found = [total * x for x in builder.inputs] if used else [total]
    tape = builder.tape(found)
    plan = Plan(machine_tape(tape))
    assert [len(along) for along in plan.along.values()] == [1]
    assert "Sums" not in [kind[0] for kind in kinds(tape)]
    check(tape, [[-0.0] * (count + 1), *[numbers(count + 1, k, 0.01 * k) for k in range(3)]])


def test_a_long_dot_product_is_added_up_along_the_loop_of_its_factors():
    builder = Builder(50)
    ws = [x * 3.0 for x in builder.inputs]
    xs = [1.0 / w for w in ws]
    tape = builder.tape([rules.dot(0.25, *ws, builder.inputs[2], *xs)])
    assert kinds(tape) == [("Loop", 50, 2)]
    check(tape, [numbers(50, k, 0.01 * k) for k in range(3)])


def test_terms_in_another_order_are_a_sum_by_themselves():
    builder = Builder(50)
    xs = [x * x for x in builder.inputs]
    total = 0.0
    for x in reversed(xs):
        total = total + x
    tape = builder.tape([total])
    assert kinds(tape) == [("Loop", 50, 1), ("Sums", 1, 1)]
    check(tape, [numbers(50, k, 0.01 * k) for k in range(3)])


def test_a_sum_that_is_needed_on_the_way_is_one_up_to_there():
    builder = Builder(100)
    total, found = builder.inputs[0], []
    for i, x in enumerate(builder.inputs[1:]):
        total = total + x
        if i % 33 == 32:
            found.append(total)
    tape = builder.tape(found)
    assert kinds(tape) == [("Sums", 1, 1)] * 3
    check(tape, [numbers(100, 0)])
