"""Watching: what goes wrong is told with the name of the layer, and a healthy run is left alone."""

import copy
import gc
import json
import math
import pickle
import random
import statistics
import warnings
import weakref

import pytest

from autograd_scalar import Value, fsum, no_grad, tanh
from nn import init
from nn.activations import ReLU, Sigmoid, Softmax, Tanh
from nn.convolution import Conv1d
from nn.diagnosis import LayerRecord, TrainingWarning
from nn.fit import fit
from nn.layers import Embedding, Flatten, Linear, Residual, Sequential
from nn.losses import hinge_loss, mse_loss
from nn.mlp import MLP, Neuron
from nn.module import Module
from nn.optim import SGD, Adam
from nn.precision import low_precision, round_to
from nn.recurrent import GRUCell, LSTMCell, RNNCell, unroll
from nn.tensors import numbers
from nn.watch import watch


def points(n, d, seed=0, scale=1.0):
    rng = random.Random(seed)
    return [[rng.gauss(0, scale) for _ in range(d)] for _ in range(n)]


def moons(n, seed=0):
    rng = random.Random(seed)
    features, targets = [], []
    for i in range(n):
        angle, sign = rng.uniform(0, math.pi), 1 - 2 * (i % 2)
        x = [math.cos(angle) - 0.5 * sign, math.sin(angle) - 0.25]
        features.append([sign * item + rng.gauss(0, 0.1) for item in x])
        targets.append(sign)
    return features, targets


def deep(activation, fill=None, count=10, width=8, seed=0):
    rng = random.Random(seed)
    layers = []
    for _ in range(count):
        layers += [Linear(width, width, rng=rng), activation()]
        if fill is not None:
            fill(layers[-2].weight, rng=rng)
    return Sequential(*layers, Linear(width, 1, rng=rng))


def of_first_output(model, batch):
    return mse_loss([out[0] for out in model(batch)], [1.0] * len(batch))


def observed(model, loss, **options):
    """One step watched in silence."""
    watcher = watch(model, warn=False, **options)
    watcher.backward(loss())
    return watcher


def found(watcher):
    return [(finding.kind, finding.layers) for finding in watcher.findings]


def trained(watcher, features, targets, loss, steps, batch=None, seed=0):
    """A model trained by hand, with a watcher that has the optimizer; its losses."""
    rng = random.Random(seed)
    losses = []
    for _ in range(steps):
        chosen = rng.sample(range(len(features)), batch or len(features))
        outputs = watcher.model([features[i] for i in chosen])
        outputs = [out[0] if isinstance(out, list) else out for out in outputs]
        value = loss(outputs, [targets[i] for i in chosen])
        watcher.optimizer.zero_grad()
        watcher.backward(value)
        watcher.step()
        losses.append(value.data)
    return losses


# --- What goes wrong ---


def test_ten_sigmoid_layers_vanish_and_the_early_ones_are_named():
    watcher = observed(model := deep(Sigmoid), lambda: of_first_output(model, points(10, 8)))
    ((kind, layers),) = found(watcher)
    assert kind == "vanishing gradient"
    assert layers[:3] == ("0", "2", "4")
    assert "'18'" in watcher.findings[0].message  # what it is compared with
    for helps in ("ReLU", "He or Xavier", "batch norm", "residual"):
        assert helps in watcher.findings[0].message


DEEP_AND_HEALTHY = [
    lambda: deep(Tanh, init.xavier_normal),
    lambda: deep(ReLU, init.he_normal, width=16),
    lambda: deep(lambda: Residual(Sigmoid()), lambda w, rng: init.uniform(w, -0.2, 0.2, rng=rng)),
]


@pytest.mark.parametrize("make", DEEP_AND_HEALTHY)
def test_ten_layers_with_what_helps_are_left_alone(make):
    model = make()
    width = model[0].in_features
    watcher = observed(model, lambda: of_first_output(model, points(10, width)))
    assert found(watcher) == []


