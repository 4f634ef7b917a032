"""Networks as blocks: what is in what, what goes where, and the parameters as cells."""

import math
import random
from xml.etree import ElementTree

import pytest

import nn
from autograd_scalar import Value, draw
from autograd_scalar.draw.theme import THEMES
from nn.pictures.pen import Pen
from nn.pictures.tensors import Cells, own_tensors
from nn.pictures.tracing import Trace
from nn.tensors import elements, filled, numbers
from tests.pictures import HOSTILE, SVG

LIGHT = THEMES["light"]


def parsed(picture):
    return ElementTree.fromstring(picture.svg)


def words(picture):
    return ["".join(text.itertext()) for text in parsed(picture).iter(f"{SVG}text")]


def cells(picture):
    """Each cell by the name of its parameter."""
    found = {}
    for rect in parsed(picture).iter(f"{SVG}rect"):
        if (title := rect.find(f"{SVG}title")) is not None:
            found[title.text.split(" = ")[0]] = rect
    return found


class Branches(nn.Module):
    """x goes into a and b; what they give is added and goes into c; and x goes past all of it."""

    def __init__(self):
        self.c, self.b, self.a = (nn.Linear(2, 2, rng=i) for i in range(3))

    def forward(self, x):
        a, b = self.a(x), self.b(x)
        c = self.c([nn.functional.tanh(p) + q for p, q in zip(a, b, strict=True)])
        return [p + q for p, q in zip(c, x, strict=True)]


class Recurrent(nn.Module):
    def __init__(self):
        self.cell, self.out = nn.RNNCell(1, 2, rng=0), nn.Linear(2, 1, rng=1)

    def forward(self, xs):
        h = None
        for x in xs:
            h = self.cell(x, h)
        return self.out(h)


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3, rng=1)
    )


def image():
    draw_number = random.Random(0).random
    return [filled((1, 6, 6), draw_number)]


MODELS = {
    "convolution": (convolutional(), image()),
    "one dimension": (nn.Conv1d(2, 3, 2, rng=0), filled((2, 4), lambda: 1.0)),
    "transposed": (nn.ConvTranspose2d(1, 1, 2, rng=0), filled((1, 2, 2), lambda: 1.0)),
    "lstm": (nn.LSTMCell(2, 3, rng=0), [1.0, 2.0]),
    "gru": (nn.GRUCell(2, 3, rng=0), [1.0, 2.0]),
    "attention": (nn.Attention(4, 2, rng=0), filled((3, 4), lambda: 0.5)),
    "residual": (nn.Residual(nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh())), [1.0, 2.0]),
    "embedding": (nn.Sequential(nn.Embedding(5, 2, rng=0), nn.Flatten(0)), [1, 2, 3]),
    "mlp in a residual": (nn.Residual(nn.MLP(2, [3, 2], rng=0)), [1.0, 2.0]),
    "batch norm": (nn.Sequential(nn.BatchNorm(2), nn.LayerNorm(2)), [[1.0, 2.0], [3.0, 4.0]]),
    "no parameters": (nn.Sequential(nn.Tanh(), nn.MaxPool1d(2)), [[1.0, 2.0]]),
    "branches": (Branches(), [1.0, 2.0]),
    "recurrent": (Recurrent(), [[1.0], [2.0], [3.0]]),
}


@pytest.mark.parametrize("with_example", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_network_is_drawn(name, with_example):
    model, example = MODELS[name]
    before = model.state_dict()
    modes = [module.training for module in model.modules()]
    options = {"example": example} if with_example else {}
    picture = draw(model, theme="light", **options)
    assert parsed(picture).tag == f"{SVG}svg"
    assert picture.svg == draw(model, theme="light", **options).svg
    assert model.state_dict() == before
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks for module in model.modules())
    said = " ".join(words(picture))
    for module in model.modules():
        if nn.Layer not in (type(m) for m in model.modules()):
            assert module.summary().replace(" -> ", " → ").replace(" x ", " × ") in said
    count = len(model.parameters())
    assert f"{count} parameters" in said or count == 0


@pytest.mark.parametrize(
    "name", ["convolution", "one dimension", "residual", "branches", "recurrent"]
)
def test_small_tensors_have_a_cell_for_each_parameter(name):
    model, _ = MODELS[name]
    assert set(cells(draw(model))) == {name for name, _ in model.named_parameters()}


