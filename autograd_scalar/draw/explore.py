"""The interactive page of a graph.

This file is imported with the package and is only the door, as ``autograd_scalar.draw`` is: what is
behind it, and Graphviz, are imported by the first page.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from autograd_scalar.draw.page import Page
    from autograd_scalar.draw.static import HasParameters
    from autograd_scalar.value import Value

LIMIT = 1000


def explore(
    value: Value | Callable[[], Value],
    path: str | PathLike[str] | None = None,
    *,
    parameters: HasParameters | Iterable[Value] = (),
    limit: int = LIMIT,
    fold: bool | None = None,
) -> Page:
    """A page on which the graph of ``value`` can be played, asked and changed.

    It steps through the forward and the backward pass, shows for every node its local derivatives
    as formulas and numbers and all its paths to the output, and computes values and gradients anew
    when the number of a leaf is changed. It is one HTML file that loads nothing.

    The numbers are computed from the leaves as they are now; no ``grad`` is read or changed.

    >>> from autograd_scalar import Value, tanh
    >>> x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(6.0, label="b")
    >>> page = explore(tanh(w * x + b), parameters=[w, b])
    >>> page
    <Page of 6 values>
    >>> page.html[:15]
    '<!DOCTYPE html>'

    In Jupyter ``page`` shows itself; ``page.save("neuron.html")`` or ``explore(y, "neuron.html")``
    writes a file.

    A graph does not know what Python decided by comparing numbers when it was computed. Given a
    function of no arguments in place of a value, the page knows the lines of its code, and says so
    where a changed number would have led Python another way:

    >>> explore(lambda: x * w if x > 0 else -x)
    <Page of 3 values>

    A large graph opens folded into boxes: what was recorded in a ``scope``, what a module computed,
    the rounds of what repeats. A box unfolds in place, and shows the range of the numbers in it.

    >>> for _ in range(10_000):
    ...     x = x * 0.999 + 0.001
    >>> explore(x)
    <Page of 20001 values>

    Args:
        value: what the graph ends in, or a function that computes it from leaves made outside.
        path: a file to write too.
        parameters: a module, or the Values to show as parameters.
        limit: the most cards and boxes to show at once; the page says so where unfolding would
            show more.
        fold: whether the graph opens folded. Not given: what is too much to look at opens folded,
            by scopes and modules, and by what repeats. With False all is unfolded, and only scopes
            and modules can be folded.

    Raises:
        TypeError: if ``value``, or what the function returns, or one of ``parameters`` is no Value,
            or an operation was wired by hand: there is no rule for it that the page could show.
        ValueError: if more than ``limit`` cards and boxes would be seen at the beginning.
        FileNotFoundError: if the folder of ``path`` does not exist, or there is no program to
            lay out the graph with.
    """
    from autograd_scalar.draw.page import make_page

    return make_page(value, path, parameters, limit, fold)