def test_small_weights_in_the_last_layer_are_no_vanishing_gradient():
    for size in (0.0, 1e-8):
        model = deep(Tanh, init.xavier_normal)
        init.constant(model[-1].weight, size)
        assert found(observed(model, lambda m=model: of_first_output(m, points(10, 8)))) == []


def test_layers_too_large_explode_and_are_named():
    model = deep(ReLU, lambda w, rng: init.normal(w, 0.0, 2.0, rng=rng))
    watcher = observed(model, lambda: of_first_output(model, points(10, 8)))
    ((kind, layers),) = found(watcher)
    assert kind == "exploding gradient"
    assert layers[0] == "0" and "18" not in layers


class Recurrent(Module):
    """A cell over a sequence, and a layer on its last output."""

    def __init__(self, cell, size):
        self.cell, self.head = cell, Linear(size, 1, rng=0)

    def forward(self, xs):
        outputs, _ = unroll(self.cell, xs)
        return self.head(outputs[-1])[0]


class HandMade(Module):
    """A cell of two linear layers; without an activation, so its spectral radius says all."""

    def __init__(self, size):
        self.inward, self.onward = Linear(2, size, rng=0), Linear(size, size, rng=1)

    def forward(self, x, h=None):
        h = [0.0] * len(self.onward.weight) if h is None else h
        return [a + b for a, b in zip(self.inward(x), self.onward(h), strict=True)]


class Loop(Module):
    """The same layers called in a loop, with a function between them."""

    def __init__(self, cell):
        self.cell = cell

    def forward(self, xs):
        h = [0.0] * len(self.cell.onward.weight)
        for x in xs:
            a, b = self.cell.inward(x), self.cell.onward(h)
            h = [tanh((p + q) * 1e-9) * 1e9 for p, q in zip(a, b, strict=True)]
        return h[0]


def rotate(weight, radius):
    """Make it move each number to the next place: all eigenvalues are of size `radius`."""
    for i, row in enumerate(weight):
        for j, w in enumerate(row):
            w.data = radius * ((i + 1) % len(row) == j)


def relu_cell(radius):
    cell = RNNCell(2, 6, nonlinearity="relu", rng=0)
    rotate(cell.weight_hh, radius)
    return Recurrent(cell, 6)


def hand_made(radius, kind):
    cell = HandMade(6)
    rotate(cell.onward.weight, radius)
    return Recurrent(cell, 6) if kind is Recurrent else Loop(cell)


CELLS = [
    (relu_cell, {"cell"}),
    (lambda radius: hand_made(radius, Recurrent), {"cell.onward", "cell"}),
    (lambda radius: hand_made(radius, Loop), {"cell.onward"}),
]


@pytest.mark.parametrize(("make", "names"), CELLS)
def test_a_spectral_radius_of_three_halves_explodes_over_50_steps_and_names_the_cell(make, names):
    model = make(1.5)
    watcher = observed(model, lambda: model(points(50, 2)))
    ((kind, layers),) = found(watcher)
    assert kind == "exploding gradient" and set(layers) == names
    for helps in ("clip_grad_norm", "through time"):
        assert helps in watcher.findings[0].message
    (grown,) = watcher.history(layers[0], "through_time")
    assert 1e6 < grown < 1.5**50


@pytest.mark.parametrize(("make", "names"), CELLS)
def test_a_spectral_radius_of_one_is_left_alone(make, names):
    model = make(1.0)
    assert found(observed(model, lambda: model(points(50, 2)))) == []


@pytest.mark.parametrize(("make", "names"), CELLS[1:])  # a ReLU may pass no gradient at all
def test_with_a_spectral_radius_of_a_half_what_came_early_is_forgotten(make, names):
    model = make(0.5)
    ((kind, layers),) = found(observed(model, lambda: model(points(50, 2))))
    assert kind == "vanishing gradient" and set(layers) == names


