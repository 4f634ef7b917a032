"""The known ways in which training goes wrong, and how they show in the numbers of each layer.

Each function here looks at the records of one step (and what is known of the steps before) and
yields a `Finding` for what it finds. `nn.watch` collects the numbers and warns.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autograd_scalar import Value
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import detached

VANISHING = 1e-4
"""The gradient has vanished where its norm is below this share of what it is at the last hidden
layer. At the first of ten sigmoid layers of 8 with PyTorch's initial weights it is 1e-8 of that, at
the first of ten of tanh or ReLU with Xavier's or He's 0.2. Source: X. Glorot, Y. Bengio,
"Understanding the difficulty of training deep feedforward neural networks", AISTATS (2010)."""

FORGOTTEN = 2.0**-24
"""Through time less is warned of: to forget may be what a recurrent layer should do. Below this
share what the first call adds to a gradient is lost in the rounding of a float32."""

EXPLODING = 1e3
"""The gradient explodes where its norm is above this many times what it is at the last layer or the
last hidden one, or in all the steps before. Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the
difficulty of training recurrent neural networks", ICML (2013)."""

EXPLODING_IN_TIME = 1e2
"""The same at the first call of a recurrent layer, compared with its last. There the same weights
are passed again and again, so growth goes on with the length; a healthy layer is below 10."""

FLAT = {"relu": (0.0, math.inf), "tanh": (-0.97, 0.97), "sigmoid": (0.03, 0.97)}
"""By operation the outputs up to which and from which on it is flat. There tanh passes on less than
0.06 of a gradient, the sigmoid less than 0.03, ReLU (on its left side) nothing."""

STUCK_STEPS, STUCK_OUTPUTS = 5, 50
"""A unit is stuck if in so many recorded steps, and for so many examples, all of its outputs were
on the same flat side. A ReLU on its left side is called dead then."""

STUCK_SHARE = 0.75
"""A layer with this share of stuck units is warned of. Some are usual: "as much as 40% of your
network can be dead" at a learning rate too high (A. Karpathy, notes of CS231n, 2015), and of eight
ReLUs with PyTorch's initial weights now and then four."""

SATURATED_SHARE = 0.5
"""A tanh or sigmoid layer with this share of outputs on a flat side in one of its first steps is
warned of, from `STUCK_OUTPUTS` outputs on. Later a network may be sure of what it says. Source:
Glorot and Bengio (2010)."""

SMALL_UPDATE, LARGE_UPDATE = 1e-6, 0.5
"""The change of a step by the size of the weights should be somewhere around 1e-3 (Karpathy, 2015).
Warned of are means over `WINDOW` steps that are far from it. Small networks learn well at 0.3;
gradient descent that diverges is above 1. Small updates count in the first steps only: later the
model may have converged."""

LOST_SHARE = 0.1
"""A layer is warned of if this share of its gradients is 0 for the lack of precision."""

WINDOW = 10
"""How many recorded steps are the first ones, and how many make a mean."""


class TrainingWarning(UserWarning):
    """Training looks as if it went wrong; the message says where, how, and what usually helps."""


@dataclass(slots=True)
class LayerRecord:
    """One layer in one step; what does not apply is None.

    step: counts from 0. layer: its path in the model. kind: its class and sizes.
    gradient_norm, weight_norm: of its parameters, the root of the sum of squares.
    outputs: how many numbers it gave.
    output_gradient_norm: of the gradient by its outputs.
    mean, std, min, max: of its outputs.
    dead: the share of its ReLU units that gave 0 for every example of this step.
    stuck: the share of its ReLU, tanh and sigmoid units that have been stuck for some steps.
    saturated: the share of its tanh and sigmoid outputs that are nearly at a bound.
    through_time: for a recurrent layer, the gradient norm at its first call by that at its last.
    update_ratio: the norm of the change of the parameters by the norm they had.
    underflow, overflow: the shares of its parameters' gradients that became 0, or inf or nan, for
    the lack of precision.
    gradient_mean, gradient_max: of the sizes of its parameters' gradients.
    """

    step: int
    layer: str
    kind: str
    gradient_norm: float | None = None
    weight_norm: float | None = None
    outputs: int = 0
    output_gradient_norm: float | None = None
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    dead: float | None = None
    stuck: float | None = None
    saturated: float | None = None
    through_time: float | None = None
    update_ratio: float | None = None
    underflow: float | None = None
    overflow: float | None = None
    gradient_mean: float | None = None
    gradient_max: float | None = None


