"""What the tests of the interactive page share: graphs to show, and how the page is read."""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from autograd_scalar import Value, dot, fsum, mean, softplus, tanh
from autograd_scalar.graph import topological_order
from nn.attention import Attention
from nn.mlp import MLP
from tests.browser import Browser, same_number

INF, NAN = math.inf, math.nan

RIGHT, LEFT, HOME, END, TAB, ENTER, ESCAPE, SPACE, UP, DOWN = (
    "\ue014", "\ue012", "\ue011", "\ue010", "\ue004", "\ue007", "\ue00c", " ", "\ue013", "\ue015",
)  # fmt: skip

# --- The graphs -----------------------------------------------------------------------------------


def labelled(**numbers: float) -> list[Value]:
    return [Value(x, label=name) for name, x in numbers.items()]


def neuron() -> Value:
    x1, x2, w1, w2, b = labelled(x1=2.0, x2=0.0, w1=-3.0, w2=1.0, b=6.8813735870195432)
    return tanh(x1 * w1 + x2 * w2 + b)


def mlp() -> Value:
    model = MLP(2, [4, 1], rng=0)
    x = labelled(x0=0.5, x1=-1.5)
    error = model(x) - 1.0
    return error * error


def diamond() -> Value:
    (x,) = labelled(x=1.5)
    shared = x * x
    left, right = shared * 3.0, tanh(shared)
    return left * right + shared


def logistic_regression() -> Value:
    chance = random.Random(1)
    w1, w2, b = labelled(w1=0.3, w2=-0.2, b=0.1)
    losses = []
    for _ in range(10):
        x1, x2 = chance.gauss(0, 1), chance.gauss(0, 1)
        z = dot([w1, w2], [x1, x2]) + b
        losses.append(softplus(-z if x1 + x2 > 0 else z))
    return mean(losses)


def attention_block() -> Value:
    attention = Attention(2, causal=True, rng=0)
    tokens = [[Value(1.0, label="t0"), Value(0.5)], [Value(-0.5), Value(2.0, label="t3")]]
    output = attention(tokens)
    return fsum([x * x for row in output for x in row])


GRAPHS: dict[str, Callable[[], Value]] = {
    f.__name__: f for f in (neuron, mlp, diamond, logistic_regression, attention_block)
}
graphs = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)


def leaves_of(value: Value) -> dict[int, Value]:
    return {i: node for i, node in enumerate(topological_order(value)) if not node.parents}


def recomputed(value: Value) -> list[tuple[float, float]]:
    """Data and grad of each node, of a graph that is computed anew from its leaves."""
    order = topological_order(value)
    fresh: dict[Value, Value] = {}
    for node in order:
        if not node.parents:
            fresh[node] = Value(node.data)
            continue
        operands = [fresh[o] if isinstance(o, Value) else o for o in node.operands]
        operation = node._closure.primitive
        assert operation is not None
        fresh[node] = operation(*operands)
    fresh[value].backward()
    return [(fresh[node].data, fresh[node].grad) for node in order]


# --- What the page says ---------------------------------------------------------------------------

READ = """
const cards = [...document.querySelectorAll('#nodes > .node')];
const numbers = () => cards.map((card) =>
    [...card.querySelectorAll('.num')].map((text) => text.dataset.value ?? null));
"""


def card_numbers(browser: Browser) -> list[tuple[float | None, float | None]]:
    return as_floats(browser.run(f"{READ} return numbers()"))


def as_floats(cards: Sequence[Sequence[str | None]]) -> list[tuple[float | None, float | None]]:
    return [tuple(None if x is None else float(x) for x in card) for card in cards]  # type: ignore[misc]


def played(browser: Browser) -> tuple[list[Any], list[list[float]]]:
    """The cards and the told numbers of every step, from the first to the last."""
    snapshots = browser.run(
        READ
        + """
        const press = (key) => document.body.dispatchEvent(
            new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        const story = () => [...document.querySelectorAll('#story data')].map((e) => e.value);
        const time = document.querySelector('#time');
        press('Home');
        const found = [[numbers(), story()]];
        while (Number(time.value) < Number(time.max)) {
            press('ArrowRight');
            found.push([numbers(), story()]);
        }
        return found;
        """
    )
    return [as_floats(c) for c, _ in snapshots], [list(map(float, told)) for _, told in snapshots]


def assert_same(found: Any, expected: Any, relative: float = 1e-12) -> None:
    assert len(found) == len(expected)
    for place, (a, b) in enumerate(zip(found, expected, strict=True)):
        if isinstance(b, Sequence):
            assert_same(a, b, relative)
        else:
            same = a is b is None or (a is not None and b is not None)
            assert same and (a is None or same_number(a, b, relative)), (place, a, b)


def focus(browser: Browser, node: int) -> None:
    browser.run("document.querySelectorAll('#nodes > .node')[arguments[0]].focus()", node)


def change(browser: Browser, node: int, text: str) -> None:
    """Type a number into the field of a leaf, as a person does."""
    browser.run("document.querySelectorAll('#nodes > .node')[arguments[0]].focus()", node)
    browser.press(ENTER, text, ENTER)


def facts(browser: Browser) -> str:
    return " ".join(browser.texts("#facts"))


def step_shown(browser: Browser) -> int:
    return int(browser.run("return Number(document.getElementById('time').value)"))