@pytest.mark.parametrize("cell", [RNNCell, LSTMCell, GRUCell])
def test_usual_recurrent_layers_are_left_alone(cell):
    model = Recurrent(cell(2, 6, rng=0), 6)
    assert found(observed(model, lambda: model(points(20, 2)))) == []


def test_calls_with_other_examples_are_no_times():
    model = MLP(2, [4, 4, 1], rng=0)
    watcher = observed(model, lambda: mse_loss([model(x) for x in points(9, 2)], [0.0] * 9))
    assert [row.outputs for row in watcher.records] == [36, 36, 9]
    assert all(row.through_time is None for row in watcher.records)


def test_the_state_detached_ends_the_times():
    model = relu_cell(1.5)

    def loss():
        outputs, _ = unroll(model.cell, points(50, 2), truncate=5)
        return model.head(outputs[-1])[0]

    assert found(observed(model, loss)) == []


def test_a_gradient_that_grows_by_orders_over_the_steps_explodes():
    layer = Linear(1, 1, rng=0)
    watcher = watch(layer, warn=False)
    for step in range(12):
        layer.zero_grad()
        watcher.backward(layer([1.0])[0] * (1.0 if step < 11 else 1e4))
    assert found(watcher) == [("exploding gradient", ("Linear",))]
    assert watcher.findings[0].step == 11


def test_dead_relus_are_told_after_some_steps_and_named():
    model = Sequential(
        Linear(2, 8, rng=0), Tanh(), Linear(8, 8, rng=1), ReLU(), Linear(8, 1, rng=2)
    )
    init.constant(model[2].bias, -10.0)
    watcher = watch(model, SGD(model.parameters(), lr=0.01), warn=False)
    trained(watcher, *moons(20), hinge_loss, 5)
    assert found(watcher) == [("dying ReLU", ("3",))]
    assert "100% of the ReLUs of '3'" in watcher.findings[0].message
    assert watcher.history("3", "dead") == [1.0] * 5
    assert watcher.history("3", "stuck") == [0.0] * 4 + [1.0]
    assert watcher.history("0", "output_gradient_norm") == [0.0] * 5  # and no word of vanishing


def test_a_unit_of_a_convolution_is_its_channel():
    model = Sequential(Conv1d(1, 4, 3, rng=0), ReLU(), Flatten(), Linear(16, 1, rng=0))
    for bias, number in zip(model[0].bias, (-10.0, -10.0, 10.0, -10.0), strict=True):
        bias.data = number
    batch = [[row] for row in points(3, 6)]
    watcher = observed(model, lambda: of_first_output(model, batch))
    assert watcher.history("1", "dead") == [0.75]


ONE_UNIT_IN_TWO = [[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]], [[[1.0, 2.0], [1.0, 1.0]]]


@pytest.mark.parametrize("inputs", ONE_UNIT_IN_TWO)
def test_a_unit_of_a_vector_is_a_place_in_it_however_deep_the_batch(inputs):
    model = Sequential(Linear(2, 4, bias=False, rng=0), ReLU(), Linear(4, 1, rng=0))
    for row, number in zip(model[0].weight, (-1.0, 1.0, -1.0, 1.0), strict=True):
        init.constant(row, number)
    watcher = observed(model, lambda: fsum(numbers(model(inputs))))
    assert watcher.history("1", "dead") == [0.5]


@pytest.mark.parametrize("activation", [Tanh, Sigmoid])
def test_activations_saturated_from_the_start_are_named(activation):
    rng = random.Random(0)
    model = Sequential(Linear(4, 8, rng=rng), activation(), Linear(8, 1, rng=rng))
    inputs = points(20, 4, scale=100.0)
    watcher = observed(model, lambda: of_first_output(model, inputs))
    assert ("saturated", ("1",)) in found(watcher)
    (share,) = watcher.history("1", "saturated")
    assert share > 0.9
    with no_grad():
        outputs = [y.data for y in numbers(model[1](model[0](inputs)))]
    low = -0.97 if activation is Tanh else 0.03
    assert share == sum(not low < y < 0.97 for y in outputs) / len(outputs)