@dataclass(frozen=True)
class Finding:
    """What a warning said: of which kind, of which layers, in which step."""

    kind: str
    layers: tuple[str, ...]
    step: int
    message: str


class Seen(NamedTuple):
    """What a check of single numbers needs of a layer: its name, its outputs, its parameters."""

    name: str
    outputs: Collection[Value]
    parameters: Collection[Value]


# --- nan and inf ----------------------------------------------------------------------------------

ON_NOT_FINITE = (
    "What helps: a smaller learning rate, clip_grad_norm, losses that take logits, no log or "
    "division of what may be 0. autograd_scalar.detect_anomaly() finds the line."
)


def not_finite(step: int, layers: Sequence[Seen], loss: Value | None) -> Iterator[Finding]:
    """Find the first layer in the forward pass that gave nan or inf, else in the backward pass."""

    def finding(layer: str, what: str) -> Finding:
        return Finding("not finite", (layer,), step, f"{what}. {ON_NOT_FINITE}")

    for layer in layers:
        for node in layer.outputs:
            if not math.isfinite(node.data):
                what = f"{node.data} in the activations of {layer.name!r}: {_origin(node)}"
                yield finding(layer.name, what)
                return
    if loss is not None and not math.isfinite(loss.data):
        what = f"the loss is {loss.data}, though the layers' outputs are finite: {_origin(loss)}"
        yield finding("loss", what)
        return
    for layer in reversed(layers):
        for node in (*layer.outputs, *layer.parameters):
            gradient = detached(node.grad)
            if not math.isfinite(gradient):
                cause = "" if loss is None else _origin_of_gradient(loss)
                what = f"{gradient} in the gradients of {layer.name!r}; the activations are finite"
                yield finding(layer.name, what + cause)
                return


def _origin(node: Value) -> str:
    """In words the operation that gave nan or inf first, or the leaf that was it."""
    worse: Value | None = node
    while worse is not None:
        node = worse
        worse = next((p for p in node.parents if not math.isfinite(p.data)), None)
    if not node.parents:
        return f"{node.label or 'an input'} is {node.data}"
    operands = [detached(x) for x in node.operands]
    shown = ", ".join(f"{x:.4g}" for x in operands[:4]) + (", ..." if len(operands) > 4 else "")
    return f"{node.op}({shown}) gave {node.data}"


def _origin_of_gradient(loss: Value) -> str:
    for node in reversed(topological_order(loss)):
        if math.isfinite(detached(node.grad)):
            for parent in node.parents:
                if not math.isfinite(detached(parent.grad)):
                    return f", and the derivative of {node.op} at {parent.data:.4g} is not"
    return ""


# --- Along the layers and through time ------------------------------------------------------------


