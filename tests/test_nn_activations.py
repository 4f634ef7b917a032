"""Activations: the functions by name, and the modules, beside the engine's and PyTorch's."""

import copy
import math
import pickle

import mpmath
import numpy as np
import pytest

import autograd_scalar as engine
from autograd_scalar import Value
from autograd_scalar.testing import check_gradients
from nn.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation_named,
    linear,
)
from nn.tensors import map_numbers, numbers, shape

NUMBERS = [-1000.0, -40.0, -3.0, -1.0, -0.5, -0.0, 0.0, 1e-9, 0.5, 2.0, 40.0, 1000.0, math.inf]

ELEMENTWISE = {
    Identity(): lambda x: x,
    ReLU(): engine.relu,
    GELU(): engine.gelu,
    SiLU(): engine.silu,
    Sigmoid(): engine.sigmoid,
    Softplus(): engine.softplus,
    Tanh(): engine.tanh,
    LeakyReLU(): engine.leaky_relu,
    LeakyReLU(0.3): lambda x: engine.leaky_relu(x, 0.3),
    ELU(): engine.elu,
    ELU(0.3): lambda x: engine.elu(x, 0.3),
}


@pytest.mark.parametrize("module", ELEMENTWISE, ids=repr)
def test_a_module_is_its_function_on_every_number_of_any_shape(module):
    function = ELEMENTWISE[module]
    expected = [function(x) for x in NUMBERS]
    assert module(NUMBERS) == expected
    assert module(tuple(NUMBERS)) == expected
    assert module([[NUMBERS]]) == [[expected]]
    assert [y.data for y in module(list(map(Value, NUMBERS)))] == expected
    assert [module(x) for x in NUMBERS] == expected
    for array in (np.array(NUMBERS), np.array(list(map(Value, NUMBERS)))):
        found = module(array)
        assert isinstance(found, np.ndarray)
        assert [getattr(y, "data", y) for y in found] == expected


@pytest.mark.parametrize("module", [*ELEMENTWISE, GELU("tanh"), Softplus(3.0)], ids=repr)
def test_the_gradient_is_the_slope(module):
    for x in (-2.5, -0.3, 0.4, 3.0):
        check_gradients(module, x)


@pytest.mark.parametrize(
    "module", [*ELEMENTWISE, GELU("tanh"), Softplus(3.0), Softmax(0), LogSoftmax()], ids=repr
)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_as_the_first(module, again):
    x = [1.0, -2.0, 0.25]
    other = again(module)
    assert other(x) == module(x)
    assert repr(other) == repr(module)


@pytest.mark.parametrize("beta", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("x", [-30.0, -1.0, 0.0, 3.0, 30.0, 500.0])
def test_softplus_keeps_its_digits_on_both_sides(beta, x):
    with mpmath.workdps(60):
        expected = float(mpmath.log1p(mpmath.exp(mpmath.mpf(beta) * x)) / beta)
    assert Softplus(beta)(x) == pytest.approx(expected, rel=2e-14)


@pytest.mark.parametrize("x", [-7.0, -3.0, -0.1, 0.0, 0.1, 3.0])
def test_gelu_by_tanh_keeps_its_digits_where_the_tanh_is_nearly_minus_one(x):
    with mpmath.workdps(60):
        m = mpmath.mpf(x)
        u = mpmath.sqrt(2 / mpmath.pi) * (m + mpmath.mpf("0.044715") * m**3)
        expected = float(m / 2 * (1 + mpmath.tanh(u)))
    assert GELU("tanh")(x) == pytest.approx(expected, rel=1e-13)


# --- by name ---


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_by_name_is_the_engines(name):
    function = getattr(engine, name, linear)
    for x in (-2.0, 0.0, 3.0):
        assert activation_named(name)(Value(x)).data == function(Value(x)).data


def test_a_function_is_its_own_activation():
    assert activation_named(math.sin) is math.sin


# --- softmax ---

SOFTMAXES = [
    (sizes, dim)
    for sizes in [(3,), (2, 3), (3, 1), (2, 3, 2), (1, 2, 2, 3)]
    for dim in range(-len(sizes), len(sizes))
]


@pytest.mark.parametrize(("sizes", "dim"), SOFTMAXES)
def test_softmax_sums_to_one_along_its_dimension_and_log_softmax_is_its_logarithm(sizes, dim):
    x = np.random.default_rng(0).normal(size=sizes) * 3
    found, logarithms = Softmax(dim)(x), LogSoftmax(dim)(x)
    assert found.shape == logarithms.shape == sizes
    assert np.abs(found.sum(dim) - 1).max() < 1e-15
    expected = np.exp(x) / np.exp(x).sum(dim, keepdims=True)
    assert found.astype(float) == pytest.approx(expected, rel=1e-13)
    assert np.exp(logarithms.astype(float)) == pytest.approx(expected, rel=1e-13)


def test_softmax_of_lists_keeps_the_shape():
    x = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    assert shape(Softmax(0)(x)) == (2, 2)
    assert [y.data for y in numbers(Softmax(0)(x))] == list(
        numbers(Softmax(0)(map_numbers(lambda v: v.data, x)))
    )


# --- bad input ---

BAD = [
    (lambda: activation_named("Tanh"), ValueError, "unknown activation 'Tanh', .*mean 'tanh'"),
    (lambda: activation_named("qqq"), ValueError, r"unknown activation 'qqq'\. Known: 'elu'"),
    (lambda: activation_named(3), TypeError, "activation must be a name or a function, got 3"),
    (lambda: GELU("tan"), ValueError, "unknown approximate 'tan', did you mean 'tanh'"),
    (lambda: Softplus(0.0), ValueError, "beta must be above 0, got 0.0"),
    (lambda: Softplus(math.nan), ValueError, "beta must be above 0, got nan"),
    (lambda: Softplus("1"), TypeError, "beta must be a real number, not '1'"),
    (lambda: ELU(None), TypeError, "alpha must be a real number, not None"),
    (lambda: LeakyReLU([1]), TypeError, "negative_slope must be a real number"),
    (lambda: ReLU()("text"), TypeError, "relu: an operand must be a real number, not 'text'"),
    (lambda: Tanh()([1.0, None]), TypeError, "tanh: an operand must be a real number, not None"),
    (lambda: Softmax(1.5), TypeError, "dim must be an int, got 1.5"),
    (lambda: Softmax(1)([1.0]), ValueError, r"^Softmax\(dim=1\) takes .* got one of 1 dimension$"),
    (lambda: LogSoftmax(-3)([[1.0]]), ValueError, r"^LogSoftmax\(dim=-3\) .* of 2 dimensions$"),
    (lambda: Softmax()(1.0), ValueError, r"^Softmax\(dim=-1\) takes .* got one of 0 dimensions$"),
    (lambda: Softmax()([[1.0], [1.0, 2.0]]), ValueError, r"Softmax\(dim=-1\) is ragged: \[1\]"),
    (lambda: Softmax()([]), ValueError, "softmax: values must not be empty"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
