"""Repetition is found at any length and depth, loses nothing, and begins where a round begins."""

import random
from collections.abc import Iterable, Sequence

import pytest

from autograd_scalar.draw.rounds import FEWEST_ROUNDS, LONGEST_PATTERN, SMALLEST_RUN, Run, folded


def members(items: Iterable[int | Run]) -> list[int]:
    return [x for item in items for x in (item.members() if isinstance(item, Run) else [item])]


def shapes(items: Sequence[int | Run]) -> list[object]:
    """Runs as (rounds, what a round is), things as themselves."""
    return [
        (len(item.rounds), shapes(item.rounds[0])) if isinstance(item, Run) else "x"
        for item in items
    ]


@pytest.mark.parametrize("length", [1, 2, 3, 7, LONGEST_PATTERN])
@pytest.mark.parametrize("rounds", [FEWEST_ROUNDS, 4, 50])
def test_a_pattern_that_repeats_is_one_run(length: int, rounds: int) -> None:
    signs = ["before", *[f"step {i}" for i in range(length)] * rounds, "after"]
    found = folded(signs)
    if length * rounds < SMALLEST_RUN:
        assert found == list(range(len(signs)))
    else:
        assert shapes(found) == ["x", (rounds, ["x"] * length), "x"]


def test_too_few_rounds_and_too_long_patterns_are_left_alone() -> None:
    for signs in (
        list("abcdefghabcdefgh"),
        [f"{i}" for i in range(LONGEST_PATTERN + 1)] * 4,
        list("aaa"),
        [],
    ):
        assert folded(signs) == list(range(len(signs)))


def test_runs_lie_within_the_rounds_of_runs() -> None:
    inner = ["w", *["x"] * 9]
    assert shapes(folded(inner * 5)) == [(5, ["x", (9, ["x"])])]


@pytest.mark.parametrize("seed", range(200))
def test_nothing_is_lost_doubled_or_moved(seed: int) -> None:
    chance = random.Random(seed)
    signs: list[str] = []
    while len(signs) < 120:
        part = [chance.choice("abcd") for _ in range(chance.randint(1, 6))]
        signs += part * chance.choice([1, 1, 3, 5])
    found = folded(signs, [sign in "ab" for sign in signs], lambda start, end: end % 3)
    assert members(found) == list(range(len(signs)))
    for item in found:
        if isinstance(item, Run):
            assert item.size == len(list(item.members())) >= SMALLEST_RUN
            assert len(item.rounds) >= FEWEST_ROUNDS
            assert len({len(list(members(items))) for items in item.rounds}) == 1


def test_the_first_and_the_last_round_need_only_be_near() -> None:
    signs = ["first *", "first +", *["*", "+"] * 6, "last *", "last +"]
    rough = [sign.split()[-1] for sign in signs]
    assert shapes(folded(signs, rough)) == [(8, ["x", "x"])]
    assert shapes(folded(signs)) == ["x", "x", (6, ["x", "x"]), "x", "x"]


@pytest.mark.parametrize("where", range(4))
def test_a_round_begins_where_the_least_crosses(where: int) -> None:
    """Of a stretch with a part of a round too many, the beginning is chosen by what crosses."""
    signs = [*"abcd" * 5, *"abc"]  # 5 rounds may begin at a, b, c or d
    found = folded(signs, crossing=lambda start, end: 0 if start % 4 == where else 9)
    (run,) = [item for item in found if isinstance(item, Run)]
    assert len(run.rounds) == 5
    assert run.rounds[0] == [where, where + 1, where + 2, where + 3]
