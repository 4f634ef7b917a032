"""`History`: a table of what happened, and its picture."""

import math
import sys

import pytest

from nn.history import History

ROWS = [
    {"epoch": 1, "loss": 3.0, "accuracy": 0.5, "val_loss": 2.0, "lr": 0.1, "seconds": 1.0},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.7, "val_loss": 2.5, "lr": 0.1, "seconds": 1.0},
    {"epoch": 3, "loss": 2.0, "accuracy": 0.6, "lr": 0.1, "seconds": 1.0},
]


def test_columns_rows_and_the_best():
    history = History(ROWS)
    assert len(history) == 3 and list(history) == ROWS
    assert history["loss"] == [3.0, 1.0, 2.0]
    assert history["val_loss"][:2] == [2.0, 2.5] and math.isnan(history["val_loss"][2])
    assert history.last("loss") == 2.0
    assert history.best("loss") == ROWS[1] == history.best("accuracy", "max")
    assert history.best() == ROWS[0]
    with pytest.raises(KeyError, match="'accurcy' was not recorded; there are epoch, loss"):
        history["accurcy"]


def test_rows_are_copies():
    rows = [dict(ROWS[0])]
    history = History(rows)
    rows[0]["loss"] = 9.0
    assert history["loss"] == [3.0]


def test_pandas_takes_the_rows():
    pandas = pytest.importorskip("pandas")
    assert pandas.DataFrame(History(ROWS).rows).shape == (3, 6)


def test_the_table_is_aligned_and_short():
    lines = repr(History(ROWS, stopped="enough")).splitlines()
    assert lines[0].split() == list(ROWS[0])
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[-1] == "stopped: enough"
    many = repr(History([{"epoch": i, "loss": 1.0} for i in range(1000)])).splitlines()
    assert len(many) == 24 and many[12].strip() == "..." and many[-1].split()[0] == "999"
    assert repr(History()) == "no epoch finished"
    assert repr(History(stopped="nan")) == "no epoch finished: nan"


def test_the_plot_has_a_curve_for_each_column():
    pytest.importorskip("matplotlib")
    figure = History(ROWS).plot(log=True)
    losses, accuracies = figure.axes
    assert [line.get_label() for line in losses.lines] == ["training", "validation"]
    assert losses.lines[0].get_ydata().tolist() == [3.0, 1.0, 2.0]
    assert losses.get_yscale() == "log"
    assert accuracies.get_ylabel() == "accuracy" and len(accuracies.lines) == 1
    assert accuracies.get_xlabel() == "epoch"
    alone = History(ROWS).plot(ax=losses)
    assert alone is figure


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"autograd_scalar\[plot\]"):
        History(ROWS).plot()
