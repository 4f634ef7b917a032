"""The tape: a function of numbers, recorded once and replayed at machine speed.

>>> from autograd_scalar import jit, tanh
>>> @jit
... def neuron(w, x):
...     return tanh(w[0] * x[0] + w[1] * x[1])
>>> neuron([2.0, 1.0], [0.5, -1.0])
0.0
>>> neuron.value_and_grad([2.0, 1.0], [0.5, -1.0])
(0.0, [0.5, -1.0])

This file is imported with the package and is only the door: what is behind it is imported by the
first function that is compiled.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from autograd_scalar.tape.compiled import Compiled
    from autograd_scalar.tape.program import Tape

__all__ = ["Tape", "jit"]


def __getattr__(name: str) -> type[Tape]:
    """``Tape``, imported by the first who asks for it."""
    if name == "Tape":
        from autograd_scalar.tape.program import Tape

        return Tape
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def jit(
    f: Callable[..., Any],
    backend: str = "auto",
    *,
    passes: Iterable[str] | None = None,
    contract: bool = False,
    memory: int | None = None,
    check: bool = True,
    max_paths: int = 64,
) -> Compiled:
    """The function ``f``, recorded when it is first called and from then on replayed.

    Arguments and results are numbers in any nesting of lists, tuples, dicts and NumPy arrays; the
    compiled function gives plain floats. It has derivatives, ``value_and_grad``, ``jacobian``,
    ``hessian`` and ``hvp``, and runs over batches, ``batch`` and ``batch_value_and_grad``. Leaf
    Values that the function finds outside of its arguments, a model's parameters, are read anew in
    every call.

    >>> square = jit(lambda x: x * x if x > 0 else 0.0)
    >>> square(3.0), square.value_and_grad(3.0), square(-1.0)
    (9.0, (9.0, 6.0), 0.0)

    Decisions of Python's are never frozen: a call that takes another branch than those before is
    recorded anew, and both ways are kept. So are calls with arguments of another nesting, and calls
    after a number in a variable around the function has changed. A number that gets into the
    program otherwise (by ``.data``, at random) is found out by a second recording, at the first
    call with other numbers.

    Args:
        f: a function of numbers, written against this package.
        backend: "python", generated source, which needs nothing; "native", machine code; or "auto",
            which takes what suits the size of the program and how often it is run. When that
            changes, last bits may; where they have to be the same each time, name a backend.
        passes: the optimizations to run, of ``autograd_scalar.tape.passes.PASSES``; None for all.
        contract: whether the native backend may fuse multiplications with additions, which rounds
            once in place of twice: faster, and no longer the same bits.
        memory: a bound in bytes for the numbers that are alive at a time in a gradient. Where it
            is exceeded, numbers of the forward pass are computed once more in the backward pass.
        check: whether to compare with a second recording.
        max_paths: how many paths are kept for each nesting of arguments.

    Raises:
        TypeError: if ``f`` is no function, or for an argument that is no nesting of numbers; a
            RecordingError, which is one, for a function that no tape can hold.
        ValueError: for an unknown backend or pass.
        ImportError: for a backend that is not installed, with the line that installs it.
    """
    from autograd_scalar.tape.compiled import Compiled

    return Compiled(
        f,
        backend,
        passes=passes,
        contract=contract,
        memory=memory,
        check=check,
        max_paths=max_paths,
    )
