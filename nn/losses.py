"""Losses: how far a model's outputs are from their targets, as one number to minimise."""

from collections.abc import Sequence, Sized
from typing import Any

from autograd_scalar import Value, logsumexp, mean, relu, softplus
from nn.arguments import whole_number


def hinge_loss(scores: Sequence[Value], targets: Sequence[int]) -> Value:
    """Return the mean of max(0, 1 - target*score) over the examples, the support vector loss.

    scores: n outputs of a model. targets: n classes, each -1 or 1.

    Raises ValueError for different lengths, no examples, or a target other than -1 and 1.

    Source: C. Cortes, V. Vapnik, "Support-vector networks", Machine Learning 20 (1995).

    >>> from autograd_scalar import Value
    >>> hinge_loss([Value(0.25), Value(-3.0)], [1, -1]).data
    0.375
    """
    _require_pairs("scores", scores, "targets", targets)
    for target in targets:
        if target not in (-1, 1):
            raise ValueError(f"targets of the hinge loss must be -1 or 1, got {target!r}")
    loss: Value = mean([relu(1.0 - y * s) for s, y in zip(scores, targets, strict=True)])
    return loss


def mse_loss(predictions: Sequence[Value], targets: Sequence[Value | float]) -> Value:
    """Return the mean of (prediction - target)**2 over the examples.

    predictions: n outputs of a model. targets: n numbers.

    Raises ValueError for different lengths or no examples.

    >>> from autograd_scalar import Value
    >>> mse_loss([Value(1.0), Value(4.0)], [2.0, 2.0]).data
    2.5
    """
    _require_pairs("predictions", predictions, "targets", targets)
    loss: Value = mean([(p - t) ** 2 for p, t in zip(predictions, targets, strict=True)])
    return loss


def cross_entropy(
    logits: Sequence[Sequence[Value]] | Sequence[Value], targets: Sequence[int] | int
) -> Value:
    """Return the mean of -log softmax(logits)[target] over the examples.

    logits: n lists of one logit for each of c >= 2 classes; targets: n classes in 0..c-1.
    For one example, give its c logits and its target without lists around them.

    Raises ValueError for a target out of range, different lengths, no examples or fewer than two
    logits; TypeError for a target that is no int.

    Computed as softplus(logsumexp(the other logits) - logits[target]), which keeps its relative
    accuracy for an example that is classified well: at logits 0 and 40 it is 4.2e-18, where
    logsumexp(logits) - logits[target] rounds to 0, and so does its gradient.

    >>> from autograd_scalar import Value
    >>> round(cross_entropy([Value(1.0), Value(2.0), Value(4.0)], 2).data, 6)
    0.169846
    >>> round(cross_entropy([[Value(0.0), Value(40.0)]], [1]).data, 20)
    4.25e-18
    """
    if not isinstance(targets, Sized):
        return _cross_entropy(logits, targets)
    _require_pairs("logits", logits, "targets", targets)
    loss: Value = mean([_cross_entropy(z, t) for z, t in zip(logits, targets, strict=True)])
    return loss


def _cross_entropy(logits: Any, target: object) -> Value:
    """Return the loss of one example."""
    target = whole_number("target", target)
    _require_sequence("logits of an example", logits)
    if len(logits) < 2:
        raise ValueError(f"cross-entropy needs at least 2 logits, got {len(logits)}")
    if not 0 <= target < len(logits):
        raise ValueError(f"target must be a class in 0..{len(logits) - 1}, got {target}")
    others = [z for i, z in enumerate(logits) if i != target]
    loss: Value = softplus(logsumexp(others) - logits[target])
    return loss


def _require_pairs(
    name: str, values: Sequence[Any], other_name: str, others: Sequence[Any]
) -> None:
    _require_sequence(name, values)
    _require_sequence(other_name, others)
    if len(values) != len(others):
        raise ValueError(
            f"{name} and {other_name} must be as many, got {len(values)} and {len(others)}"
        )
    if len(values) == 0:
        raise ValueError(f"{name} must hold at least one example, got none")


def _require_sequence(name: str, value: object) -> None:
    if not isinstance(value, Sized):
        raise TypeError(f"{name} must be a sequence, got {type(value).__name__}")
