"""What a compiled function says about itself."""

import numpy as np
import pytest

from autograd_scalar import Value, dot, jit, sin
from autograd_scalar.tape import backends
from autograd_scalar.tape.backends import native_available


def test_tape_source_and_stats_of_what_was_run():
    fast = jit(lambda w, x: sin(dot(w, x)) if w[0] > 0 else w[0], "python")
    for look in (lambda: fast.tape, lambda: fast.source, lambda: fast.stats()):
        with pytest.raises(ValueError, match="has not been called yet"):
            look()
    fast([1.0, 2.0], [3.0, 4.0])
    fast.value_and_grad([1.0, 2.0], [3.0, 4.0])
    assert "w[0]" in str(fast.tape) and "must be True" in str(fast.tape)
    assert "def forward(inputs):" in fast.source and "# backward" in fast.source
    fast.batch([1.0, 2.0], np.ones((3, 2)), batched=1)
    assert "def batch_forward(inputs):" in fast.source
    names = [program["program"] for program in fast.stats().programs]
    assert names == ["forward", "value_and_gradient", "batch_forward"]
    text = str(fast.stats())
    assert "path 1, value_and_gradient on python" in text and "recorded" in text
    assert repr(fast.stats()) == text


def test_a_label_of_the_users_is_in_the_source():
    def f(x):
        y = x * x
        y.label = "square"
        return y + 1

    fast = jit(f)
    fast(2.0)
    assert "square = x * x" in fast.source


def test_large_matrices_go_column_by_column(monkeypatch):
    monkeypatch.setattr(backends, "LARGEST", 10)
    f = lambda x: sum((a * b * a for a, b in zip(x, x[1:] + x[:1], strict=True)), Value(0.0))  # noqa: E731
    fast = jit(f, "python")
    x = [1.0, 2.0, 3.0]
    assert fast.hessian(x) == [[4.0, 2.0, 6.0], [2.0, 6.0, 4.0], [6.0, 4.0, 2.0]]
    (program,) = fast.stats().programs
    assert program["backend"] == "python, column by column"
    many = jit(lambda x: [x[0] * k for k in range(1, 6)], "python")
    assert many.jacobian([1.0]) == [[1.0], [2.0], [3.0], [4.0], [5.0]]


def test_memory_is_bounded_by_computing_again():
    def f(x):
        for _ in range(300):
            x = sin(x) * 1.01
        return x

    free, bounded = jit(f, "python"), jit(f, "python", memory=8 * 150)
    assert free.value_and_grad(0.5) == bounded.value_and_grad(0.5)
    (a,), (b,) = free.stats().programs, bounded.stats().programs
    assert b["alive"] <= 150 < a["alive"]
    assert b["nodes"]["recompute"] > a["nodes"]["fuse"]
    with pytest.raises(ValueError, match="at least 1 byte"):
        jit(f, memory=0)
    with pytest.raises(TypeError, match="number of bytes"):
        jit(f, memory="1 MB")


@pytest.mark.skipif(not native_available(), reason="needs llvmlite")
def test_auto_takes_what_is_ready_and_then_what_is_faster(monkeypatch):
    monkeypatch.setattr(backends, "seconds_to_compile", lambda nodes: 1e-9)
    fast = jit(lambda x: sin(x) * x)
    assert fast.value_and_grad(0.5) == fast.value_and_grad(0.5)
    assert [program["backend"] for program in fast.stats().programs] == ["machine code"]
    monkeypatch.setattr(backends, "SHORT", 0)
    long = jit(lambda x: sin(x) * x)
    monkeypatch.setattr(backends, "seconds_to_compile", lambda nodes: 1e9)
    assert long.value_and_grad(0.5) == fast.value_and_grad(0.5)
    assert [program["backend"] for program in long.stats().programs] == ["interpreter"]
    unused = Value(1.0)
    assert long.value_and_grad(0.5, wrt=[unused]) == (fast(0.5), [0.0])


@pytest.mark.skipif(not native_available(), reason="needs llvmlite")
def test_auto_counts_what_machine_code_saves_around_the_program(monkeypatch):
    monkeypatch.setattr(backends, "seconds_to_compile", lambda nodes: 100.0)
    monkeypatch.setattr(backends, "seconds_around", lambda numbers: 15.0 * numbers)
    fast = jit(lambda xs: sin(xs[0]) * xs[1])
    for backend in ("python", "machine code"):  # 5 numbers in and out, 75 seconds a call
        fast.value_and_grad([0.5, 2.0])
        assert [program["backend"] for program in fast.stats().programs] == [backend]


@pytest.mark.skipif(not native_available(), reason="needs llvmlite")
def test_a_batch_is_compiled_when_that_pays(monkeypatch):
    monkeypatch.setattr(backends, "seconds_to_compile", lambda nodes: 1e-9)
    fast = jit(lambda x: sin(x) * x)
    xs = np.linspace(0, 1, 10)
    first, second = fast.batch(xs, batched=0), fast.batch(xs, batched=0)
    np.testing.assert_allclose(first, second, rtol=1e-14)
    assert [program["backend"] for program in fast.stats().programs] == ["machine code"]
