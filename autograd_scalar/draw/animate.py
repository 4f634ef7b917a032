"""The moving picture of a forward and a backward pass.

This file is imported with the package and is only the door, as ``autograd_scalar.draw`` is: what is
behind it, and Graphviz, are imported by the first picture.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from autograd_scalar.draw.picture import Picture
    from autograd_scalar.draw.static import HasParameters
    from autograd_scalar.value import Value

LIMIT = 60


def animate(
    value: Value,
    path: str | PathLike[str] | None = None,
    *,
    parameters: HasParameters | Iterable[Value] = (),
    seconds: float | None = None,
    limit: int = LIMIT,
    theme: str = "auto",
    direction: str = "right",
) -> Picture:
    """An animated SVG that computes ``value`` and passes its gradient back, over and over.

    Values appear in order. Then the gradient runs back along the arrows: at each one it is
    multiplied by the local derivative, and what arrives at a shared value is added, the sum in
    sight. A line below says what is being computed. It is one SVG without scripts, so it plays in
    a README, a page, a slide; who has asked their system for less motion sees its last frame.

    The gradients are computed anew; no ``grad`` is read or changed.

    >>> from autograd_scalar import Value, tanh
    >>> w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-0.5, label="b")
    >>> picture = animate(tanh(w * x + b), parameters=[w, b])
    >>> picture
    <Picture of 6 values>
    >>> "@keyframes" in picture.svg
    True

    Args:
        value: what the graph ends in.
        path: a file to write too, with the suffix .svg.
        parameters: a module, or the Values to show as parameters.
        seconds: how long one run takes, with the pause at its end; by default as long as it takes
            to read it, at most 40 seconds.
        limit: the largest number of values to show.
        theme: as of ``draw``: "auto", "light", "dark", "print" or "chalkboard".
        direction: which way the arrows run: "right", "left", "down" or "up".

    Raises:
        TypeError: if ``value`` or one of ``parameters`` is not a Value, or an operation was wired
            by hand: there is no rule for it that could be shown.
        ValueError: if the graph has more than ``limit`` values, or an option has a value that it
            cannot have.
        FileNotFoundError: if the folder of ``path`` does not exist, or there is no program to
            lay out the graph with.
    """
    from autograd_scalar.draw.animation import make_animation

    return make_animation(value, path, parameters, seconds, limit, theme, direction)
