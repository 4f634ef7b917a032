"""Learning curves: the lines are the numbers of the histories, and each is named."""

import math
import pickle
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.history import History
from tests.pictures import HOSTILE
from tests.sweeps import examples

pytest.importorskip("matplotlib")

ROWS = [
    {"epoch": 1, "loss": 3.0, "val_loss": 2.0, "accuracy": 0.5, "val_accuracy": 0.4, "lr": 0.1},
    {"epoch": 2, "loss": 1.0, "val_loss": 1.5, "accuracy": 0.7, "val_accuracy": 0.6, "lr": 0.1},
    {"epoch": 3, "loss": 0.5, "val_loss": 1.7, "accuracy": 0.9, "val_accuracy": 0.5, "lr": 0.1},
]
HISTORY = History(ROWS)
OTHER = History([{"epoch": i, "loss": 1.0 / i, "error": 2.0 / i} for i in range(1, 6)])


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_every_line_is_a_column_of_the_history():
    figure = nn.learning_curves(HISTORY)
    for axes, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        assert axes.get_ylabel() == name
        training, validation = axes.lines
        assert training.get_xdata().tolist() == [1, 2, 3]
        assert training.get_ydata().tolist() == HISTORY[name]
        assert validation.get_ydata().tolist() == HISTORY[f"val_{name}"]
        assert {"training", "validation"} <= set(texts(axes))
    assert figure.axes[-1].get_xlabel() == "epoch"


def test_training_and_validation_are_told_apart_without_colour_too():
    training, validation = nn.learning_curves(HISTORY).axes[0].lines
    assert training.get_linewidth() < validation.get_linewidth()
    assert training.get_color() != validation.get_color()  # and with it, where it can be


def test_the_best_epoch_is_marked():
    loss, accuracy = nn.learning_curves(HISTORY).axes
    assert "best: epoch 2" in texts(loss) and "1.5" in texts(loss)
    assert "best: epoch 2" not in texts(accuracy) and "0.6" in texts(accuracy)
    dots = [c.get_offsets().tolist() for c in loss.collections if len(c.get_offsets())]
    assert [2.0, 1.5] in [place for dot in dots for place in dot]


@pytest.mark.parametrize(
    "options, epoch",
    [
        ({"best": "loss"}, 3),
        ({"best": "val_accuracy"}, 2),
        ({"best": "accuracy"}, 3),
        ({"best": "accuracy", "mode": "min"}, 1),
        ({"best": None}, None),
    ],
)
def test_what_is_best_can_be_chosen(options, epoch):
    found = [t for t in texts(nn.learning_curves(HISTORY, **options).axes[0]) if "best" in t]
    assert found == ([] if epoch is None else [f"best: epoch {epoch}"])


def test_without_validation_nothing_is_best_and_errors_are_small_when_good():
    assert not any("best" in text for text in texts(nn.learning_curves(OTHER).axes[0]))
    assert "best: epoch 5" in texts(nn.learning_curves(OTHER, best="error").axes[0])


def test_several_histories_are_compared_by_name_and_colour():
    figure = nn.learning_curves(HISTORY, OTHER, labels=["first", "second"])
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy", "error"]
    names = texts(figure.axes[0])
    assert {"first, training", "first, validation", "second"} <= set(names)
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert colours[0] == colours[1] != colours[2]
    assert {"run 1, training", "run 2"} <= set(texts(nn.learning_curves(HISTORY, OTHER).axes[0]))


