"""Loss landscapes: the numbers are the losses there, and the model stays as it was."""

import math
import random
import struct
import sys

import numpy as np
import pytest

import nn
from autograd_scalar import Value
from nn.pictures.directions import points_of
from nn.pictures.looking import untouched

pytest.importorskip("matplotlib")

XOR = nn.data.xor()


def network(seed=0):
    return nn.MLP(2, [3, 1], activation="tanh", rng=seed)


def loss(model):
    return nn.mse_loss(model(XOR.features), XOR.targets)


def bits(model):
    return [struct.pack("dd", p.data, p.grad) for p in model.parameters()]


def moved_loss(model, *steps):
    """The loss of the model moved by the steps, computed as plainly as can be."""
    other = network()
    for new, old, *by in zip(other.parameters(), model.parameters(), *steps, strict=True):
        new.data = old.data + math.fsum(by)
    return loss(other).data


# --- The picture ----------------------------------------------------------------------------------


def test_a_curve_is_the_loss_along_the_direction():
    model = network()
    direction = nn.random_direction(model, 1)
    figure = nn.loss_landscape(model, loss, directions=direction, resolution=5, reach=2.0)
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True):
        assert y == pytest.approx(moved_loss(model, [x * d for d in direction]), rel=1e-12)
    assert figure.axes[0].lines[1].get_ydata().tolist() == [loss(model).data]


def test_contours_are_the_loss_along_two_directions():
    model = network()
    a, b = nn.random_direction(model, 1), nn.random_direction(model, 2)
    seen = {}

    def noted(m):
        found = loss(m)
        if isinstance(found, Value):
            seen[tuple(p.data for p in m.parameters())] = found.data
        return [found][0] if seen else found

    from nn.pictures.landscape import _losses

    places = [np.array(place) for place in ((0.0, 0.0), (1.0, 0.0), (-0.5, 2.0))]
    start = np.array([p.data for p in model.parameters()])
    found = _losses(model, loss, start, places, np.array([a, b]))
    for place, y in zip(places, found, strict=True):
        steps = [place[0] * d for d in a], [place[1] * d for d in b]
        assert y == pytest.approx(moved_loss(model, *steps), rel=1e-12)
    axes = nn.loss_landscape(model, noted, directions=[a, b], resolution=4).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("direction 1", "direction 2")
    assert axes.get_xlim() == (-1.0, 1.0)


def test_equal_seeds_give_equal_pictures():
    def extremes(rng):
        figure = nn.loss_landscape(network(), loss, resolution=5, rng=rng)
        return figure.axes[0].collections[0].get_clim()

    assert extremes(0) == extremes(0) == extremes(random.Random(0)) != extremes(1)


@pytest.mark.parametrize("log", [None, True, False])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 0.0, 1.0])
def test_losses_of_any_kind_are_drawn(value, log):
    model = network()

    def odd(m):
        x = m.parameters()[0].data
        return value if x > model_start else 1.0 + x * x

    model_start = model.parameters()[0].data
    ones = [[1.0] * 13, [1.0, -1.0] + [0.0] * 11]
    for directions in (ones, ones[0]):
        figure = nn.loss_landscape(model, odd, directions=directions, resolution=5, log=log)
        written = sys.modules["io"].BytesIO()
        figure.savefig(written, format="png")
        assert written.getvalue().startswith(b"\x89PNG")


def test_the_scale_is_logarithmic_where_losses_are_of_different_orders():
    def power(m):
        return 10.0 ** m.parameters()[0]

    def scale(**options):
        direction = [1.0] + [0.0] * 12
        return nn.loss_landscape(
            network(), power, directions=direction, resolution=5, **options
        ).axes[0].get_yscale()  # fmt: skip

    def levels(**options):
        directions = [[1.0] + [0.0] * 12, [0.0, 1.0] + [0.0] * 11]
        figure = nn.loss_landscape(
            network(), power, directions=directions, resolution=5, **options
        )  # fmt: skip
        return figure.axes[0].collections[0].levels

    assert np.ptp(np.diff(levels(reach=0.1))) < 1e-9 < np.ptp(np.diff(levels(reach=2.0)))
    assert np.ptp(np.diff(np.log(levels(reach=2.0)))) < 1e-9
    assert scale(reach=0.1) == "linear" and scale(reach=2.0) == "log"
    assert scale(reach=0.1, log=True) == "log" and scale(reach=2.0, log=False) == "linear"


