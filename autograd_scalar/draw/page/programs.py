"""The rules as programs that the page runs and prints.

The page knows no derivative and no primitive. It is given, for each kind of node in the graph, what
the rules table says of it, as three programs: the primitive's kernel in operations that every
machine has, the contributions to its operands, and its local derivatives. The last two are in
primitives, so that they can be read as formulas, and run by the kernels of these.

A program is ``[inputs, constants, nodes, outputs]``, each node ``[primitive, *operands]``: a tape
(see ``autograd_scalar.tape.program``) as JSON has it, the primitive a place in ``Programs.table``.
"""

import math
from collections.abc import Iterable
from typing import Any

from autograd_scalar import rules, special
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.derivatives import run_rule
from autograd_scalar.tape.kernels import KERNELS, MACHINE, lower
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.variables import Builder
from autograd_scalar.value import Value

# Beside the machine operations. Their series are of a length that the number decides, and so no
# kernels on a tape.
GAMMA = (rules.digamma, rules.polygamma)

# A constant operand of these is a number like any other. That of ** and the like decides which form
# of the derivative is used: they have a kind of node for each constant.
_ARITHMETIC = (rules.add, rules.subtract, rules.multiply, rules.divide)

_READABLE = ("fold", "simplify", "share", "prune")  # no pass that would make other formulas

Kind = tuple[Primitive, tuple[str | None, ...]]


class Programs:
    """What the page has to know of the primitives of a graph.

    >>> programs = Programs()
    >>> x = Value(2.0)
    >>> programs.kind(x * x), programs.kind(x * 3.0), programs.kind(x * x)
    (0, 1, 0)
    >>> programs.table[0]
    {'name': '*'}
    >>> programs.kinds[0]["slopes"]
    [4, [], [], [3, 2]]

    Attributes:
        table: of each primitive the name, and its kernel if it is no machine operation.
        kinds: of each kind of node its primitive, its contributions as a program of the gradient,
            the result and the operands, and its local derivatives as one of the same inputs.
    """

    def __init__(self) -> None:
        self.table: list[dict[str, Any]] = []
        self.kinds: list[dict[str, Any]] = []
        self._entries: dict[tuple[Primitive, int], int] = {}
        self._known: dict[Kind, int] = {}

    def kind(self, node: Value) -> int:
        """The place in ``kinds`` of the kind that a node is of."""
        primitive = node._closure.primitive
        assert primitive is not None
        is_number = primitive.variadic or primitive in _ARITHMETIC
        key = (
            primitive,
            tuple(
                None if isinstance(o, Value) else "" if is_number else o.hex()
                for o in node.operands
            ),
        )
        if key not in self._known:
            self._known[key] = len(self.kinds)
            self.kinds.append(self._kind(*key))
        return self._known[key]

    def know_all(self, nodes: Iterable[Value]) -> bool:
        """Whether the page can compute all of these nodes that are no leaves."""
        return all([self.is_known(self.kind(node)) for node in nodes if node.parents])

    def is_known(self, kind: int) -> bool:
        """Whether the page can compute nodes of this kind: not those of a user's primitive."""
        return not self.kinds[kind].get("python")

    @property
    def gamma(self) -> dict[str, Any] | None:
        """The coefficients that digamma and polygamma take, if one of them occurs."""
        if not any(primitive in GAMMA for primitive, _ in self._entries):
            return None
        names = (
            "LOG_12", "LOG_12_ERROR", "DIGAMMA_ROOT", "DIGAMMA_ROOT_ERROR", "DIGAMMA_AT_ROOT",
            "BERNOULLI",
        )  # fmt: skip
        return {name: getattr(special, name) for name in names}

    def _kind(self, primitive: Primitive, constants: tuple[str | None, ...]) -> dict[str, Any]:
        places = tuple([i for i, constant in enumerate(constants) if constant is None])
        rule = self._rule(primitive, constants, places, upstream=True)
        slopes = self._rule(primitive, constants, places, upstream=False)
        kind = {
            "primitive": self._entry(primitive, len(constants)),
            "rule": self._program(rule),
            "slopes": self._program(slopes),
        }
        if not _can_run(primitive) or not all(
            map(_can_run, (*rule.primitives, *slopes.primitives))
        ):
            kind["python"] = True
        return kind

    def _rule(
        self,
        primitive: Primitive,
        constants: tuple[str | None, ...],
        places: tuple[int, ...],
        upstream: bool,
    ) -> Tape:
        builder = Builder(2 + len(constants))
        g, y, *variables = builder.inputs
        xs = [
            float.fromhex(constant) if constant else variable
            for constant, variable in zip(constants, variables, strict=True)
        ]
        found = run_rule(primitive, builder, g if upstream else 1.0, y, xs, places)
        tape = builder.tape(found)
        return tape if upstream else optimize(tape, _READABLE)

    def _entry(self, primitive: Primitive, arity: int) -> int:
        key = primitive, arity if primitive.variadic and primitive in KERNELS else 0
        if key not in self._entries:
            entry: dict[str, Any] = {"name": primitive.name}
            if primitive in KERNELS:
                builder = Builder(arity)
                tape = builder.tape([builder.apply(primitive, builder.inputs)])
                entry["kernel"] = self._program(lower(tape))
            self._entries[key] = len(self.table)
            self.table.append(entry)
        return self._entries[key]

    def _program(self, tape: Tape) -> list[Any]:
        nodes = [
            [self._entry(primitive, len(operands)), *operands]
            for _, primitive, operands in tape.nodes()
        ]
        return [tape.inputs, list(map(number, tape.constants)), nodes, list(tape.outputs)]


def _can_run(primitive: Primitive) -> bool:
    return primitive in KERNELS or primitive in GAMMA or MACHINE.get(primitive.name) is primitive


def number(x: float) -> float | str:
    """A float for JSON, which has no infinities and no nan: those as strings.

    >>> number(0.5), number(-math.inf), number(math.nan)
    (0.5, '-inf', 'nan')
    """
    x = float(x)  # whoever overwrote a leaf's data may have left an int or a NumPy scalar there
    return x if math.isfinite(x) else repr(x)
