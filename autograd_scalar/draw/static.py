"""Still pictures: what ``draw`` does with its options."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from autograd_scalar.draw import changes, diagram, folding, formula, heat, slopes, tangents
from autograd_scalar.draw import draw as _draw
from autograd_scalar.draw.diagram import Diagram
from autograd_scalar.draw.dot import DIRECTIONS, Direction, dot_source
from autograd_scalar.draw.picture import Picture, format_to_write
from autograd_scalar.draw.text import plain, shortened
from autograd_scalar.draw.theme import Theme, one_of, theme_named
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import described
from autograd_scalar.value import Value

__all__ = ["HasParameters", "Options", "Picture", "jupyter", "make_picture", "named"]

DEFAULTS: dict[str, Any] = _draw.__kwdefaults__ or {}

JUPYTER_LIMIT = 100  # shown without being asked for, so it must not take a second


class HasParameters(Protocol):
    """What ``draw`` asks of a module."""

    def parameters(self) -> Iterable[Value]:
        """Return the leaves that training changes."""


class Options(NamedTuple):
    """The options of ``draw``; ``others`` are those of an object that draws itself."""

    parameters: Any
    limit: int
    theme: str
    direction: str
    formula: bool
    fold: Any
    heat: str | None
    paths: Any
    before: Any
    tangents: Any
    optimized: bool
    others: dict[str, Any]

    def given(self) -> dict[str, Any]:
        """Those that are not what they are where nothing is said."""
        found = {
            name: option
            for name, option in self._asdict().items()
            if name in DEFAULTS and option is not DEFAULTS[name]
        }
        return found | self.others


def make_picture(
    value: Any, path: str | PathLike[str] | None, format: str | None, options: Options
) -> Picture:
    """What ``draw`` does."""
    if path is not None:
        format_to_write(Path(path), format)
    if isinstance(value, Value):
        picture = _of_value(value, options)
    elif getattr(type(value), "__draw__", None) is not None:
        picture = _of_object(value, options.given())
    else:
        from autograd_scalar.draw import tapes

        picture = tapes.picture(value, options)
    if path is not None:
        picture.save(path, format)
    return picture


def jupyter(value: Value) -> dict[str, str]:
    """What Jupyter shows of a value: its picture, where it can be drawn soon, and its text."""
    text = {"text/plain": repr(value)}
    try:
        return {"image/svg+xml": _draw(value, limit=JUPYTER_LIMIT).svg, **text}
    except (ImportError, OSError, RuntimeError, ValueError):
        return text  # too large, or nothing to draw with: no reason to show no number


def named(
    parameters: HasParameters | Iterable[Value], who: str = "draw", what: str = "parameters"
) -> dict[Value, str | None]:
    """The parameters, each with the name that its module has for it.

    Raises TypeError, beginning with ``who``, for what are no parameters.
    """
    if hasattr(parameters, "named_parameters"):
        names = {parameter: name for name, parameter in parameters.named_parameters()}
    elif hasattr(parameters, "parameters"):
        names = dict.fromkeys(parameters.parameters())
    elif isinstance(parameters, Iterable):
        names = dict.fromkeys(parameters)
    else:
        raise TypeError(
            f"{who}: {what} must be a module or Values in a list, not {_brief(parameters)}"
        )
    for parameter in names:
        if not isinstance(parameter, Value):
            raise TypeError(f"{who}: each of {what} must be a Value, not {_brief(parameter)}")
    return names


def look_of(theme: str, direction: str, who: str = "draw") -> tuple[Theme, Direction]:
    """The theme and the direction of these names; ValueError if there is none."""
    return theme_named(theme, who), DIRECTIONS[one_of(DIRECTIONS, direction, f"{who}: direction")]


def check_limit(limit: Any, who: str = "draw") -> None:
    """Raise TypeError or ValueError for what is no number of things to draw at most."""
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"{who}: limit must be an int, not {described(limit)}")
    if limit < 1:
        raise ValueError(f"{who}: limit must be at least 1, not {limit}")


# --- A graph of Values ----------------------------------------------------------------------------


def _of_value(value: Value, options: Options) -> Picture:
    theme, direction = look_of(options.theme, options.direction)
    _check(options)
    order = topological_order(value)
    drawn = _diagram(order, options)
    if options.tangents is not None:
        seeds = tangents.checked(options.tangents, order)
        tangents.show_tangents(drawn, order, seeds)
    if options.before is not None:
        changes.show_change(drawn, order, changes.checked(options.before, order))
    if options.heat is not None:
        heat.heat(drawn, options.heat, theme)
    if options.paths is not None:
        slopes.highlight(drawn, slopes.chosen(options.paths, order))
    return Picture(dot_source(drawn, theme, direction), len(order), theme=theme)


def _check(options: Options) -> None:
    """Raise for options that are wrong or do not go together, before any work is done."""
    check_limit(options.limit)
    for name in options.others:
        near = get_close_matches(name, DEFAULTS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise TypeError(f"draw: there is no option {plain(name)!r} for a Value{hint}")
    if options.optimized:
        raise ValueError("draw: optimized is for a tape or a compiled function, not for a Value")
    if options.heat is not None:
        one_of(heat.KINDS, options.heat, "draw: heat")
    if options.fold is not None:
        folding.checked(options.fold)
        for name, option in (("formula", options.formula), ("paths", options.paths)):
            if option is not None and option is not False:
                raise ValueError(
                    f"draw: {name} needs every value, and fold puts them into boxes: "
                    "leave out one of the two"
                )


def _diagram(order: Sequence[Value], options: Options) -> Diagram:
    names = named(options.parameters)
    if options.fold is not None:
        modules = options.parameters if hasattr(options.parameters, "named_modules") else None
        fold = folding.checked(options.fold)
        return folding.folded(order, names, modules, fold, options.limit)
    if options.formula:
        kept = _kept(order, options)
        found = formula.of_formulas(order, names, kept)
        if len(found.cards) > options.limit:
            raise ValueError(_too_many(len(found.cards), "formulas", options.limit))
        return found
    if len(order) > options.limit:
        raise ValueError(_too_many(len(order), "values", options.limit))
    return diagram.of_values(order, names)


def _kept(order: Sequence[Value], options: Options) -> list[Value]:
    """The values that an option is about, which must have a card then."""
    kept: list[Value] = []
    if options.paths is not None:
        kept += slopes.chosen(options.paths, order)
    if options.tangents is not None:
        kept += tangents.checked(options.tangents, order)
    if options.before is not None:
        kept += changes.checked(options.before, order)
    return kept


def _too_many(count: int, what: str, limit: int) -> str:
    return (
        f"draw: this graph has {count} {what}, more than limit={limit}; fold=0 draws its parts as "
        f"boxes; or draw a part, such as one neuron or the loss of one example, or pass "
        f"limit={count}"
    )


# --- What draws itself ----------------------------------------------------------------------------


def _of_object(thing: Any, given: Mapping[str, Any]) -> Picture:
    kind = type(thing).__name__
    taken = inspect.signature(thing.__draw__).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        for name in given:
            if name not in taken:
                known = ", ".join(taken) or "none"
                raise TypeError(
                    f"draw: {kind} does not know the option {plain(name)!r}; its options: {known}"
                )
    picture = thing.__draw__(**given)
    if not isinstance(picture, Picture):
        raise TypeError(f"draw: __draw__ of {kind} must return a Picture, not {described(picture)}")
    return picture


def _brief(thing: object) -> str:
    return shortened(plain(repr(thing)), 60)
