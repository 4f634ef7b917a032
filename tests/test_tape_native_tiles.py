"""Memory of a tile is reused, and a tile shrinks where the program is wide."""

import math

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.tape.native import blocks, engine, tiles
from autograd_scalar.tape.native.batch import _varying, compile_batch
from autograd_scalar.tape.native.emit import Module
from autograd_scalar.tape.native.tiles import Writer
from autograd_scalar.tape.variables import Builder


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


def written(tape, batched, summed=(), lanes=4):
    varies = _varying(tape, frozenset(batched))
    return Writer(tape, varies, sorted(batched), frozenset(summed), Module(), lanes, contract=False)


def layers(width, depth):
    """Numbers that go through so many layers, each needing two of the one before."""
    builder = Builder(width)
    numbers = list(builder.inputs)
    for _ in range(depth):
        turned = numbers[1:] + numbers[:1]
        numbers = [a * 0.5 + b for a, b in zip(numbers, turned, strict=True)]
    return builder.tape([rules.fsum(*numbers)])


def test_memory_follows_the_width_not_the_depth():
    sizes = [written(layers(10, depth), range(10))._size for depth in (5, 50)]
    assert sizes[0] == sizes[1] <= 6 * 10


def test_straight_line_code_hands_on_only_what_is_needed(monkeypatch):
    monkeypatch.setattr(blocks, "LARGEST_STRAIGHT", 10)
    builder = Builder(1)
    x = builder.inputs[0]
    for _ in range(1000):
        x = x * x
    assert written(builder.tape([x]), [0])._size <= 3


def test_a_wide_program_has_smaller_tiles(monkeypatch):
    tape = layers(64, 2)
    assert written(tape, range(64)).tile == 32
    monkeypatch.setattr(tiles, "_CACHE", 8 * 400 * 8)
    found = written(tape, range(64))
    assert found.tile == 8 and 8 * found.tile * found._size <= tiles._CACHE
    monkeypatch.setattr(tiles, "_CACHE", 0)
    assert written(tape, range(64)).tile == 4
    table = np.random.default_rng(0).normal(size=(21, 64))
    _, rows = compile_batch(tape, range(64))([], table)
    expected = [tape.run(list(map(float, row))) for row in table]
    np.testing.assert_allclose(rows, expected, rtol=1e-14)


@pytest.mark.parametrize("count, height, expected", [
    (0, 4, []), (3, 4, [(0, 1, 3)]), (4, 4, [(0, 1, 4)]), (11, 4, [(0, 2, 4), (8, 1, 3)]),
])  # fmt: skip
def test_rows_are_cut_into_blocks(count, height, expected):
    assert list(tiles._blocks(count, height)) == expected


def test_sums_under_way_fit_the_registers():
    writer = written(layers(4, 1), range(4), lanes=4)
    for rows in (1, 2, 3, 4):
        assert 1 <= rows * writer._vectors(rows) <= 8


def test_shared_numbers_are_laid_down_in_the_order_they_are_read():
    builder = Builder(8)
    ws, xs = builder.inputs[:4], builder.inputs[4:]
    tape = builder.tape([w * x + 3.0 for w, x in zip(reversed(ws), xs, strict=True)])
    assert written(tape, range(4, 8)).packed == [3, 2, 1, 0]


@pytest.mark.parametrize("rest", range(1, 9))
def test_what_is_beyond_the_end_of_the_batch_counts_nowhere(rest):
    """Not even where it is inf or nan, as what is left over from another batch."""
    builder = Builder(2)
    w, x = builder.inputs
    numbers = [x, x * x, rules.exp(x), rules.dot(x, w, x, x), rules.dot(*[x + 1.0] * 24)]
    compiled = compile_batch(builder.tape(numbers), [1], range(5), threads=1)
    compiled([2.0], np.full((8 * engine.host().lanes, 1), np.inf))
    sums, _ = compiled([2.0], np.full((rest, 1), 0.5))
    each = [0.5, 0.25, math.exp(0.5), 0.25 + 1.0, 27.0]
    assert sums == pytest.approx([rest * x for x in each], rel=1e-15)
