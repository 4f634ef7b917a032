"""What `draw(model)` shows: neurons and the weights between them, or else blocks."""

from collections.abc import Iterable, Sequence
from typing import Any

from autograd_scalar.draw.picture import Picture
from autograd_scalar.draw.theme import theme_named
from autograd_scalar.primitives import described as given
from nn.arguments import size
from nn.module import Module
from nn.pictures.blocks import Blocks
from nn.pictures.looking import untouched
from nn.pictures.neurons import Neurons
from nn.pictures.steps import Step, data_of, steps_of
from nn.tensors import as_lists, nested, numbers


def picture_of(
    model: Module,
    *,
    example: Any = None,
    grad: bool = False,
    units: int = 16,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    theme: str = "auto",
) -> Picture:
    """Return the picture of a network; see `Module.__draw__`."""
    look = theme_named(theme)
    if not isinstance(grad, bool):
        raise TypeError(f"draw: grad must be True or False, not {given(grad)}")
    try:
        units = size("units", units)
    except (TypeError, ValueError) as error:
        raise type(error)(f"draw: {error}") from None
    steps = steps_of(model)
    if steps is None:
        for name, names in (("inputs", inputs), ("outputs", outputs)):
            if names is not None:
                raise ValueError(
                    f"draw: {name} are names of neurons, and {model.summary()} is no chain of "
                    "fully connected layers, so it is drawn as blocks"
                )
        blocks = Blocks(model, example, grad, look)
        return Picture.of_svg(blocks.svg(), blocks.size, "block")
    count = len(steps[0].weights[0])
    ends = [_names("inputs", inputs, count), _names("outputs", outputs, len(steps[-1].weights))]
    columns = None if example is None else _activations(model, steps, example, count)
    neurons = Neurons(model, steps, columns, grad, units, ends, look)
    return Picture.of_svg(neurons.svg(), len(steps), "layer")


def _names(what: str, names: Any, count: int) -> list[str]:
    if names is None:
        return []
    is_list = isinstance(names, Iterable) and not isinstance(names, str)
    found: list[Any] = list(names) if is_list else [None]
    if not all(isinstance(name, str) for name in found):
        raise TypeError(f"draw: {what} must be a list of names, not {given(names)}")
    if len(found) != count:
        raise ValueError(f"draw: {what} must be {count} names, one for each, not {len(found)}")
    return found


def _activations(
    model: Module, steps: Sequence[Step], example: Any, count: int
) -> list[list[float]]:
    """The numbers of all columns, for one example, with the model as it was before."""
    found = list(numbers(as_lists(example))) if nested(as_lists(example)) else [example]
    if len(found) != count:
        raise ValueError(
            f"draw: example must be {count} number{'s' * (count != 1)}, one for each input, "
            f"not {len(found)}"
        )
    try:
        columns = [[data_of(x) for x in found]]
    except (TypeError, ValueError):
        raise TypeError(f"draw: example must be numbers, not {given(example)}") from None
    with untouched(model):
        for step in steps:
            columns.append([data_of(y) for y in step.outputs(list(columns[-1]))])
    return columns
