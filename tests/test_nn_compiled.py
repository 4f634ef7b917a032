"""Compiled steps: they are the eager ones, for every layer, loss and optimizer, or are refused."""

import itertools
import math
import random
import statistics

import numpy as np
import pytest

import nn
from autograd_scalar import Value, jit, where
from autograd_scalar.tape.backends import native_available
from autograd_scalar.tape.recording import RecordingError
from autograd_scalar.tape.variables import Builder
from nn import functional
from nn.compiled import MIXED, NONLINEAR, CompiledStep, Data, compile_step, owners_of_slots
from nn.effects import Effects, keep, random_numbers, witnessed

BACKENDS = ["python", *(["native"] if native_available() else [])]

draw = random.Random(5)
N = 6


def vector(n):
    return [draw.gauss(0, 1) for _ in range(n)]


def matrix(n, m):
    return [vector(m) for _ in range(n)]


def classes(count):
    return [draw.randrange(count) for _ in range(N)]


def distribution(n):
    shares = [draw.random() for _ in range(n)]
    return [share / sum(shares) for share in shares]


PAIRS, IMAGES, SIGNALS = matrix(N, 2), [[matrix(6, 6)] for _ in range(N)], [matrix(1, 8)] * N
SIGNALS = [matrix(1, 8) for _ in range(N)]
TEXTS, NEXT = [[draw.randrange(5) for _ in range(4)] for _ in range(N)], classes(5)
NUMBERS, TRIPLES, CLASSES, BITS = vector(N), matrix(N, 3), [0, 1, 2, 1, 0, 2], [1, 0, 0, 1, 1, 0]
SHARES = [distribution(3) for _ in range(N)]
ONE_HOT = [[float(i == c) for i in range(3)] for c in CLASSES]
WEIGHTS = [1.0, 2.0, 0.5]


def scores(*inner):
    """A model with an output for each of three classes."""
    return nn.Sequential(nn.Linear(2, 4, rng=0), *inner, nn.Linear(4, 3, rng=1))


def log_probabilities():
    return nn.Sequential(scores(), nn.LogSoftmax())


def number(*inner):
    """A model with one output."""
    return nn.Sequential(nn.Linear(2, 4, rng=0), *inner, nn.Linear(4, 1, rng=1), nn.Flatten(0))


class Reader(nn.Module):
    """Reads tokens one after the other, and gives an output at the end."""

    def __init__(self, cell):
        self.table = nn.Embedding(5, 3, padding_idx=0, rng=1)
        self.cell = cell(3, 4, rng=2)
        self.head = nn.Linear(4, 5, rng=3)

    def forward(self, batch):
        last = [nn.unroll(self.cell, self.table(text))[0][-1] for text in batch]
        return self.head(last)


class Transformer(nn.Module):
    def __init__(self, dropout=0.0):
        self.table = nn.Embedding(5, 4, rng=1)
        self.attention = nn.Residual(nn.Attention(4, 2, dropout, causal=True, rng=2))
        hidden = nn.Sequential(nn.Linear(4, 6, rng=3), nn.GELU(), nn.Linear(6, 4, rng=4))
        self.hidden = nn.Residual(nn.Sequential(nn.LayerNorm(4), hidden, nn.RMSNorm(4)))
        self.head = nn.Linear(4, 5, rng=5)

    def forward(self, batch):
        y = self.head(self.hidden(self.attention(self.table(batch))))
        return [steps[-1] for steps in y]


class ExampleByExample(nn.Module):
    """Draws in another order than layers do that go over the batch one after the other."""

    def __init__(self):
        self.head = nn.Linear(2, 1, rng=0)
        self.layers = [nn.Dropout(0.3, rng=5), nn.Dropout(0.7, rng=6)]

    def forward(self, batch):
        first, second = self.layers
        return [self.head(nn.Residual(second)(first(x)))[0] for x in batch]


def convolved(*layers, size):
    return lambda: nn.Sequential(*[make() for make in layers], nn.Flatten(), nn.Linear(size, 3))


def gumbel(hard):
    rng = random.Random(3)
    return scores(), lambda x: functional.gumbel_softmax(x, hard=hard, rng=rng)


