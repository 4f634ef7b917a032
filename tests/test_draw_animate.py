"""An animation computes in a possible order, ends in the right numbers, and needs no scripts."""

import base64
import math
import re

import pytest

from autograd_scalar import Value, dot, draw, gradients, log, relu
from autograd_scalar.draw.animate import LIMIT, animate
from autograd_scalar.draw.animation import LONGEST, PAUSE, TURN, told
from autograd_scalar.draw.diagram import of_values
from autograd_scalar.draw.stage import FIGURES
from autograd_scalar.draw.text import number
from autograd_scalar.draw.theme import THEMES
from autograd_scalar.graph import topological_order
from tests.browser import started
from tests.pictures import SVG, chain, diamond, elements, neuron, parsed, random_graph


def story_of(output):
    order = topological_order(output)
    drawn = of_values(order, {})
    return order, drawn, told(order, drawn)


# --- What happens when ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_value_appears_after_what_it_is_computed_from_and_after_that_has_come_to_it(seed):
    order, drawn, story = story_of(random_graph(seed)[0])
    for arrow in drawn.arrows:
        assert story.born[arrow.tail] < story.born[arrow.head]
    for flow in story.flows:
        if not flow.is_back:
            arrow = drawn.arrows[flow.arrow]
            assert story.born[arrow.tail] <= flow.span.start + 1.0
            assert flow.span.end <= story.born[arrow.head] + 1e-9
    assert len(story.born) == len(order)


@pytest.mark.parametrize("seed", range(20))
def test_a_gradient_is_passed_on_only_when_it_is_complete(seed):
    _, drawn, story = story_of(random_graph(seed)[0])
    back = [flow for flow in story.flows if flow.is_back]
    assert sorted(flow.arrow for flow in back) == list(range(len(drawn.arrows)))
    assert min(flow.span.start for flow in back) > max(story.born)
    for flow in back:
        head = drawn.arrows[flow.arrow].head
        assert all(time <= flow.span.start for time, _ in story.sums[head])


@pytest.mark.parametrize("seed", range(20))
def test_what_a_gradient_reads_at_last_is_the_derivative(seed):
    order, _, story = story_of(random_graph(seed)[0])
    for value, sums in zip(order, story.sums, strict=True):
        (derivative,) = gradients(order[-1], [value])
        assert sums[-1][1] == number(derivative)


@pytest.mark.parametrize("seed", range(10))
def test_running_sums_are_in_sight_and_right(seed):
    order, _, story = story_of(random_graph(seed)[0])
    uses = [sum(value is p for user in order for p in user.parents) for value in order]
    for used, sums in zip(uses, story.sums, strict=True):
        readings = [text for _, text in sums]
        assert len([text for text in readings if re.search(r"\S [+-] \S", text)]) == max(
            used - 1, 0
        )
        for before, after in zip(readings[1::2], readings[2::2], strict=True):
            assert eval(before, {"inf": math.inf, "nan": math.nan}) == pytest.approx(
                float(after), rel=1e-2, abs=1e-3
            )


def test_what_is_said_is_the_operation_by_names_and_by_numbers():
    y, _ = neuron()
    _, _, story = story_of(y)
    said = [text for _, _, text in story.said]
    assert said[:4] == [
        "the numbers that are given",
        "w*x = -3*2 = -6",
        "-6 + b = -6 + 5.5 = -0.5",
        "y = tanh(-0.5) = -0.4621",
    ]
    assert said[4] == "the derivative of y by itself is 1"
    assert said[5] == "1 × 0.7864 = 0.7864 to +"
    assert said[-1] == "∂y/∂w = 1.573; ∂y/∂x = −2.359; ∂y/∂b = 0.7864"


def test_what_is_said_follows_one_after_the_other_to_the_end():
    _, _, story = story_of(diamond()[0])
    for (before, _, _), (after, _, _) in zip(story.said, story.said[1:], strict=False):
        assert before.end <= after.start <= before.end + TURN
    last, which, _ = story.said[-1]
    assert (last.end, which) == (story.length, "")
    assert last.end - last.start == PAUSE
    assert max(flow.span.end for flow in story.flows) < last.start


def test_an_upstream_of_exactly_zero_passes_on_nothing():
    x = Value(0.0, label="x")
    _, _, story = story_of(log(x) * 0.0)
    assert story.sums[0][-1][1] == "0"


# --- What is seen ---------------------------------------------------------------------------------


def visible(element):
    return element.get("opacity") != "0"


