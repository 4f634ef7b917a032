"""Derivatives of tapes, which are tapes again.

The rules of the table are run on variables: what they compute then stands on the tape. The sweeps
are those of the eager engine, in its order, so that the numbers are the same to the last bit.
"""

from __future__ import annotations

from functools import cache

from autograd_scalar import rules
from autograd_scalar.chain_rule import pullback, pushforward
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder, NotRecordable, Pattern, Variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from autograd_scalar.tape.variables import Function

    # Slot, primitive and operands of a node, and which of the operands have a derivative.
    Node = tuple[int, Primitive, Sequence[int], tuple[int, ...]]


def value_and_gradient(
    tape: Tape,
    wrt: Iterable[int | None],
    output: int = 0,
    *,
    strict: bool = False,
    positive_zeros: bool = True,
) -> Tape:
    """The program of an output and its derivatives by the inputs ``wrt``, in their order.

    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> tape = builder.tape([x * x * y])
    >>> value_and_gradient(tape, [0, 1]).run([3.0, 10.0])
    [90.0, 60.0, 9.0]

    Slots of the tape are the same slots of the program, and its guards hold in it.

    Args:
        tape: the program to differentiate.
        wrt: slots of inputs; None stands for one that nothing depends on.
        output: which of the outputs.
        strict: whether a gradient of exactly 0 contributes nothing, even multiplied by inf or nan.
            The test costs an operation or two for each, and it matters only where a nan comes out
            without it.
        positive_zeros: whether 0.0 is added to each derivative at the end. The eager engine's sums
            begin with it, and so are never -0.0.
    """
    builder = Builder.continuing(tape)
    place = tape.outputs[output]
    (gradient,) = reverse(builder, tape, [place], list(wrt), strict, positive_zeros)
    return builder.tape_of([place, *gradient], tape.guards)


def jacobian(
    tape: Tape, wrt: Iterable[int | None], *, strict: bool = False, positive_zeros: bool = True
) -> Tape:
    """The program of all outputs, and then of their derivatives, row by row.

    Arguments are as of ``value_and_gradient``.

    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> jacobian(builder.tape([x * y, x + y]), [0, 1]).run([2.0, 3.0])
    [6.0, 5.0, 3.0, 2.0, 1.0, 1.0]
    """
    builder = Builder.continuing(tape)
    rows = reverse(builder, tape, tape.outputs, list(wrt), strict, positive_zeros)
    return builder.tape_of([*tape.outputs, *[d for row in rows for d in row]], tape.guards)


def tangent(tape: Tape, wrt: Iterable[int | None], *, strict: bool = False) -> Tape:
    """The program that has a further input for each of ``wrt``, how fast that one changes.

    Its outputs are those of the tape and then how fast they change: the Jacobian-vector product.

    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> tangent(builder.tape([x * y]), [0, 1]).run([2.0, 3.0, 1.0, 10.0])
    [6.0, 23.0]

    Arguments are as of ``value_and_gradient``.
    """
    wrt = list(wrt)
    builder = Builder(tape.inputs + len(wrt))
    changes = dict(zip(wrt, builder.inputs[tape.inputs :], strict=True))
    numbers: list[Any] = list(builder.inputs[: tape.inputs])
    tangents: list[Any] = [changes.get(slot, 0.0) for slot in range(tape.inputs)]
    for slot, label in tape.labels.items():
        if slot < tape.inputs:
            builder.labels[slot] = label

    def of(operand: int) -> Any:
        return tape.constants[~operand] if operand < 0 else numbers[operand]

    for _, primitive, operands in tape.nodes():
        xs = list(map(of, operands))
        y = builder.apply(primitive, xs)
        moving = {
            i: tangents[o]
            for i, o in enumerate(operands)
            if o >= 0 and (tangents[o].__class__ is not float or tangents[o])
        }
        numbers.append(y)
        tangents.append(_change(builder, primitive, moving, y, xs, strict) if moving else 0.0)
    guards = [Guard(builder.operand(of(g.slot)), g.outcome, g.line) for g in tape.guards]
    moved = [0.0 if o < 0 else tangents[o] for o in tape.outputs]
    return builder.tape([*map(of, tape.outputs), *moved], guards)


def _change(
    builder: Builder,
    primitive: Primitive,
    moving: dict[int, Any],
    y: Any,
    xs: Sequence[Any],
    strict: bool,
) -> Any:
    """The tangent of a result, written by the builder."""
    if not strict:
        try:
            return pushforward(primitive, moving, y, xs)
        except NotRecordable:
            if isinstance(primitive, RuleCall):
                raise
    places = tuple(moving)
    if primitive.variadic:
        slopes = run_rule(primitive, builder, 1.0, y, xs, places)
        parts = [slope * moving[i] for slope, i in zip(slopes, places, strict=True)]
    else:
        parts = [run_rule(primitive, builder, moving[i], y, xs, (i,))[0] for i in places]
    total: Any = 0.0
    for i, part in zip(places, parts, strict=True):
        if strict and isinstance(part, Variable) and isinstance(moving[i], Variable):
            zero = builder.constant(0.0)
            is_zero = _is_zero(builder, moving[i].slot, zero)
            part = builder.variable(_unless_nan(builder, part.slot, is_zero, zero))
        total = part if total.__class__ is float and not total else total + part
    return total