CASES = {
    **{
        name: (lambda name=name: number(getattr(nn, name)()), "mse", PAIRS, NUMBERS, "examples")
        for name in (
            "ReLU", "Tanh", "Sigmoid", "SiLU", "GELU", "Softplus", "LeakyReLU", "ELU", "Identity",
            "Softmax", "LogSoftmax",
        )
    },
    **{
        f"{loss}": (scores, loss, PAIRS, TRIPLES, "examples")
        for loss in ("mse", "l1", "huber", "smooth_l1")
    },
    "cross_entropy": (scores, "cross_entropy", PAIRS, CLASSES, "examples"),
    "multi_margin": (scores, "multi_margin", PAIRS, CLASSES, "examples"),
    "multi_margin squared": (
        scores, nn.MultiMarginLoss(p=2, weight=WEIGHTS), PAIRS, CLASSES, "examples",
    ),
    "nll": (log_probabilities, "nll", PAIRS, CLASSES, "examples"),
    "kl_div": (log_probabilities, "kl_div", PAIRS, SHARES, "examples"),
    "kl_div of classes": (log_probabilities, "kl_div", PAIRS, ONE_HOT, "examples"),
    "kl_div batchmean": (
        log_probabilities, nn.KLDivLoss(reduction="batchmean"), PAIRS, SHARES, "examples",
    ),
    "soft cross_entropy": (scores, "cross_entropy", PAIRS, SHARES, "examples"),
    "one-hot cross_entropy": (scores, "cross_entropy", PAIRS, ONE_HOT, "examples"),
    "smoothed": (
        scores, nn.CrossEntropyLoss(label_smoothing=0.1), PAIRS, CLASSES, "examples",
    ),
    "smoothed, weighted sum": (
        scores, nn.CrossEntropyLoss(label_smoothing=0.1, weight=WEIGHTS, reduction="sum"), PAIRS,
        CLASSES, "examples",
    ),
    "weighted sum": (
        scores, nn.CrossEntropyLoss(weight=WEIGHTS, reduction="sum"), PAIRS, CLASSES, "examples",
    ),
    "weighted mean": (scores, nn.CrossEntropyLoss(weight=WEIGHTS), PAIRS, CLASSES, "batch"),
    "nll, weighted mean": (
        log_probabilities, nn.NLLLoss(weight=WEIGHTS), PAIRS, CLASSES, "batch",
    ),
    "ignored class": (scores, nn.CrossEntropyLoss(ignore_index=1), PAIRS, CLASSES, "batch"),
    "ignored in a sum": (
        scores, nn.CrossEntropyLoss(ignore_index=1, reduction="sum"), PAIRS, CLASSES, "examples",
    ),
    "hinge": (number, "hinge", PAIRS, [2 * b - 1 for b in BITS], "examples"),
    "bce": (number, "binary_cross_entropy_with_logits", PAIRS, BITS, "examples"),
    "bce, weighted": (number, nn.BCEWithLogitsLoss(pos_weight=2.0), PAIRS, BITS, "examples"),
    "RNNCell": (lambda: Reader(nn.RNNCell), "cross_entropy", TEXTS, NEXT, "examples"),
    "LSTMCell": (lambda: Reader(nn.LSTMCell), "cross_entropy", TEXTS, NEXT, "examples"),
    "GRUCell": (lambda: Reader(nn.GRUCell), "cross_entropy", TEXTS, NEXT, "examples"),
    "transformer": (Transformer, "cross_entropy", TEXTS, NEXT, "examples"),
    "transformer, dropout": (lambda: Transformer(0.3), "cross_entropy", TEXTS, NEXT, "batch"),
    "dropout": (
        lambda: number(nn.Dropout(0.3, rng=5), nn.Tanh(), nn.Dropout(0.5, rng=6)), "mse", PAIRS,
        NUMBERS, "examples",
    ),
    "dropout, example by example": (ExampleByExample, "mse", PAIRS, NUMBERS, "batch"),
    "batch norm": (lambda: number(nn.BatchNorm(4)), "mse", PAIRS, NUMBERS, "batch"),
    "batch norm, dropout": (
        lambda: number(nn.BatchNorm(4, momentum=None), nn.Dropout(0.5, rng=7)), "mse", PAIRS,
        NUMBERS, "batch",
    ),
    "layer norm": (
        lambda: number(nn.LayerNorm(4), nn.RMSNorm(4)), "mse", PAIRS, NUMBERS, "examples",
    ),
    "conv1d": (
        convolved(
            lambda: nn.Conv1d(1, 2, 3, rng=1), lambda: nn.MaxPool1d(2),
            lambda: nn.ConvTranspose1d(2, 1, 2, rng=2), size=4,
        ), "cross_entropy", SIGNALS, CLASSES, "examples",
    ),
    "conv2d": (
        convolved(
            lambda: nn.Conv2d(1, 2, 3, rng=1), lambda: nn.MaxPool2d(2),
            lambda: nn.ConvTranspose2d(2, 1, 2, rng=2), lambda: nn.AvgPool2d(3), size=1,
        ), "cross_entropy", IMAGES, CLASSES, "examples",
    ),
    "mlp": (lambda: nn.MLP(2, [4, 3], rng=0), "cross_entropy", PAIRS, CLASSES, "examples"),
    "gumbel": (lambda: nn.Sequential(*gumbel(False)), "mse", PAIRS, TRIPLES, "examples"),
    "gumbel, hard": (lambda: nn.Sequential(*gumbel(True)), "mse", PAIRS, TRIPLES, "examples"),
}  # fmt: skip