def vanishing(rows: Sequence[LayerRecord]) -> Iterator[Finding]:
    """Find the first layers, if hardly anything of the gradient reaches any of them.

    Compared with the last hidden layer, not with the output: small weights in the last layer are a
    good start. A gradient of exactly 0 did not vanish bit by bit: a layer is dead, or unused.
    """
    depth = _in_depth(rows)
    if len(depth) >= 3:
        last, at_last = depth[-2]
        gone = []
        for row, norm in depth[:-2]:
            if not 0.0 < norm < VANISHING * at_last:
                break
            gone.append((row, norm / at_last))
        if gone:
            first, ratio = gone[0]
            yield Finding(
                "vanishing gradient",
                tuple(row.layer for row, _ in gone),
                first.step,
                f"the gradient vanishes on its way back: its norm at the outputs of "
                f"{first.layer!r} is {ratio:.2g} of that at {last.layer!r}{_others(gone)}, so the "
                "early layers hardly learn. What helps: ReLU instead of sigmoid, He or Xavier "
                "initialization, batch norm, residual connections.",
            )
    faded = [
        (row, row.through_time)
        for row in rows
        if row.through_time is not None and 0.0 < row.through_time < FORGOTTEN
    ]
    if faded:
        row, ratio = faded[0]
        yield Finding(
            "vanishing gradient",
            tuple(row.layer for row, _ in faded),
            row.step,
            f"the gradient vanishes on its way back through time: its norm at the first call of "
            f"{row.layer!r} is {ratio:.2g} of that at the last{_others(faded)}, so what comes "
            "early in a sequence is not learnt from. What helps: an LSTM or GRU, gates that begin "
            "open, recurrent weights that keep lengths, shorter sequences.",
        )


def exploding(rows: Sequence[LayerRecord]) -> Iterator[Finding]:
    """Find the layers at which the gradient is far larger than at the last layer, or last call."""
    grown = [
        (row, row.through_time)
        for row in rows
        if row.through_time is not None and row.through_time > EXPLODING_IN_TIME
    ]
    if grown:
        first, ratio = grown[0]
        yield Finding(
            "exploding gradient",
            tuple(row.layer for row, _ in grown),
            first.step,
            f"the gradient explodes on its way back through time: its norm at the first call of "
            f"{first.layer!r} is {ratio:.2g} times that at the last{_others(grown)}. What helps: "
            "clip_grad_norm before each step, smaller recurrent weights or such that keep lengths, "
            "an LSTM or GRU, truncated backpropagation.",
        )
        return  # which explains what follows
    depth = _in_depth(rows)
    last, at_last = min(depth[-2:], key=lambda end: end[1], default=(None, 0.0))
    if last is None or not at_last:
        return
    grown = [(row, norm / at_last) for row, norm in depth[:-1] if norm > EXPLODING * at_last]
    if grown:
        first, ratio = grown[0]
        yield Finding(
            "exploding gradient",
            tuple(row.layer for row, _ in grown),
            first.step,
            f"the gradient explodes on its way back: its norm at the outputs of {first.layer!r} is "
            f"{ratio:.2g} times that at {last.layer!r}{_others(grown)}. What helps: He or Xavier "
            "initialization, clip_grad_norm before each step, batch norm.",
        )


def growing(
    rows: Iterable[LayerRecord],
    history: Mapping[str, Sequence[LayerRecord]],
    peaks: Mapping[str, float],
) -> Iterator[Finding]:
    """Find layers whose gradient is far above all that it was in the steps before."""
    for row in rows:
        peak = peaks.get(row.layer, 0.0)
        known_for = len(history.get(row.layer, ()))
        if known_for >= WINDOW and peak and (row.gradient_norm or 0.0) > EXPLODING * peak:
            yield Finding(
                "exploding gradient",
                (row.layer,),
                row.step,
                f"the gradient of {row.layer!r} explodes: its norm is {row.gradient_norm:.2g}, and "
                f"was never above {peak:.2g} in the steps before. What helps: a smaller learning "
                "rate, clip_grad_norm before each step.",
            )


def _in_depth(rows: Iterable[LayerRecord]) -> list[tuple[LayerRecord, float]]:
    """The layers that have parameters and the norms of their outputs' gradients."""
    return [
        (row, row.output_gradient_norm)
        for row in rows
        if row.gradient_norm is not None and row.output_gradient_norm is not None
    ]


def _others(some: Sequence[tuple[LayerRecord, float]]) -> str:
    if len(some) == 1:
        return ""
    return f" ({', '.join(f'{ratio:.2g} at {row.layer!r}' for row, ratio in some[1:])})"


# --- Activations ----------------------------------------------------------------------------------


