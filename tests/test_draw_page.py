"""The page is for every hand, eye and window, and no label does harm."""

import json
import math
import re
from collections.abc import Iterator

import pytest

from autograd_scalar import Value, fsum
from autograd_scalar.draw.explore import explore
from autograd_scalar.draw.text import number
from autograd_scalar.graph import topological_order
from tests.browser import Browser, started
from tests.exploring import (
    END,
    ENTER,
    ESCAPE,
    HOME,
    LEFT,
    RIGHT,
    SPACE,
    TAB,
    UP,
    card_numbers,
    change,
    facts,
    focus,
    logistic_regression,
    neuron,
    played,
    step_shown,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


# --- Keys, mouse, windows -------------------------------------------------------------------------


def test_the_keyboard_alone_does_everything(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    browser.press(HOME)
    assert step_shown(browser) == 0
    browser.press(RIGHT, RIGHT, LEFT)
    assert step_shown(browser) == 1
    browser.press(END)
    assert step_shown(browser) == 11
    browser.press(HOME)
    browser.run("document.getElementById('speed').value = '40'")
    browser.press(SPACE)
    assert "Pause" in browser.run("return document.getElementById('play').ariaLabel")
    browser.press(SPACE)
    # Tab goes to the link that skips the graph and then from node to node.
    browser.press(TAB)
    assert browser.run("return document.activeElement.textContent") == "Skip the graph"
    browser.press(TAB)
    assert browser.run("return document.activeElement.id") == "heat"
    names = []
    for _ in range(10):
        browser.press(TAB)
        names.append(browser.run("return document.activeElement.getAttribute('aria-label')"))
    assert [name.split(",")[0] for name in names] == [
        "x1", "w1", "× v2", "x2", "w2", "× v5", "+ v6", "b", "+ v8", "tanh v9",
    ]  # fmt: skip
    step = step_shown(browser)
    browser.press(UP, UP)
    assert browser.texts("#head h2") == ["b leaf"]
    browser.press(ENTER, "0.5", ENTER)
    assert card_numbers(browser)[7][0] == 0.5
    browser.press(UP)
    assert math.isclose(card_numbers(browser)[7][0] or 0, 0.6)
    browser.press(TAB)
    assert browser.run("return document.activeElement.id") == "reset"
    browser.press(TAB)
    assert browser.run("return document.activeElement.id") == "slider"
    browser.press(RIGHT)
    assert card_numbers(browser)[7][0] != 0.6
    assert step_shown(browser) == step
    browser.press(ESCAPE)
    assert browser.run("return document.activeElement.getAttribute('aria-label')").startswith("b,")
    seen = browser.run("return document.getElementById('view').style.transform")
    browser.press("+")
    assert seen != browser.run("return document.getElementById('view').style.transform")
    for _ in range(30):  # from the last node on: every control can be reached
        browser.press(TAB)
        names.append(browser.run("return document.activeElement.id"))
    controls = {"nearer", "farther", "whole", "first", "back", "play", "on", "last"}
    assert controls | {"time", "speed", "step"} <= set(names)


def test_reset_puts_all_leaves_back(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    before = card_numbers(browser)
    assert browser.run(
        "document.querySelector('.node').focus(); return document.getElementById('reset').hidden"
    )
    change(browser, 0, "7")
    change(browser, 1, "8")
    browser.press(TAB, ENTER)
    assert card_numbers(browser) == before
    assert browser.run("return document.activeElement.id") == "number"


def test_what_happened_is_said_aloud(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    browser.press(HOME, RIGHT)
    assert browser.texts("#spoken") == ["Forward 1 of 5: v2. x1·w1 is -6"]
    browser.press(END)
    assert browser.texts("#spoken") == [
        "Backward 5 of 5: v2 = x1·w1. To x1: 0.5 times -3 is -1.5; 0 plus -1.5 is -1.5. "
        "To w1: 0.5 times 2 is 1; 0 plus 1 is 1"
    ]


def test_it_plays_to_the_end_and_stops(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    browser.run("document.getElementById('speed').value = '40'")
    browser.driver.set_script_timeout(30)
    seen = browser.driver.execute_async_script(
        """
        const [done] = arguments;
        const seen = [];
        const look = () => {
            const time = Number(document.getElementById('time').value);
            if (seen.at(-1) !== time) seen.push(time);
            if (!document.body.classList.contains('playing')) done(seen);
        };
        const changes = { childList: true, subtree: true };
        document.getElementById('play').click();
        new MutationObserver(look).observe(document.getElementById('step'), changes);
        look();
        """
    )
    assert seen == list(range(12))


def test_the_wheel_zooms_and_dragging_moves(browser: Browser) -> None:
    from selenium.webdriver import ActionChains

    browser.open(explore(neuron()).html)
    where_it_is = (
        "const m = new DOMMatrix(document.getElementById('view').style.transform);"
        " return { a: m.a, e: m.e, f: m.f }"
    )
    before = browser.run(where_it_is)
    chain = ActionChains(browser.driver, duration=0)
    chain.w3c_actions.pointer_action.move_to_location(300, 450).pointer_down().move_to_location(
        340, 480
    ).pointer_up()
    chain.perform()
    dragged = browser.run(where_it_is)
    moved = (dragged["e"] - before["e"], dragged["f"] - before["f"])
    assert moved == pytest.approx((40, 30), abs=0.01)  # CSS keeps six digits
    browser.command(
        "Input.dispatchMouseEvent", type="mouseWheel", x=300, y=300, deltaX=0, deltaY=-200
    )
    assert browser.run(where_it_is)["a"] > 1.2 * before["a"]


def test_two_fingers_zoom(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    before, after = browser.run(
        """
        const zoom = () => new DOMMatrix(document.getElementById('view').style.transform).a;
        const picture = document.getElementById('picture');
        const touch = (type, pointerId, clientX) => picture.dispatchEvent(
            new PointerEvent(type, { bubbles: true, pointerId, clientX, clientY: 300 }));
        const before = zoom();
        touch('pointerdown', 1, 300);
        touch('pointerdown', 2, 400);
        touch('pointermove', 2, 500);
        touch('pointerup', 1, 300);
        touch('pointerup', 2, 500);
        return [before, zoom()];
        """
    )
    assert after == pytest.approx(2 * before)


def test_the_mouse_shows_a_node_and_lets_it_go(browser: Browser) -> None:
    from selenium.webdriver import ActionChains

    browser.open(explore(neuron()).html)
    card = browser.driver.find_elements("css selector", ".node")[1]
    ActionChains(browser.driver, duration=0).move_to_element(card).perform()
    assert browser.texts("#head h2") == ["w1 leaf"]
    assert browser.run("return document.querySelectorAll('.arrow.on-path').length") == 4
    ActionChains(browser.driver, duration=0).move_by_offset(0, 2).perform()
    ActionChains(browser.driver, duration=0).move_to_element(
        browser.driver.find_element("css selector", "h1")
    ).perform()
    assert browser.texts("#head h2") == ["v9 tanh"]
    assert browser.run("return document.querySelectorAll('.on-path').length") == 0


def test_the_time_is_scrubbed(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    browser.run("document.getElementById('time').focus()")
    browser.press(HOME)
    assert step_shown(browser) == 0
    assert card_numbers(browser)[-1] == (None, None)
    browser.press(RIGHT, RIGHT, RIGHT)
    assert step_shown(browser) == 3
    assert browser.texts("#step-title") == ["Forward 3 of 5: v6"]
    assert browser.run("return document.getElementById('time').ariaValueText") == (
        "Forward 3 of 5: v6"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_serious_is_found_by_axe(browser: Browser, width: int, scheme: str) -> None:
    browser.open(
        explore(neuron()).html, width=width, prefers_color_scheme=scheme,
        prefers_reduced_motion="reduce",
    )  # fmt: skip
    assert browser.accessibility() == []
    focus(browser, 0)
    assert browser.accessibility() == []
    browser.press(LEFT, LEFT)
    assert browser.accessibility() == []
    browser.press(HOME)
    assert browser.accessibility() == []
    change(browser, 0, "no number")
    assert browser.accessibility() == []


def test_dark_is_dark_and_light_is_light(browser: Browser) -> None:
    page = explore(neuron()).html
    lightness = (
        "const [r, g, b] = getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        ".match(/\\d+/g).map(Number); return (r + g + b) / 765"
    )
    for scheme, is_dark in (("light", False), ("dark", True)):
        browser.open(page, prefers_color_scheme=scheme)
        for place, part in (
            ("body", "backgroundColor"),
            (".card", "fill"),
            ("#stage", "backgroundColor"),
        ):
            assert (browser.run(lightness, place, part) < 0.4) == is_dark
        for place, part in (("body", "color"), (".num", "fill"), ("h1", "color")):
            assert (browser.run(lightness, place, part) > 0.6) == is_dark


@pytest.mark.parametrize("width", [390, 320, 1280])
def test_nothing_sticks_out_of_a_narrow_window(browser: Browser, width: int) -> None:
    browser.open(explore(logistic_regression()).html, width=width, height=844)
    focus(browser, 2)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    sticking_out = browser.run(
        """
        const hidden = 'svg, .unseen, .skip, thead';
        return [...document.querySelectorAll('body *')]
            .filter((e) => !e.closest(hidden))
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)
            .map((e) => e.outerHTML.slice(0, 80));
        """
    )
    assert sticking_out == []


def test_reduced_motion_stands_still(browser: Browser) -> None:
    page = explore(neuron()).html
    moving = "return getComputedStyle(document.querySelector('.returns')).animationName"
    browser.open(page)
    assert browser.run(moving) == "flow"
    browser.open(page, prefers_reduced_motion="reduce")
    assert browser.run(moving) == "none"


def test_without_scripts_there_is_the_picture_and_a_sentence(browser: Browser) -> None:
    value = neuron()
    browser.open(explore(value).html, scripts=False)
    shown = browser.command("Page.captureScreenshot")["data"]
    assert len(shown) > 10_000
    found = browser.command("DOM.getDocument", depth=-1)
    text = json.dumps(found)
    assert "Scripts are off" in text
    browser.command("Emulation.setScriptExecutionDisabled", value=False)
    value.backward()
    numbers = [(n.data, n.grad) for n in topological_order(value)]
    texts = re.findall(r'<text class="num[^>]*>([^<]*)<', explore(value).html)
    assert texts == [number(x) for pair in numbers for x in pair]


def test_it_prints_on_paper(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    printed = browser.command("Page.printToPDF", printBackground=True)["data"]
    assert len(printed) > 10_000
    browser.press(LEFT)
    assert browser.complaints() == []


# --- Harmless and alone ---------------------------------------------------------------------------

HOSTILE = [
    "<script>window.hurt = 1</script>",
    "</script><script>window.hurt = 1</script>",
    "</SCRIPT ><script>window.hurt = 1</script>",
    "<!--<script>",
    "--><script>window.hurt = 1</script>",
    "<![CDATA[<script>window.hurt = 1</script>]]>",
    "]]><script>window.hurt = 1</script>",
    '"><img src=x onerror="window.hurt = 1">',
    "'><img src=x onerror='window.hurt = 1'>",
    '" onfocus="window.hurt = 1" autofocus="',
    "' onmouseover='window.hurt = 1",
    "` onclick=`window.hurt = 1",
    "</text></svg><script>window.hurt = 1</script>",
    "</title><script>window.hurt = 1</script>",
    "</style><script>window.hurt = 1</script>",
    "</noscript><script>window.hurt = 1</script>",
    "<svg onload=window.hurt=1>",
    "<iframe srcdoc='<script>parent.hurt = 1</script>'></iframe>",
    "<a href='javascript:window.hurt = 1'>a</a>",
    "javascript:window.hurt=1",
    "&lt;script&gt;window.hurt = 1&lt;/script&gt;",
    "&#60;script&#62;window.hurt = 1&#60;/script&#62;",
    "&quot; onclick=&quot;window.hurt = 1",
    "\\u003cscript\\u003ewindow.hurt = 1\\u003c/script\\u003e",
    "${window.hurt = 1}",
    "{{data}}{{script}}{{constructor.constructor('window.hurt = 1')()}}",
    "'; window.hurt = 1; //",
    '"; window.hurt = 1; //',
    '\\"; window.hurt = 1; //',
    "*/ window.hurt = 1; /*",
    "line\u2028window.hurt = 1\u2029",
    "two\nlines\r\n\ttab",
    "\x00\x01\x1b[31m\x7f",
    "\u202eright to left\u2066 and \u2069\u200f",
    "\ud800 alone",
    "\\N \\G \\\\N \\E \\l",
    "<TABLE><TR><TD PORT='1'>dot</TD></TR></TABLE>",
    '"; n0 -> n1; evil [label="',
    "]; digraph {",
    "%00%3Cscript%3E",
    "👩‍🔬🏳️‍🌈",
    "é" * 50 + "ö̲̅" * 50,
    "x" * 100_000,
    "<b>" * 20_000,
    "__proto__",
    "constructor",
    "",
    " ",
]


def hostile_graph() -> Value:
    leaves = [Value(float(i), label=text) for i, text in enumerate(HOSTILE)]
    total = fsum(leaves)
    total.label = HOSTILE[1]
    return total


def test_no_label_does_harm(browser: Browser) -> None:
    assert len(HOSTILE) >= 30
    value = hostile_graph()
    page = explore(value, parameters=value.parents[:20], fold=False)
    browser.open(page.html)
    elements = (
        "return [...new Set([...document.querySelectorAll('*')].map((e) => e.localName))].sort()"
    )
    before = browser.run(elements)
    for node in range(page.size):
        focus(browser, node)
        assert browser.run("return document.querySelectorAll('#head h2').length") == 1
    browser.press(HOME, RIGHT, RIGHT, RIGHT)
    played(browser)
    assert browser.run("return window.hurt") is None
    assert not {"img", "iframe", "a"} & (set(browser.run(elements)) - {"a"})
    assert browser.run("return document.scripts.length") == 2
    assert set(before) - {"a"} <= set(browser.run(elements))
    assert browser.run("return document.querySelectorAll('a').length") == 1
    assert browser.complaints() == []
    assert card_numbers(browser)[-1][0] == sum(range(len(HOSTILE)))


def test_hostile_labels_are_read_as_they_are(browser: Browser) -> None:
    text = "<b>&amp;\"'${x}</b>"
    x = Value(1.0, label=text)
    browser.open(explore(x * 2.0).html)
    focus(browser, 0)
    assert browser.texts("#head h2") == [f"{text} leaf"]
    assert browser.texts(".name")[0] == text
    assert browser.run("return document.activeElement.ariaLabel").startswith(text)


def test_hostile_lines_of_code_and_parameter_names_do_no_harm(browser: Browser) -> None:
    class Model:
        def named_parameters(self) -> list[tuple[str, Value]]:
            return list(zip(HOSTILE, weights, strict=True))

        def parameters(self) -> list[Value]:
            return weights

    weights = [Value(1.0) for _ in HOSTILE]

    def function() -> Value:
        return fsum(weights)  # </script><script>window.hurt = 1</script> "'&lt;

    browser.open(explore(function, parameters=Model()).html)
    assert "</script><script>" in facts(browser)
    assert browser.run("return window.hurt") is None
    assert browser.complaints() == []


def test_the_page_asks_for_nothing(browser: Browser) -> None:
    browser.open(explore(neuron()).html)
    played(browser)
    assert [url for url in browser.requests() if not url.startswith("file:")] == []
    assert len(browser.requests()) <= 1
    assert browser.complaints() == []


def test_the_policy_stops_any_other_script(browser: Browser) -> None:
    """What the hashes are for: a script that got in all the same is not run."""
    page = explore(neuron()).html
    browser.open(page.replace("</body>", "<script>window.hurt = 1</script></body>"))
    assert browser.run("return window.hurt") is None
    assert "Content Security Policy" in " ".join(browser.complaints())
    assert card_numbers(browser)


def test_in_jupyter_it_is_a_frame_that_works(browser: Browser) -> None:
    shown = explore(neuron())._repr_html_()
    browser.open(f"<!DOCTYPE html><p>before</p>{shown}<p>after</p>")
    assert browser.texts("p") == ["before", "after"]
    browser.driver.switch_to.frame(browser.driver.find_element("tag name", "iframe"))
    assert card_numbers(browser)[-1][1] == 1.0
    change(browser, 0, "1")
    assert card_numbers(browser)[0][0] == 1.0
    browser.driver.switch_to.default_content()
