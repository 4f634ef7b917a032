"""Boxes unfold in place and fold again, by mouse and by keys; the player and the heat know them."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autograd_scalar import Value, exp, fsum, primitive, scope, tanh
from autograd_scalar.draw.explore import explore
from autograd_scalar.draw.page.graph import Graph
from autograd_scalar.graph import topological_order
from nn.mlp import MLP
from tests.browser import Browser, same_number, started
from tests.exploring import (
    END,
    ENTER,
    HOME,
    LEFT,
    RIGHT,
    TAB,
    UP,
    assert_same,
    card_numbers,
    focus,
    labelled,
    played,
    recomputed,
    step_shown,
)
from tests.test_draw_groups import loop, tangled
from tests.test_draw_page import HOSTILE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


def two_layers() -> Value:
    model = MLP(2, [3, 1], rng=0)
    (x0, x1) = labelled(x0=0.5, x1=-1.5)
    with scope("loss"):
        with scope("model"):
            y = model([x0, x1])
        return (y - 1.0) ** 2


def deep(layers: int = 12) -> Value:
    """A gradient that vanishes along depth, a dead part, an infinite and an undefined number."""
    (x,) = labelled(x=1.0)
    for i in range(layers):
        with scope(f"layer {i}"):
            x = tanh(x * 0.1) * 1.5
    with scope("dead"):
        dead = Value(0.5, label="d") * 2.0 + 1.0
    dead = dead * 0.0
    with scope("none"):
        none = Value(math.nan, label="n") * 1.0
        endless = exp(Value(800.0, label="e"))
    return fsum([x, dead, none * 0.0, endless * 0.0])


# --- What is seen ---------------------------------------------------------------------------------

SEEN = """
    return [...document.querySelectorAll('#nodes > *')].map((e) => [
        e.classList.contains('title') ? 'title' : e.classList.contains('box') ? 'box' : 'card',
        e.querySelector('.name').textContent, e.getAttribute('aria-expanded')])
"""


def seen(browser: Browser) -> list[tuple[str, str, str | None]]:
    return [tuple(x) for x in browser.run(SEEN)]  # type: ignore[misc]


def names(browser: Browser, kind: str) -> list[str]:
    return [name for what, name, _ in seen(browser) if what == kind]


def press_on(browser: Browser, name: str) -> None:
    browser.run(
        "[...document.querySelectorAll('#nodes > .box, #nodes > .title')].find((e) =>"
        " e.querySelector('.name').textContent === arguments[0])"
        ".dispatchEvent(new MouseEvent('click', { bubbles: true }))",
        name,
    )


def test_scopes_stand_unfolded_in_a_small_graph_and_fold_one_in_another(browser: Browser) -> None:
    value = two_layers()
    browser.open(explore(value).html)
    assert names(browser, "title")[:3] == ["loss", "model", "MLP"]
    cards = browser.run("return document.querySelectorAll('#nodes > .node').length")
    assert cards == len(topological_order(value))
    press_on(browser, "layers.0")
    assert "layers.0" in names(browser, "box")
    press_on(browser, "loss")
    assert seen(browser) == [("box", "loss", "false")]
    press_on(browser, "loss")  # as it was: what was folded inside is folded
    assert "layers.0" in names(browser, "box") and "layers.1" in names(browser, "title")
    press_on(browser, "layers.0")
    assert names(browser, "box") == []
    assert browser.complaints() == []


def test_everything_folds_and_unfolds_level_by_level(browser: Browser) -> None:
    value = two_layers()
    browser.open(explore(value, fold=True).html)
    assert seen(browser) == [("box", "loss", "false")]
    counts = [1]
    while names(browser, "box"):
        browser.run("document.getElementById('unfold').click()")
        counts.append(len(seen(browser)))
    assert counts == sorted(counts) and len(counts) >= 4
    assert browser.run("return document.getElementById('unfold').disabled")
    browser.run("document.getElementById('fold-all').click()")
    assert seen(browser) == [("box", "loss", "false")]


def test_a_graph_without_groups_has_no_controls_for_them(browser: Browser) -> None:
    (x,) = labelled(x=1.0)
    browser.open(explore(x * 2.0).html)
    for name in ("folds", "box-steps", "box-legend"):
        assert browser.run("return document.getElementById(arguments[0]).hidden", name)


OVERLAPS = """
    const boxes = [...document.querySelectorAll('#nodes > .node')].map((e) => {
        const m = e.transform.baseVal.consolidate().matrix;
        const card = e.querySelector('.card');
        return [m.e, m.f, m.e + card.width.baseVal.value, m.f + card.height.baseVal.value];
    });
    let overlaps = 0;
    boxes.forEach(([l, t, r, b], i) => boxes.slice(i + 1).forEach(([L, T, R, B]) => {
        if (l < R && L < r && t < B && T < b) overlaps++;
    }));
    const frames = [...document.querySelectorAll('.frame')].map((e) =>
        ['x', 'y', 'width', 'height'].map((name) => e[name].baseVal.value));
    const crossing = frames.filter(([x, y, w, h]) => frames.some(([X, Y, W, H]) =>
        x < X && X < x + w && x + w < X + W && y < Y + H && Y < y + h)).length;
    return [overlaps, crossing];