def flat(rows: Sequence[LayerRecord], early: bool) -> Iterator[Finding]:
    """Find layers of which much stands where its activation is flat."""
    for row in rows:
        if row.dead is not None and (row.stuck or 0.0) >= STUCK_SHARE:
            yield Finding(
                "dying ReLU",
                (row.layer,),
                row.step,
                f"{row.stuck:.0%} of the ReLUs of {row.layer!r} are dead: for at least "
                f"{STUCK_STEPS} steps they gave 0 for every example, and so pass no gradient. "
                "What helps: LeakyReLU, a smaller learning rate, He initialization, biases that "
                "are not far below 0.",
            )
    for row in rows[:-1]:  # the last layer may be sure of what it says
        stuck = row.dead is None and (row.stuck or 0.0) >= STUCK_SHARE
        enough = early and row.outputs >= STUCK_OUTPUTS
        if stuck:
            what = (
                f"{row.stuck:.0%} of the units of {row.layer!r} were at one bound for every "
                f"example of at least {STUCK_STEPS} steps"
            )
        elif enough and (row.saturated or 0.0) > SATURATED_SHARE:
            what = (
                f"{row.saturated:.0%} of the outputs of {row.layer!r} are nearly at a bound before "
                "anything is learnt"
            )
        else:
            continue
        yield Finding(
            "saturated",
            (row.layer,),
            row.step,
            f"{what}, where hardly any gradient passes. What helps: Xavier initialization, inputs "
            "standardised to deviation 1, a smaller learning rate, batch norm.",
        )


# --- Updates --------------------------------------------------------------------------------------


def updates(
    rows: Sequence[LayerRecord],
    history: Mapping[str, Sequence[LayerRecord]],
    rate: float | None,
) -> Iterator[Finding]:
    """Find layers of which the steps change far too much, or too little."""
    means = {}
    for row in rows:
        recent = [r.update_ratio for r in history[row.layer][-WINDOW:]]
        ratios = [ratio for ratio in recent if ratio is not None]
        if len(ratios) == WINDOW:
            means[row.layer] = math.fsum(ratios) / WINDOW
    large = {layer: ratio for layer, ratio in means.items() if ratio > LARGE_UPDATE}
    small = {
        layer: ratio
        for layer, ratio in means.items()
        if 0 < ratio < SMALL_UPDATE and len(history[layer]) == WINDOW
    }
    at = "" if rate is None else f" at a learning rate of {rate:g}"
    for kind, found, helps in (
        ("large updates", large, "a smaller learning rate, clip_grad_norm"),
        ("small updates", small, "a larger learning rate, unless the model has converged before"),
    ):
        for layer, ratio in found.items():
            yield Finding(
                kind,
                (layer,),
                rows[0].step,
                f"the last {WINDOW} steps{at} changed the weights of {layer!r} by {ratio:.2g} of "
                f"their size each; healthy is about 0.001. What helps: {helps}.",
            )


# --- Precision ------------------------------------------------------------------------------------


def imprecise(rows: Iterable[LayerRecord], precision: str, loss_scale: float) -> Iterator[Finding]:
    """Find layers whose gradients the format has no numbers for."""
    for row in rows:
        if (row.underflow or 0.0) > LOST_SHARE:
            yield Finding(
                "underflow",
                (row.layer,),
                row.step,
                f"in {precision} {row.underflow:.0%} of the gradients of {row.layer!r} are rounded "
                f"to 0. What helps: a loss_scale above {loss_scale:g}, say {1024 * loss_scale:g}, "
                "or bfloat16, whose numbers go down to 1e-40.",
            )
        if row.overflow:
            yield Finding(
                "overflow",
                (row.layer,),
                row.step,
                f"in {precision} {row.overflow:.0%} of the gradients of {row.layer!r} are inf or "
                f"nan. What helps: a loss_scale below {loss_scale:g}, clip_grad_norm, or bfloat16, "
                "whose numbers go up to 3e38.",
            )
