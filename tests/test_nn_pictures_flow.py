"""Gradient flow: the marks are the numbers that the watcher saw."""

import math
import sys

import pytest

import nn
from nn.diagnosis import Finding
from tests.pictures import HOSTILE

pytest.importorskip("matplotlib")

DATA = nn.data.xor()


def watched(model, steps=3, optimizer=True):
    if optimizer:
        optimizer = nn.SGD(model.parameters(), lr=0.1)
    watcher = nn.watch(model, optimizer or None, warn=False)
    for _ in range(steps):
        model.zero_grad()
        watcher.backward(nn.mse_loss(model(DATA.features), DATA.targets))
        if optimizer:
            watcher.step()
    watcher.remove()
    return watcher


def network():
    return nn.MLP(2, [3, 3, 1], activation="tanh", rng=0)


def marks(axes, marker):
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() == marker
    ]


def texts(figure):
    return {t.get_text() for axes in figure.axes for t in axes.texts}


def test_the_watcher_keeps_mean_and_largest_size():
    model = network()
    watcher = watched(model, steps=1, optimizer=False)
    for row in watcher.records:
        sizes = [abs(p.grad) for n, p in model.named_parameters() if n.startswith(row.layer)]
        assert row.gradient_mean == pytest.approx(math.fsum(sizes) / len(sizes))
        assert row.gradient_max == max(sizes)
    model.parameters()[0].grad = math.nan
    watcher.record()
    row = watcher.records[-3]
    assert row.layer == "layers.0"
    assert math.isnan(row.gradient_max) and math.isnan(row.gradient_mean)


def test_over_the_depth_stand_mean_largest_and_update():
    watcher = watched(network())
    figure = nn.gradient_flow(watcher)
    depth, updates, over_steps = figure.axes
    rows = watcher.records[-3:]
    assert marks(depth, "o") == [(row.gradient_mean, i) for i, row in enumerate(rows)]
    assert marks(depth, "|") == [(row.gradient_max, i) for i, row in enumerate(rows)]
    assert marks(updates, "D") == [(row.update_ratio, i) for i, row in enumerate(rows)]
    assert [t.get_text() for t in depth.get_yticklabels()] == [row.layer for row in rows]
    assert depth.get_xscale() == updates.get_xscale() == over_steps.get_yscale() == "log"
    low, high = depth.get_ylim()
    assert low > high, "the first layer is at the top"


def test_over_the_steps_stand_the_means():
    watcher = watched(network(), steps=4)
    lines = nn.gradient_flow(watcher).axes[-1].lines[:3]
    for line, layer in zip(lines, ("layers.0", "layers.1", "layers.2"), strict=True):
        assert line.get_xdata().tolist() == [0, 1, 2, 3]
        assert line.get_ydata().tolist() == watcher.history(layer, "gradient_mean")
    assert {"layers.0", "layers.1", "layers.2"} <= texts(nn.gradient_flow(watcher))


def test_a_step_can_be_chosen_and_panels_without_numbers_are_left_out():
    watcher = watched(network(), optimizer=False)
    figure = nn.gradient_flow(watcher, step=1)
    assert len(figure.axes) == 2
    means = [row.gradient_mean for row in watcher.records if row.step == 1]
    assert [x for x, _ in marks(figure.axes[0], "o")] == means
    assert len(nn.gradient_flow(watched(network(), 1, optimizer=False)).axes) == 1
    assert watcher.plot(1).axes[0].get_xlabel() == figure.axes[0].get_xlabel()


def test_what_has_no_place_on_the_scale_is_marked_at_its_edge():
    watcher = watched(network())
    zero, broken, fine = watcher.records[-3:]
    zero.gradient_mean = zero.gradient_max = 0.0
    broken.gradient_mean = broken.gradient_max = math.nan
    zero.update_ratio = 0.0
    figure = nn.gradient_flow(watcher)
    depth, updates, over_steps = figure.axes
    edge = depth.get_xlim()[0]
    assert (edge, 0.0) in marks(depth, "o") and marks(depth, "x") == [(edge, 1.0)]
    assert marks(updates, "o") == [(updates.get_xlim()[0], 0.0)]
    assert {"0", "nan"} <= texts(figure)
    bottom = over_steps.get_ylim()[0]
    assert marks(over_steps, "o") == [(2.0, bottom)] and marks(over_steps, "x") == [(2.0, bottom)]
    fine.gradient_mean = math.inf
    assert "inf" in texts(nn.gradient_flow(watcher))
    for row in watcher.records:
        row.gradient_mean = row.gradient_max = 0.0
    nn.gradient_flow(watcher)