"""


@pytest.mark.parametrize(
    "make",
    [two_layers, deep, lambda: loop(40), lambda: tangled(300)],
    ids=["layers", "deep", "loop", "tangled"],
)
def test_nothing_overlaps_however_much_is_unfolded(
    browser: Browser, make: Callable[[], Value]
) -> None:
    browser.open(explore(make(), fold=True).html)
    for _ in range(8):
        assert browser.run(OVERLAPS) == [0, 0]
        browser.run("document.querySelector('#nodes > .box')?.dispatchEvent("
                    "new MouseEvent('click', { bubbles: true }))")  # fmt: skip
    browser.run("document.getElementById('unfold').click()")
    assert browser.run(OVERLAPS) == [0, 0]
    assert browser.complaints() == []


def test_arrows_begin_and_end_at_what_they_join(browser: Browser) -> None:
    browser.open(explore(two_layers(), fold=True).html)
    loose = """
        const sides = [...document.querySelectorAll('#nodes > .node, .frame')].map((e) => {
            const m = e.localName === 'rect' ? { e: 0, f: 0 }
                : e.transform.baseVal.consolidate().matrix;
            const r = e.localName === 'rect' ? e : e.querySelector('.card');
            const [x, y] = [m.e + r.x.baseVal.value, m.f + r.y.baseVal.value];
            return [x, y, x + r.width.baseVal.value, y + r.height.baseVal.value];
        });
        const near = (x, y) => sides.some(([l, t, r, b]) => y > t - 2 && y < b + 2
            && (Math.abs(x - l) < 11 || Math.abs(x - r) < 11));
        return [...document.querySelectorAll('.arrow')].filter((arrow) => {
            const length = arrow.getTotalLength();
            return [0, length].map((at) => arrow.getPointAtLength(at)).some((p) => !near(p.x, p.y));
        }).length;
    """
    for _ in range(6):
        assert browser.run(loose) == 0
        browser.run("document.getElementById('unfold').click()")


def card_names(value: Value) -> list[str]:
    return Graph(value).names


# --- Numbers --------------------------------------------------------------------------------------


def test_numbers_of_both_passes_stay_right_in_what_is_unfolded(browser: Browser) -> None:
    value = two_layers()
    browser.open(explore(value, fold=True).html)
    while names(browser, "box"):
        browser.run("document.getElementById('unfold').click()")
    order = [card_names(value).index(name) for name in names(browser, "card")]
    expected = [recomputed(value)[place] for place in order]
    assert sorted(order) == list(range(len(order)))
    assert_same(card_numbers(browser), expected)
    cards, _ = played(browser)
    assert_same(cards[-1], expected)
    assert len(cards) == 2 * sum(bool(n.parents) for n in topological_order(value)) + 2


def test_a_box_says_the_range_of_the_numbers_in_it(browser: Browser) -> None:
    value = two_layers()
    browser.open(explore(value, fold=True).html)
    numbers = recomputed(value)
    label = browser.run("return document.querySelector('#nodes > .box').getAttribute('aria-label')")
    size = len(numbers)
    low, high = min(x for x, _ in numbers), max(x for x, _ in numbers)
    assert label.startswith(f"loss, folded, {size} values, data {low:.2g}…{high:.2g}, |grad| 0…")


def test_a_box_in_the_panel_has_its_values_in_and_out_and_its_parameters(browser: Browser) -> None:
    model = MLP(2, [3, 1], rng=0)
    (x0, x1) = labelled(x0=0.5, x1=-1.5)
    with scope("model"):
        y = model([x0, x1])
    value = (y - 1.0) ** 2 + x0 * x1
    browser.open(explore(value, parameters=model, fold=True).html)
    browser.run("document.querySelector('#nodes > .box').focus()")
    text = " ".join(browser.texts("#facts *"))
    assert "Values in: 2" in text and "Values out: 1" in text
    value.backward()
    squares = math.fsum(p.grad**2 for p in model.parameters())
    told = browser.run(
        "return [...document.querySelectorAll('#facts dd data')].map((e) => e.value)"
    )
    assert same_number(float(told[0]), squares, 1e-12)


def test_changing_a_leaf_of_a_large_folded_graph_is_exact(browser: Browser) -> None:
    value = loop(3000)
    browser.open(explore(value).html)
    browser.run(
        "[...document.querySelectorAll('.node')].find((e) => e.textContent.includes('w ')).focus()"
    )
    browser.press(ENTER, "0.5", ENTER)
    order = topological_order(value)
    next(node for node in order if node.label == "w").data = 0.5
    fresh = recomputed(value)
    shown = browser.run(
        "return [...document.querySelectorAll('#nodes > .parameter, #nodes > .input')].map((e) =>"
        " [...e.querySelectorAll('.num')].map((n) => Number(n.dataset.value)))"
    )
    (grad,) = [fresh[place][1] for place, node in enumerate(order) if node.label == "w"]
    assert any(same_number(g, grad, 1e-10) for _, g in shown)
    assert browser.complaints() == []


def test_what_only_python_computes_is_right_in_boxes_too(browser: Browser) -> None:
    @primitive(lambda g, y, x: g * 2 * x, name="squared in a test of folding")
    def squared(x: float) -> float:
        return math.fsum([x * x])

    x = Value(3.0, label="x")
    with scope("part"):
        y = squared(x)
    value = y + 1.0
    browser.open(explore(value, fold=True).html)
    press_on(browser, "part")
    assert_same(card_numbers(browser), recomputed(value))
    assert browser.complaints() == []


# --- Steps ----------------------------------------------------------------------------------------


def test_steps_go_from_box_to_box_or_from_value_to_value(browser: Browser) -> None:
    browser.open(explore(two_layers(), fold=True).html)
    browser.run("document.getElementById('unfold').click()")
    browser.press(HOME)
    titles = []
    for _ in range(30):
        browser.press(RIGHT)
        titles.append(browser.texts("#step-title")[0])
    boxes = [re.sub(r"^\w+ \d+ of \d+: ", "", title) for title in titles if "computes" in title]
    assert boxes and all(re.fullmatch(r"\S+ computes \d+ values?", box) for box in boxes)
    assert "hands back the gradients of" in " ".join(titles)
    last = step_shown(browser)
    browser.press(HOME)
    browser.run("document.getElementById('by-box').click()")
    browser.press(RIGHT, RIGHT)
    assert step_shown(browser) == 2
    assert browser.texts("#step-title")[0].startswith("Forward 2 of ")
    browser.press(END)
    assert step_shown(browser) == last
    now = browser.run("return document.querySelectorAll('.now').length")
    assert now == 1
    browser.press(LEFT)
    assert step_shown(browser) == last - 1


# --- Heat -----------------------------------------------------------------------------------------


def heat(browser: Browser, kind: str) -> list[dict[str, Any]]:
    browser.run(
        "const s = document.getElementById('heat'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('change'))",
        kind,
    )
    return list(
        browser.run(
            "return [...document.querySelectorAll('#nodes > .node')].map((e) => ({"
            "name: e.querySelector('.name').textContent, dead: e.classList.contains('dead'),"
            "sign: e.querySelector('.sign').textContent,"
            "ground: getComputedStyle(e.querySelector('.card')).fill,"
            "ink: getComputedStyle(e.querySelector('.name')).fill}))"
        )
    )


def luminance(colour: str) -> float:
    parts = [int(x) / 255 for x in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_gradient_that_vanishes_gets_darker_layer_by_layer(browser: Browser, scheme: str) -> None:
    browser.open(explore(deep(), fold=True).html, prefers_color_scheme=scheme)
    shown = {card["name"]: card for card in heat(browser, "grad")}
    light = [luminance(shown[f"layer {i}"]["ground"]) for i in range(12)]
    assert light == sorted(light) and light[-1] > 4 * light[0]
    assert shown["dead"]["dead"] and shown["dead"]["sign"] == "∅"
    for card in shown.values():
        if not card["dead"] and not card["sign"]:
            a, b = sorted([luminance(card["ground"]), luminance(card["ink"])])
            assert (b + 0.05) / (a + 0.05) >= 4.5, card
    assert browser.texts("#greatest") != [""]
    off = heat(browser, "")
    assert all(card["sign"] == "" for card in off)
    assert browser.run("return document.getElementById('scale').hidden")


def test_what_has_no_logarithm_has_a_sign_of_its_own(browser: Browser) -> None:
    browser.open(explore(deep(), fold=True).html)
    press_on(browser, "none")
    signs = {card["name"]: card["sign"] for card in heat(browser, "data")}
    assert signs["n"] == "?" and "∞" in signs.values()


# --- Keys, limits, harm ---------------------------------------------------------------------------


def test_the_keyboard_unfolds_and_folds_and_keeps_the_focus(browser: Browser) -> None:
    browser.open(explore(two_layers(), fold=True).html)
    browser.run("document.getElementById('heat').focus()")
    browser.press(TAB, ENTER)
    focused = (
        "const e = document.activeElement; return [e.getAttribute('aria-expanded'),"
        " e.querySelector('.name')?.textContent]"
    )
    assert browser.run(focused) == ["true", "loss"]
    browser.press(TAB)
    assert browser.run(focused)[1] != "loss"
    browser.press(UP, ENTER)
    assert browser.run(focused) == ["false", "loss"]


def test_no_more_is_unfolded_than_the_limit(browser: Browser) -> None:
    browser.open(explore(loop(40), fold=True, limit=60).html)
    before = seen(browser)
    press_on(browser, names(browser, "box")[0])
    assert browser.texts("#folding-note") == [""]
    unfolded = seen(browser)
    press_on(browser, names(browser, "box")[-1])
    (said,) = browser.texts("#folding-note")
    assert re.search(r"To unfold .* would show \d\d things at once, and the limit is 60", said)
    assert seen(browser) == unfolded
    browser.run("document.getElementById('fold-all').click()")
    assert seen(browser) == before
    assert browser.texts("#folding-note") == [""]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found_by_axe(browser: Browser, width: int, scheme: str) -> None:
    browser.open(
        explore(deep(), fold=True).html, width=width, prefers_color_scheme=scheme,
        prefers_reduced_motion="reduce",
    )  # fmt: skip
    assert browser.accessibility() == []
    press_on(browser, "layer 3")
    heat(browser, "grad")
    browser.run("document.querySelector('.title').focus()")
    assert browser.accessibility() == []
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_no_name_of_a_scope_or_a_module_does_harm(browser: Browser) -> None:
    x = Value(1.0, label="x")
    for text in HOSTILE:
        with scope(text):
            x = x * 2.0 + 1.0
    page = explore(x, fold=True)
    browser.open(page.html)
    for _ in range(3):
        browser.run("document.getElementById('unfold').click()")
    for i in range(6):
        focus(browser, i)
    heat(browser, "grad")
    browser.press(HOME, RIGHT, RIGHT)
    assert browser.run("return window.hurt") is None
    assert browser.run("return document.scripts.length") == 2
    assert browser.complaints() == []


def test_without_scripts_the_folded_picture_stands(browser: Browser) -> None:
    value = two_layers()
    html = explore(value, fold=True).html
    browser.open(html, scripts=False)
    assert browser.complaints() == []
    browser.command("Emulation.setScriptExecutionDisabled", value=False)
    still = re.search(r'aria-label="(loss, folded, [^"]*)"', html)
    assert still is not None and "values" in still[1]


def test_a_folded_page_prints(browser: Browser) -> None:
    browser.open(explore(deep(), fold=True).html)
    assert len(browser.command("Page.printToPDF", printBackground=True)["data"]) > 10_000
    assert browser.complaints() == []


# --- Size and speed -------------------------------------------------------------------------------


def test_a_hundred_thousand_values_open_folded(browser: Browser) -> None:
    page = explore(loop(50_000))
    assert page.size == 100_002
    assert len(page.html) < 5_000_000
    browser.open(page.html)
    assert len(seen(browser)) <= 70
    assert browser.complaints() == []


def test_moving_a_thousand_cards_moves_one_element(browser: Browser) -> None:
    """So the browser paints none of them anew."""
    browser.open(explore(tangled(940), fold=False).html)
    changed = browser.driver.execute_async_script(
        """
        const [done] = arguments;
        const changed = new Set();
        new MutationObserver((list) => list.forEach((m) => changed.add(m.target.id)))
            .observe(document.body, { attributes: true, childList: true, subtree: true });
        const picture = document.getElementById('picture');
        const send = (type, x) => picture.dispatchEvent(new PointerEvent(type,
            { bubbles: true, pointerId: 1, clientX: x, clientY: 300 }));
        send('pointerdown', 400);
        for (let x = 410; x < 600; x += 10) send('pointermove', x);
        send('pointerup', 600);
        setTimeout(() => done([...changed].sort()), 50);
        """
    )
    assert changed == ["stage", "view"]
