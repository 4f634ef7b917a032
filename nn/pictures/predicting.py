"""Predictions for many examples at once, of whatever predicts: compiled where that can be."""

from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from autograd_scalar.primitives import described, detached
from autograd_scalar.tape.compiled import Compiled
from autograd_scalar.tape.recording import RecordingError
from nn.fit import predict
from nn.module import Module
from nn.pictures.looking import untouched
from nn.tensors import as_lists, map_numbers

Array = NDArray[numpy.float64]


class Scores(NamedTuple):
    """What a model says of examples.

    numbers: of shape (examples,) for a single output, else (examples, outputs).
    are_probabilities: whether they are; otherwise they are logits or margins.
    """

    numbers: Array
    are_probabilities: bool


def scores(who: str, model: Any, examples: Array) -> Scores:
    """Return what a model gives for each row of an array.

    A module is recorded once and run over all rows; where it can't be recorded, it is called on
    them as `nn.predict` does. Of an estimator of scikit-learn's kind it is `predict_proba`, or else
    `decision_function`; a function is called with the array.

    Raises TypeError, beginning with `who`, for what is none of these, ValueError for outputs of
    another shape.

    >>> from nn import MLP
    >>> scores("f", MLP(2, [3], rng=0), numpy.zeros((5, 2))).numbers.shape
    (5, 3)
    """
    found: Any
    if isinstance(model, Module):
        found = _of_module(model, examples)
    elif hasattr(model, "predict_proba"):
        found = model.predict_proba(examples)
    elif hasattr(model, "decision_function"):
        found = model.decision_function(examples)
    elif callable(model):
        found = map_numbers(detached, as_lists(model(examples)))
    else:
        raise TypeError(
            f"{who}: model must be a module, a classifier or a function, not {described(model)}"
        )
    try:
        numbers = numpy.asarray(found, float)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: model must give numbers, not {described(found)}") from None
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim not in (1, 2) or len(numbers) != len(examples):
        raise ValueError(
            f"{who}: model must give a number, or one for each class, for each of "
            f"{len(examples)} examples, not an array of shape {numbers.shape}"
        )
    return Scores(numbers, not isinstance(model, Module) and hasattr(model, "predict_proba"))


def _of_module(model: Module, examples: Array) -> Any:
    def one(example: Any) -> Any:
        return as_lists(model([list(example)]))[0]

    with untouched(model):
        try:
            found: Any = Compiled(one).batch(examples, batched=0)
        except RecordingError:
            return predict(model, examples)
        if isinstance(found, (list, tuple)):
            return numpy.stack([numpy.asarray(column) for column in found], axis=1)
        return found


def probabilities(found: Scores) -> Array:
    """Return the probability of each class, of shape (examples, classes), from what a model gives.

    A single output is the logit of the second of two classes; several are logits for softmax.

    >>> probabilities(Scores(numpy.array([0.0]), False))
    array([[0.5, 0.5]])
    """
    numbers = found.numbers
    if numbers.ndim == 1:
        second = numbers if found.are_probabilities else _sigmoid(numbers)
        return numpy.stack([1 - second, second], axis=1)
    if found.are_probabilities:
        return numbers
    with numpy.errstate(all="ignore"):
        powers = numpy.exp(numbers - numbers.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares


def _sigmoid(x: Array) -> Array:
    with numpy.errstate(over="ignore"):
        found: Array = 1 / (1 + numpy.exp(-x))
        return found