@pytest.mark.parametrize("size", [(6.4, 2.4), (3.0, 1.6), (8.0, 9.0)])
@pytest.mark.parametrize("layout", [None, "constrained"])
def test_the_names_stand_apart_whatever_size_the_figure_gets(size, layout):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    same = [History([{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]) for _ in range(6)]
    figure = nn.learning_curves(*same)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine(layout)
    figure.set_size_inches(size)
    canvas.draw()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    heights = sorted((box.y0 + box.y1) / 2 for box in boxes)
    line = 9 * figure.dpi / 72
    assert min(np.diff(heights)) >= 1.3 * line
    assert heights[0] == pytest.approx(axes.bbox.y0, abs=line / 3)  # where the lines end, nearly
    assert heights[-1] < axes.bbox.y1
    assert all(box.x0 > axes.bbox.x1 for box in boxes)


def test_the_names_follow_the_scale():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = nn.learning_curves(OTHER)
    canvas = FigureCanvasAgg(figure)
    axes = figure.axes[0]
    words = next(text for text in axes.texts if text.get_text() == "training")
    for limits in (None, (0.0, 1.0), (-3.0, 0.4)):
        if limits is not None:
            axes.set_ylim(limits)
            canvas.draw()
        box = words.get_window_extent(canvas.get_renderer())
        low, high = axes.get_ylim()
        expected = axes.bbox.y0 + axes.bbox.height * (0.2 - low) / (high - low)
        assert (box.y0 + box.y1) / 2 == pytest.approx(expected, abs=3)


def test_a_figure_can_be_copied():
    copied = pickle.loads(pickle.dumps(nn.learning_curves(HISTORY)))
    assert {"training", "validation"} <= set(texts(copied.axes[0]))


@pytest.mark.parametrize("places", [[], [1.0], [0.0, 0.0, 0.0], [5.0, 1.0, 4.0, 9.0], [3.0, 100.0]])
def test_spreading_keeps_order_and_distance(places):
    from nn.pictures.charts import spread

    found = spread(places, 4.0)
    pairs = sorted(zip(places, found, strict=True))
    assert all(b >= a + 4.0 - 1e-9 for (_, a), (_, b) in pairwise(pairs))
    assert sum(found) == pytest.approx(sum(places))
    if all(b - a >= 4 for a, b in pairwise(sorted(places))):
        assert found == places


@examples(200)
@given(st.lists(st.floats(-50, 150), max_size=9), st.floats(0.0, 40.0))
def test_places_are_kept_within_bounds(places, apart):
    from nn.pictures.charts import spread

    found = spread(places, apart, 0.0, 100.0)
    room = min(apart, 100.0 / max(1, len(places) - 1))
    assert all(-1e-9 <= x <= 100 + 1e-9 for x in found)
    assert all(b - a >= room - 1e-9 for a, b in pairwise(sorted(found)))
    ordered = [y for _, y in sorted(zip(places, found, strict=True), key=lambda pair: pair[0])]
    assert all(a <= b for a, b in pairwise(ordered)) or len(set(places)) < len(places)
    free = spread([min(max(x, 0.0), 100.0) for x in places], apart)
    if all(0.0 <= x <= 100.0 for x in free):
        assert found == pytest.approx(free)


def test_one_epoch_is_a_point_and_none_an_empty_picture():
    assert nn.learning_curves(History(ROWS[:1])).axes[0].lines[0].get_marker() == "o"
    assert len(nn.learning_curves(History()).axes) == 1
    broken = History([{"epoch": 1, "loss": math.nan, "val_loss": math.nan}])
    assert not any("best" in text for text in texts(nn.learning_curves(broken).axes[0]))
    infinite = [{"epoch": i, "loss": x} for i, x in enumerate((1.0, math.inf, math.nan), 1)]
    nn.learning_curves(History(infinite), log=True)._repr_png_()
    assert nn.learning_curves(History([{"loss": 1.0}, {"loss": 2.0}])).axes[0].lines[
        0
    ].get_xdata().tolist() == [1, 2]


def test_losses_on_a_logarithmic_scale_and_on_axes_that_are_given():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    figure = nn.learning_curves(HISTORY, log=True, ax=axes)
    assert figure is axes.figure and axes.get_yscale() == "log" and len(axes.lines) == 2
    scales = [axes.get_yscale() for axes in nn.learning_curves(HISTORY, log=True).axes]
    assert scales == ["log", "linear"]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.filterwarnings("ignore:Matplotlib currently does not support")
def test_any_name_can_be_written(tmp_path):
    names = [name for name in HOSTILE if name.strip()]
    for some in (names[: len(names) // 2], names[len(names) // 2 :]):
        history = History([{"epoch": 1, "loss": 1.0} | dict.fromkeys(some[:4], 1.0)])
        figure = nn.learning_curves(*[history] * len(some), labels=some)
        figure.savefig(tmp_path / "curves.svg")
    figure = nn.learning_curves(History([{"epoch": 1, "loss": 1.0, "_$x": 2.0}]))
    assert figure.axes[1].get_ylabel() == "\u200b_\\$x"


def test_bad_arguments_are_named(monkeypatch):
    with pytest.raises(TypeError, match="learning_curves: needs at least one History"):
        nn.learning_curves()
    with pytest.raises(TypeError, match="learning_curves: histories must be of class History, not"):
        nn.learning_curves(ROWS)
    with pytest.raises(ValueError, match="labels must be 1, one for each, not"):
        nn.learning_curves(HISTORY, labels=["a", "b"])
    with pytest.raises(ValueError, match="labels must be 1, one for each, not 'a'"):
        nn.learning_curves(HISTORY, labels="a")
    with pytest.raises(ValueError, match="best must be a column of the history, not 'val_r2'"):
        nn.learning_curves(HISTORY, best="val_r2")
    with pytest.raises(ValueError, match="mode must be 'auto', 'min' or 'max', not 'least'"):
        nn.learning_curves(HISTORY, mode="least")
    with pytest.raises(TypeError, match="ax must be Matplotlib axes, not int"):
        nn.learning_curves(HISTORY, ax=3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"learning_curves: needs Matplotlib: .*\[plot\]"):
        nn.learning_curves(HISTORY)
