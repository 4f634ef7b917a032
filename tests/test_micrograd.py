"""Code written for micrograd runs with only the import changed."""

import math
import random

import pytest

import nn
from autograd_scalar import Value


def test_the_expression_of_its_readme() -> None:
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"


def trace(root):  # type: ignore[no-untyped-def]
    """The graph tracer of micrograd's notebook."""
    nodes, edges = set(), set()

    def build(v):  # type: ignore[no-untyped-def]
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def test_a_hand_written_tracer() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    d = a * b + a
    d.label = "d"
    nodes, edges = trace(d)
    assert {(n.label, n._op) for n in nodes} == {("a", ""), ("b", ""), (None, "*"), ("d", "+")}
    assert len(edges) == 4


def test_backward_step_by_step() -> None:
    a, b = Value(2.0), Value(-3.0)
    e = a * b
    d = e + 10.0
    f = d.tanh()
    f.grad = 1.0
    f._backward()
    d._backward()
    e._backward()
    a._backward()
    by_hand = a.grad, b.grad
    a.grad = b.grad = 0.0
    f.backward()
    assert (a.grad, b.grad) == by_hand != (0.0, 0.0)


def test_an_operation_wired_by_hand() -> None:
    def tanh(x: Value) -> Value:
        t = (math.exp(2 * x.data) - 1) / (math.exp(2 * x.data) + 1)
        out = Value(t, (x,), "tanh")

        def _backward() -> None:
            x.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    x = Value(0.8814, label="x")
    y = tanh(x)
    (y * 3.0).backward()
    expected = Value(0.8814)
    (expected.tanh() * 3.0).backward()
    assert x.grad == pytest.approx(expected.grad, rel=1e-12)
    assert y._op == "tanh"
    x.grad = 0.0
    y._backward()
    assert x.grad == pytest.approx(expected.grad, rel=1e-12)


def test_an_error_in_a_closure_wired_by_hand_is_the_users_to_see() -> None:
    x = Value(0.0)
    y = Value(0.0, (x,), "reciprocal")

    def _backward() -> None:
        x.grad += y.grad / x.data

    y._backward = _backward
    with pytest.raises(ZeroDivisionError):
        y.backward()

    def _backward_with_a_bug() -> None:
        x.grad += "1"  # type: ignore[operator]

    y._backward = _backward_with_a_bug
    with pytest.raises(TypeError, match="unsupported operand"):
        y.backward()


def test_a_node_without_a_closure_sends_nothing() -> None:
    x = Value(1.0)
    y = Value(2.0, {x}, "?")
    y.backward()
    assert (x.grad, y._prev, y.operands) == (0.0, {x}, (x,))


def train(Value, MLP, steps: int = 5):  # type: ignore[no-untyped-def]
    """The training loop of micrograd's demo, as it stands there."""
    random.seed(1337)
    model = MLP(2, [4, 4, 1])
    X = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(8)]
    y = [1 if a * b > 0 else -1 for a, b in X]
    losses = []
    for k in range(steps):
        inputs = [list(map(Value, xrow)) for xrow in X]
        scores = list(map(model, inputs))
        data_losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores)]  # noqa: B905
        data_loss = sum(data_losses) * (1.0 / len(data_losses))
        alpha = 1e-4
        reg_loss = alpha * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        losses.append(total_loss.data)
    return losses, [p.data for p in model.parameters()]


def test_its_training_loop_gives_its_numbers() -> None:
    engine = pytest.importorskip("micrograd.engine")
    mlp = pytest.importorskip("micrograd.nn").MLP
    losses, parameters = train(Value, nn.MLP)
    expected_losses, expected_parameters = train(engine.Value, mlp)
    assert losses == pytest.approx(expected_losses, rel=1e-12)
    assert parameters == pytest.approx(expected_parameters, rel=1e-12, abs=1e-15)
