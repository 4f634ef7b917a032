"""Live pictures: shown in a notebook while `fit` runs, and never in its way."""

import sys
import types
import warnings

import pytest

import nn
from nn.pictures import live as live_module
from nn.pictures.screens import Screen, in_notebook

pytest.importorskip("matplotlib")

MOONS = nn.data.two_moons(20, noise=0.1, rng=0)
PNG = b"\x89PNG"


class Notebook:
    """What a notebook was asked to show."""

    def __init__(self):
        self.shown = []  # each thing that was displayed or took the place of one
        self.widgets = []

    def display(self, thing, display_id=False):
        self.shown.append(thing)
        return types.SimpleNamespace(update=self.shown.append) if display_id else None

    @property
    def pictures(self):
        """The bytes of all pictures that were seen, in order."""
        seen = [thing.data for thing in self.shown if hasattr(thing, "data")]
        return [png for widget in self.widgets for png in widget.values] + seen


class Image:
    def __init__(self, data, format, width, alt):
        self.data, self.format, self.width, self.alt = data, format, width, alt


@pytest.fixture
def notebook(monkeypatch):
    """A notebook without ipywidgets."""
    found = Notebook()
    display = types.ModuleType("IPython.display")
    display.display, display.Image = found.display, Image
    ipython = types.ModuleType("IPython")
    ipython.display = display
    ipython.version_info = (9, 0, 0)  # Matplotlib looks for it
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    return found