def reverse(
    builder: Builder,
    tape: Tape,
    outputs: Sequence[int],
    wrt: Sequence[int | None],
    strict: bool,
    positive_zeros: bool,
) -> list[list[int]]:
    """For each output the operands that are its derivatives, written by the builder.

    The builder has the nodes of the tape in their slots.
    """
    depends = bytearray(tape.slots + len(tape.constants))
    for by in wrt:
        if by is not None:
            depends[by] = 1
    nodes: list[Node] = []
    for slot, primitive, operands in tape.nodes():
        places = tuple([i for i, o in enumerate(operands) if depends[o]])
        if places:
            depends[slot] = 1
            nodes.append((slot, primitive, operands, places))
    nodes.reverse()
    zero = builder.constant(0.0)
    rows = []
    for output in outputs:
        adjoints = _sweep(builder, nodes, output, strict, zero)
        row = [zero if by is None else adjoints.get(by, zero) for by in wrt]
        rows.append([_plus_zero(builder, d, zero) for d in row] if positive_zeros else row)
        _label(builder, tape, adjoints)
    return rows


def _label(builder: Builder, tape: Tape, adjoints: dict[int, int]) -> None:
    """The derivative by what is called x is called d_x."""
    for slot, label in tape.labels.items():
        adjoint = adjoints.get(slot, -1)
        if adjoint >= tape.slots:
            builder.labels.setdefault(adjoint, f"d_{label}")


def _sweep(
    builder: Builder,
    nodes: Sequence[Node],
    output: int,
    strict: bool,
    zero: int,
) -> dict[int, int]:
    """The derivative of the output by each slot that it depends on."""
    adjoints: dict[int, int] = {output: builder.constant(1.0)}
    node = builder.node
    for slot, primitive, operands, places in nodes:
        g = adjoints.get(slot)
        if g is None:
            continue
        contributions = _contributions(builder, primitive, g, slot, operands, places)
        nothing = None
        for i, contribution in zip(places, contributions, strict=True):
            if contribution < 0 and not builder.number(contribution):
                continue
            if strict and g >= 0 and contribution >= 0 and contribution != g:
                if nothing is None:
                    nothing = _is_zero(builder, g, zero)
                contribution = _unless_nan(builder, contribution, nothing, zero)
            o = operands[i]
            earlier = adjoints.get(o)
            if earlier is not None:
                contribution = node(rules.add, (earlier, contribution))
            adjoints[o] = contribution
    return adjoints


def _plus_zero(builder: Builder, operand: int, zero: int) -> int:
    if operand < 0:
        return builder.constant(builder.number(operand) + 0.0)
    return builder.node(rules.add, (operand, zero))


def _is_zero(builder: Builder, g: int, zero: int) -> int:
    not_above = builder.node(rules.less_equal, (g, zero))
    not_below = builder.node(rules.less_equal, (zero, g))
    return builder.node(rules.where, (not_above, not_below, zero))


def _unless_nan(builder: Builder, contribution: int, is_zero: int, zero: int) -> int:
    """The contribution, but 0 if it is nan and what it is a multiple of is 0.

    Not 0 wherever that is: where it is so by chance, the contribution has a derivative to keep.
    """
    is_number = builder.node(rules.less_equal, (contribution, contribution))
    instead = builder.node(rules.where, (is_zero, zero, contribution))
    return builder.node(rules.where, (is_number, contribution, instead))


def _contributions(
    builder: Builder,
    primitive: Primitive,
    g: int,
    y: int,
    operands: Sequence[int],
    places: tuple[int, ...],
) -> list[int]:
    """Write what the operands at these places receive.

    Where no operand is a constant the rule is run once, and its pattern stamped for every node.
    A constant the rule is told, since it may come out shorter for it.
    """
    if min(operands) >= 0:
        return builder.stamp(_pattern(primitive, len(operands), places), (g, y, *operands))
    return builder.write(_rule(primitive, places), (g, y, *operands))


@cache
def _pattern(primitive: Primitive, count: int, places: tuple[int, ...]) -> Pattern:
    return Pattern(_rule(primitive, places), count + 2)


@cache
def _rule(primitive: Primitive, places: tuple[int, ...]) -> Function:
    def rule(builder: Builder, g: Any, y: Any, *xs: Any) -> list[Any]:
        return run_rule(primitive, builder, g, y, xs, places)

    return rule


def run_rule(
    primitive: Primitive,
    builder: Builder,
    g: Any,
    y: Any,
    xs: Sequence[Any],
    places: tuple[int, ...],
) -> list[Any]:
    """What the operands at these places receive of g, written by the builder."""
    try:
        return pullback(primitive, g, y, xs, places)
    except NotRecordable:
        if isinstance(primitive, RuleCall):
            raise  # it says what to do
        return [builder.apply(rule_of(primitive, i), [g, y, *xs]) for i in places]


@cache
def rule_of(primitive: Primitive, place: int) -> RuleCall:
    """The derivative rule by one operand as a primitive of its own."""
    return RuleCall(primitive, place)


class RuleCall(Primitive):
    """A derivative rule that cannot be written onto a tape, since Python decides something in it.

    It is a primitive of (g, y, *operands), computed by calling the rule on floats.

    Attributes:
        of: the primitive whose rule it is.
        place: of the operand.
    """

    def __init__(self, of: Primitive, place: int) -> None:
        def call(*numbers: float) -> float:
            g, y, *xs = numbers
            return float(pullback(of, g, y, xs, (place,))[0])

        def again(g: Any, y: Any, *numbers: Any) -> Any:
            raise NotRecordable(
                f"the derivative rule of {of.name!r} decides something in Python (if, max, ...): "
                "on a tape it can be called, but not differentiated. Say rules.choose(condition, "
                "a, b) in it, or differentiate the function without jit"
            )

        super().__init__(f"rule {place} of {of.name}", call, (again,))
        self.of = of
        self.place = place

    def __reduce__(self) -> Any:
        return rule_of, (self.of, self.place)
