"""Decision boundaries: the ground is what the model says, the points are the data."""

import math
import sys

import numpy as np
import pytest

import nn
from autograd_scalar import sigmoid
from nn.pictures.predicting import Scores, probabilities, scores
from nn.pictures.wording import label
from tests.pictures import HOSTILE

pytest.importorskip("matplotlib")

MOONS = nn.data.two_moons(30, noise=0.1, rng=0)
BINARY = nn.MLP(2, [4, 1], activation="tanh", rng=0)
THREE = nn.MLP(2, [4, 3], activation="tanh", rng=1)
IRIS = nn.data.iris()


def ground(figure):
    """The numbers of the ground, and the places that they are for."""
    axes = figure.axes[0]
    (image,) = axes.images
    numbers = np.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    rows, columns = numbers.shape[:2]
    xs = left + (right - left) * (np.arange(columns) + 0.5) / columns
    ys = bottom + (top - bottom) * (np.arange(rows) + 0.5) / rows
    return numbers, xs, ys


def test_the_ground_is_the_probability_that_the_model_gives():
    numbers, xs, ys = ground(nn.decision_boundary(BINARY, MOONS, resolution=7))
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            assert numbers[i, j] == pytest.approx(sigmoid(BINARY([x, y])).data, rel=1e-9)


def test_with_labels_of_both_signs_it_is_the_margin():
    labels = [2 * t - 1 for t in MOONS.targets]
    figure = nn.decision_boundary(BINARY, MOONS.features, labels, resolution=7)
    numbers, xs, ys = ground(figure)
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            assert numbers[i, j] == pytest.approx(BINARY([x, y]).data, rel=1e-9)
    assert figure.axes[1].get_ylabel() == "margin of 1"


def test_of_several_classes_the_colour_is_that_of_the_likeliest():
    from matplotlib.colors import to_rgb

    from nn.pictures.charts import COLOURS

    X = [[-1.0, 0.0], [1.0, 1.0], [0.0, -1.0]]
    numbers, xs, ys = ground(nn.decision_boundary(THREE, X, [0, 1, 2], resolution=9))
    depths = {}
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            logits = [v.data for v in THREE([x, y])]
            c = logits.index(max(logits))
            assert tuple(numbers[i, j, :3]) == pytest.approx(to_rgb(COLOURS[c]))
            depths[max(logits) - math.log(sum(map(math.exp, logits)))] = numbers[i, j, 3]
    assert list(dict(sorted(depths.items())).values()) == sorted(depths.values())


def test_the_points_are_the_data_and_the_wrong_ones_have_rings():
    figure = nn.decision_boundary(BINARY, MOONS, resolution=5)
    groups = {c.get_label(): c.get_offsets() for c in figure.axes[0].collections if c.get_label()}
    wrong = [
        x for x, t in zip(MOONS.features, MOONS.targets, strict=True)
        if (BINARY(x).data > 0) != (t == 1)
    ]  # fmt: skip
    assert wrong
    assert np.asarray(groups[f"{len(wrong)} of 30 wrong"]).tolist() == wrong
    for c, name in enumerate(MOONS.target_names):
        own = [x for x, t in zip(*MOONS, strict=True) if t == c]
        assert np.asarray(groups[name]).tolist() == own


def test_other_features_are_held_at_their_means():
    model = nn.MLP(4, [3, 3], rng=0)
    figure = nn.decision_boundary(model, IRIS, features=(2, 0), resolution=5)
    axes = figure.axes[0]
    assert axes.get_ylabel() == IRIS.feature_names[0]
    assert axes.get_xlabel() == f"{IRIS.feature_names[2]} (other features at their means)"
    X = np.array(IRIS.features)
    numbers, xs, ys = ground(figure)
    from matplotlib.colors import to_rgb

    from nn.pictures.charts import COLOURS

    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            logits = [v.data for v in model([y, X[:, 1].mean(), x, X[:, 3].mean()])]
            expected = to_rgb(COLOURS[logits.index(max(logits))])
            assert tuple(numbers[i, j, :3]) == pytest.approx(expected)