def test_colour_is_the_sign_and_depth_the_size():
    model = nn.Conv1d(1, 1, 5, bias=False, rng=0)
    for parameter, x in zip(model.parameters(), [3.0, -1.5, 0.0, math.nan, -math.inf], strict=True):
        parameter.data = x
    found = [cells(draw(model, theme="light"))[f"weight.0.0.{i}"] for i in range(5)]
    colours = LIGHT.colours
    assert [cell.get("fill") for cell in found] == [
        colours["input border"], colours["parameter border"], colours["arrow"], colours["path"],
        colours["parameter border"],
    ]  # fmt: skip
    depths = [float(cell.get("fill-opacity")) for cell in found]
    assert depths[0] == depths[3] == depths[4] == 1.0 and depths[1] == pytest.approx(0.54)
    assert [cell.get("stroke") is not None for cell in found] == [False] * 3 + [True] * 2
    assert {"1 nan", "1 infinite"} <= set(words(draw(model)))


def test_in_print_negative_numbers_are_hollow():
    model = nn.Conv1d(1, 1, 3, bias=False, rng=0)
    for parameter, x in zip(model.parameters(), [3.0, -1.5, -math.inf], strict=True):
        parameter.data = x
    picture = draw(model, theme="print")
    full, hollow, infinite = (cells(picture)[f"weight.0.0.{i}"] for i in range(3))
    assert [float(c.get("fill-opacity")) for c in (full, hollow, infinite)] == [1.0, 0.0, 0.0]
    assert full.get("stroke") is None and float(hollow.get("stroke-opacity")) == 0.54
    assert "hollow cells: negative" in words(picture)


def test_gradients_in_place_of_numbers():
    model = nn.Residual(nn.Linear(1, 1, rng=0))
    model([2.0])[0].backward()
    weight = model.inner.weight[0][0]
    assert weight.grad == 2.0
    fill = cells(draw(model, grad=True, theme="light"))["inner.weight.0.0"].get("fill")
    assert fill == LIGHT.colours["input border"]


@pytest.mark.parametrize("sizes", [(), (1,), (40,), (3, 5), (20, 60), (2, 3, 4), (3, 2, 2, 3)])
def test_a_cell_shows_the_number_of_its_name(sizes):
    count = math.prod(sizes)
    made = iter(range(count))
    tensor = filled(sizes, lambda: Value(float(next(made))))
    cells = Cells("t", tensor, Pen(LIGHT, False, list(numbers(tensor))))
    values = {path: value for path, value in elements(tensor, "m.t")}
    drawn = ElementTree.fromstring(f"<svg>{cells.svg(0, 0, 'm.t')}</svg>")
    places = set()
    for rect in drawn:
        path, rest = rect.find("title").text.split(" = ")
        assert float(rest.split("\n")[0].split("gradient")[0]) == values[path].data
        places.add((rect.get("x"), rect.get("y")))
        assert float(rect.get("x")) < cells.width and float(rect.get("y")) < cells.height
    assert len(places) == len(drawn) == min(count, len(drawn))
    assert ("more" in cells.words()) == (len(drawn) < count)


def test_own_tensors_are_those_of_nothing_but_parameters():
    module = nn.Module()
    module.single = Value(1.0)
    module.mixed = [Value(1.0), 2.0]
    module.ragged = [[Value(1.0)], [Value(1.0), Value(2.0)]]
    module.computed = [Value(1.0) + 1.0]
    module.empty = []
    module.size = 3
    assert [name for name, _ in own_tensors(module)] == ["single"]
    assert "single" in words(draw(module))


# --- What goes where ------------------------------------------------------------------------------


def test_links_are_those_of_the_numbers():
    model = Branches()
    trace = Trace(model, [1.0, 2.0])
    inside = [[model.a], [model.b], [model.c]]
    assert trace.links(model, inside) == [(-1, 0), (-1, 1), (-1, 3), (0, 2), (1, 2), (2, 3)]
    assert Trace(model).links(model, inside) == [] and Trace(model).of(model) is None


