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
    from collections.abc import Iterable
    from os import PathLike

    from autograd_scalar.draw.static import HasParameters, Picture
    from autograd_scalar.value import Value

LIMIT = 500


def draw(
    value: Value,
    path: str | PathLike[str] | None = None,
    *,
    format: str | None = None,
    parameters: HasParameters | Iterable[Value] = (),
    limit: int = LIMIT,
) -> Picture:
    """Draw the graph that ``value`` was computed by, left to right.

    A leaf in ``parameters`` is orange, any other leaf blue; a result has the operation that made it
    on a dark badge, with constant operands. Where the order of operands matters, it is written
    where their arrows arrive. The picture is the same in every run.

    >>> from autograd_scalar import Value
    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> y = w * x
    >>> y.backward()
    >>> picture = draw(y, parameters=[w])
    >>> picture
    <Picture of 3 values>
    >>> picture.svg[:4]
    '<svg'

    Args:
        value: what the graph ends in: a loss, the output of one neuron.
        path: a file to write too, in the format that its suffix names.
        format: the format of the file where its suffix does not say: svg, png, dot or gv.
        parameters: a module, or the Values to show as parameters.
        limit: the largest number of values to draw; beyond some hundred nobody can read them.

    Raises:
        TypeError: if ``value`` or one of ``parameters`` is not a Value.
        ValueError: if the graph has more than ``limit`` values, or the format is unknown.
        FileNotFoundError: if the folder of ``path`` does not exist, or there is no program to
            lay out the graph with. DOT text needs none.
    """
    from autograd_scalar.draw.static import make_picture

    return make_picture(value, path, format, parameters, limit)
