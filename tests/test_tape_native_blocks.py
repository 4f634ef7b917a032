"""A plan computes all that is wanted, each number once and after what it is computed of."""

import random

import pytest

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.tape.native import blocks
from autograd_scalar.tape.native.batch import _varying
from autograd_scalar.tape.native.blocks import (
    Dots,
    DotSum,
    Loop,
    MatrixVector,
    OuterSum,
    PlainSum,
    Plan,
    Straight,
    outer_sums,
)
from autograd_scalar.tape.native.straight import machine_tape
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program
from tests.test_tape_native_batch import network
from tests.test_tape_native_straight import taped


def planned(tape, batched, summed=()):
    varies = _varying(tape, frozenset(batched))
    return Plan(tape, varies, frozenset(summed)).items, varies


def kinds(items):
    """Each item in a word, with its sizes."""
    found = []
    for item in items:
        name = type(item).__name__
        if isinstance(item, Straight):
            found.append((name, len(item.nodes)))
        elif isinstance(item, Loop):
            name = type(item.head).__name__ if item.head is not None else name
            found.append((name, item.rounds, len(item.columns)))
        elif isinstance(item, OuterSum):
            found.append((name, len(item.rows), len(item.columns)))
        elif isinstance(item, DotSum):
            found.append((name, len(item.pairs), len(item.pairs[0])))
        else:
            found.append((name, len(item.slots)))
    return found


def test_the_layers_of_a_network_become_loops():
    tape, count = network((3, 16, 12, 1))
    items, _ = planned(tape, range(count, tape.inputs), range(len(tape.outputs)))
    names = [kind[0] for kind in kinds(items)]
    assert names.count("MatrixVector") == 3  # two layers forward, one backward
    outer = sorted(kind[1:] for kind in kinds(items) if kind[0] == "OuterSum")
    assert outer == [(1, 12), (3, 16), (12, 16)]
    assert sum(len(item.nodes) for item in items if isinstance(item, Straight)) < 20


def test_what_goes_member_by_member_joins_the_loop():
    builder = Builder(8)
    found = [rules.exp(x) for x in builder.inputs]
    found = [1.0 / (1.0 + x) for x in reversed(found)]
    items, _ = planned(builder.tape(found), range(8))
    assert kinds(items) == [("Loop", 8, 3)]
    (loop,) = items
    assert [list(column) for column in loop.columns] == [
        list(range(8, 16)), list(range(30, 14, -2)), list(range(31, 15, -2)),
    ]  # fmt: skip


def test_what_needs_two_members_is_another_loop():
    builder = Builder(8)
    found = [rules.exp(x) for x in builder.inputs]
    found = [a * b for a, b in zip(found, found[1:] + found[:1], strict=True)]
    items, _ = planned(builder.tape(found), range(8))
    assert kinds(items) == [("Loop", 8, 1), ("Loop", 8, 1)]