def test_what_comes_back_to_a_module_is_no_link():
    model = Recurrent()
    trace = Trace(model, [[1.0], [2.0], [3.0]])
    assert trace.of(model.cell).times == 3
    assert trace.links(model, [[model.cell], [model.out]]) == [(-1, 0), (0, 1), (1, 2)]


def test_blocks_stand_in_the_order_of_their_calls():
    said = words(draw(Branches(), example=[1.0, 2.0]))
    places = [next(i for i, text in enumerate(said) if text.startswith(f"{n}: ")) for n in "abc"]
    assert places == sorted(places)
    said = words(draw(Branches()))
    places = [next(i for i, text in enumerate(said) if text.startswith(f"{n}: ")) for n in "cba"]
    assert places == sorted(places)


def test_a_part_that_is_called_again_says_how_often():
    assert "9 parameters, called 3 times" not in words(draw(Recurrent()))
    said = words(draw(Recurrent(), example=[[1.0], [2.0], [3.0]]))
    count = len(nn.RNNCell(1, 2).parameters())
    assert f"{count} parameters, called 3 times" in said


def test_shapes_stand_at_the_arrows():
    said = words(draw(convolutional(), example=image()))
    for shape in ("1 × 1 × 6 × 6", "1 × 2 × 4 × 4", "1 × 2 × 2 × 2", "1 × 8", "1 × 3"):
        assert shape in said
    assert "1 × 8" not in words(draw(convolutional()))


def test_a_model_that_wants_plain_numbers_gets_them():
    class Plain(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(1, 1, rng=0)

        def forward(self, x):
            return self.inner([float(number) for number in x])

    model = Plain()
    trace = Trace(model, [1.0])
    assert trace.of(model.inner).times == 1
    assert trace.links(model, [[model.inner]]) == [(-1, 0), (0, 1)]


def test_what_an_identity_returns_goes_on_from_it():
    model = nn.Residual(nn.Identity())
    trace = Trace(model, [Value(1.0)])
    assert trace.links(model, [[model.inner]]) == [(-1, 0), (0, 1)]


def test_of_many_alike_one_is_drawn():
    class Stack(nn.Module):
        def __init__(self, count):
            self.blocks = [nn.Residual(nn.Linear(2, 2, rng=i)) for i in range(count)]

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    alike = [nn.Linear(2, 2, rng=i) for i in range(3)]
    alone = nn.Module()
    alone.query, alone.key, alone.value = alike
    assert sum("Linear" in text for text in words(draw(alone))) == 3
    two, five = draw(Stack(2)), draw(Stack(5), example=[1.0, 2.0])
    assert sum("Residual" in text for text in words(two)) == 2
    assert sum("Residual" in text for text in words(five)) == 1
    assert "⋯ 4 more like it" in words(five)
    assert len(five.svg) < len(two.svg) * 1.2


def test_a_tangle_of_ways_is_left_out():
    class Tangle(nn.Module):
        def __init__(self):
            self.parts = [nn.Linear(1, 1, rng=i, bias=bool(i % 2)) for i in range(9)]

        def forward(self, x):
            return self.parts[-1]([sum(part(x)[0] for part in self.parts[:-1])])

    picture = draw(Tangle(), example=[1.0])
    assert parsed(picture).tag == f"{SVG}svg"
    assert "H" not in "".join(p.get("d") for p in parsed(picture).iter(f"{SVG}path"))


def test_ragged_outputs_have_no_shape():
    class Ragged(nn.Module):
        def forward(self, x):
            return [[1.0], [1.0, 2.0]], 3.0

    assert parsed(draw(Ragged(), example=[1.0])).tag == f"{SVG}svg"


def test_errors_of_the_model_come_through_and_leave_no_hooks():
    model = convolutional()
    with pytest.raises(ValueError, match="Conv2d"):
        draw(model, example=[1.0])
    assert not any(module._forward_hooks for module in model.modules())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_can_only_ever_be_text(name):
    class Strange(nn.Module):
        def extra_repr(self):
            return name

        def forward(self, x):
            return x

    model = Strange()
    vars(model)[name] = nn.Residual(nn.Linear(1, 1, rng=0))
    picture = draw(model, example=[1.0])
    parsed(picture)
    picture.svg.encode()
    assert not any(f"<{tag}" in picture.svg for tag in ("script", "img", "b>", "TABLE"))
    assert len(picture.svg) < 30_000
