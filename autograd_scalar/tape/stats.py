"""What a compiled function has compiled, as a table and as numbers."""

from __future__ import annotations

from autograd_scalar.tape.backends import BatchProgram, Columns, Program
from autograd_scalar.tape.passes import width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autograd_scalar.tape.paths import Paths


def title(kind: Any) -> str:
    """A name for a program of that kind.

    >>> title(("value",)), title(("strict", ("gradient", (True, (0,)))))
    ('forward', 'value_and_gradient_strict')
    """
    name: str = kind[0]
    if name == "strict":
        return f"{title(kind[1])}_strict"
    if name == "batch":
        inner = kind[1]
        return f"batch_{title(inner if isinstance(inner, tuple) else (inner,))}"
    return {"value": "forward", "gradient": "value_and_gradient"}.get(name, name)


class Stats:
    """Nodes before and after each optimization, bytes and seconds of all that was compiled.

    >>> from autograd_scalar import jit
    >>> fast = jit(lambda x: x * 1.0 + x * 2.0, backend="python")
    >>> _ = fast.value_and_grad(3.0)
    >>> fast.stats().programs[0]["nodes"]["recorded"], fast.stats().programs[0]["backend"]
    (5, 'python')

    Attributes:
        programs: a dict for each program: "path", "program", "backend", "nodes" (recorded, and
            after each pass), "alive" (numbers at a time), "bytes" (of the tape), "seconds" (to
            optimise and compile).
    """

    def __init__(self, name: str, every: Sequence[Paths]) -> None:
        self.name = name
        self.programs: list[dict[str, Any]] = []
        number = 0
        for paths in every:
            for path in paths:
                number += 1
                for kind, program in path.programs.items():
                    self.programs.append({"path": number, "program": title(kind), **_of(program)})

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.programs)} program(s)"]
        for program in self.programs:
            nodes = " -> ".join(f"{name} {count}" for name, count in program["nodes"].items())
            lines += [
                f"path {program['path']}, {program['program']} on {program['backend']}: "
                f"{program['bytes']:,} bytes, {program['alive']:,} numbers alive at a time, "
                f"compiled in {program['seconds']:.3f} s",
                f"  nodes: {nodes}",
            ]
        return "\n".join(lines)

    __repr__ = __str__


def _of(program: Program | Columns | BatchProgram) -> dict[str, Any]:
    if isinstance(program, Columns):
        found = _of(program.program)
        found["backend"] += ", column by column"
        return found
    return {
        "backend": program.backend,
        "nodes": dict(program.sizes),
        "alive": width(program.tape),
        "bytes": program.tape.nbytes,
        "seconds": program.seconds,
    }