def test_two_for_one_member_are_another_loop():
    builder = Builder(4)
    exps = [rules.exp(x) for x in builder.inputs]
    found = [exps[k // 2] * x for k, x in enumerate(builder.inputs)]
    items, _ = planned(builder.tape(exps + found), range(4))
    assert kinds(items) == [("Loop", 4, 1), ("Loop", 4, 1)]


def test_few_alike_are_straight_line_code():
    builder = Builder(3)
    items, _ = planned(builder.tape([rules.exp(x) * x for x in builder.inputs]), range(3))
    assert kinds(items) == [("Straight", 6)]


def test_straight_line_code_is_cut(monkeypatch):
    monkeypatch.setattr(blocks, "LARGEST_STRAIGHT", 10)
    builder = Builder(1)
    x = builder.inputs[0]
    for _ in range(95):
        x = x * x
    items, _ = planned(builder.tape([x]), [0])
    assert [kind[1] for kind in kinds(items)] == [10] * 9 + [5]


@pytest.mark.parametrize(
    "rows, columns, expected",
    [(4, 3, [(3, 4)]), (1, 9, [(1, 9)]), (9, 1, [(1, 9)])],
)
def test_outer_products_are_found_whole(rows, columns, expected):
    products = {(r, 100 + c): [r * columns + c] for r in range(rows) for c in range(columns)}
    found = outer_sums(products)
    assert [(len(o.rows), len(o.columns)) for o in found] == expected
    for outer in found:
        for row, outputs in zip(outer.rows, outer.outputs, strict=True):
            for column, output in zip(outer.columns, outputs, strict=True):
                assert products.get((row, column), products.get((column, row))) == output


def test_products_that_are_no_block_are_all_found_once():
    rng = random.Random(0)
    products = {
        (a, b): [i]
        for i, (a, b) in enumerate({(rng.randrange(9), rng.randrange(9)) for _ in "a" * 40})
    }
    found = [
        i for o in outer_sums(products) for row in o.outputs for outputs in row for i in outputs
    ]
    assert sorted(found) == list(range(len(products)))


def test_sums_drop_an_addition_of_zero_and_the_product_before_it():
    builder = Builder(2)
    x = builder.inputs[1]
    items, _ = planned(builder.tape([x * x + 0.0, 0.0 + rules.exp(x)]), [1], [0, 1])
    assert kinds(items) == [("OuterSum", 1, 1), ("Straight", 1), ("PlainSum", 1)]


def test_sums_of_dot_products_drop_a_zero_at_the_end():
    builder = Builder(2)
    x, y = builder.inputs
    outputs = [
        rules.dot(x, y, 0.0, y, x, 1.0),
        rules.dot(x, 0.0, x, 1.0),
        rules.dot(x, 2.0, x, 1.0),
    ]
    items, _ = planned(builder.tape(outputs), [0, 1], [0, 1, 2])
    assert kinds(items) == [("OuterSum", 1, 1), ("DotSum", 1, 2), ("Straight", 1), ("PlainSum", 1)]


def test_a_product_that_is_wanted_for_each_example_too_is_kept():
    builder = Builder(1)
    (x,) = builder.inputs
    square = x * x
    items, _ = planned(builder.tape([square, square]), [0], [1])
    assert kinds(items) == [("Straight", 1), ("PlainSum", 1)]


def uses(item, tape, varies):
    """The slots that an item reads, one after the other with those that it has computed itself."""
    if isinstance(item, OuterSum):
        yield from ((o, None) for o in (*item.rows, *item.columns))
    elif isinstance(item, DotSum):
        yield from ((o, None) for row in item.pairs for pair in row for o in pair)
    elif isinstance(item, PlainSum):
        yield from ((o, None) for o in item.slots)
    else:
        nodes = item.nodes if isinstance(item, Straight) else zip(*item.columns, strict=True)
        for group in nodes:
            for slot in (group,) if isinstance(group, int) else group:
                yield from ((o, slot) for o in tape.operands_of(slot))
                yield slot, slot


@pytest.mark.parametrize("few", [1, 2, 4])
@pytest.mark.parametrize("seed", range(60))
def test_the_order_of_any_program_is_right(seed, few, monkeypatch):
    monkeypatch.setattr(blocks, "FEWEST_MEMBERS", few)
    monkeypatch.setattr(blocks, "FEWEST_TERMS", few)
    rng = random.Random(seed)
    tape = machine_tape(taped(random_program(RandomSource(seed), steps=30), outputs=6))
    batched = rng.sample(range(tape.inputs), rng.randint(1, tape.inputs))
    summed = [i for i in range(len(tape.outputs)) if rng.random() < 0.5]
    items, varies = planned(tape, batched, summed)
    known, computed = set(batched), []
    for item in items:
        for slot, by in uses(item, tape, varies):
            if slot == by:
                computed.append(slot)
                known.add(slot)
            elif slot >= 0 and varies[slot]:
                assert slot in known, (slot, by)
    assert len(computed) == len(set(computed))
    for i, o in enumerate(tape.outputs):
        if o >= 0 and varies[o] and i not in summed:
            assert o in known
    found = sorted(i for item in items for i in sums_of(item))
    assert found == [i for i in summed if tape.outputs[i] >= 0 and varies[tape.outputs[i]]]


def sums_of(item):
    if isinstance(item, OuterSum):
        return [i for row in item.outputs for outputs in row for i in outputs]
    if isinstance(item, (DotSum, PlainSum)):
        return [i for outputs in item.outputs for i in outputs]
    return []


@pytest.mark.parametrize("same_vector", [True, False])
def test_a_matrix_times_one_vector_or_rows_times_their_own(same_vector):
    builder = Builder(16)
    ws, xs = builder.inputs[:8], builder.inputs[8:]
    rows = [rules.dot(*ws, *(xs if same_vector else xs[k:] + xs[:k])) for k in range(6)]
    if same_vector:
        rows = [rules.dot(*(ws[k:] + ws[:k]), *xs) for k in range(6)]
    (item,), _ = planned(builder.tape(rows), range(8, 16))
    assert isinstance(item.head, MatrixVector if same_vector else Dots)
    assert same_vector or item.head.shared
