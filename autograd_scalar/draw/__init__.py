"""Pictures of a graph.

>>> from autograd_scalar import Value, draw, tanh
>>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(1.0, label="b")
>>> y = tanh(w * x + b)
>>> y.backward()
>>> picture = draw(y, parameters=[w, b])

In Jupyter ``picture`` shows itself; ``picture.save("neuron.svg")`` or ``draw(y, "neuron.svg")``
writes a file.

This file is imported with the package and is only the door: what is behind it, and Graphviz, are
imported by the first picture.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from os import PathLike
    from typing import Any

    from autograd_scalar.draw.picture import Picture
    from autograd_scalar.draw.static import HasParameters
    from autograd_scalar.value import Value

LIMIT = 500


def draw(
    value: Any,
    path: str | PathLike[str] | None = None,
    *,
    format: str | None = None,
    parameters: HasParameters | Iterable[Value] = (),
    limit: int = LIMIT,
    theme: str = "auto",
    direction: str = "right",
    formula: bool = False,
    fold: int | str | Collection[str] | None = None,
    heat: str | None = None,
    paths: Value | Iterable[Value] | None = None,
    before: Mapping[Value, float] | None = None,
    tangents: Mapping[Value, float] | None = None,
    optimized: bool = False,
    **options: Any,
) -> Picture:
    """Draw the graph that ``value`` was computed by.

    A leaf in ``parameters`` is orange, any other leaf blue; a result has the operation that made it
    on a dark badge, with constant operands. Where the order of operands matters, it is written
    where their arrows arrive. The picture is the same in every run.

    >>> from autograd_scalar import Value, tanh
    >>> w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-0.5, label="b")
    >>> y = tanh(w * x + b)
    >>> y.backward()
    >>> picture = draw(y, parameters=[w, b])
    >>> picture
    <Picture of 6 values>
    >>> picture.svg[:4]
    '<svg'

    Without boxes: a value that has no label and is used once is a part of an expression.

    >>> "tanh(w*x + b)" in draw(y, formula=True).dot
    True

    All paths from ``w`` to the result, with the local derivatives that multiply along each, and
    their sum:

    >>> "1 path: 0.7864 × 1 × 0.5 = 0.3932" in draw(y, paths=w).dot
    True

    What a step of gradient descent changes:

    >>> before = {w: w.data}
    >>> w.data -= 0.1 * w.grad
    >>> "1.961" in draw(y, before=before).dot
    True

    How fast every number changes with ``x`` (forward mode), and how big every gradient is:

    >>> picture = draw(y, tangents={x: 1.0}, heat="grad")

    A large graph by its parts:

    >>> from autograd_scalar import scope
    >>> with scope("energy"):
    ...     energy = (w * x) ** 2 / 2
    >>> "energy" in draw(energy, fold=0).dot
    True

    The tape of a compiled function, and what its optimization leaves of it:

    >>> from autograd_scalar import jit
    >>> fast = jit(lambda x: x * 1.0 + x)
    >>> fast(3.0)
    6.0
    >>> "2 → 1 operations" in draw(fast, optimized=True).dot
    True

    Args:
        value: what the graph ends in: a loss, the output of one neuron. Or a tape, a function that
            ``jit`` compiled, or an object that draws itself by a method ``__draw__(**options)``
            which returns a Picture, as models of ``nn`` do.
        path: a file to write too, in the format that its suffix names.
        format: the format of the file where its suffix does not say: svg, png, dot or gv.
        parameters: a module, or the Values to show as parameters.
        limit: the largest number of values to draw; beyond some hundred nobody can read them.
        theme: "auto" follows the system's light or dark mode; "light", "dark", "print" (black on
            white, shapes in place of colours) and "chalkboard" are the same everywhere.
        direction: which way the arrows run: "right", "left", "down" or "up".
        formula: whether to write expressions in place of single operations.
        fold: None draws every value; a depth, from 0, draws what lies so deep in scopes, modules
            and repetitions as boxes; names of these fold just them.
        heat: "grad" or "data" colours cards by the logarithm of its size, and marks 0, inf and nan.
        paths: a Value, or several, of which all paths to the result are shown.
        before: numbers that leaves had before, such as ``snapshot`` gives; the picture shows each
            number before and now, both computed anew from the leaves.
        tangents: by which leaves to differentiate, and how much of each, in forward mode.
        optimized: whether to draw a tape beside what its optimization leaves of it.
        options: further ones, of an object that draws itself.

    Raises:
        TypeError: if ``value`` is nothing that can be drawn, one of ``parameters`` is not a Value,
            or an option is of the wrong type or of no use here.
        ValueError: if there is more to draw than ``limit``, an option has a value that it cannot
            have or does not go with another, or the format is unknown.
        FileNotFoundError: if the folder of ``path`` does not exist, or there is no program to
            lay out the graph with. DOT text needs none.
    """
    from autograd_scalar.draw.static import Options, make_picture

    given = Options(
        parameters=parameters,
        limit=limit,
        theme=theme,
        direction=direction,
        formula=formula,
        fold=fold,
        heat=heat,
        paths=paths,
        before=before,
        tangents=tangents,
        optimized=optimized,
        others=options,
    )
    return make_picture(value, path, format, given)


def snapshot(source: Value | HasParameters | Iterable[Value]) -> dict[Value, float]:
    """The numbers that leaves have now, to be compared with later ones by ``draw``.

    >>> from autograd_scalar import Value
    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> loss = (w * x - 5.0) ** 2
    >>> loss.backward()
    >>> before = snapshot(loss)
    >>> w.data -= 0.01 * w.grad  # or optimizer.step()
    >>> "1.94" in draw(loss, before=before).dot
    True

    Args:
        source: a Value, for all leaves of its graph; or a module; or the leaves.

    Raises:
        TypeError: if it is none of these.
    """
    from autograd_scalar.draw.changes import snapshot

    return snapshot(source)
