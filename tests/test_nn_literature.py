"""Numbers and laws from articles and papers on backpropagation."""

import math

import pytest

import nn
from autograd_scalar import Value


def two_two_one():
    """The 2-2-1 network that is worked through by hand in tutorials on backpropagation."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    model.load_state_dict(
        {
            "0.weight": [[0.15, 0.25], [0.20, 0.30]],
            "0.bias": [0.35, 0.35],
            "2.weight": [[0.40, 0.50]],
            "2.bias": [0.60],
        }
    )
    return model


X, Y = [0.5, 0.8], 1.0


def half_squared_error(model):
    (prediction,) = model(X)
    return prediction, (prediction - Y) ** 2 / 2


def test_the_network_worked_by_hand():
    model = two_two_one()
    prediction, loss = half_squared_error(model)
    loss.backward()
    assert loss.data == pytest.approx(0.027058, abs=5e-7)
    (z2,) = prediction.parents
    assert z2.grad == pytest.approx(-0.041527, abs=5e-7)
    weights = model[2].weight[0]
    assert [w.grad for w in weights] == pytest.approx([-0.027049, -0.027656], abs=5e-7)
    first = [row[0].grad for row in model[0].weight], model[0].weight[0]
    assert [w.grad for w in first[1]] == pytest.approx([-0.001886, -0.003018], abs=5e-7)


def test_after_one_update_of_the_network_worked_by_hand():
    """The article has 0.772 and 0.0265, which belie each other: (1 - 0.772)^2 / 2 is 0.0260."""
    model = two_two_one()
    optimizer = nn.SGD(model.parameters(), lr=0.5)
    half_squared_error(model)[1].backward()
    optimizer.step()
    prediction, loss = half_squared_error(model)
    assert prediction.data == pytest.approx(0.774368, abs=5e-7)
    assert loss.data == pytest.approx(0.025455, abs=5e-7)


def test_a_neuron_of_sigmoid_and_squared_error():
    """dL/dw = 2 (a - y) s'(z) x."""
    w, b, x, y = Value(0.6), Value(0.9), 1.3, 0.25
    a = (w * x + b).sigmoid()
    ((a - y) ** 2).backward()
    s = 1 / (1 + math.exp(-(0.6 * x + 0.9)))
    assert w.grad == pytest.approx(2 * (s - y) * s * (1 - s) * x, rel=1e-15)


def test_the_slope_of_a_sigmoid_is_at_most_a_quarter():
    """So through ten of them a gradient shrinks at least to 0.25**10."""
    z = Value(0.0)
    a = z
    for _ in range(10):
        a = (a - a.data).sigmoid()  # each at its steepest
    a.backward()
    assert z.grad == 0.25**10


def test_softmax_with_cross_entropy_has_the_gradient_p_minus_y():
    logits = [Value(z) for z in (0.5, -1.0, 2.0)]
    nn.cross_entropy(logits, 1).backward()
    p = nn.functional.softmax([z.data for z in logits])
    assert [z.grad for z in logits] == pytest.approx([p[0], p[1] - 1, p[2]], rel=1e-14)


def test_a_skip_connection_adds_one_to_the_derivative():
    """d(x + F(x))/dx = 1 + F'(x): the gradient can't vanish where F' does (He et al. 2016)."""
    x = Value(0.3)
    block = nn.Residual(lambda v: [1e-9 * v[0]])
    y = [x]
    for _ in range(50):
        y = block(y)
    y[0].backward()
    assert x.grad == pytest.approx((1 + 1e-9) ** 50, rel=1e-15)


def test_the_gradients_of_tied_weights_add_up():
    """A weight of encoder and decoder gets what it would get in each, untied."""
    weight = nn.Linear(2, 1, bias=False, rng=0).weight
    x = [0.5, -1.5]

    def gradients(decoder):
        code = sum(w * xi for w, xi in zip(weight[0], x, strict=True))
        loss = nn.mse_loss([code * w for w in decoder], x)
        for w in (*weight[0], *decoder):
            w.grad = 0.0
        loss.backward()
        return [w.grad for w in weight[0]], [w.grad for w in decoder]

    untied = gradients([Value(w.data) for w in weight[0]])
    tied, _ = gradients(weight[0])
    assert tied == pytest.approx([a + b for a, b in zip(*untied, strict=True)], rel=1e-15)