def test_units_that_stay_at_one_bound_are_told_later_too():
    model = Sequential(Linear(4, 8, rng=0), Tanh(), Linear(8, 1, rng=0))
    watcher = watch(model, warn=False)
    for step in range(20):
        if step == 12:
            init.constant(model[0].bias, 20.0)
        model.zero_grad()
        watcher.backward(of_first_output(model, points(10, 4, seed=step)))
    assert ("saturated", ("1",)) in found(watcher)
    assert {f.step for f in watcher.findings if f.kind == "saturated"} == {16}


def test_the_last_layer_may_be_sure_of_what_it_says():
    model = Sequential(Linear(4, 8, rng=0), Tanh(), Linear(8, 8, rng=0), Sigmoid())
    init.constant(model[2].bias, 20.0)
    watcher = watch(model, warn=False)
    for _ in range(8):
        model.zero_grad()
        watcher.backward(of_first_output(model, points(20, 4)))
    assert found(watcher) == []
    assert watcher.history("3", "stuck")[-1] == 1.0


@pytest.mark.parametrize(
    ("lr", "kind"), [(100.0, "large updates"), (1e-9, "small updates"), (0.01, None)]
)
def test_updates_far_from_healthy_are_told_with_the_learning_rate(lr, kind):
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    watcher = watch(model, SGD(model.parameters(), lr=lr), warn=False)
    trained(watcher, *moons(20), hinge_loss, 10)
    told = [finding for finding in watcher.findings if "updates" in finding.kind]
    assert {finding.kind for finding in told} == ({kind} if kind else set())
    assert all(f"learning rate of {lr:g}" in finding.message for finding in told)


def test_small_updates_later_on_are_those_of_a_model_that_has_converged():
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    watcher = watch(model, SGD(model.parameters(), lr=0.01))
    trained(watcher, *moons(20), hinge_loss, 10)
    watcher.optimizer.lr = 1e-9
    trained(watcher, *moons(20), hinge_loss, 12)
    assert found(watcher) == []


class Broken(Module):
    """The logarithm of the first number."""

    def forward(self, x):
        return [row[0].log() for row in x]


def test_nan_in_the_activations_names_the_first_layer_and_the_operation():
    model = Sequential(Linear(2, 2, rng=0), Tanh(), Broken(), Softmax())
    init.zeros(model[0].weight)
    init.constant(model[0].bias, -1.0)
    watcher = observed(model, lambda: model([[1.0, 2.0]])[0])
    assert found(watcher) == [("not finite", ("2",))]
    assert "nan in the activations of '2': log(-0.7616) gave nan" in watcher.findings[0].message


def test_nan_in_a_parameter_an_input_or_the_loss_is_told():
    model = Sequential(Linear(2, 2, rng=0), Tanh(), Linear(2, 1, rng=0))
    model[2].weight[0][1].data = math.nan
    watcher = observed(model, lambda: model([1.0, 2.0])[0])
    assert found(watcher) == [("not finite", ("2",))]
    assert "2.weight.0.1 is nan" in watcher.findings[0].message
    model[2].weight[0][1].data = 1.0
    watcher = observed(model, lambda: model([Value(math.inf), 2.0])[0])
    assert found(watcher) == [("not finite", ("0",))]
    assert "an input is inf" in watcher.findings[0].message
    watcher = observed(model, lambda: (model([1.0, 2.0])[0] * 0.0 - 1.0).log())
    assert found(watcher) == [("not finite", ("loss",))]
    assert "log(-1) gave nan" in watcher.findings[0].message


