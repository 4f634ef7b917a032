"""Learning curves: the lines are the numbers of the histories, and each is named."""

import math
import sys
from itertools import pairwise

import numpy as np
import pytest

import nn
from nn.history import History
from tests.pictures import HOSTILE

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


def test_training_and_validation_are_told_apart_without_colour():
    training, validation = nn.learning_curves(HISTORY).axes[0].lines
    assert training.get_linewidth() < validation.get_linewidth()


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


def test_the_names_stand_apart():
    same = [History([{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]) for _ in range(6)]
    axes = nn.learning_curves(*same).axes[0]
    heights = sorted(text.xy[1] * axes.bbox.height for text in axes.texts)
    assert min(np.diff(heights)) >= 9 * 1.3 * axes.figure.dpi / 72


@pytest.mark.parametrize("places", [[], [1.0], [0.0, 0.0, 0.0], [5.0, 1.0, 4.0, 9.0], [3.0, 100.0]])
def test_spreading_keeps_order_and_distance(places):
    from nn.pictures.charts import spread

    found = spread(places, 4.0)
    pairs = sorted(zip(places, found, strict=True))
    assert all(b >= a + 4.0 - 1e-9 for (_, a), (_, b) in pairwise(pairs))
    assert sum(found) == pytest.approx(sum(places))
    if all(b - a >= 4 for a, b in pairwise(sorted(places))):
        assert found == places


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