def readings(svg):
    """In the last frame: the numbers of each card, in order of the graph."""
    return [
        [t.text for t in card.iter(f"{SVG}text") if visible(t)][-3:]
        for card in elements(svg, "node")
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_last_frame_has_all_the_numbers(seed):
    output, leaves = random_graph(seed, operations=6)
    svg = animate(output, parameters=leaves).svg
    for value, shown in zip(topological_order(output), readings(svg), strict=True):
        (derivative,) = gradients(output, [value])
        assert set(shown) == {number(value.data), "grad ", number(derivative)}


def test_every_animation_has_its_keyframes_and_all_take_the_same_time():
    svg = animate(diamond()[0], seconds=12).svg
    defined = re.findall(r"@keyframes (\S+) ", svg)
    run = re.findall(r"\.(\S+) \{ animation: (\S+) (\S+)s linear infinite \}", svg)
    assert len(set(defined)) == len(defined) == len(run)
    assert {(cls, name, float(length)) for cls, name, length in run} == {
        (name, name, 12.0) for name in defined
    }
    classes = set(" ".join(re.findall(r'class="([^"]*)"', svg)).split())
    assert set(defined) <= classes
    for rules in re.findall(r"@keyframes \S+ \{ (.*) \}", svg):
        percents = [float(p) for p in re.findall(r"([\d.]+)%", rules)]
        assert percents == sorted(percents)
        assert (percents[0], percents[-1]) == (0.0, 100.0)


def test_all_motion_is_within_the_wish_for_motion_and_nothing_is_loaded_or_run():
    svg = animate(diamond()[0]).svg
    start = svg.index("@media (prefers-reduced-motion: no-preference) {")
    assert "@keyframes" not in svg[:start]
    assert "animation:" not in svg[:start]
    assert not re.search(r"<(script|image|use|animate|set|foreignObject)|url\(|@import|href", svg)
    assert set(re.findall(r"https?://[^\s\"]+", svg)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip


def test_two_animations_on_one_page_do_not_share_names():
    names = [set(re.findall(r"@keyframes (\S+)", animate(o).svg)) for o in (neuron()[0], chain(3))]
    assert not names[0] & names[1]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("direction", ["right", "down", "left", "up"])
def test_themes_and_directions(theme, direction):
    output = diamond()[0]
    root = parsed(animate(output / 3.0 - output, theme=theme, direction=direction))
    colours = {e.get(part) for e in root.iter() for part in ("fill", "stroke")}
    assert colours - {None, "none", "transparent"} <= set(THEMES[theme].colours.values())
    assert not colours & set(FIGURES.values())


@pytest.mark.parametrize("size", [1, 2, LIMIT])
def test_small_and_large(size):
    picture = animate(chain(size))
    parsed(picture)
    assert picture.size == size
    assert len(picture.svg) < 600_000


def test_it_takes_as_long_as_asked_and_not_too_long_by_itself():
    def length(picture):
        (found,) = set(re.findall(r"([\d.]+)s linear", picture.svg))
        return float(found)

    assert length(animate(chain(4), seconds=5)) == 5.0
    assert length(animate(chain(4))) < length(animate(chain(6))) < LONGEST
    assert length(animate(chain(50))) == LONGEST
    assert length(animate(chain(50), seconds=90)) == 90.0


def test_no_gradient_is_read_or_changed():
    x = Value(3.0, label="x")
    y = x * x
    x.grad, y.grad = 5.0, 7.0
    assert readings(animate(y).svg)[0][-1] == "6"
    assert (x.grad, y.grad) == (5.0, 7.0)


# --- Files and mistakes ---------------------------------------------------------------------------


def test_it_is_saved_as_svg(tmp_path):
    y, _ = neuron()
    picture = animate(y, tmp_path / "y.svg")
    assert (tmp_path / "y.svg").read_text("utf-8") == picture.svg
    for name in ("y.png", "y.dot"):
        with pytest.raises(
            ValueError, match=r"animate: only a file with the suffix \.svg can move"
        ):
            animate(y, tmp_path / name)
    with pytest.raises(ValueError, match="animate: the suffix of path"):
        animate(y, tmp_path / "y.gif")
    with pytest.raises(FileNotFoundError, match="animate: path"):
        animate(y, tmp_path / "no" / "y.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["y.svg"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda y: animate(3.0), TypeError, "animate: value must be a Value, not 3.0"),
        (lambda y: animate(y, seconds="3"), TypeError, "animate: seconds must be a real number"),
        (lambda y: animate(y, seconds=0), ValueError, "animate: seconds must be at least 1, not 0"),
        (lambda y: animate(y, seconds=math.nan), ValueError, "animate: seconds must be at least"),
        (lambda y: animate(y, seconds=math.inf), ValueError, "animate: seconds must be at least"),
        (lambda y: animate(y, limit=5), ValueError, "animate: this graph has 6 values, more than"),
        (lambda y: animate(chain(200_000)), ValueError, "this graph has 200000 values"),
        (lambda y: animate(y, theme="drak"), ValueError, "animate: theme must be"),
        (lambda y: animate(y, direction="x"), ValueError, "animate: direction must be"),
        (lambda y: animate(y, parameters=3), TypeError, "animate: parameters must be"),
        (lambda y: animate(Value(1.0, (y,), "mine")), TypeError, "wired by hand"),
    ],
)
def test_mistakes_are_told(call, error, message):
    with pytest.raises(error, match=message):
        call(neuron()[0])


# --- In a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with started() as found:
        yield found


SEEK = """
for (const a of document.getAnimations()) { a.pause(); a.currentTime = arguments[0] * 1000; }
const opacity = (e) => {
  let product = 1;
  for (; e && e.nodeName !== "HTML"; e = e.parentElement) product *= +getComputedStyle(e).opacity;
  return product;
};
return [...document.querySelectorAll("g.node")].map((card) =>
  [...card.querySelectorAll("text")].filter((t) => opacity(t) > 0.5).map((t) => t.textContent));
"""


def test_in_a_browser_numbers_appear_one_after_the_other(browser):
    x = Value(3.0, label="x")
    output = x * x
    svg = animate(output).svg
    _, _, story = story_of(output)
    browser.open(f"<!DOCTYPE html><body>{svg}</body>", prefers_reduced_motion="no-preference")
    assert browser.run(SEEK, 0.0) == [[], []]
    forward = story.born[1] + 0.6
    assert browser.run(SEEK, forward) == [
        ["x", "data ", "3", "grad "],
        ["×", "data ", "9", "grad "],
    ]
    seen = []
    for (time, text), after in zip(
        story.sums[0], [*story.sums[0][1:], (math.inf, "")], strict=True
    ):
        seen.append(browser.run(SEEK, min(time + 0.3, after[0] - 0.1))[0][-1])
        assert seen[-1] == text
    assert seen == ["3", "3 + 3", "6"]
    assert browser.run(SEEK, story.length - 1.0)[1][-1] == "1"
    assert browser.complaints() == []


def test_who_wants_less_motion_sees_the_last_frame(browser):
    svg = animate(diamond()[0]).svg
    browser.open(f"<!DOCTYPE html><body>{svg}</body>", prefers_reduced_motion="reduce")
    assert browser.run("return document.getAnimations().length") == 0
    shown = browser.run(SEEK, 0.0)
    assert sorted(card[-1] for card in shown) == ["1", "14", "28", "48", "6"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_plays_as_an_image_which_is_how_a_readme_shows_it(browser, scheme):
    image = base64.b64encode(animate(neuron()[0]).svg.encode()).decode()
    browser.open(
        f'<!DOCTYPE html><body><img width="800" src="data:image/svg+xml;base64,{image}"></body>',
        prefers_color_scheme=scheme,
    )
    width, natural = browser.run(
        "const i = document.querySelector('img'); return [i.clientWidth, i.naturalWidth]"
    )
    assert width == 800
    assert natural > 400
    assert browser.complaints() == []


def test_text_stays_within_the_picture(browser):
    y, _ = neuron()
    for picture in (animate(y), animate(chain(1)), animate(y, direction="down"), draw(y)):
        browser.open(f"<!DOCTYPE html><body>{picture.svg}</body>", prefers_reduced_motion="reduce")
        outside = browser.run(
            "const s = document.querySelector('svg').getBoundingClientRect();"
            "return [...document.querySelectorAll('svg text')].filter((t) => {"
            "const r = t.getBoundingClientRect();"
            "return r.left < s.left - 1 || r.right > s.right + 1 || r.bottom > s.bottom + 1; })"
            ".map((t) => t.textContent)"
        )
        assert outside == []


def test_what_arrives_many_times_in_one_step_is_added_up_as_fast_as_it_can_be_read():
    x, y = Value(2.0, label="a name that is too long for a line"), Value(3.0, label="y")
    output = dot([x] * 8, [y] * 8)
    picture = animate(output)
    parsed(picture)
    assert [card[-1] for card in readings(picture.svg)] == ["24", "16", "1"]
    _, _, story = story_of(output)
    assert [text for _, text in story.sums[0]][::2] == [str(3 * i) for i in range(1, 9)]
    assert any("and 13 more" in text for _, _, text in story.said)


def test_a_dead_path_is_no_trouble():
    assert readings(animate(relu(Value(-1.0)) * Value(2.0)).svg)[0][-1] == "0"
