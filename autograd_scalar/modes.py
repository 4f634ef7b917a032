"""How operations are recorded: always, unless a ``with`` block says otherwise.

A mode holds for the thread or task that entered it. Looking that up for every operation would cost
more than the operation, so the fast paths look at ``ordinary`` alone: it is true while no thread is
inside any mode.
"""

from __future__ import annotations

from _thread import allocate_lock
from contextlib import contextmanager
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.scopes import Scope
    from autograd_scalar.value import Value

    class Detector(Protocol):
        """What watches operations: ``detect_anomaly`` enters one."""

        def record(self, primitive: Primitive, operands: tuple[Any, ...], data: float) -> Value:
            """The node for a result."""

        def backward(self, node: Value) -> None:
            """Add the node's contributions to the gradients of its parents."""

    class Recorder(Protocol):
        """What a recording for a tape enters."""

        def condition(self, primitive: Primitive, a: Any, b: Any) -> Any:
            """The comparison a < b or a <= b, to be decided when asked; None if it is not ours."""

        def detached(self, value: Value) -> Value:
            """The same number, through which no gradient flows."""


class Mode:
    """Whether operations are recorded, who watches them, and in what scope."""

    __slots__ = ("detector", "recording", "scope")

    def __init__(
        self,
        recording: bool = True,
        detector: Detector | None = None,
        scope: Scope | None = None,
    ) -> None:
        self.recording = recording
        self.detector = detector
        self.scope = scope


_mode: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039 (never changed)
_entered = 0
_lock = allocate_lock()
ordinary = True  # no thread is inside any mode

# What writes down the decisions that Python takes while a function is recorded for a tape: told of
# every comparison. None while nothing is recorded.
recorder: Recorder | None = None

# How many derivatives of functions have been begun. A leaf notes it when it is made, so that what
# a function made for itself while it was differentiated can be told from what it found outside.
epoch = 0


def current() -> Mode:
    """The mode of this thread or task."""
    return _mode.get()


@contextmanager
def enter(
    *,
    recording: bool | None = None,
    detector: Detector | None = None,
    scope: Scope | None = None,
) -> Iterator[None]:
    """Change the mode of this thread or task for the length of a ``with`` block.

    What is None stays as the block around this one has it.
    """
    global _entered, ordinary
    outer = _mode.get()
    if recording is None:
        recording = outer.recording
    token = _mode.set(Mode(recording, detector or outer.detector, scope or outer.scope))
    with _lock:
        _entered += 1
        ordinary = False
    try:
        yield
    finally:
        _mode.reset(token)
        with _lock:
            _entered -= 1
            ordinary = not _entered


def recording() -> bool:
    """Whether this thread or task records what it computes."""
    return ordinary or _mode.get().recording


def no_grad() -> AbstractContextManager[None]:
    """Record no graph within a ``with`` block (or a decorated function): results are leaves.

    >>> from autograd_scalar import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    return enter(recording=False)