def test_what_is_held_is_the_mean():
    points = [[0.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 7.0, 0.5]]
    held = nn.decision_boundary(
        lambda X: X[:, 1], points, [0, 1, 1], features=(0, 2), resolution=3
    )  # fmt: skip
    assert ground(held)[0] == pytest.approx(np.full((3, 3), 1 / (1 + math.exp(-4.0))))


def test_the_model_is_as_before():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Dropout(0.5, rng=0), nn.Linear(3, 1, rng=1))
    model[1].eval()
    state, before = model[1].rng.getstate(), model.state_dict()
    nn.decision_boundary(model, MOONS, resolution=5)
    assert (model.training, model[1].training) == (True, False)
    assert model[1].rng.getstate() == state and model.state_dict() == before
    assert all(parameter.grad == 0 for parameter in model.parameters())


# --- Whatever predicts ----------------------------------------------------------------------------


class Estimator:
    classes_ = np.array(["cat", "dog"])

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X[:, 0]))
        return np.stack([1 - p, p], axis=1)


class Machine:
    def decision_function(self, X):
        return X[:, 0] - X[:, 1]


def test_an_estimator_is_asked_for_its_probabilities():
    figure = nn.decision_boundary(
        Estimator(), [[-1.0, 0.0], [1.0, 1.0]], ["cat", "dog"], resolution=5
    )
    numbers, xs, _ = ground(figure)
    assert numbers[0].tolist() == pytest.approx((1 / (1 + np.exp(-xs))).tolist())
    assert figure.axes[1].get_ylabel() == "probability of dog"


def test_our_own_estimator_is_one():
    pytest.importorskip("sklearn")
    X, y = nn.data.two_moons(20, rng=0)
    names = np.array(["up", "down"])[y]
    classifier = nn.MLPClassifier((3,), max_iter=2, random_state=0).fit(X, names)
    numbers, xs, ys = ground(nn.decision_boundary(classifier, X, names, resolution=4))
    expected = classifier.predict_proba([[xs[1], ys[2]]])[0, 1]
    assert numbers[2, 1] == pytest.approx(expected, rel=1e-9)


def test_a_function_is_called_with_an_array():
    figure = nn.decision_boundary(lambda X: X[:, 0], MOONS, resolution=5)
    numbers, xs, _ = ground(figure)
    assert numbers[0].tolist() == pytest.approx((1 / (1 + np.exp(-xs))).tolist())
    found = scores("f", Machine(), np.array([[3.0, 1.0]]))
    assert found.numbers.tolist() == [2.0] and not found.are_probabilities


def test_what_cannot_be_recorded_is_called():
    class Odd(nn.Module):
        def forward(self, x):
            return [[int(row[0].data if hasattr(row[0], "data") else row[0]) * 1.0] for row in x]

    found = scores("f", Odd(), np.array([[1.0, 0.0], [2.0, 0.0]]))
    assert found.numbers.tolist() == [1.0, 2.0]


def test_examples_take_their_own_branches():
    class Branch(nn.Module):
        def forward(self, x):
            return [row[0] if row[0] > 0 else -2.0 * row[1] for row in x]

    rows = np.array([[1.0, 5.0], [-1.0, 5.0], [2.0, 1.0]])
    assert scores("f", Branch(), rows).numbers.tolist() == [1.0, -10.0, 2.0]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_probabilities_add_up_to_one(size):
    numbers = np.array([[800.0, -800.0, 3.0], [0.0, 1.0, 2.0]])[:, :size]
    numbers = numbers[:, 0] if size == 1 else numbers
    found = probabilities(Scores(numbers, False))
    assert found.shape == (2, max(size, 2))
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0])
    given = np.array([[0.25, 0.75]])
    assert probabilities(Scores(given, True)) is given
    assert probabilities(Scores(np.array([0.25]), True)).tolist() == [[0.75, 0.25]]