def test_what_the_watcher_found_stands_beside_the_layer():
    deep = nn.Sequential(
        *[part for i in range(10) for part in (nn.Linear(2, 2, rng=i), nn.Sigmoid())],
        nn.Linear(2, 1, rng=10), nn.Flatten(0),
    )  # fmt: skip
    watcher = watched(deep, 2)
    assert any(finding.kind == "vanishing gradient" for finding in watcher.findings)
    assert "vanishing" in texts(nn.gradient_flow(watcher))
    later = watched(network())
    later.findings.append(Finding("exploding gradient", ("layers.0",), 2, "later"))
    assert "exploding" not in texts(nn.gradient_flow(later, step=1))
    assert "exploding" in texts(nn.gradient_flow(later, step=2))


def test_of_many_layers_some_are_named():
    model = nn.Sequential(*[nn.Linear(1, 1, rng=i) for i in range(40)])
    watcher = nn.watch(model, warn=False)
    for _ in range(2):
        watcher.backward(model([1.0])[0])
    names = [text.get_text() for text in nn.gradient_flow(watcher).axes[-1].texts]
    assert len(names) <= 16 and {"0", "39"} <= set(names)


def test_as_a_callback_of_fit():
    model = nn.Sequential(network(), nn.Flatten(0))
    watcher = nn.watch(model, warn=False)
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    data = DATA.features, [float(t) for t in DATA.targets]
    nn.fit(model, data, "mse", optimizer, 2, 2, callbacks=[watcher], seed=0, progress=False)
    assert len(nn.gradient_flow(watcher).axes) == 3


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.filterwarnings("ignore:Matplotlib currently does not support")
def test_any_name_can_be_written(tmp_path):
    watcher = watched(network())
    template = watcher.records[-1]
    names = [name for name in HOSTILE if len(name) < 1000]
    watcher.records[:] = [
        type(template)(step, name, "", gradient_mean=1.0, gradient_max=2.0)
        for step in (0, 1)
        for name in names
    ]
    nn.gradient_flow(watcher).savefig(tmp_path / "flow.svg")
    assert "</svg>" in (tmp_path / "flow.svg").read_text(encoding="utf-8")


def test_bad_arguments_are_named(monkeypatch):
    with pytest.raises(TypeError, match=r"gradient_flow: watcher must be what nn\.watch"):
        nn.gradient_flow(3)
    with pytest.raises(ValueError, match="gradient_flow: watcher has recorded no gradients yet"):
        nn.gradient_flow(nn.watch(network()))
    watcher = watched(network(), 8)
    with pytest.raises(ValueError, match="step must be one of those recorded, not 9: 0 to 7"):
        nn.gradient_flow(watcher, step=9)
    with pytest.raises(TypeError, match="gradient_flow: step must be an int"):
        nn.gradient_flow(watcher, step=1.0)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"gradient_flow: needs Matplotlib: .*\[plot\]"):
        nn.gradient_flow(watcher)


def test_old_records_without_these_numbers_are_left_out():
    watcher = watched(network(), 2)
    state = watcher.state_dict()
    for row in state["records"][:3]:
        del row["gradient_mean"], row["gradient_max"]
    watcher.load_state_dict(state)
    assert nn.gradient_flow(watcher).axes[0].get_xlabel() == "size of gradients, step 1"


def test_lines_show_on_dark_and_on_light_ground():
    import matplotlib.style

    from autograd_scalar.draw.theme import contrast
    from nn.pictures.charts import COLOURS

    watcher = watched(network())
    for style, ground in (("default", "#ffffff"), ("dark_background", "#000000")):
        with matplotlib.style.context(style):
            lines = nn.gradient_flow(watcher).axes[-1].lines[:3]
        from matplotlib.colors import to_hex

        assert all(contrast(to_hex(line.get_color()), ground) > 1.8 for line in lines)
        assert all(contrast(colour, ground) > 1.8 for colour in COLOURS[:6])
