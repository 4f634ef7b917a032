"""SGD: the step it makes and what it refuses."""

import math

import numpy as np
import pytest

from autograd_scalar import Value
from nn import MLP, SGD, mse_loss


def test_a_step_moves_every_parameter_against_its_gradient():
    params = [Value(1.0), Value(2.0), Value(3.0)]
    for param, grad in zip(params, [0.5, -4.0, 0.0], strict=True):
        param.grad = grad
    SGD(iter(params), lr=0.25).step()
    assert [p.data for p in params] == [0.875, 3.0, 3.0]
    assert [p.grad for p in params] == [0.5, -4.0, 0.0]


def test_zero_grad_clears_the_gradients_it_has_and_no_other():
    mine, other = Value(1.0), Value(1.0)
    mine.grad = other.grad = 2.0
    SGD([mine], lr=0.1).zero_grad()
    assert (mine.grad, other.grad) == (0.0, 2.0)


def test_the_rate_may_be_changed_between_steps():
    x = Value(0.0)
    x.grad = 1.0
    optimizer = SGD([x], lr=1)
    optimizer.step()
    optimizer.lr = 0.5
    optimizer.step()
    assert x.data == -1.5


def test_steps_at_a_small_rate_lower_the_loss_each_time():
    model = MLP(1, [4, 1], activation="tanh", rng=0)
    optimizer = SGD(model.parameters(), lr=0.05)
    xs = [-1.0, -0.5, 0.0, 0.5, 1.0]
    losses = []
    for _ in range(30):
        loss = mse_loss([model([x]) for x in xs], [x * x for x in xs])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


X = Value(0.0)
BAD = [
    ([], 0.1, ValueError, "params must hold at least one parameter"),
    ([X, Value(1.0), X], 0.1, ValueError, r"params\[2\] is params\[0\] once more"),
    ([X, 1.0], 0.1, TypeError, r"params\[1\] must be a Value, got 1\.0"),
    (X, 0.1, TypeError, "params must be parameters to optimise, got Value"),
    ([X], 0, ValueError, "lr must be positive and finite, got 0"),
    ([X], -0.1, ValueError, r"lr must be positive and finite, got -0\.1"),
    ([X], math.nan, ValueError, "lr must be positive and finite, got nan"),
    ([X], math.inf, ValueError, "lr must be positive and finite, got inf"),
    ([X], np.float64(-1), ValueError, "lr must be positive and finite"),
    ([X], "0.1", TypeError, r"lr must be a number, got '0\.1' \(str\)"),
    ([X], None, TypeError, "lr must be a number, got None"),
    ([X], True, TypeError, "lr must be a number, got True"),
    ([X], Value(0.1), TypeError, "lr must be a number, got Value"),
]


@pytest.mark.parametrize(("params", "lr", "error", "message"), BAD)
def test_bad_arguments(params, lr, error, message):
    with pytest.raises(error, match=message):
        SGD(params, lr)