def test_inf_in_the_gradients_names_the_layer_it_came_to_first():
    model = Sequential(Linear(2, 2, rng=0), Tanh(), Linear(2, 1, rng=0))
    init.zeros(model[2].weight)
    init.zeros(model[2].bias)
    watcher = observed(model, lambda: (model([1.0, 2.0])[0] * 1.0).sqrt())
    assert found(watcher) == [("not finite", ("2",))]
    message = watcher.findings[0].message
    assert "in the gradients of '2'; the activations are finite, and the derivative of" in message
    assert "sqrt at 0 is not" in message


@pytest.mark.parametrize("loss_scale", [1.0, 2.0**15])
def test_underflow_in_float16_is_told_with_the_layer_and_rescued_by_loss_scaling(loss_scale):
    model = Sequential(Linear(2, 4, rng=0), Tanh(), Linear(4, 1, rng=0))
    init.constant(model[2].weight, 2.0**-24)  # so that the gradient of "0" is of that size

    def loss():
        return of_first_output(model, points(5, 2))

    watcher = observed(model, loss, precision="float16", loss_scale=loss_scale)
    (share,) = watcher.history("0", "underflow")
    assert watcher.history("2", "underflow") == [0.0]
    if loss_scale == 1.0:
        assert found(watcher) == [("underflow", ("0",))]
        assert "a loss_scale above 1" in watcher.findings[0].message
        assert share > 0.5
    else:
        assert found(watcher) == []
        assert share == 0.0


def test_overflow_in_float16_is_told():
    model = Linear(2, 1, rng=0)
    watcher = observed(model, lambda: model([1.0, 2.0])[0] * 70000.0, precision="float16")
    assert found(watcher) == [("overflow", ("Linear",))]
    watcher = observed(model, lambda: model([1.0, 2.0])[0] * 70000.0, precision="bfloat16")
    assert found(watcher) == []


# --- Healthy runs ---


def adam(width, activation, seed):
    rng = random.Random(seed)
    return Sequential(
        Linear(2, width, rng=rng), activation(), Linear(width, width, rng=rng), activation(),
        Linear(width, 1, rng=rng),
    )  # fmt: skip


XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]
HEALTHY = [
    ("micrograd", lambda s: MLP(2, [16, 16, 1], rng=s), SGD, 0.1, moons(40), hinge_loss, 20, 40),
    ("micrograd, 1", lambda s: MLP(2, [16, 16, 1], rng=s), SGD, 1.0, moons(40), hinge_loss, 20, 40),
    ("one example", lambda s: MLP(2, [16, 16, 1], rng=s), SGD, 0.01, moons(40), hinge_loss, 1, 60),
    ("tanh", lambda s: adam(8, Tanh, s), Adam, 0.02, moons(40), hinge_loss, 10, 99),
    ("relu", lambda s: adam(12, ReLU, s), Adam, 0.02, moons(40), hinge_loss, 10, 99),
    ("xor", lambda s: MLP(2, [4, 1], activation="tanh", rng=s), Adam, 0.05, XOR, mse_loss, 4, 200),
    ("xor, 0 loss", lambda s: MLP(2, [8, 1], rng=s), SGD, 0.1, XOR, hinge_loss, 4, 120),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", HEALTHY, ids=[case[0] for case in HEALTHY])
def test_a_healthy_run_is_left_alone(case, seed):
    _, make, optimizer, lr, (features, targets), loss, batch, steps = case
    model = make(seed)
    watcher = watch(model, optimizer(model.parameters(), lr=lr))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = trained(watcher, features, targets, loss, steps, batch, seed)
    if batch > 1:
        assert losses[-1] < losses[0] / 1.5
    assert watcher.findings == []


def test_a_loss_of_exactly_zero_has_no_gradient_and_that_is_no_warning():
    model = deep(ReLU, init.he_normal, count=4)
    watcher = watch(model, SGD(model.parameters(), lr=0.1))
    for _ in range(12):
        model.zero_grad()
        loss = hinge_loss([out[0] * 0.0 + 5.0 for out in model(points(10, 8))], [1] * 10)
        watcher.backward(loss)
        watcher.step()
    assert loss.data == 0.0
    assert watcher.findings == []
    assert watcher.history("0", "update_ratio") == [0.0] * 12


# --- The numbers ---


def test_the_numbers_of_a_layer_are_what_they_are_called():
    model = Sequential(Linear(2, 3, rng=0), Tanh(), Linear(3, 1, rng=1))
    before = [p.data for p in model[0].parameters()]
    watcher = watch(model, SGD(model.parameters(), lr=0.5))
    batch = points(4, 2)
    hidden = model[0](batch)  # noqa: F841 (called beside: outputs of no loss, still there)
    watcher.record()
    outputs = model[1](out := model[0](batch))
    loss = mse_loss([model[2](y)[0] for y in outputs], [1.0] * 4)
    watcher.backward(loss)
    row = next(r for r in watcher.records if r.step == 1 and r.layer == "0")
    data = [y.data for example in out for y in example]
    grads = [y.grad for example in out for y in example]
    assert row.kind == "Linear(2 -> 3)" and row.outputs == 12
    assert row.mean == pytest.approx(statistics.fmean(data), rel=1e-14)
    assert row.std == pytest.approx(statistics.pstdev(data), rel=1e-14)
    assert (row.min, row.max) == (min(data), max(data))
    assert row.output_gradient_norm == pytest.approx(math.hypot(*grads), rel=1e-14)
    gradient = math.hypot(*(p.grad for p in model[0].parameters()))
    assert row.gradient_norm == pytest.approx(gradient, rel=1e-14)
    assert row.weight_norm == pytest.approx(math.hypot(*before), rel=1e-14)
    assert row.update_ratio is None
    watcher.step()
    assert row.update_ratio == pytest.approx(0.5 * gradient / math.hypot(*before), rel=1e-12)
    assert row.through_time is row.dead is row.saturated is row.underflow is None


def test_layers_come_in_the_order_of_the_forward_pass_those_not_called_last():
    class Crossed(Module):
        def __init__(self):
            self.unused, self.second, self.first = (Linear(2, 2, rng=i) for i in range(3))

        def forward(self, x):
            return self.second(self.first(x))

    model = Crossed()
    watcher = observed(model, lambda: model([1.0, 2.0])[0])
    assert [row.layer for row in watcher.records] == ["first", "second", "unused"]
    assert watcher.records[-1].output_gradient_norm is None
    assert watcher.records[-1].gradient_norm == 0.0


LAYERS = [
    (lambda: MLP(2, [3, 1], rng=0), ["layers.0", "layers.1"]),
    (lambda: Linear(2, 1, rng=0), ["Linear"]),
    (lambda: Neuron(2, rng=0), ["Neuron"]),
    (lambda: Sequential(Residual(Linear(2, 2, rng=0)), Tanh()), ["0.inner", "1"]),
    (lambda: Recurrent(GRUCell(2, 3, rng=0), 3), ["cell", "head"]),
    (lambda: Sequential(Embedding(3, 2, rng=0), Linear(2, 1, rng=0)), ["0", "1"]),
]


@pytest.mark.parametrize(("make", "names"), LAYERS)
def test_layers_are_the_modules_that_hold_no_others(make, names):
    watcher = watch(make(), warn=False)
    watcher.record()
    assert [row.layer for row in watcher.records] == names
    for name in names:
        assert watcher.history(name, "gradient_norm") in ([0.0], [None])


def test_an_embedding_gives_its_own_parameters():
    model = Sequential(Embedding(3, 2, rng=0), Linear(2, 1, rng=0))
    watcher = observed(model, lambda: of_first_output(model, [0, 1, 1]))
    assert watcher.history("0", "outputs") == [4]
    assert watcher.history("0", "gradient_norm") == watcher.history("0", "output_gradient_norm")


def test_every_so_many_steps_are_recorded():
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    watcher = watch(model, SGD(model.parameters(), lr=0.1), every=3)
    trained(watcher, *moons(6), hinge_loss, 7)
    assert [row.step for row in watcher.records] == [0, 0, 3, 3, 6, 6]
    assert None not in watcher.history("layers.0", "update_ratio")


def test_outputs_without_a_graph_or_in_evaluation_do_not_count():
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    watcher = watch(model)
    kept = [model(points(5, 2))]
    watcher.record()
    with no_grad():
        kept.append(model(points(5, 2)))
    kept.append(model.eval()(points(5, 2)))
    model.train()
    model(points(7, 2))  # a graph that is gone before the step is recorded
    watcher.backward(mse_loss([model(x) for x in points(2, 2)], [0.0, 0.0]))
    assert watcher.history("layers.0", "outputs") == [15, 6]
    assert watcher.history("layers.1", "outputs") == [5, 2]


def test_no_graph_is_kept_alive():
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    watcher = watch(model, SGD(model.parameters(), lr=0.1), precision="bfloat16")
    gc.disable()
    try:
        loss = mse_loss([model(x) for x in points(3, 2)], [0.0] * 3)
        alive = weakref.ref(loss.parents[0])
        watcher.backward(loss)
        watcher.step()
        del loss
        assert alive() is None
        output = weakref.ref(model([1.0, 2.0]))
        assert output() is None
    finally:
        gc.enable()


# --- Warnings and the report ---


def test_a_warning_comes_once_per_kind_and_layer_and_from_the_users_line():
    model = deep(Sigmoid)
    watcher = watch(model)
    with pytest.warns(TrainingWarning, match="step 0, the gradient vanishes") as caught:
        for _ in range(3):
            model.zero_grad()
            watcher.backward(of_first_output(model, points(5, 8)))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(watcher.findings) == 1


def test_the_report_has_a_line_for_each_layer_and_the_findings_below():
    model = deep(Sigmoid)
    watcher = watch(model, warn=False)
    assert watcher.report() == "No step has been recorded yet."
    watcher.backward(of_first_output(model, points(5, 8)))
    lines = watcher.report().splitlines()
    assert lines[0] == "Step 0, layers in the order of the forward pass"
    names = [line.split()[0] for line in lines[5 : 5 + 21]]
    assert names == [str(i) for i in range(21)]
    assert "vanishing gradient" in lines[-1]
    assert not any(line.startswith("update") for line in lines)
    assert max(map(len, lines[:-1])) <= 120


def test_it_rides_along_in_the_training_loop():
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    features, targets = moons(12)
    optimizer = SGD(model.parameters(), lr=0.1)
    watcher = watch(model)
    options = dict(epochs=2, batch_size=4, seed=0, progress=False, validation=(features, targets))
    fit(model, (features, targets), hinge_loss, optimizer, callbacks=[watcher], **options)
    assert len(watcher.history("layers.0", "update_ratio")) == 6
    assert None not in watcher.history("layers.0", "update_ratio")
    assert watcher.history("layers.0", "outputs") == [16] * 6


def test_a_loss_that_ends_the_training_loop_is_explained():
    model = Sequential(Linear(2, 1, rng=0), Broken())
    init.constant(model[0].bias, -100.0)
    watcher = watch(model)
    with (
        pytest.warns(TrainingWarning, match=r"nan in the activations of '1': log\("),
        pytest.warns(UserWarning, match="the loss is nan"),
    ):
        fit(
            model,
            moons(4),
            mse_loss,
            SGD(model.parameters(), lr=0.1),
            callbacks=[watcher],
            progress=False,
        )
    assert found(watcher) == [("not finite", ("1",))]


def test_a_watcher_goes_on_from_its_state():
    def half(watcher, seed):
        trained(watcher, *moons(12), hinge_loss, 4, seed=seed)

    models = [MLP(2, [4, 4, 1], rng=0) for _ in range(2)]
    whole, first = (watch(m, SGD(m.parameters(), lr=0.1), every=2, warn=False) for m in models)
    half(whole, 0), half(whole, 1), half(first, 0)
    state = json.loads(json.dumps(first.state_dict()))
    second = watch(models[1], first.optimizer, every=2, warn=False)
    first.remove()
    second.load_state_dict(state)
    half(second, 1)
    assert second.records == whole.records
    assert second.findings == whole.findings
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_watches_a_model_of_its_own(copied):
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    watcher = watch(model, SGD(model.parameters(), lr=0.1))
    trained(watcher, *moons(6), hinge_loss, 2)
    other = copied(watcher)
    assert other.model is not model
    trained(watcher, *moons(6), hinge_loss, 2)
    trained(other, *moons(6), hinge_loss, 2)
    assert other.records == watcher.records
    other.remove()
    assert not any(m._forward_hooks for m in other.model.modules())
    assert any(m._forward_hooks for m in model.modules())
    assert copied(model)([1.0, 2.0]).data == model([1.0, 2.0]).data


def test_removed_it_sees_nothing_more_and_leaves_other_hooks():
    model = MLP(2, [4, 1], rng=0)
    seen = []
    model.register_forward_hook(lambda *args: seen.append(args))
    with watch(model) as watcher:
        watcher.backward(model([1.0, 2.0]))
    model([1.0, 2.0])
    assert len(seen) == 2
    assert [m._forward_hooks for m in model.modules()[1:]] == [()] * 7
    watcher.remove()


# --- Training in few bits ---


def test_training_in_a_precision_is_done_with_numbers_of_that_precision():
    model = MLP(2, [4, 1], activation="tanh", rng=0)
    twin = MLP(2, [4, 1], activation="tanh", rng=0)
    optimizer = SGD(model.parameters(), lr=0.1)
    watcher = watch(model, optimizer, precision="bfloat16", train_in_precision=True, every=2)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        q.data = round_to(q.data, "bfloat16")
        assert p.data == q.data
    for _ in range(3):
        trained(watcher, *moons(6), hinge_loss, 1)
        features, targets = moons(6)
        order = random.Random(0).sample(range(6), 6)
        loss = hinge_loss([twin(features[i]) for i in order], [targets[i] for i in order])
        low = low_precision(loss, "bfloat16")
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            assert p.grad == low.gradients[q]
            q.data = round_to(q.data - 0.1 * low.gradients[q], "bfloat16")
            assert p.data == q.data


def test_without_training_in_it_a_precision_changes_nothing():
    models = [MLP(2, [4, 1], activation="tanh", rng=0) for _ in range(2)]
    for model, precision in zip(models, (None, "float16"), strict=True):
        watcher = watch(model, SGD(model.parameters(), lr=0.1), precision=precision, warn=False)
        trained(watcher, *moons(6), hinge_loss, 3)
    assert models[0].state_dict() == models[1].state_dict()


MODEL = MLP(1, [1], rng=0)
BAD = [
    (lambda: watch([]), TypeError, "model must be a Module, got list"),
    (lambda: watch(MODEL, every=0), ValueError, "every must be at least 1"),
    (lambda: watch(MODEL, precision="flaot16"), ValueError, "unknown precision 'flaot16', did"),
    (lambda: watch(MODEL, loss_scale=8.0), ValueError, "need a precision"),
    (lambda: watch(MODEL, train_in_precision=True), ValueError, "need a precision"),
    (lambda: watch(MODEL).step(), ValueError, "needs the optimizer"),
    (lambda: watch(MODEL, precision="float16").record(), ValueError, "the loss is needed"),
    (lambda: watch(MODEL).history("layers.1", "mean"), ValueError, "unknown layer 'layers.1'"),
    (lambda: watch(MODEL).history("layers.0", "means"), ValueError, "unknown quantity 'means'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_record_is_plain_numbers():
    row = LayerRecord(0, "a", "Linear")
    assert copy.deepcopy(row) == row == pickle.loads(pickle.dumps(row))
