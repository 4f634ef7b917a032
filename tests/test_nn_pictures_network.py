"""Networks neuron by neuron: what the lines say, what stands in the circles, what can go wrong."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

import nn
from autograd_scalar import Value, draw
from autograd_scalar.draw.theme import THEMES
from nn.pictures import svg
from nn.pictures.pen import Pen, glyph, shown
from nn.pictures.steps import curve_of, steps_of
from tests.pictures import HOSTILE, SVG

POSITIVE = THEMES["light"].colours["input border"]
NEGATIVE = THEMES["light"].colours["parameter border"]
BROKEN = THEMES["light"].colours["path"]


def parsed(picture):
    return ElementTree.fromstring(picture.svg)


def lines(picture, kind="weight"):
    """Each line of that kind by the name of its parameter, with its attributes."""
    found = {}
    for path in parsed(picture).iter(f"{SVG}path"):
        if path.get("class") == kind:
            found[path.find(f"{SVG}title").text.split(" = ")[0]] = path
    return found


def words(picture):
    return ["".join(text.itertext()) for text in parsed(picture).iter(f"{SVG}text")]


def with_weights(*weights, bias=None):
    """One neuron with these weights."""
    layer = nn.Linear(len(weights), 1, bias=bias is not None, rng=0)
    for parameter, number in zip(layer.weight[0], weights, strict=True):
        parameter.data = number
    if bias is not None:
        layer.bias[0].data = bias
    return layer


# --- What the lines say ---------------------------------------------------------------------------


def test_thickness_and_depth_grow_with_the_size_and_colour_is_the_sign():
    weights = [0.0, 1e-300, -1e-9, 0.01, -0.5, 1.0, -2.0, 3.0, -3.0]
    found = list(lines(draw(with_weights(*weights), theme="light")).values())
    sizes = {p.find(f"{SVG}title").text: p for p in found}
    by_size = [
        (abs(w), float(p.get("stroke-width")), float(p.get("opacity")), p.get("stroke"), w)
        for i, w in enumerate(weights)
        for p in [lines(draw(with_weights(*weights), theme="light"))[f"weight.0.{i}"]]
    ]
    assert len(sizes) == len(weights)
    by_size.sort()
    for (a, thin, pale, _, _), (b, thick, deep, _, _) in pairwise(by_size):
        assert thin <= thick and (pale <= deep or a == 0), (a, b)
    for _, _, _, colour, weight in by_size[1:]:
        assert colour == (POSITIVE if weight > 0 else NEGATIVE)
    assert by_size[-1][1] == by_size[-2][1] == 5.0
    assert by_size[0][3] not in (POSITIVE, NEGATIVE)


def test_the_thickness_is_in_proportion():
    found = lines(draw(with_weights(1.0, 2.0, 4.0), theme="light"))
    thick = [float(found[f"weight.0.{i}"].get("stroke-width")) - 0.5 for i in range(3)]
    assert thick[1] == pytest.approx(2 * thick[0], abs=0.02)
    assert thick[2] == pytest.approx(4 * thick[0], abs=0.02)


def test_nan_and_infinite_weights_are_marked_and_counted():
    picture = draw(with_weights(math.nan, math.inf, -math.inf, 1.0), theme="light")
    found = lines(picture)
    assert found["weight.0.0"].get("stroke") == BROKEN
    assert found["weight.0.0"].get("stroke-dasharray")
    assert found["weight.0.1"].get("stroke") == POSITIVE
    assert found["weight.0.2"].get("stroke") == NEGATIVE
    widths = [float(found[f"weight.0.{i}"].get("stroke-width")) for i in (1, 2, 3)]
    assert widths[0] == widths[1] > widths[2]
    assert {"1 nan", "2 infinite"} <= set(words(picture))


def test_in_print_negative_weights_are_dashed():
    found = lines(draw(with_weights(1.0, -1.0), theme="print"))
    assert not found["weight.0.0"].get("stroke-dasharray")
    assert found["weight.0.1"].get("stroke-dasharray")


def test_titles_have_all_digits():
    layer = with_weights(1 / 3, bias=-1e-17)
    layer.weight[0][0].grad = 2 / 3
    picture = draw(layer)
    title = lines(picture)["weight.0.0"].find(f"{SVG}title").text
    assert repr(1 / 3) in title and repr(2 / 3) in title
    assert repr(-1e-17) in lines(picture, "bias")["bias.0"].find(f"{SVG}title").text


def test_grad_shows_gradients_in_place_of_numbers():
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    assert "all gradients are 0 before backward()" in words(draw(model, grad=True))
    model([1.0, 2.0]).backward()
    found = lines(draw(model, grad=True, theme="light"))
    for name, parameter in model.named_parameters():
        if ".w." in name:
            assert found[name].get("stroke") == (POSITIVE if parameter.grad > 0 else NEGATIVE)


# --- What stands where ----------------------------------------------------------------------------


def test_every_weight_and_bias_of_a_small_network_has_its_line():
    model = nn.MLP(3, [4, 2], rng=0)
    picture = draw(model)
    names = [name for name, _ in model.named_parameters()]
    assert sorted([*lines(picture), *lines(picture, "bias")]) == sorted(names)
    assert repr(picture) == "<Picture of 2 layers>"
    assert parsed(picture).get("aria-label") == "network 3 → 4 → 2, 26 parameters"
    assert {"3 inputs", "4 × relu", "2 × linear", "16 parameters"} <= set(words(picture))


def test_of_a_wide_layer_the_first_and_last_neurons_are_shown():
    model = nn.MLP(2, [64, 1], rng=0)
    picture = draw(model, units=6)
    into = {name.split(".")[3] for name in lines(picture) if name.startswith("layers.0")}
    assert into == {"0", "1", "2", "3", "62", "63"}
    assert "⋯ 58 more" in words(picture)
    assert "192 parameters" in words(picture)


@pytest.mark.parametrize("units", [1, 2, 3, 7, 64, 100])
def test_any_number_of_units_can_be_asked_for(units):
    picture = draw(nn.MLP(2, [64, 1], rng=0), units=units)
    into = {name.split(".")[3] for name in lines(picture) if name.startswith("layers.0")}
    assert len(into) == min(units, 64)
    assert sum("more" in text for text in words(picture)) == (units < 64) + (units < 2)


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("most", range(1, 9))
def test_shown_has_the_ends(count, most):
    found = shown(count, most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found)) and set(found) <= set(range(count))
    assert found[0] == 0 and (most < 3 or found[-1] == count - 1)


def test_an_example_stands_in_the_circles():
    model = nn.Sequential(
        nn.Flatten(0), nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Linear(3, 2, rng=1), nn.Softmax()
    )
    example = [[0.5, -1.0], [2.0, 0.25]]
    titles = "".join(t.text for t in parsed(draw(model, example=example)).iter(f"{SVG}title"))
    hidden = [y.data for y in nn.Tanh()(model[1]([0.5, -1.0, 2.0, 0.25]))]
    outputs = [y.data for y in model(example)]
    for expected in [0.5, -1.0, 2.0, 0.25, *hidden, *outputs]:
        assert f"activation {expected!r}" in titles


def test_one_input_may_come_as_a_number_and_what_is_no_number_is_marked():
    picture = draw(nn.MLP(1, [2], activation="tanh", rng=0), example=2.0)
    assert "2" in words(picture)
    assert "nan" in words(draw(nn.MLP(1, [2], rng=0), example=[math.nan]))
    assert "inf" in words(draw(nn.MLP(1, [2], rng=0), example=[math.inf]))


def test_the_model_is_as_before_and_equal_models_give_equal_bytes():
    def made():
        model = nn.Sequential(
            nn.Linear(2, 3, rng=0), nn.Dropout(0.5, rng=1), nn.Linear(3, 1, rng=2)
        )
        model[0].eval()
        return model

    model = made()
    before, mode = model.state_dict(), [m.training for m in model.modules()]
    state = model[1].rng.getstate()
    first = draw(model, example=[1.0, 2.0]).svg
    assert model.state_dict() == before and [m.training for m in model.modules()] == mode
    assert model[1].rng.getstate() == state
    assert all(parameter.grad == 0 for parameter in model.parameters())
    assert first == draw(made(), example=[1.0, 2.0]).svg


def test_names_of_inputs_and_outputs():
    picture = draw(nn.MLP(2, [2], rng=0), inputs=["width", "height"], outputs=["a", "b"])
    assert {"width", "height", "a", "b"} <= set(words(picture))
    assert picture.svg.count("input 1, height") == 1


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_can_only_ever_be_text(name):
    model = nn.MLP(1, [1], rng=0)
    strange = type("Strange", (nn.Module,), {})()
    vars(strange)[name] = nn.Linear(1, 1, rng=0)
    if not set("\x00\ud800") & set(name):  # which no class can have in its name
        type(strange).__name__ = name
    model.layers[0].neurons[0].activation = type("A", (), {"__name__": name, "__call__": id})()
    for picture in (draw(model, inputs=[name], outputs=[name]), draw(strange)):
        parsed(picture)
        picture.svg.encode()
        assert not re.search(r"<(script|img|b>|TABLE)|[\u202e\u2066]", picture.svg)
        assert len(picture.svg) < 30_000


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_every_theme_is_whole(theme):
    picture = draw(nn.MLP(2, [20, 1], rng=0), theme=theme, example=[1.0, -1.0])
    colours = set(re.findall(r'(?:fill|stroke)="(#\w+)"', picture.svg))
    assert colours <= set(THEMES[theme].colours.values())
    assert ("prefers-color-scheme" in picture.svg) == (theme == "auto")


def test_it_is_saved_as_svg(tmp_path):
    path = tmp_path / "network.svg"
    draw(nn.MLP(2, [1], rng=0), path)
    assert ElementTree.parse(path).getroot().tag == f"{SVG}svg"
    with pytest.raises(ValueError, match="svg"):
        draw(nn.MLP(2, [1], rng=0), tmp_path / "network.png")


# --- Which networks -------------------------------------------------------------------------------

CHAINS = {
    "neuron": (nn.Neuron(2, activation="tanh", rng=0), ["tanh"]),
    "layer": (nn.Layer(2, 3, nonlin=False, rng=0), ["linear"]),
    "mlp": (nn.MLP(2, [3, 1], rng=0), ["relu", "linear"]),
    "linear": (nn.Linear(2, 1, bias=False, rng=0), ["linear"]),
    "nested": (
        nn.Sequential(nn.MLP(2, [3, 2], rng=0), nn.Sequential(nn.ReLU(), nn.Linear(2, 1, rng=0))),
        ["relu", "ReLU", "linear"],
    ),
    "function": (nn.Sequential(nn.Linear(2, 2, rng=0), nn.functional.tanh), ["tanh"]),
    "two": (
        nn.Sequential(nn.Linear(2, 2, rng=0), nn.LayerNorm(2), nn.ELU()),
        ["LayerNorm(2), ELU(1.0)"],
    ),
    "identity": (nn.Sequential(nn.Linear(2, 2, rng=0), nn.Identity(), nn.Flatten()), ["linear"]),
}
OTHERS = {
    "residual": nn.Residual(nn.Linear(2, 2, rng=0)),
    "unknown function": nn.Sequential(nn.Linear(2, 2, rng=0), lambda x: x),
    "sizes": nn.Sequential(nn.Linear(2, 3, rng=0), nn.Linear(2, 1, rng=0)),
    "activation first": nn.Sequential(nn.Tanh(), nn.Linear(2, 1, rng=0)),
    "own forward": type("Own", (nn.MLP,), {"forward": lambda self, x: x})(2, [1]),
    "empty": nn.Sequential(),
    "convolution": nn.Conv1d(1, 1, 2),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains_are_found_and_computed_as_the_model_does(name):
    model, activations = CHAINS[name]
    steps = steps_of(model)
    assert [step.activation for step in steps] == activations
    column = [0.5, -1.5]
    for step in steps:
        column = step.outputs(column)
    expected = model([[0.5, -1.5]])[0] if not isinstance(model, nn.Neuron) else model([0.5, -1.5])
    expected = expected if isinstance(expected, list) else [expected]
    assert [float(y.data) for y in column] == [float(y.data) for y in expected]


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_chain_is_drawn_as_blocks(name):
    assert steps_of(OTHERS[name]) is None
    assert repr(draw(OTHERS[name])).endswith(("block>", "blocks>"))


def test_mixed_activations_are_named_and_have_no_curve():
    layer = nn.Layer(1, 2, rng=0)
    layer.neurons[1].nonlin = False
    (step,) = steps_of(layer)
    assert step.activation == "relu, linear" and step.curve() == []


def test_curves_are_those_of_the_functions():
    for part in (nn.Tanh(), nn.functional.tanh):
        for x, y in curve_of(part):
            assert y == math.tanh(x)
    assert curve_of(nn.Softmax()) == []

    def fails(x):
        raise RuntimeError

    (step,) = steps_of(nn.Layer(1, 1, activation=fails, rng=0))
    assert step.curve() == [] and step.activation == "fails"
    assert glyph([], 0, 0, 1, "#000000") == glyph([(0.0, math.nan)], 0, 0, 1, "#000000") == ""


# --- Pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_an_element_is_xml_whatever_is_in_it(name):
    found = ElementTree.fromstring(svg.element("a", svg.text(name), b=name, title_=name))
    assert set(found.attrib) == {"b", "title"}
    assert svg.width(name, 10.0) <= 60 * 10


def test_numbers_in_attributes_are_short():
    assert svg.element("a", b=1.0, c=-0.5, d=1 / 3, e=0.001, f=None) == (
        '<a b="1" c="-0.5" d="0.33" e="0"/>'
    )


def test_a_pen_without_numbers_draws_nothing_thick():
    pen = Pen(THEMES["light"], False, [0.0, Value(0.0)])
    assert pen.share(0.0) == 0.0 and pen.largest == 0.0
    assert pen.legend()[0][2] == "all weights are 0"
    assert pen.words("w", 2.0) == ["w = 2.0"]
    assert Pen(THEMES["light"], True, [3.0]).largest == 0.0  # a number has no gradient


# --- Bad input ------------------------------------------------------------------------------------

MODEL = nn.MLP(2, [3, 1], rng=0)
BAD = [
    ({"example": [1.0]}, ValueError, "draw: example must be 2 numbers, one for each input, not 1"),
    ({"example": 1.0}, ValueError, "draw: example must be 2 numbers"),
    ({"example": ["a", "b"]}, TypeError, "draw: example must be numbers, not"),
    ({"grad": 1}, TypeError, "draw: grad must be True or False, not 1"),
    ({"units": 0}, ValueError, "draw: units must be at least 1, got 0"),
    ({"units": 2.5}, TypeError, "draw: units must be an int, got 2.5"),
    ({"inputs": ["a"]}, ValueError, "draw: inputs must be 2 names, one for each, not 1"),
    ({"outputs": "a"}, TypeError, "draw: outputs must be a list of names, not 'a'"),
    ({"outputs": [1]}, TypeError, "draw: outputs must be a list of names"),
    ({"inputs": 3}, TypeError, "draw: inputs must be a list of names"),
    ({"theme": "drak"}, ValueError, "draw: theme must be .*'drak'"),
    ({"haet": "grad"}, TypeError, "haet"),
]


@pytest.mark.parametrize("options, error, message", BAD, ids=[str(row[0]) for row in BAD])
def test_bad_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        draw(MODEL, **options)


def test_blocks_have_no_names_of_neurons():
    with pytest.raises(ValueError, match="inputs are names of neurons, and Conv1d"):
        draw(nn.Conv1d(1, 1, 2), inputs=["a"])