@pytest.fixture
def widgets(notebook, monkeypatch):
    """A notebook with ipywidgets."""

    class Widget:
        def __init__(self, value, format, width):
            self.values, self.closed = [], False
            self.value = value
            notebook.widgets.append(self)

        def __setattr__(self, name, item):
            vars(self)[name] = item
            if name == "value":
                self.values.append(item)

        def close(self):
            self.closed = True

    module = types.ModuleType("ipywidgets")
    module.Image = Widget
    monkeypatch.setitem(sys.modules, "ipywidgets", module)
    return notebook


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still while pictures are drawn, and goes on when it is set."""
    now = [0.0]
    monkeypatch.setattr(live_module, "perf_counter", lambda: now[0])
    return now


class Passing(nn.Callback):
    """Lets each epoch take ten seconds."""

    def __init__(self, clock):
        self.clock = clock

    def on_epoch_end(self, run):
        self.clock[0] += 10.0


def trained(*callbacks, epochs=4, **options):
    model = nn.Sequential(nn.MLP(2, [3, 1], activation="tanh", rng=0), nn.Flatten(0))
    optimizer = nn.Adam(model.parameters(), lr=0.05)
    history = nn.fit(
        model, MOONS, "binary_cross_entropy_with_logits", optimizer, epochs, 10,
        callbacks=callbacks, seed=0, progress=False, **options,
    )  # fmt: skip
    return model, history


def test_a_picture_is_shown_before_the_first_step_and_after_the_last(notebook):
    trained(nn.Live())
    assert len(notebook.pictures) >= 3
    assert all(png.startswith(PNG) for png in notebook.pictures)
    assert notebook.shown[0].alt == "learning curves up to epoch 0"
    assert notebook.shown[-1].alt == "learning curves up to epoch 4"
    assert notebook.shown[-1].width == round(6.4 * live_module.DPI)


def test_every_epoch_can_be_shown(notebook, clock):
    trained(Passing(clock), nn.Live(every=0), epochs=3)
    shown = [
        int(image.alt.removeprefix("learning curves up to epoch ")) for image in notebook.shown
    ]
    assert shown == [0, 0, 1, 2, 3, 3]


def test_it_is_no_more_often_than_was_asked_for(notebook, clock):
    trained(Passing(clock), nn.Live(every=25), epochs=7)
    assert len(notebook.pictures) == 3 + 2  # two at the start, one at the end; after 30 s and 60 s


def test_drawing_takes_no_more_than_its_share(notebook, clock, monkeypatch):
    class Slow(live_module.Screen):
        def show(self, *args):
            clock[0] += 2.0
            super().show(*args)

    monkeypatch.setattr(live_module, "Screen", Slow)
    live = nn.Live(every=1, share=0.05)
    trained(Passing(clock), live, epochs=40)
    # Two seconds for a picture are a twentieth of forty: one after 40 seconds, one after 80, ...
    assert 3 + 8 <= len(notebook.pictures) <= 3 + 11
    assert live._spent <= 0.05 * clock[0]


def test_with_widgets_the_picture_is_one_until_it_is_finished(widgets, clock):
    trained(Passing(clock), nn.Live(), epochs=3)
    (widget,) = widgets.widgets
    assert len(widget.values) == 2 + 3 and widget.closed
    assert widgets.shown[0] is widget and len(widgets.shown) == 2
    assert widgets.shown[1].data.startswith(PNG)


def test_the_boundary_stands_beside_the_curves(notebook):
    for data in (MOONS, (MOONS.features, MOONS.targets)):
        trained(nn.Live(data), epochs=1)
        assert notebook.shown[-1].width == round(11.0 * live_module.DPI)


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_training_is_the_same_to_the_last_bit(notebook, clock, backend):
    options = {"backend": backend, "metrics": ["accuracy"], "validation": MOONS}
    plain, history = trained(**options)
    seen, other = trained(Passing(clock), nn.Live(MOONS), **options)
    assert len(notebook.pictures) == 3 + 4
    assert plain.state_dict() == seen.state_dict()
    assert history["loss"] == other["loss"] and history["val_loss"] == other["val_loss"]


def test_a_picture_that_fails_is_warned_of_once_and_training_goes_on(notebook, clock):
    bad = MOONS.features, [5] * 20
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, history = trained(Passing(clock), nn.Live(bad))
    assert len(history) == 4
    (warning,) = caught
    assert "Live: the picture failed, so there are no more; the training goes on" in str(
        warning.message
    )
    assert "tells 2 classes apart" in str(warning.message)


def test_a_screen_that_fails_is_no_harm_either(notebook, monkeypatch):
    def fails(*args, **options):
        raise OSError("no display")

    monkeypatch.setattr(sys.modules["IPython.display"], "display", fails)
    with pytest.warns(RuntimeWarning, match="no display"):
        _, history = trained(nn.Live())
    assert len(history) == 4
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.warns(RuntimeWarning, match=r"IPython\.display"):
        trained(nn.Live())


def test_in_a_terminal_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert not in_notebook()
    trained(nn.Live())
    err = capsys.readouterr().err
    assert err.count("Live: pictures show up in notebooks only") == 1
    ipython = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not in_notebook(), "IPython in a terminal has no kernel"


def test_it_can_be_used_again_and_resumed(notebook, tmp_path):
    live = nn.Live()
    trained(live, epochs=2, checkpoint=tmp_path / "c")
    before = len(notebook.shown)
    _, history = trained(live, epochs=4, checkpoint=tmp_path / "c", resume=True)
    assert len(history) == 4 and len(notebook.shown) > before
    assert repr(live) == "Live(every=0.5)"


def test_a_screen_that_was_never_shown_can_be_finished(notebook):
    Screen().finish(PNG, 100, "words")
    assert [image.alt for image in notebook.shown] == ["words"]


def test_bad_arguments_are_named(monkeypatch):
    with pytest.raises(TypeError, match="Live: data must be a Dataset or a pair"):
        nn.Live(3)
    with pytest.raises(TypeError, match="Live: data must be a Dataset or a pair"):
        nn.Live(([1.0], [2.0], [3.0]))
    with pytest.raises(TypeError, match="Live: every must be a number, not '1'"):
        nn.Live(every="1")
    with pytest.raises(ValueError, match="Live: every must be from 0 to inf, not -1"):
        nn.Live(every=-1)
    with pytest.raises(ValueError, match="Live: share must be from 0 to 1, not 2"):
        nn.Live(share=2)
    with pytest.raises(TypeError, match="Live: share must be a number, not True"):
        nn.Live(share=True)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"Live: needs Matplotlib: .*\[plot\]"):
        nn.Live()