def seeded(make):
    random.seed(11)
    return make()


def eager(model, loss, optimizer):
    """The step written out."""

    def step(features, targets):
        value = nn.losses.loss_named(loss)(model(features), targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.data

    return step


def batches(features, targets, steps=5):
    """Of three and of four examples, by turns."""
    for k in range(steps):
        chosen = [(2 * k + j) % len(features) for j in range(3 + k % 2)]
        yield [features[i] for i in chosen], [targets[i] for i in chosen]


def data_of(optimizer):
    return [p.data for p in optimizer.params]


def grads_of(optimizer):
    return [p.grad for p in optimizer.params]


def distance(xs, ys):
    largest = max(*map(abs, xs), 1e-300)
    return max(abs(x - y) for x, y in zip(xs, ys, strict=True)) / largest


# --- The same as eager steps ----------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_a_compiled_step_is_the_eager_step(case, backend):
    make, loss, features, targets, way = CASES[case]
    model, other = seeded(make), seeded(make)
    ours, theirs = nn.Adam(model.parameters(), lr=0.02), nn.Adam(other.parameters(), lr=0.02)
    step, written_out = compile_step(model, loss, ours, backend), eager(other, loss, theirs)
    for batch in batches(features, targets):
        assert step(*batch) == pytest.approx(written_out(*batch), rel=1e-12, abs=1e-14)
        assert distance(grads_of(theirs), grads_of(ours)) < 1e-11
        assert distance(data_of(theirs), data_of(ours)) < 1e-9  # Adam divides by small numbers
    assert step.way == way
    mine, their = model.state_dict(), other.state_dict()
    for name in mine:  # with the statistics of batch norm
        assert np.allclose(mine[name], their[name], rtol=1e-9, atol=1e-9), name


BIT_BY_BIT = ["batch norm", "batch norm, dropout"]


@pytest.mark.parametrize("case", BIT_BY_BIT)
def test_a_whole_batch_in_python_is_the_eager_step_to_the_bit(case):
    make, loss, features, targets, _ = CASES[case]
    model, other = seeded(make), seeded(make)
    ours, theirs = nn.Adam(model.parameters(), lr=0.02), nn.Adam(other.parameters(), lr=0.02)
    step, written_out = compile_step(model, loss, ours, "python"), eager(other, loss, theirs)
    for batch in batches(features, targets, 8):
        assert step(*batch) == written_out(*batch)
        assert grads_of(ours) == grads_of(theirs)
    assert model.state_dict() == other.state_dict()


OPTIMIZERS = {
    "SGD": lambda ps: nn.SGD(ps, lr=0.05, momentum=0.9, nesterov=True),
    "RMSprop": lambda ps: nn.RMSprop(ps, centered=True, momentum=0.5),
    "Adagrad": lambda ps: nn.Adagrad(ps, lr_decay=0.1),
    "AdamW": lambda ps: nn.AdamW(ps, amsgrad=True),
    "groups": lambda ps: nn.Adam([{"params": ps[:3]}, {"params": ps[3:9], "lr": 0.1}]),
    "maximize": lambda ps: nn.SGD(ps, lr=1e-3, weight_decay=0.1, maximize=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_the_eager_way(name):
    model, other = number(nn.Tanh()), number(nn.Tanh())
    ours, theirs = (OPTIMIZERS[name](m.parameters()) for m in (model, other))
    step, written_out = compile_step(model, "mse", ours, "python"), eager(other, "mse", theirs)
    for batch in batches(PAIRS, NUMBERS, 20):
        step(*batch)
        written_out(*batch)
    assert distance(data_of(theirs), data_of(ours)) < 1e-11
    # Those that the optimizer does not have stay where they are.
    assert [p.data for p in model.parameters()] == pytest.approx(
        [p.data for p in other.parameters()], rel=1e-9
    )
    mine, their = ours.state_dict(), theirs.state_dict()
    assert mine["param_groups"] == their["param_groups"]
    for place, state in mine["state"].items():
        for entry, expected in their["state"][place].items():
            assert state[entry] == (expected and pytest.approx(expected, rel=1e-9, abs=1e-12))


def test_an_optimizer_of_ones_own_moves_values():
    class Signs(nn.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.01, "weight_decay": 0.0, "maximize": False})

        def initial_state(self, group):
            return {}

        def rule(self, group, step):
            return lambda x, grad, state: x - math.copysign(group["lr"], grad)

    model, other = number(), number()
    ours, theirs = Signs(model.parameters()), Signs(other.parameters())
    step, written_out = compile_step(model, "mse", ours, "python"), eager(other, "mse", theirs)
    for batch in batches(PAIRS, NUMBERS):
        step(*batch)
        written_out(*batch)
    assert data_of(ours) == data_of(theirs)


def test_a_model_may_be_a_function_and_the_features_arrays():
    slope, height, frozen = Value(0.0), Value(0.0), Value(2.0)
    optimizer = nn.SGD([slope, height], lr=0.05)
    step = compile_step(
        lambda batch: [frozen * slope * x + height for x in batch],
        nn.MSELoss(),
        optimizer,
        "python",
    )
    x = np.array([0.0, 1.0, 2.0, 3.0])
    for _ in range(500):
        step(x, 2 * x + 1)
    assert (frozen.data * slope.data, height.data) == (pytest.approx(2), pytest.approx(1))
    assert step.way == "examples"
    frozen.data = 1.0  # is read anew
    assert step(x, 2 * x + 1) == pytest.approx(float(np.mean(x * x)))


def test_examples_of_several_shapes_are_a_program_each():
    model, other = Reader(nn.RNNCell), Reader(nn.RNNCell)
    ours, theirs = nn.SGD(model.parameters(), lr=0.1), nn.SGD(other.parameters(), lr=0.1)
    step = compile_step(model, "cross_entropy", ours, "python")
    written_out = eager(other, "cross_entropy", theirs)
    texts = [[[1, 2, 3]] * 3, [[1, 2]] * 2, [[1, 2, 3], [4], [2, 0]], [[3, 2, 1]] * 3]
    for text in texts:
        targets = [t[0] for t in text]
        assert step(text, targets) == pytest.approx(written_out(text, targets), rel=1e-12)
    assert distance(data_of(theirs), data_of(ours)) < 1e-12


# --- Which way ------------------------------------------------------------------------------------


def test_a_weighted_mean_is_no_mean_though_the_first_batches_look_like_one():
    # Were the ways only compared by numbers, batches of one class would make them agree.
    model, other = scores(), scores()
    loss = nn.CrossEntropyLoss(weight=[1.0, 5.0, 1.0])
    ours, theirs = nn.SGD(model.parameters(), lr=0.1), nn.SGD(other.parameters(), lr=0.1)
    step, written_out = compile_step(model, loss, ours, "python"), eager(other, loss, theirs)
    for targets in ([0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 2, 1]):
        assert step(PAIRS[:4], targets) == pytest.approx(written_out(PAIRS[:4], targets), rel=1e-12)


def test_a_loss_that_counts_some_examples_is_compared_again_on_each_new_path():
    def mean_of_wrong(outputs, targets):
        wrong = [(y - t) ** 2 for y, t in zip(outputs, targets, strict=True) if y < t]
        return sum(wrong, 0.0 * outputs[0]) / max(len(wrong), 1)

    model, other = number(), number()
    ours, theirs = nn.SGD(model.parameters(), lr=0.01), nn.SGD(other.parameters(), lr=0.01)
    step = compile_step(model, mean_of_wrong, ours, "python")
    written_out = eager(other, mean_of_wrong, theirs)
    for targets in ([9.0] * 3, [9.0] * 3, [9.0, -9.0, 9.0], [9.0, -9.0, -9.0]):
        found = step(PAIRS[:3], targets)
        assert found == pytest.approx(written_out(PAIRS[:3], targets), rel=1e-12)
    assert step.way == "batch"


def test_examples_that_see_each_other_are_found_out_without_a_difference():
    def centered(batch):
        # 0 as long as all examples are alike, and then nothing could be told by numbers.
        spread = sum(x for (x,) in batch) - len(batch) * batch[0][0]
        return [w * x + spread * spread * w for (x,) in batch]

    w = Value(1.0)
    step = compile_step(centered, "mse", nn.SGD([w], lr=0.1), "python")
    assert step([[2.0], [2.0]], [0.0, 0.0]) == 4.0
    assert step.way == "batch"


def test_a_single_example_first_decides_nothing():
    for reduction in ("mean", "sum"):
        model, other = number(), number()
        loss = nn.MSELoss(reduction=reduction)
        ours, theirs = nn.SGD(model.parameters(), lr=0.1), nn.SGD(other.parameters(), lr=0.1)
        step, written_out = compile_step(model, loss, ours, "python"), eager(other, loss, theirs)
        for count in (1, 1, 4, 2):
            batch = PAIRS[:count], NUMBERS[:count]
            assert step(*batch) == pytest.approx(written_out(*batch), rel=1e-12)
        assert step.way == "examples"


def test_a_large_batch_is_compared_by_some_of_it():
    model = number()
    optimizer = nn.SGD(model.parameters(), lr=0.0001)
    step = compile_step(model, "mse", optimizer, "python")
    features, targets = PAIRS * 50, NUMBERS * 50
    expected = nn.mse_loss(model(features), targets).data
    assert step(np.array(features), np.array(targets)) == pytest.approx(expected, rel=1e-12)


def test_owners_tell_sums_from_what_mixes_otherwise():
    builder = Builder(3)
    w, x, y = builder.inputs
    table = {
        w + 1.0: None,
        w * x: 0,
        x + y: MIXED,
        (x + y) / w - w: MIXED,
        (x + y) / x: NONLINEAR,
        x * y: NONLINEAR,
        w / (x + y): NONLINEAR,
        (x + y) * w * w: MIXED,
        (x + y).exp(): NONLINEAR,
        x * y + w: NONLINEAR,
        y.exp() * w: 1,
    }
    tape = builder.tape(table)
    owners = owners_of_slots(tape, [None, 0, 1])
    assert [owners[slot] for slot in tape.outputs] == list(table.values())


# --- Nothing is frozen ----------------------------------------------------------------------------


def test_dropout_draws_anew_and_as_eager_steps_do():
    def losses(make_step):
        model = number(nn.Dropout(0.5, rng=3))
        step = make_step(model, "mse", nn.SGD(model.parameters(), lr=1e-9))
        return [step(PAIRS, NUMBERS) for _ in range(6)]

    ours = losses(lambda *args: compile_step(*args, "python"))
    assert len(set(ours)) == 6
    assert ours == pytest.approx(losses(eager), rel=1e-12)


def test_a_changed_setting_is_noticed():
    factor = 1.0

    def scaled(outputs, targets):
        return factor * nn.mse_loss(outputs, targets)

    layer = nn.LeakyReLU(0.1)
    model = number(layer, nn.Dropout(0.5, rng=1))
    step = compile_step(model, scaled, nn.SGD(model.parameters(), lr=1e-12), "python")
    losses = [step(PAIRS, NUMBERS)]
    model.eval()
    losses.append(step(PAIRS, NUMBERS))
    assert step(PAIRS, NUMBERS) == pytest.approx(losses[-1])  # nothing is dropped any more
    layer.negative_slope = 0.5
    losses.append(step(PAIRS, NUMBERS))
    factor = 2.0
    losses.append(step(PAIRS, NUMBERS))
    assert losses[-1] == pytest.approx(2 * losses[-2])
    assert len(set(losses)) == 4


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.5), nn.BatchNorm(2), lambda x: functional.gumbel_softmax(x)]
)
def test_what_a_tape_would_freeze_is_refused(layer):
    fast = jit(lambda x: [y for row in layer([[x, 2 * x], [x, 3 * x]]) for y in row])
    with pytest.raises(RecordingError, match=r"recorded (draws random|keeps statistics)"):
        fast(1.0)


