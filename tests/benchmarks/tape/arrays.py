"""What the array libraries need told, and single gradients by them, once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from timing import Run


def import_jax() -> Any:
    """JAX in double precision on the CPU."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return jax


def hips_gradient(f: Callable[[Any], Any], x: np.ndarray) -> Run:
    """A function of an array and its gradient by HIPS autograd."""
    from autograd import value_and_grad

    gradient = value_and_grad(f)
    return Run(lambda: gradient(x), list)


def jax_function(f: Callable[[Any], Any], x: np.ndarray) -> Run:
    """A function of an array that is on the device already, compiled by JAX."""
    jax = import_jax()
    fast, on_device = jax.jit(f), jax.device_put(x)

    def answers(result: Any) -> list[Any]:
        return list(result) if isinstance(result, tuple) else [result]

    return Run(lambda: jax.block_until_ready(fast(on_device)), answers)


def jax_gradient(f: Callable[[Any], Any], x: np.ndarray) -> Run:
    """A function of an array and its gradient by JAX."""
    return jax_function(import_jax().value_and_grad(f), x)


def torch_gradient(f: Callable[[Any], Any], x: np.ndarray, compile: bool) -> Run:
    """A function of a tensor and its gradient by PyTorch."""
    import torch

    on_device = torch.tensor(x, requires_grad=True)
    function = torch.compile(f, dynamic=False) if compile else f

    def call() -> Any:
        value = function(on_device)
        return value, torch.autograd.grad(value, on_device)[0]

    return Run(call, lambda result: [part.detach().numpy() for part in result])