# --- The model stays as it was --------------------------------------------------------------------


def test_parameters_are_the_same_to_the_last_bit():
    model = network()
    for i, parameter in enumerate(model.parameters()):
        parameter.data, parameter.grad = parameter.data / 3.0 - 0.0, i / 7
    model.parameters()[3].data = -0.0
    model.layers[0].eval()
    before, modes = bits(model), [m.training for m in model.modules()]
    nn.loss_landscape(model, loss, resolution=4)
    assert bits(model) == before and [m.training for m in model.modules()] == modes


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_they_are_after_an_exception_too(calls):
    model = network()
    before = bits(model)
    left = [calls]

    def fails(m):
        left[0] -= 1
        if left[0] < 0:
            raise KeyError("what the user's function raises")
        return float(loss(m).data)

    with pytest.raises(KeyError, match="the user's function"):
        nn.loss_landscape(model, fails, resolution=4)
    assert bits(model) == before


def test_untouched_restores_what_the_block_changed():
    model = network()
    before = bits(model)
    with pytest.raises(RuntimeError), untouched(model):
        assert not model.training
        for parameter in model.parameters():
            parameter.data = parameter.grad = math.nan
        raise RuntimeError
    assert bits(model) == before and model.training
    with untouched(print):  # a function has nothing to restore
        assert (Value(1.0) + 1.0).parents == ()


# --- Directions -----------------------------------------------------------------------------------


def test_a_random_direction_has_the_norms_of_the_filters():
    model = nn.Sequential(
        nn.Conv2d(2, 3, 2, rng=0), nn.Flatten(0), nn.Linear(3, 2, rng=1), nn.MLP(2, [4], rng=2)
    )
    direction = dict(
        zip((n for n, _ in model.named_parameters()), nn.random_direction(model, 3), strict=True)
    )
    for prefix in ("0.weight.1.", "2.weight.0.", "3.layers.0.neurons.2.w."):
        of_model = [p.data for n, p in model.named_parameters() if n.startswith(prefix)]
        of_direction = [x for n, x in direction.items() if n.startswith(prefix)]
        assert math.hypot(*of_direction) == pytest.approx(math.hypot(*of_model))
        assert len(of_direction) == len(of_model) > 1
    assert all(x == 0 for n, x in direction.items() if "bias" in n or n.endswith(".b"))


def test_what_has_no_filters_is_one():
    class Line(nn.Module):
        def __init__(self):
            self.slope, self.height = Value(3.0), Value(4.0)

    assert math.hypot(*nn.random_direction(Line(), 0)) == pytest.approx(5.0)


def test_principal_directions_are_those_in_which_the_trajectory_goes_farthest():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    steps = rng.standard_normal((40, 5)) * [10.0, 3.0, 0.1, 0.1, 0.1]
    points = np.concatenate([steps @ axes.T, np.zeros((1, 5))])
    first, second = (np.array(d) for d in nn.pca_directions(points))
    assert abs(first @ axes[:, 0]) > 0.99 and abs(second @ axes[:, 1]) > 0.98
    assert first @ second == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(first) == pytest.approx(1) == pytest.approx(np.linalg.norm(second))
    assert points[0] @ first >= 0 and points[0] @ second >= 0


def trained(path, epochs=6, **options):
    model = network()
    optimizer = nn.Adam(model.parameters(), lr=0.05)
    data = XOR.features, [float(t) for t in XOR.targets]
    history = nn.fit(
        model,
        data,
        "mse",
        optimizer,
        epochs,
        2,
        callbacks=[path],
        seed=0,
        progress=False,
        **options,
    )
    return model, history


def test_a_trajectory_is_drawn_where_it_went():
    path = nn.Trajectory()
    model, _ = trained(path)
    figure = nn.loss_landscape(model, loss, trajectory=path, resolution=4)
    drawn = figure.axes[0].lines[1].get_xydata()
    directions = np.array(nn.pca_directions(path))
    end = np.array(path.points[-1])
    for place, point in zip(drawn, path.points, strict=True):
        assert place == pytest.approx(directions @ (np.array(point) - end), abs=1e-9)
    assert figure.axes[0].get_xlabel() == "principal direction 1"
    low, high = figure.axes[0].get_xlim()
    assert low < drawn[:, 0].min() and drawn[:, 0].max() < high
    along = nn.loss_landscape(model, loss, trajectory=path, directions=directions[0], resolution=4)
    assert along.axes[0].lines[1].get_xdata() == pytest.approx(drawn[:, 0])


