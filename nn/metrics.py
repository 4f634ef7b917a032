"""Metrics: how good a model's outputs are, as a float for people to read, not to differentiate.

Outputs and targets may be nested lists or NumPy arrays, of floats or of `Value`s.
"""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

from autograd_scalar import Value
from nn.arguments import size, whole_number
from nn.tensors import as_lists, by, nested, shape


def predicted_class(output: Any) -> int:
    """Return the class that an output stands for.

    output: one logit for each of c >= 2 classes, the largest of which wins, the first of equals; or
        one score, by itself or in a list, which is 1 above 0 and else 0; or a class, an int.

    Raises ValueError for an empty list and for a nan, TypeError for what is no number.

    >>> predicted_class([0.5, 2.0, -1.0]), predicted_class(-0.5), predicted_class([0.5])
    (1, 0, 1)
    """
    output = as_lists(output)
    if not nested(output):
        if isinstance(output, Integral):
            return int(output)
        return int(_number("an output", output) > 0)
    logits = [_number("an output", logit) for logit in output]
    if not logits:
        raise ValueError("an output must hold at least one number, got none")
    return logits.index(max(logits)) if len(logits) > 1 else int(logits[0] > 0)


def accuracy(outputs: Any, targets: Any) -> float:
    """Return for which share of the examples the predicted class is the target.

    outputs: n of what `predicted_class` takes, or n sequences of that. targets: as many classes; of
    a single score they may be 0 and 1 or, as for the hinge loss, -1 and 1.

    Raises ValueError for different lengths, no examples, a nan, or a target that no output of this
    kind can stand for; TypeError for a target that is no class.

    >>> accuracy([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1])
    0.6666666666666666
    >>> accuracy([0.3, -0.2], [1, -1])
    1.0
    """
    predicted, wanted, _ = _classes(outputs, targets)
    return sum(p == w for p, w in zip(predicted, wanted, strict=True)) / len(wanted)


def confusion(outputs: Any, targets: Any, classes: int | None = None) -> list[list[int]]:
    """Return how many examples of each class (row) were taken for each class (column).

    outputs, targets: as for `accuracy`; of -1 and 1, the first row and column are those of -1.
    classes: how many there are; None for as many as there are logits or, without logits, as the
        largest class asks for.

    Raises what `accuracy` raises, and ValueError for a class that is negative or not below
    `classes`.

    >>> confusion([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [0, 1, 1])
    [[1, 0], [1, 1]]
    """
    predicted, wanted, found = _classes(outputs, targets)
    count = found if classes is None else size("classes", classes)
    if count is None:
        count = max(*predicted, *wanted) + 1
    matrix = [[0] * count for _ in range(count)]
    for row, column in zip(wanted, predicted, strict=True):
        for kind, value in (("target", row), ("predicted class", column)):
            if not 0 <= value < count:
                raise ValueError(f"a {kind} must be in 0..{count - 1}, got {value}")
        matrix[row][column] += 1
    return matrix


def r2(outputs: Any, targets: Any) -> float:
    """Return the coefficient of determination, 1 - sum (t - y)^2 / sum (t - mean t)^2.

    1 is perfect; 0 is as good as the mean of the targets. If the targets are all equal it is 1 for
    perfect outputs and else 0. Of several numbers per example it is the mean over the columns.

    outputs, targets: n numbers, or n lists of k numbers.

    Raises ValueError for different shapes, fewer than two examples, nan and inf; TypeError for what
    is no number.

    Source: S. Wright, "Correlation and causation", Journal of Agricultural Research 20 (1921).

    >>> r2([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    0.5
    """
    columns = _columns(outputs, targets)
    if len(columns[0][0]) < 2:
        raise ValueError("r2 needs at least 2 examples, got 1")
    return math.fsum(_r2_of_column(ys, ts) for ys, ts in columns) / len(columns)


def mean_squared_error(outputs: Any, targets: Any) -> float:
    """Return the mean of (t - y)^2; arguments and errors as of `r2`, of any number of examples.

    >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return _mean_error(lambda error: error * error, outputs, targets)


def mean_absolute_error(outputs: Any, targets: Any) -> float:
    """Return the mean of abs(t - y); arguments and errors as of `r2`, of any number of examples.

    >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    return _mean_error(abs, outputs, targets)


METRICS: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": accuracy,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "r2": r2,
}
"""The metrics that can be asked for by name."""


