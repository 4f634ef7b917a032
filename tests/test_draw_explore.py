"""A page is one file, written whole, the same in every run; bad arguments are named."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autograd_scalar import Value, fsum, tanh
from autograd_scalar.draw import program
from autograd_scalar.draw.explore import LIMIT, explore
from autograd_scalar.draw.page import SCRIPTS
from autograd_scalar.graph import topological_order
from tests.browser import Browser, started
from tests.exploring import assert_same, card_numbers, neuron, recomputed


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


# --- Size and speed -------------------------------------------------------------------------------


def thousand() -> Value:
    chance = random.Random(0)
    values = [Value(chance.gauss(0, 1), label=f"input {i}") for i in range(40)]
    while len(values) < 959:
        a, b = chance.sample(values[-40:], 2)
        values.append(
            chance.choice([lambda a, b: a * b, lambda a, b: a - b, lambda a, b: tanh(a)])(a, b)
        )
    used = {parent for value in values for parent in value.parents}
    ends = [value for value in values if value not in used]
    return fsum(ends)


def test_a_thousand_values_are_right_and_below_a_megabyte(browser: Browser) -> None:
    value = thousand()
    page = explore(value, fold=False)
    assert 900 <= page.size <= LIMIT
    assert len(page.html.encode()) < 1_000_000
    browser.open(page.html)
    assert_same(card_numbers(browser), recomputed(value), 1e-10)
    assert browser.complaints() == []


# --- Files and errors -----------------------------------------------------------------------------


def test_the_same_graph_gives_the_same_bytes() -> None:
    code = (
        "from tests.exploring import mlp; from autograd_scalar.draw.explore import explore;"
        "import hashlib;"
        "print(hashlib.sha256(explore(mlp()).html.encode()).hexdigest())"
    )
    root = str(Path(__file__).parents[1])
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root}
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        found.add(run.stdout)
    assert len(found) == 1


def test_a_file_is_written_and_the_page_is_returned(tmp_path: Path) -> None:
    page = explore(neuron(), tmp_path / "neuron.html")
    assert (tmp_path / "neuron.html").read_text(encoding="utf-8") == page.html
    assert page.save(str(tmp_path / "again.html")) == tmp_path / "again.html"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.html", "neuron.html"]
    assert repr(page) == "<Page of 10 values>"


def test_a_target_that_cannot_be_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail(*arguments: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PermissionError, match=r"page\.html"):
        explore(neuron(), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        explore(neuron(), tmp_path)


def test_bad_arguments_are_named_before_anything_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["autograd_scalar.draw.page"], "lay_out", lambda interiors: pytest.fail("drawn")
    )
    x = Value(1.0)
    by_hand = Value(1.0, (x,), "mine")
    for arguments, error, message in [
        ((3.0,), TypeError, r"explore: value must be a Value or a function of no.*3\.0 \(float\)"),
        ((lambda: 3.0,), TypeError, r"explore: the function must return a Value, not 3\.0"),
        ((by_hand,), TypeError, "explore: .*wired by hand.*make the operation a primitive"),
        ((lambda: by_hand * x,), TypeError, "explore: .*wired by hand"),
        ((x, "/no/such/folder/page.html"), FileNotFoundError, "explore: path .*does not exist"),
    ]:
        with pytest.raises(error, match=message):
            explore(*arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="explore: fold must be True, False or None, not 'no'"):
        explore(x, fold="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="parameters must be"):
        explore(x, parameters=3)  # type: ignore[arg-type]


def test_a_graph_over_the_limit_says_its_size_and_what_to_do() -> None:
    y = Value(1.0)
    for _ in range(LIMIT):
        y = y + 1.0
    with pytest.raises(
        ValueError, match=f"{LIMIT + 1} values, more than limit={LIMIT}; without fold=False it"
    ):
        explore(y, fold=False)
    with pytest.raises(ValueError, match=r"even folded, .* shows \d+ values and boxes, more than"):
        explore(y, limit=1)
    assert explore(y).size == LIMIT + 1
    assert explore(y.parents[0].parents[0], limit=LIMIT, fold=False).size == LIMIT - 1


def test_data_that_was_overwritten_is_what_counts() -> None:
    import numpy as np

    for x in (3, np.float32(3.0), np.float64("inf"), float("nan")):
        leaf = Value(1.0)
        value = leaf * 2.0
        leaf.data = x
        assert f">{'3' if x == 3 else repr(float(x))}<" in explore(value).html


def test_without_graphviz_the_error_is_that_of_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "programs", lambda: iter(()))
    with pytest.raises(FileNotFoundError, match="pip install graphviz-pure"):
        explore(neuron())


def test_exploring_changes_no_gradient() -> None:
    value = neuron()
    value.backward()
    before = [node.grad for node in topological_order(value)]
    explore(value)
    explore(lambda: value)
    assert [node.grad for node in topological_order(value)] == before


def test_the_page_is_well_formed_and_has_no_address() -> None:
    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag not in ("meta", "input", "link", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    for value in (neuron(), Value(1.0, label="<p>") * 2.0):
        page = explore(value).html
        balance = Balance()
        balance.feed(page)
        assert balance.open == []
    assert set(re.findall(r"https?://[^\"' )]+", explore(neuron()).html)) == {
        "http://www.w3.org/2000/svg"
    }


def test_all_files_of_the_page_are_used() -> None:
    folder = Path(__file__).parents[1] / "autograd_scalar/draw/page"
    assert {p.name for p in folder.glob("*.js")} == set(SCRIPTS)