def test_a_trajectory_keeps_start_epochs_and_end():
    path, some = nn.Trajectory(), nn.Trajectory(every=4)
    model, _ = trained(path)
    trained(some)
    assert path.points[0] == [p.data for p in network().parameters()]
    assert path.points[-1] == [p.data for p in model.parameters()]
    assert len(path.points) == 7 and some.points == [path.points[i] for i in (0, 4, 6)]


def test_a_trajectory_is_resumed(tmp_path):
    whole, part = nn.Trajectory(), nn.Trajectory()
    trained(whole)
    trained(part, epochs=3, checkpoint=tmp_path / "c")
    resumed = nn.Trajectory()
    trained(resumed, checkpoint=tmp_path / "c", resume=True)
    assert resumed.points == whole.points and part.points == whole.points[:4]


# --- Bad input ------------------------------------------------------------------------------------

MODEL = network()
DIRECTION = [1.0] * 13
BAD = [
    ((3, loss), {}, TypeError, "model must be a Module, not 3"),
    ((MODEL, 3), {}, TypeError, "loss must be a function of the model, not 3"),
    ((MODEL, lambda m: "text"), {}, TypeError, "loss|result"),
    ((MODEL, lambda m: [1.0, 2.0]), {}, TypeError, "loss must return one number"),
    ((MODEL, loss), {"directions": [[1.0]]}, ValueError, "directions must be one or two of 13"),
    ((MODEL, loss), {"directions": "ab"}, TypeError, "directions must be lists of numbers"),
    ((MODEL, loss), {"directions": [0.0] * 13}, ValueError, "directions must be finite, not 0"),
    ((MODEL, loss), {"directions": [DIRECTION] * 2}, ValueError, "not the same"),
    ((MODEL, loss), {"directions": [math.nan] * 13}, ValueError, "directions must be finite"),
    ((MODEL, loss), {"trajectory": [[1.0]]}, ValueError, "trajectory must have 13 numbers"),
    ((MODEL, loss), {"trajectory": "ab"}, TypeError, "trajectory must be a Trajectory or lists"),
    ((MODEL, loss), {"resolution": 1}, ValueError, "resolution must be at least 2, not 1"),
    ((MODEL, loss), {"reach": 0}, ValueError, "reach must be a number above 0, not 0"),
    ((MODEL, loss), {"ax": 3}, TypeError, "ax must be Matplotlib axes, not int"),
]  # fmt: skip


@pytest.mark.parametrize("args, options, error, message", BAD, ids=[row[3] for row in BAD])
def test_bad_arguments_are_named(args, options, error, message):
    before = bits(MODEL)
    with pytest.raises(error, match=message):
        nn.loss_landscape(*args, **options)
    assert bits(MODEL) == before


def test_trajectories_that_have_no_two_directions():
    with pytest.raises(ValueError, match="pca_directions: trajectory must have 3 points, not 2"):
        nn.pca_directions([[1.0], [2.0]])
    with pytest.raises(ValueError, match="pca_directions: trajectory stays on a line"):
        nn.pca_directions([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    with pytest.raises(ValueError, match="f: trajectory must be finite"):
        points_of("f", [[math.inf]], 1)
    with pytest.raises(TypeError, match="pca_directions: trajectory"):
        nn.pca_directions([[1.0], [1.0, 2.0], "x"])
    with pytest.raises(TypeError, match="Trajectory: the model must be a Module"):
        weight = Value(1.0)
        nn.fit(
            lambda batch: [weight * x for x in batch], ([1.0], [2.0]), "mse",
            nn.SGD([weight], lr=0.1), 1, callbacks=[nn.Trajectory()], progress=False,
        )  # fmt: skip
    with pytest.raises(ValueError, match="every must be at least 1"):
        nn.Trajectory(every=0)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"loss_landscape: needs Matplotlib: .*\[plot\]"):
        nn.loss_landscape(MODEL, loss)
