"""Every theme is legible, each colour can be told, and a ramp is even and goes one way."""

import re
from itertools import pairwise

import pytest

from autograd_scalar import Value, draw, scope
from autograd_scalar.draw.heat import CHALK, INK
from autograd_scalar.draw.theme import COLOURS, DARK, THEMES, contrast, luminance, ramp, theme_named
from tests.pictures import neuron, parsed

KINDS = ("parameter", "input", "result", "box")


def palettes():
    for theme in THEMES.values():
        yield pytest.param(theme.colours, id=theme.key)
    yield pytest.param(DARK | {"page": ""}, id="auto, dark")


@pytest.mark.parametrize("colours", list(palettes()))
def test_text_borders_and_arrows_stand_out(colours):
    for kind in KINDS:
        ground = colours[kind]
        assert contrast(colours["text"], ground) >= 7
        assert contrast(colours["caption"], ground) >= 4.5
        assert contrast(colours["changed"], ground) >= 4.5
        assert contrast(colours[f"{kind} border"], ground) >= 3
    for ground in ("path ground", "cluster", "dead"):
        assert contrast(colours["text"], colours[ground]) >= 7
        assert contrast(colours["caption"], colours[ground]) >= 4.5
    assert contrast(colours["operation text"], colours["operation"]) >= 7
    assert contrast(colours["operation text"], colours["changed"]) >= 4.5
    assert contrast(colours["operation text"], colours["input border"]) >= 4.5


@pytest.mark.parametrize("key", [key for key in THEMES if THEMES[key].colours["page"]])
def test_what_stands_on_a_known_page_stands_out(key):
    colours = THEMES[key].colours
    assert contrast(colours["note"], colours["page"]) >= 4.5
    for name in ("arrow", "path", "dead border"):
        assert contrast(colours[name], colours["page"]) >= 3


@pytest.mark.parametrize("page", ["#ffffff", "#000000", "#0d1117"])
@pytest.mark.parametrize("mode", [0, 1])
def test_what_stands_on_an_unknown_page_is_seen_on_any(page, mode):
    """A page may be dark where the system is light."""
    assert contrast(COLOURS["arrow"][mode], page) >= 3
    assert contrast(COLOURS["note"][mode], page) >= 4


def test_a_theme_has_all_the_colours():
    for theme in THEMES.values():
        assert set(theme.colours) == {*COLOURS, "page"}
        for colour in theme.colours.values():
            assert re.fullmatch("#[0-9a-f]{6}|", colour)


def test_no_style_of_a_theme_is_that_of_another_on_the_same_page():
    assert len({theme.name for theme in THEMES.values()}) == len(THEMES)


def test_no_colour_of_the_automatic_theme_is_another_too():
    """A colour is found by what it is and exchanged for its dark counterpart."""
    lights = [light for light, _ in COLOURS.values()]
    assert len(set(lights)) == len(lights)
    assert not {INK, CHALK} & set(lights)


@pytest.mark.parametrize("key", THEMES)
def test_a_picture_has_only_colours_of_its_theme(key):
    y, parameters = neuron()
    with scope("more"):
        z = y * 2 - Value(1.0)
    theme = THEMES[key]
    for options in ({}, {"paths": parameters[0]}, {"fold": 1}, {"before": {parameters[0]: 0.0}}):
        root = parsed(draw(z, parameters=parameters, theme=key, **options))
        used = {e.get(part) for e in root.iter() for part in ("fill", "stroke")}
        assert used - {None, "none", "transparent"} <= set(theme.colours.values())


@pytest.mark.parametrize("key", THEMES)
def test_only_the_automatic_theme_changes_with_the_system(key):
    svg = draw(Value(1.0), theme=key).svg
    assert ("prefers-color-scheme" in svg) == (key == "auto")
    assert f'class="graph {THEMES[key].name}"' in svg
    rules = re.findall(r"^(\S+) \[", svg, flags=re.MULTILINE)
    assert set(rules) == {f".{THEMES[key].name}"}  # no rule is another picture's on the same page


@pytest.mark.parametrize("key", THEMES)
def test_a_png_has_the_page_of_its_theme(key):
    from io import BytesIO

    image = pytest.importorskip("PIL.Image").open(BytesIO(draw(Value(1.0), theme=key).png))
    page = THEMES[key].colours["page"] or "#ffffff"
    assert image.convert("RGB").getpixel((1, 1)) == tuple(bytes.fromhex(page[1:]))


def test_on_paper_shapes_tell_what_colours_tell_elsewhere():
    y, parameters = neuron()
    root = parsed(draw(y, parameters=parameters, theme="print"))
    looks = {}
    for group in root.iter():
        if group.get("class") == "node":
            shapes = [e.tag.partition("}")[2] for e in group.iter() if e.get("stroke") == "#000000"]
            label = next(e.text for e in group.iter() if e.tag.endswith("text"))
            looks[label] = shapes
    assert looks["w"] == looks["b"] == ["path", "path"]  # a double border
    assert looks["x"] == ["polygon"]  # sharp corners
    assert looks["×"] == looks["tanh"] == ["path"]


def test_a_wrong_name_is_answered_with_the_right_ones():
    with pytest.raises(ValueError, match=r"draw: theme must be auto, .*, not 'drak'; dark\?"):
        draw(Value(1.0), theme="drak")
    for wrong in (None, 3, "x" * 10_000, []):
        with pytest.raises(ValueError, match="draw: theme must be") as caught:
            draw(Value(1.0), theme=wrong)
        assert len(str(caught.value)) < 200
    with pytest.raises(ValueError, match="draw: direction must be right, left, down or up"):
        draw(Value(1.0), direction="LR")
    assert theme_named("dark") is THEMES["dark"]


# --- Ramps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", THEMES)
def test_a_ramp_goes_one_way_and_text_is_legible_on_all_of_it(key):
    colours = [ramp(*THEMES[key].ramp, i / 100) for i in range(101)]
    lightness = [luminance(colour) for colour in colours]
    assert lightness in (sorted(lightness), sorted(lightness, reverse=True))
    for colour in colours:
        assert max(contrast(colour, ink) for ink in (INK, CHALK)) >= 4.5


def test_a_ramp_begins_and_ends_where_it_should_and_is_even():
    for theme in THEMES.values():
        assert (ramp(*theme.ramp, 0.0), ramp(*theme.ramp, 1.0)) == theme.ramp
        luminances = [luminance(ramp(*theme.ramp, i / 10)) for i in range(11)]
        lightness = [116 * y ** (1 / 3) - 16 for y in luminances]  # of CIE, another scale
        steps = [abs(b - a) for a, b in pairwise(lightness)]
        assert max(steps) < 1.3 * min(steps)


def test_contrast_is_that_of_wcag():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's own example