def test_a_random_number_that_no_layer_tells_of_is_refused_and_nothing_moved():
    w = Value(1.0)

    def noisy(batch):
        return [w * x * random.random() for x in batch]

    step = compile_step(noisy, "mse", nn.SGD([w], lr=0.1), "python")
    with pytest.raises(RecordingError, match=r"nothing to replay|constant of the recorded program"):
        for k in range(50):
            before = w.data
            step([1.0 + k, 2.0], [3.0, 4.0])
    assert w.data == before


def test_branches_are_followed():
    w = Value(1.0)

    def bent(batch):
        return [w * x if x > 0 else 3 * w * x for x in batch]

    step = compile_step(bent, "mse", nn.SGD([w], lr=1e-12), "python")
    for xs in ([1.0, 2.0], [-1.0, 2.0], [-1.0, -2.0], [3.0, 4.0]):
        expected = statistics.fmean((x if x > 0 else 3 * x) ** 2 for x in xs)
        assert step(xs, [0.0, 0.0]) == pytest.approx(expected)


def test_too_many_branches_are_refused():
    w = Value(1.0)

    def of_bits(x):
        total = w * x
        for _ in range(9):
            x = 2 * x
            if x >= 1:
                x, total = x - 1, total * w
        return total

    step = compile_step(
        lambda batch: [of_bits(x) for x in batch], "mse", nn.SGD([w], lr=1e-12), "python"
    )
    rng = random.Random(0)
    with pytest.raises(RecordingError, match="nearly each batch takes another way"):
        for _ in range(100):
            step([rng.random() for _ in range(8)], [0.0] * 8)


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "targets", "error", "message"),
    [
        (PAIRS, [0, 1, 2, 3, 0, 0], ValueError, r"target must be in 0..2, got 3"),
        (PAIRS, [0, 1, 2, 0.5, 0, 0], TypeError, "target must be an int, got 0.5"),
        ([[1.0]] * 6, CLASSES, ValueError, "takes vectors of 2 numbers"),
        (PAIRS, CLASSES[:5], ValueError, "must be as many"),
        ([], [], ValueError, "at least one"),
    ],
)
def test_a_step_raises_what_the_eager_step_raises(features, targets, error, message):
    model = scores()
    step = compile_step(model, "cross_entropy", nn.SGD(model.parameters(), lr=0.1), "python")
    for _ in range(2):  # first on a step that was never made, then on one that was
        before = data_of(step.optimizer)
        with pytest.raises(error, match=message):
            step(features, targets)
        assert data_of(step.optimizer) == before
        step(PAIRS, CLASSES)


