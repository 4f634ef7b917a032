"""Functions that others differentiate: pairs by hand, PyTorch, JAX."""

import math
import sys
from typing import Any

import pytest

from autograd_scalar.testing import check_gradients, from_jax, from_pair, from_torch


def test_a_pair_is_checked_to_first_order() -> None:
    report = check_gradients(from_pair(math.sin, math.cos), 0.5, order=3)
    assert report.orders == (1,)
    assert report.function == "sin"


def test_a_pair_of_several_arguments_in_any_nesting() -> None:
    def f(p: Any, x: float) -> float:
        return p["a"] * x + p["b"][0] ** 2

    def df(p: Any, x: float) -> Any:
        return {"a": x, "b": [2 * p["b"][0]]}, p["a"]

    def wrong(p: Any, x: float) -> Any:
        return {"a": x, "b": [p["b"][0]]}, p["a"]

    args = ({"a": 2.0, "b": [3.0]}, 4.0)
    check_gradients(from_pair(f, df), *args)
    check_gradients(from_pair(f, lambda p, x: list(df(p, x))), *args)
    with pytest.raises(AssertionError, match=r"by args\[0\]\['b'\]\[0\] is wrong: off by a factor"):
        check_gradients(from_pair(f, wrong), *args)


@pytest.mark.parametrize("df", [lambda x: [x], lambda x: "1", lambda x: None])
def test_a_gradient_of_another_shape_is_refused(df: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="the gradient that <lambda> returned"):
        check_gradients(from_pair(math.sin, df), 1.0)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="from_pair: df must be a function, not 3"):
        from_pair(math.sin, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="can't be differentiated"):
        check_gradients(from_pair(math.sin, math.cos), 1.0, modes=("forward",))


@pytest.mark.parametrize(("adapter", "name"), [(from_torch, "torch"), (from_jax, "jax")])
def test_a_library_that_is_missing_is_named(
    adapter: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"needs {name}, which is not installed"):
        adapter(math.sin)


def test_pytorch() -> None:
    torch = pytest.importorskip("torch")
    report = check_gradients(from_torch(lambda p: torch.sin(p[0]) * p[1] ** 3), [0.5, 2.0], order=3)
    assert report.orders == (1, 2, 3)
    assert not report.unclear
    check_gradients(from_torch(lambda x, y: x * 2), 1.0, 2.0)
    with pytest.raises(AssertionError, match="off by a factor"):
        check_gradients(from_torch(lambda x: x * x.detach()), 3.0, order=1)
    with pytest.raises(TypeError, match="must return one number"):
        check_gradients(from_torch(lambda x: [x]), 3.0)


def test_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(ValueError, match="jax_enable_x64"):
        from_jax(jax.numpy.sin)
    jax.config.update("jax_enable_x64", True)
    f = from_jax(lambda p: jax.numpy.sin(p["a"]) * p["b"] ** 3)
    report = check_gradients(f, {"a": 0.5, "b": 2.0})
    assert {c.modes for c in report.comparisons if c.order == 2} >= {("forward", "reverse")}
    with pytest.raises(AssertionError, match="off by a factor"):
        check_gradients(from_jax(lambda x: x * jax.lax.stop_gradient(x)), 3.0, order=1)
