"""What a layer does besides computing: it draws random numbers, it keeps statistics.

A program that was recorded once does neither when it is replayed. So a layer says here what it
draws and what it keeps. As long as nothing is recorded, that is done at once. Whoever records steps
of training (`nn.compiled`) is told of it, and does it again at each replay. Any other recording is
refused: the random numbers would be frozen. What was kept is looked up here, too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import repeat
from typing import Any
from weakref import WeakKeyDictionary, ref

from autograd_scalar import Value, modes
from autograd_scalar.primitives import detached

Draw = Callable[[], float]
Update = Callable[[Sequence[float]], None]

_witness: ContextVar["Effects | None"] = ContextVar("witness", default=None)


class Effects:
    """What the layers said that they draw and keep, within a block of `witnessed`.

    numbers: what they get for the random numbers that they ask for; None for ones.

    Attributes:
        draws: for each `random_numbers`, in order, what makes a draw, and how many were asked for.
        updates: for each `keep`, what keeps numbers, and the numbers.

    Raises RecordingError if the numbers don't suffice.

    >>> from nn import Dropout
    >>> with witnessed(Effects([10.0, 20.0])) as effects:
    ...     Dropout()([1.0, 2.0])
    [10.0, 40.0]
    >>> [count for _, count in effects.draws]
    [2]
    """

    def __init__(self, numbers: Iterable[Any] | None = None) -> None:
        """See the class."""
        self._numbers = repeat(1.0) if numbers is None else iter(numbers)
        self.draws: list[tuple[Callable[[], Draw], int]] = []
        self.updates: list[tuple[Update, Sequence[Any]]] = []

    def random_numbers(self, make: Callable[[], Draw]) -> Callable[[], Any]:
        place = len(self.draws)
        self.draws.append((make, 0))

        def next_number() -> Any:
            self.draws[place] = make, self.draws[place][1] + 1
            for number in self._numbers:
                return number
            raise _recording_error("draws another number of random numbers than before")

        return next_number


@contextmanager
def witnessed(effects: Effects) -> Iterator[Effects]:
    """Tell `effects` of all draws and updates of this thread within the block; none is done."""
    token = _witness.set(effects)
    try:
        yield effects
    finally:
        _witness.reset(token)


def random_numbers(make: Callable[[], Draw]) -> Callable[[], Any]:
    """Return what gives random numbers one by one: `make()`, or what is drawn at each replay.

    make: returns the function that draws. Called anew at each replay, so that it follows changes of
        the layer's settings and generator.

    Raises RecordingError within a recording that can't draw anew.
    """
    effects = _witness.get()
    if effects is not None:
        return effects.random_numbers(make)
    require_replayable("draws random numbers, which would be the same in every call")
    return make()


def keep(update: Update, numbers: Sequence[Any]) -> None:
    """Call `update` with the numbers, as floats: now, or after each replay with those of then.

    Raises RecordingError within a recording that can't do that.
    """
    effects = _witness.get()
    if effects is not None:
        effects.updates.append((update, numbers))
        return
    require_replayable("keeps statistics, which would not change any more")
    update([detached(number) for number in numbers])


def kept(layer: Any, name: str) -> Sequence[Any]:
    """Return the list of numbers that a layer keeps in that attribute, to compute with.

    Within a recording they are leaves, whose numbers each replay looks up anew.
    """
    numbers: Sequence[float] = getattr(layer, name)
    if modes.recorder is None:
        return numbers
    leaves = _leaves.setdefault(layer, {}).setdefault(name, [])
    leaves += [_Kept(layer, name, place) for place in range(len(leaves), len(numbers))]
    return leaves[: len(numbers)]


class _Kept(Value):
    """A leaf whose number is one that a layer keeps."""

    __slots__ = ("_layer", "_name", "_place")

    def __init__(self, layer: Any, name: str, place: int) -> None:
        self._layer, self._name, self._place = ref(layer), name, place
        super().__init__(0.0)
        self._constant = -1  # it was there before any recording

    @property
    def data(self) -> float:
        number: float = getattr(self._layer(), self._name)[self._place]
        return number

    @data.setter
    def data(self, number: float) -> None:
        """It is the layer's to change."""


_leaves: WeakKeyDictionary[Any, dict[str, list[_Kept]]] = WeakKeyDictionary()


def require_replayable(what: str) -> None:
    """Raise RecordingError if a function is being recorded, which does what a tape can't hold."""
    if modes.recorder is None:
        return
    from autograd_scalar.tape.recording import recording

    if recording():
        raise _recording_error(what)


def _recording_error(what: str) -> Exception:
    from autograd_scalar.tape.recording import RecordingError

    return RecordingError(
        f"the function that is recorded {what}. What helps: model.eval() before it is recorded; to "
        "train, nn.compile_step or nn.fit(backend=...)"
    )
