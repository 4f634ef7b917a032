"""Looking at a model without leaving a trace."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from autograd_scalar import no_grad
from nn.module import Module


@contextmanager
def untouched(model: Any, *, recording: bool = False) -> Iterator[None]:
    """Have the model in evaluation mode for the length of a `with` block.

    recording: whether graphs are recorded in it.

    Afterwards each of its modules is in the mode that it was in; parameters have the numbers and
    gradients that they had, whatever the block did to them and however it ended.
    """
    modules = model.modules() if isinstance(model, Module) else []
    modes = [module.training for module in modules]
    parameters = model.parameters() if isinstance(model, Module) else []
    before = [(parameter.data, parameter.grad) for parameter in parameters]
    for module in modules:
        module.training = False
    try:
        with nullcontext() if recording else no_grad():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for parameter, (data, grad) in zip(parameters, before, strict=True):
            parameter.data, parameter.grad = data, grad
