"""Compiled functions over a batch: each example as if it were alone."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest

from autograd_scalar import Value, dot, exp, jit, log, relu, tanh, where
from autograd_scalar.tape import shards
from autograd_scalar.tape.backends import NAMES, native_available
from autograd_scalar.tape.recording import RecordingError
from tests import branching

BACKENDS = [name for name in NAMES if name != "native" or native_available()]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def neuron(w, x, y):
    return (tanh(dot(w["w"], list(x)) + w["b"]) - y) ** 2


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(100, 3)), RNG.normal(size=100)
W = {"w": [0.5, -1.0, 0.25], "b": 0.1}


def test_values_are_those_of_single_examples(backend):
    fast = jit(neuron, backend)
    found = fast.batch(W, X, Y, batched=(1, 2))
    assert found.shape == (100,)
    np.testing.assert_allclose(
        found, [fast(W, x, y) for x, y in zip(X, Y, strict=True)], rtol=1e-13
    )


@pytest.mark.parametrize("wrt", [0, 1, 2, (0, 1, 2), (2, 0)])
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_gradients_are_those_of_single_examples(backend, wrt, reduce):
    fast = jit(neuron, backend)
    value, gradient = fast.batch_value_and_grad(W, X, Y, batched=(1, 2), wrt=wrt, reduce=reduce)
    pairs = [fast.value_and_grad(W, x, y, wrt=(0, 1, 2)) for x, y in zip(X, Y, strict=True)]
    values = np.array([v for v, _ in pairs])
    by_w = np.array([g[0]["w"] for _, g in pairs])
    by_b = np.array([g[0]["b"] for _, g in pairs])
    own = {1: np.array([g[1] for _, g in pairs]), 2: np.array([g[2] for _, g in pairs])}
    scale = 1 / len(X) if reduce == "mean" else 1.0
    if reduce is None:
        np.testing.assert_allclose(value, values, rtol=1e-12)
        shared = {"w": [by_w[:, i] for i in range(3)], "b": by_b}
    else:
        assert value == pytest.approx(values.sum() * scale, rel=1e-12)
        shared = {"w": list(by_w.sum(axis=0) * scale), "b": by_b.sum() * scale}
    every = gradient if isinstance(wrt, tuple) else (gradient,)
    positions = wrt if isinstance(wrt, tuple) else (wrt,)
    for position, found in zip(positions, every, strict=True):
        if position == 0:
            np.testing.assert_allclose(found["w"], shared["w"], rtol=1e-10, atol=1e-14)
            np.testing.assert_allclose(found["b"], shared["b"], rtol=1e-10, atol=1e-14)
        else:
            np.testing.assert_allclose(found, own[position] * scale, rtol=1e-10, atol=1e-15)


def test_results_of_any_nesting(backend):
    fast = jit(lambda x: {"sum": x[0] + x[1], "all": (x, [1.0, 2.0 * x[0]])}, backend)
    xs = np.arange(6.0).reshape(3, 2)
    found = fast.batch(xs, batched=0)
    assert found["sum"].tolist() == [1.0, 5.0, 9.0]
    assert found["all"][0].tolist() == xs.tolist()
    assert [a.tolist() for a in found["all"][1]] == [[1.0] * 3, [0.0, 4.0, 8.0]]


# Machine code takes its time to compile for each path: fewer functions will do.
SEEDS = [(name, seed) for name in BACKENDS for seed in range(3 if name == "native" else 12)]


@pytest.mark.parametrize("name, seed", SEEDS)
def test_every_example_takes_its_own_path(name, seed):
    fast = jit(branching.random_function(seed), name)
    rows = np.array(branching.inputs(seed, 25))
    values, gradients = fast.batch_value_and_grad(*rows.T, batched=(0, 1, 2), wrt=(0, 1, 2))
    total, _ = fast.batch_value_and_grad(*rows.T, batched=(0, 1, 2), wrt=0, reduce="sum")
    for i, row in enumerate(rows.tolist()):
        value, gradient = fast.value_and_grad(*row, wrt=(0, 1, 2))
        slopes = list(gradient)
        assert values[i] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
        assert [g[i] for g in gradients] == pytest.approx(slopes, rel=1e-9, abs=1e-12, nan_ok=True)
    assert total == pytest.approx(values.sum(), rel=1e-9, abs=1e-9, nan_ok=True)


def test_the_branch_not_taken_leaks_nothing(backend):
    fast = jit(lambda w, x: where(x > 0, log(w * x), 2.0 * x * w), backend)
    xs = np.array([1.0, 0.0, -2.0, 3.0])
    _, by_x = fast.batch_value_and_grad(2.0, xs, batched=1, wrt=1)
    np.testing.assert_allclose(by_x, [1.0, 4.0, 4.0, 1 / 3])
    _, by_w = fast.batch_value_and_grad(2.0, xs, batched=1, wrt=0, reduce="sum")
    assert by_w == pytest.approx(0.5 + 0.0 - 4.0 + 0.5)


def test_a_nan_of_one_example_stays_its_own(backend):
    fast = jit(lambda w, x: log(x) * w, backend)
    values = fast.batch(2.0, np.array([1.0, -1.0, 0.0, math.inf]), batched=1)
    np.testing.assert_array_equal(values, [0.0, math.nan, -math.inf, math.inf])


def test_parameters_from_outside(backend):
    w = [Value(2.0), Value(-1.0)]
    fast = jit(lambda x: relu(w[0] * x + w[1]), backend)
    xs = np.array([0.0, 1.0, 2.0])
    value, gradient = fast.batch_value_and_grad(xs, batched=0, wrt=w, reduce="sum")
    assert (value, gradient) == (4.0, [3.0, 2.0])
    w[1].data = 0.0
    assert fast.batch(xs, batched=0).tolist() == [0.0, 2.0, 4.0]


def test_results_that_do_not_depend_on_the_example(backend):
    fast = jit(lambda w, x: w * w + 0.0 * x, backend)
    assert fast.batch(3.0, np.zeros(4), batched=1).tolist() == [9.0] * 4
    constant = jit(lambda w, x: w * w, backend)
    assert constant.batch(3.0, np.zeros(4), batched=1).tolist() == [9.0] * 4
    found = constant.batch_value_and_grad(3.0, np.zeros(4), batched=1, reduce="sum")
    assert found == (36.0, 24.0)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 1023, 1025, 5000])
def test_batches_of_any_length(backend, count):
    xs = np.linspace(-1, 1, count)
    fast = jit(lambda a, x: a * exp(x) if x > 2 else exp(x) * a, backend)
    found = fast.batch(2.0, xs, batched=1)
    np.testing.assert_allclose(found, 2.0 * np.exp(xs), rtol=1e-14)
    total, gradient = fast.batch_value_and_grad(2.0, xs, batched=1, reduce="mean")
    assert total == pytest.approx(2.0 * np.exp(xs).mean(), rel=1e-12)
    assert gradient == pytest.approx(np.exp(xs).mean(), rel=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.int64, bool])
def test_arrays_of_any_numbers_and_any_layout(backend, kind):
    fast = jit(lambda x: x[0] + 10.0 * x[1], backend)
    rows = np.array([[0, 1], [1, 0], [1, 1]]).astype(kind)
    assert fast.batch(rows, batched=0).tolist() == [10.0, 1.0, 11.0]
    assert fast.batch(np.asfortranarray(rows)[::-1], batched=0).tolist() == [11.0, 1.0, 10.0]


def test_the_same_bits_every_time(backend):
    fast = jit(neuron, backend)
    first = fast.batch_value_and_grad(W, X, Y, batched=(1, 2), reduce="sum")
    assert fast.batch_value_and_grad(W, X, Y, batched=(1, 2), reduce="sum") == first


def test_numbers_from_outside_of_the_graph_are_found(backend):
    with pytest.raises(RecordingError, match="outside of the graph"):
        jit(lambda x: x * x.data, backend).batch(np.array([1.0, 2.0]), batched=0)


# --- Executors ------------------------------------------------------------------------------------


def piecewise(w, x):
    if x[0] > 0:
        return tanh(w[0] * x[0]) * x[1]
    return w[1] * x[0] * x[0] + (exp(x[1]) if x[1] > 0 else x[1])


@pytest.mark.parametrize("backend", ["python", "native"])
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("workers", [None, 1, 2, 7])
def test_an_executor_changes_no_bit_on_any_path(monkeypatch, backend, reduce, workers):
    monkeypatch.setattr(shards, "WORK", 0)  # shards of 256
    if backend == "native":
        pytest.importorskip("llvmlite")
    w, xs = [0.5, -1.5], np.random.default_rng(1).normal(size=(1000, 2))
    expected = jit(piecewise, backend).batch_value_and_grad(
        w, xs, batched=1, wrt=(0, 1), reduce=reduce
    )
    with ThreadPoolExecutor(workers) if workers else nullcontext() as executor:
        fast = jit(piecewise, backend)
        for first in xs[:10]:  # the path that is tried first
            fast.batch(w, first[None], batched=1)
            found = fast.batch_value_and_grad(
                w, xs, batched=1, wrt=(0, 1), reduce=reduce, executor=executor
            )
            assert pickle.dumps(found) == pickle.dumps(expected)
        same = fast.batch(w, xs, batched=1, executor=executor)
    assert same == pytest.approx([piecewise(w, x) for x in xs.tolist()], rel=1e-14)


def test_what_is_no_executor_is_told_before_anything_is_recorded():
    fast = jit(lambda x: 1 / 0)
    with pytest.raises(TypeError, match=r"batch: executor must be a concurrent\.futures\.Executor"):
        fast.batch(np.ones(3), batched=0, executor=2)


# --- Bad input ------------------------------------------------------------------------------------

FAST = jit(neuron)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: FAST.batch(W, X, Y[:50], batched=(1, 2)), ValueError,
         r"one length, not of 100 \(argument 1\), 50 \(argument 2\)"),
        (lambda: FAST.batch(W, X[:0], Y[:0], batched=(1, 2)), ValueError, "at least one example"),
        (lambda: FAST.batch(W, X, 1.0, batched=(1, 2)), TypeError, "argument 2 is batched"),
        (lambda: FAST.batch(W, X, np.array(1.0), batched=(1, 2)), ValueError, "a leading axis"),
        (lambda: FAST.batch(W, X.astype(str), Y, batched=(1, 2)), TypeError, "array of numbers"),
        (lambda: FAST.batch(W, X, Y, batched=3), IndexError, "no argument 3, of 3"),
        (lambda: FAST.batch(W, X, Y, batched="x"), TypeError, "batched must be an int"),
        (lambda: FAST.batch(W, X, Y, batched=()), ValueError, "at least one"),
        (lambda: FAST.batch(W, X, Y, batched=(1, 1)), ValueError, "different positions"),
        (lambda: FAST.batch_value_and_grad(W, X, Y, batched=(1, 2), reduce="max"), ValueError,
         "reduce must be None, 'sum' or 'mean'"),
        (lambda: jit(lambda x: [x]).batch_value_and_grad(Y, batched=0), TypeError,
         "must give one number"),
    ],
)  # fmt: skip
def test_bad_input_is_told_at_the_boundary(call, error, message):
    with pytest.raises(error, match=message):
        call()