def _classes(outputs: Any, targets: Any) -> tuple[list[int], list[int], int | None]:
    """Predicted and wanted classes, and how many classes the outputs tell apart, if they say so."""
    outputs, targets = _examples(outputs, targets)
    while nested(targets[0]):
        outputs, targets = _one_level_less(outputs, targets)
    wanted = [_target(target) for target in targets]
    counts = {len(output) if nested(output) else 0 for output in outputs}
    if len(counts) > 1:
        raise ValueError(f"outputs must be of one length, got lengths {sorted(counts)}")
    (count,) = counts
    predicted = [predicted_class(output) for output in outputs]
    if count == 0 and isinstance(outputs[0], Integral):
        if -1 in wanted and {*predicted, *wanted} <= {-1, 1}:
            return [max(p, 0) for p in predicted], [max(w, 0) for w in wanted], 2
        return predicted, wanted, None
    if count > 1:
        allowed, known = set(range(count)), f"in 0..{count - 1}"
    else:
        allowed, known = ({-1, 1} if -1 in wanted else {0, 1}), "-1 and 1, or 0 and 1"
        count = 2
    for target in wanted:
        if target not in allowed:
            raise ValueError(f"targets of such outputs must be {known}, got {target}")
    return predicted, [max(target, 0) for target in wanted], count


def _one_level_less(outputs: Any, targets: Any) -> tuple[list[Any], list[Any]]:
    """The items of all examples: the steps of sequences, or the one target of each example."""
    for output, target in zip(outputs, targets, strict=True):
        items = len(target) if nested(target) else 0
        one = items == 1 or (items and nested(output) and nested(output[0]))
        if not one or not nested(output) or len(output) != items:
            raise ValueError(
                "targets must be classes, one for each output, got "
                f"{by(shape(targets, 'targets'))} for outputs {by(shape(outputs, 'outputs'))}"
            )
    return [y for output in outputs for y in output], [t for target in targets for t in target]


def _target(target: Any) -> int:
    if isinstance(target, float) and target.is_integer():  # as arrays of floats hold them
        return int(target)
    return int(target) if isinstance(target, bool) else whole_number("a target", target)


def _columns(outputs: Any, targets: Any) -> list[tuple[list[float], list[float]]]:
    """The outputs and the targets of each of the k numbers that there are for an example."""
    outputs, targets = _examples(outputs, targets)
    found, wanted = shape(outputs, "outputs"), shape(targets, "targets")
    if found == (*wanted, 1):  # as a layer with one output gives them
        outputs = [output[0] for output in outputs]
    elif wanted == (*found, 1):
        targets = [target[0] for target in targets]
    elif found != wanted:
        raise ValueError(
            f"outputs and targets must be of one shape, got {by(found)} and {by(wanted)}"
        )
    if len(found) > 2 or 0 in found:
        raise ValueError(f"outputs must be n numbers or n lists of numbers, got {by(found)}")
    if not nested(outputs[0]):
        outputs, targets = [[y] for y in outputs], [[t] for t in targets]
    return [
        (
            [_finite("an output", y) for y in column],
            [_finite("a target", t) for t in wanted_column],
        )
        for column, wanted_column in zip(
            zip(*outputs, strict=True), zip(*targets, strict=True), strict=True
        )
    ]


def _r2_of_column(ys: Sequence[float], ts: Sequence[float]) -> float:
    unexplained = math.fsum((t - y) ** 2 for y, t in zip(ys, ts, strict=True))
    if min(ts) == max(ts):
        return 0.0 if unexplained else 1.0
    mean = math.fsum(ts) / len(ts)
    return 1 - unexplained / math.fsum((t - mean) ** 2 for t in ts)


def _mean_error(cost: Callable[[float], float], outputs: Any, targets: Any) -> float:
    errors = [
        cost(t - y) for ys, ts in _columns(outputs, targets) for y, t in zip(ys, ts, strict=True)
    ]
    return math.fsum(errors) / len(errors)


def _examples(outputs: Any, targets: Any) -> tuple[Any, Any]:
    outputs, targets = as_lists(outputs), as_lists(targets)
    for name, value in (("outputs", outputs), ("targets", targets)):
        if not nested(value):
            raise TypeError(f"{name} must be a list or an array, got {type(value).__name__}")
    if len(outputs) != len(targets):
        raise ValueError(
            f"outputs and targets must be as many, got {len(outputs)} and {len(targets)}"
        )
    if not len(outputs):
        raise ValueError("outputs must hold at least one example, got none")
    return outputs, targets


def _number(name: str, value: Any) -> float:
    number = value.data if isinstance(value, Value) else value
    if not isinstance(number, Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    if math.isnan(number):
        raise ValueError(f"{name} is nan")
    return float(number)


def _finite(name: str, value: Any) -> float:
    number = _number(name, value)
    if math.isinf(number):
        raise ValueError(f"{name} is {number}")
    return number