def test_nan_and_constants_are_drawn():
    for value in (math.nan, math.inf, 0.0, -5.0):
        one = lambda X, v=value: X[:, 0] * 0 + v  # noqa: E731
        three = lambda X, v=value: np.full((len(X), 3), v)  # noqa: E731
        labels = [2 * t - 1 for t in MOONS.targets]
        for figure in (
            nn.decision_boundary(one, MOONS, resolution=4),
            nn.decision_boundary(three, MOONS, resolution=4),
            nn.decision_boundary(one, MOONS.features, labels),
        ):
            assert len(figure.axes[0].images) == 1


def test_two_outputs_one_class_and_one_point():
    for figure in (
        nn.decision_boundary(nn.MLP(2, [2], rng=0), MOONS, resolution=4),
        nn.decision_boundary(BINARY, [[1.0, 2.0]], [0], resolution=4),
        nn.decision_boundary(BINARY, [[1.0, 2.0]], [1.0], resolution=4),
    ):
        assert len(figure.axes[0].images) == 1


def test_names_come_from_columns_or_are_given():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(MOONS.features, columns=["width", 3])
    axes = nn.decision_boundary(BINARY, frame, MOONS.targets, resolution=4).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("width", "3")
    axes = nn.decision_boundary(BINARY, MOONS, names=("a", "b"), resolution=4).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a", "b")
    axes = nn.decision_boundary(BINARY, MOONS.features, MOONS.targets, resolution=4).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("feature 0", "feature 1")


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.filterwarnings("ignore:Matplotlib currently does not support")
def test_any_name_can_be_written(tmp_path):
    def score(X):
        return np.ones((len(X), len(names)))

    path = tmp_path / "figure.svg"
    for start in range(0, len(HOSTILE), 8):
        names = HOSTILE[start : start + 8]
        model = type("Model", (Machine,), {"classes_": names})()
        model.decision_function = score
        X = [[float(i), 0.0] for i in range(len(names))]
        figure = nn.decision_boundary(model, X, names, names=names[:2], resolution=2)
        figure.savefig(path)
        assert path.stat().st_size < 1_000_000
    assert label("") == " " and label("_x").startswith("\u200b")


def test_on_axes_that_are_given():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert nn.decision_boundary(BINARY, MOONS, ax=axes, resolution=4) is axes.get_figure()
    assert len(axes.images) == 1


@pytest.mark.parametrize("model", [BINARY, THREE])
@pytest.mark.parametrize("legend", [True, False])
@pytest.mark.parametrize("colorbar", [True, False])
def test_legend_and_colour_bar_can_be_left_out(model, legend, colorbar):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    before = axes.get_position().bounds
    options = {"resolution": 4, "ax": axes, "legend": legend, "colorbar": colorbar}
    figure = nn.decision_boundary(model, MOONS.features, MOONS.targets, **options)
    has_bar = colorbar and model is BINARY  # colours of several classes are in the legend
    assert len(figure.axes) == 1 + has_bar
    assert (axes.get_legend() is not None) == legend
    assert (axes.get_position().bounds == before) != has_bar
    assert len(axes.images) == 1 and axes.collections


