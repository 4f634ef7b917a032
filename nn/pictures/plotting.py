"""The way to Matplotlib, which is optional: imported by the first chart, missed in clear words."""

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nn.pictures.charts import Chart


def new_chart(
    who: str, width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> "Chart":
    """Return an empty figure of that size in inches.

    layout: "constrained" finds room for all words, which takes longer than to draw them.

    Raises ImportError, beginning with `who`, without Matplotlib.
    """
    require_matplotlib(who)
    from nn.pictures.charts import Chart

    return Chart(figsize=(width, height), layout=layout)


def require_matplotlib(who: str) -> None:
    """Raise ImportError, beginning with `who`, if there is no Matplotlib."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ImportError(f"{who}: needs Matplotlib: pip install 'autograd_scalar[plot]'") from None


def axes_or_new(who: str, axes: Any, width: float, height: float) -> "Axes":
    """Return the axes that were given, or those of a new figure of that size in inches."""
    if axes is None:
        return new_chart(who, width, height).subplots()
    require_matplotlib(who)
    from matplotlib.axes import Axes

    if not isinstance(axes, Axes):
        raise TypeError(f"{who}: ax must be Matplotlib axes, not {type(axes).__name__}")
    return axes