def test_a_loss_that_is_nan_raises_what_the_eager_step_raises():
    model = number()
    step = compile_step(model, "mse", nn.SGD(model.parameters(), lr=0.1), "python")
    step(PAIRS, NUMBERS)
    with pytest.raises(ValueError, match="a target is nan"):
        step(PAIRS, [math.nan] * N)


def test_a_loss_that_is_no_number_moves_nothing():
    model = number()
    step = compile_step(model, "mse", nn.SGD(model.parameters(), lr=0.1), "python")
    step(PAIRS, NUMBERS)
    before = data_of(step.optimizer)
    assert step([[math.inf, 1.0]] * 3, [0.0] * 3) == math.inf
    assert data_of(step.optimizer) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, "mse", nn.SGD([Value(0.0)])), TypeError, "model must be"),
        ((scores, "mse", None), TypeError, "optimizer must be"),
        ((scores, "mse", nn.SGD(np.zeros(2))), TypeError, "must move the model's Values"),
        ((scores, "msee", nn.SGD([Value(0.0)])), ValueError, "did you mean 'mse'"),
        ((scores, "mse", nn.SGD([Value(0.0)]), "gpu"), ValueError, "no backend 'gpu'"),
        ((scores, "mse", nn.SPSA([Value(0.0)])), RecordingError, "SPSA takes no gradients"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        compile_step(*arguments)


def test_forward_hooks_are_refused():
    model = number()
    step = compile_step(model, "mse", nn.SGD(model.parameters(), lr=0.1), "python")
    remove = model.register_forward_hook(lambda *args: None)
    with pytest.raises(RecordingError, match="has forward hooks"):
        step(PAIRS, NUMBERS)
    remove()
    step(PAIRS, NUMBERS)


# --- Values and arrays ----------------------------------------------------------------------------


def test_values_are_written_back_at_the_end_of_a_block():
    model = number()
    optimizer = nn.Adam(model.parameters(), lr=0.1)
    step = compile_step(model, "mse", optimizer, "python")
    step(PAIRS, NUMBERS)
    before = data_of(optimizer)
    with step.held():
        for _ in range(3):
            step(PAIRS, NUMBERS)
        assert data_of(optimizer) == before
        step.write_back()
        there = data_of(optimizer)
        assert there != before
        step(PAIRS, NUMBERS)
    assert data_of(optimizer) not in (before, there)
    assert {state["step"] for state in optimizer.state.values()} == {5}


def test_a_block_that_is_left_by_an_error_is_written_back():
    model = number()
    step = compile_step(model, "mse", nn.SGD(model.parameters(), lr=0.1), "python")
    step(PAIRS, NUMBERS)
    before = data_of(step.optimizer)
    with pytest.raises(KeyboardInterrupt), step.held():
        step(PAIRS, NUMBERS)
        raise KeyboardInterrupt
    assert data_of(step.optimizer) != before


def test_what_is_changed_between_steps_counts():
    model, other = number(), number()
    ours, theirs = nn.Adam(model.parameters(), lr=0.1), nn.Adam(other.parameters(), lr=0.1)
    step, written_out = compile_step(model, "mse", ours, "python"), eager(other, "mse", theirs)
    for one, optimizer in ((step, ours), (written_out, theirs)):
        one(PAIRS, NUMBERS)
        optimizer.params[0].data = 3.0
        optimizer.lr = 0.01
        one(PAIRS, NUMBERS)
        optimizer.load_state_dict(optimizer.state_dict())
        one(PAIRS, NUMBERS)
        optimizer.add_param_group({"params": [Value(1.0)], "weight_decay": 0.5})
        one(PAIRS, NUMBERS)
    assert distance(data_of(theirs), data_of(ours)) < 1e-12


def test_backward_leaves_gradients_to_clip():
    model = number()
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    step = compile_step(model, "mse", optimizer, "python")
    loss = nn.mse_loss(model(PAIRS), NUMBERS)
    loss.backward()
    expected = grads_of(optimizer)
    before = data_of(optimizer)
    assert step.backward(PAIRS, NUMBERS) == pytest.approx(loss.data)
    assert grads_of(optimizer) == pytest.approx(expected, rel=1e-12)
    assert data_of(optimizer) == before
    assert nn.clip_grad_norm(optimizer.params, 0.01) > 0.01


def test_outputs_are_those_of_before_the_step():
    for make, way in ((lambda: scores(), "examples"), (lambda: scores(nn.BatchNorm(4)), "batch")):
        model, other = make(), make()
        step = compile_step(model, "cross_entropy", nn.SGD(model.parameters(), lr=0.1), "python")
        data = Data(PAIRS, CLASSES)
        step.on(data, [4, 2, 0], keep_outputs=True)
        expected = [[y.data for y in row] for row in other([PAIRS[i] for i in (4, 2, 0)])]
        assert step.way == way
        assert np.allclose(step.outputs, expected, rtol=1e-13)


def test_values_are_not_written_while_no_one_looks():
    model = nn.Sequential(nn.Linear(64, 65, rng=0))
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    step = compile_step(model, "mse", optimizer, BACKENDS[-1])
    batch = Data(matrix(4, 64), matrix(4, 65))
    step.on(batch)
    before = [p.data for p in model.parameters()]
    with step.held():
        for _ in range(3):
            step.on(batch)
        assert [p.data for p in model.parameters()] == before
    assert all(p.data != old for p, old in zip(model.parameters(), before, strict=True))


# --- What layers draw and keep --------------------------------------------------------------------


def test_effects_are_done_at_once_or_told():
    kept = []
    keep(kept.append, [Value(1.0), 2.0])
    assert kept == [[1.0, 2.0]]
    source = itertools.count().__next__
    assert random_numbers(lambda: source)() == 0
    with witnessed(Effects([10.0])) as effects:
        keep(kept.append, [3.0])
        number = random_numbers(lambda: source)
        assert number() == 10.0
        with pytest.raises(RecordingError, match="another number of random numbers"):
            number()
    assert kept == [[1.0, 2.0]]
    assert effects.updates == [(kept.append, [3.0])]
    assert random_numbers(lambda: source)() == 1


def test_a_step_has_its_class():
    model = number()
    assert isinstance(compile_step(model, "mse", nn.SGD(model.parameters())), CompiledStep)


def test_a_condition_may_stay_open():
    w = Value(1.0)
    step = compile_step(
        lambda batch: [where(w * x > 0, w * x, 0.1 * w * x) for x in batch],
        "mse", nn.SGD([w], lr=1e-9), "python",
    )  # fmt: skip
    assert step([1.0, -2.0], [0.0, 0.0]) == pytest.approx((1 + 0.04) / 2)


def test_a_new_path_in_a_block_is_recorded_with_the_parameters_of_then():
    def bent(w, batch):
        return [w * x if w * x > 0 else 0.5 * w * x for x in batch]

    runs = []
    for held in (True, False):
        w = Value(1.0)
        optimizer = nn.SGD([w], lr=0.05)  # w changes its sign in the fourth step
        step = compile_step(lambda batch, w=w: bent(w, batch), "mse", optimizer, "python")
        losses = [step([1.0, 2.0], [-1.0, -2.0])]
        if held:
            with step.held():
                losses += [step([1.0, 2.0], [-1.0, -2.0]) for _ in range(9)]
        else:
            for _ in range(9):
                loss = nn.mse_loss(bent(w, [1.0, 2.0]), [-1.0, -2.0])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.data)
        runs.append((losses, w.data))
    assert runs[0][0] == pytest.approx(runs[1][0], rel=1e-12)
    assert runs[0][1] == pytest.approx(runs[1][1], rel=1e-12)
    assert w.data < 0


def test_a_path_in_a_block_is_verified_with_the_parameters_of_then():
    w = Value(1.0)
    step = compile_step(
        lambda batch: [w * x if w * x > 1 else 0.0 * w for x in batch], "mse",
        nn.SGD([w], lr=0.1), "python",
    )  # fmt: skip
    with step.held():
        step([2.0], [8.0])
        step([0.6], [1.0])  # above 1, which with the old w it would not be
    assert w.data > 2
    assert step.way == "examples"


def test_statistics_that_were_kept_are_looked_up_in_each_replay():
    layer = nn.BatchNorm(2, affine=False, eps=0.0).eval()
    fast = jit(lambda x: layer([x])[0], backend="python")
    assert fast([3.0, 4.0]) == [3.0, 4.0]
    layer.running_mean[0] = 1.0
    assert fast([3.0, 4.0]) == [2.0, 4.0]
    layer.load_state_dict(
        {"running_mean": [0.0, 2.0], "running_var": [4.0, 1.0], "num_batches_tracked": 1}
    )
    assert fast([3.0, 4.0]) == fast([3.0, 4.0]) == [1.5, 2.0] == layer([[3.0, 4.0]])[0]
    assert layer.parameters() == []