def test_markers_are_smaller_where_many_share_a_small_picture():
    from matplotlib.figure import Figure

    def size(inches, count):
        axes = Figure(figsize=(inches, inches)).subplots()
        X = np.linspace([0.0, 0.0], [1.0, 1.0], count)
        nn.decision_boundary(BINARY, X, [0, 1] * (count // 2), resolution=4, ax=axes)
        sizes = {float(c.get_sizes()[0]) for c in axes.collections if hasattr(c, "get_sizes")}
        return min(sizes), max(sizes)

    assert size(5, 50) == size(5, 100) == size(1.5, 4) == (30, pytest.approx(111))  # and rings
    assert 6 < size(1.5, 100)[0] < 12 and size(5, 500)[0] < 30
    assert size(1.5, 1000)[0] == 6
    assert size(1.5, 100)[1] == pytest.approx(3.7 * size(1.5, 100)[0])


def test_the_ring_in_the_legend_shows_on_dark_ground():
    import matplotlib

    with matplotlib.rc_context({"text.color": "#ffffff"}):
        legend = nn.decision_boundary(BINARY, MOONS, resolution=4).axes[0].get_legend()
    first, *_, ring = legend.legend_handles
    assert ring.get_edgecolor().tolist() == [[1.0] * 4]
    assert len(first.get_facecolor()) == 1


def test_it_shows_itself_in_a_notebook_without_pyplot():
    had = "matplotlib.pyplot" in sys.modules
    png = nn.decision_boundary(BINARY, MOONS, resolution=4)._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert ("matplotlib.pyplot" in sys.modules) == had


# --- Bad input ------------------------------------------------------------------------------------

X, Y = MOONS.features, MOONS.targets
BAD = [
    ((3, X, Y), {}, TypeError, "model must be a module, a classifier or a function, not 3"),
    ((BINARY, X), {}, TypeError, "y must be the classes of the examples, got none"),
    ((BINARY, MOONS, Y), {}, TypeError, "y must be left out where X is a Dataset"),
    ((BINARY, "text", Y), {}, TypeError, "X must be rows of numbers, not 'text'"),
    ((BINARY, [1.0, 2.0], [0, 1]), {}, ValueError, r"X must be of shape \(n, 2\) or wider"),
    ((BINARY, [[math.nan, 1.0]], [0]), {}, ValueError, "X must be finite"),
    ((BINARY, X, Y[1:]), {}, ValueError, "y must be one class for each of 30 examples"),
    ((BINARY, X, [0.5] * 30), {}, ValueError, "y must be classes"),
    ((BINARY, X, [0, 1, 2] * 10), {}, ValueError, "the model tells 2 classes apart, and y has"),
    ((BINARY, MOONS), {"features": (0, 0)}, ValueError, "features must be two of 0..1"),
    ((BINARY, MOONS), {"features": (0, 2)}, ValueError, "features must be two of 0..1"),
    ((BINARY, MOONS), {"features": 0}, TypeError, "features must be two places"),
    ((BINARY, MOONS), {"features": (0.0, 1.0)}, TypeError, "features must be two places"),
    ((BINARY, MOONS), {"features": (0, 1, 2)}, TypeError, "features must be two places"),
    ((BINARY, MOONS), {"resolution": 1}, ValueError, "resolution must be at least 2, not 1"),
    ((BINARY, MOONS), {"resolution": 2.0}, TypeError, "resolution must be an int"),
    ((BINARY, MOONS), {"names": ("a",)}, ValueError, "names must be two"),
    ((BINARY, MOONS), {"names": "ab"}, ValueError, "names must be two"),
    ((BINARY, MOONS), {"legend": "top"}, TypeError, "legend must be True or False, got 'top'"),
    ((BINARY, MOONS), {"colorbar": 0}, TypeError, "colorbar must be True or False, got 0"),
    ((BINARY, MOONS), {"ax": 3}, TypeError, "ax must be Matplotlib axes, not int"),
    ((lambda X: "text", MOONS), {}, TypeError, "model must give numbers, not 'text'"),
    ((lambda X: [1.0], MOONS), {}, ValueError, "model must give a number, or one for each class"),
    ((nn.MLP(2, [9], rng=0), MOONS), {}, ValueError, "there must be at most 8 classes, not 9"),
]  # fmt: skip


@pytest.mark.parametrize("args, options, error, message", BAD, ids=[row[3] for row in BAD])
def test_bad_arguments_are_named(args, options, error, message):
    with pytest.raises(error, match=f"decision_boundary: .*{message}"):
        nn.decision_boundary(*args, **options)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    message = r"decision_boundary: needs Matplotlib: pip install 'autograd_scalar\[plot\]'"
    with pytest.raises(ImportError, match=message):
        nn.decision_boundary(BINARY, MOONS)
