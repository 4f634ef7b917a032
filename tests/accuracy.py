"""How exact is every primitive: its value, its first and its second derivatives, in ulp?

    python tests/accuracy.py                          # measure all, and print the page
    python tests/accuracy.py --only tanh --points 500
    python tests/accuracy.py --write                  # measure all, write notebooks/accuracy.md

The unit in the last place (ulp) is the distance of the doubles at the exact result; 5e-324 among
the subnormal ones. Half an ulp is what rounding alone may cost. The exact results owe nothing to
the rules: they are mpmath's values of the function and differences of those, computed twice, the
second time with more digits and smaller steps, and again until two in a row agree.
"""

import argparse
import ast
import math
import multiprocessing
import os
import platform
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autograd_scalar import Value
from autograd_scalar.primitives import RULES, Primitive
from tests.references import in_mpmath, mp
from tests.strategies import PRIMITIVES
from tests.sweeps import rule

PAGE = Path(__file__).resolve().parent.parent / "notebooks" / "accuracy.md"
BOUNDS = (4.0, 4.0, 16.0)  # in ulp: values, first derivatives, second derivatives
ORDERS = ("value", "first derivative", "second derivative")
LARGEST, SMALLEST_NORMAL = sys.float_info.max, sys.float_info.min

Operands = tuple[float, ...]
# Which of the results: () the value, (i,) the derivative by operand i, (i, j) that by j of this.
Key = tuple[int, ...]


# --- Where a result is ill-conditioned ------------------------------------------------------------


@dataclass(frozen=True)
class IllConditioned:
    """Where results of one order may be off by more than the bound, and why.

    The region is an expression of the operands, named as in the primitive's definition, or ``xs``.
    The example is for a region that is too small to be met by chance.
    """

    primitive: str
    order: int
    region: str
    reason: str
    example: Operands = ()

    def holds(self, xs: Operands) -> bool:
        """Whether the operands lie in the region."""
        code = RULES[self.primitive].function.__code__
        names = code.co_varnames[: code.co_argcount]
        operands = dict(zip(names, xs, strict=True)) if names else {"xs": xs}
        return bool(eval(self.region, {**REGION_WORDS, **operands}))


REGION_WORDS = {
    "log": lambda x: math.log(x) if x > 0 else math.nan,
    "digamma": RULES["digamma"],
    "polygamma": RULES["polygamma"],
    "lgamma": RULES["lgamma"],
    "logsumexp": RULES["logsumexp"],
    "hypot": math.hypot,
}

ROOT = "near a root that is no double: two terms cancel"
LOST = "the result underflows, and loses the digits that its derivatives are made of"
BEYOND = "infinite contributions of both signs make nan where the exact result is beyond the range"
ODD = "n - 1 rounds to an even number, which takes the sign"
LEFT = "outside of the domain; poles with roots between them"

ILL_CONDITIONED = [
    IllConditioned("/", 1, "0 < abs(a) < 2.3e-308 * abs(b)", LOST),
    IllConditioned("/", 2, "0 < abs(a) < 2.3e-308 * abs(b)", LOST),
    IllConditioned("/", 2, "a == 0 and abs(b) < 1e-150", BEYOND, (0.0, 5e-324)),
    IllConditioned("**", 1, "x < 0 and n * log(-x) < -708.3", LOST, (-1.1, -7750.0)),
    IllConditioned("**", 2, "n * log(abs(x)) < -708.3", LOST),
    IllConditioned("**", 1, "x < 0 and abs(n) > 2.0**53", ODD),
    IllConditioned("**", 2, "(n - 1) * log(abs(x)) < -700", LOST),
    IllConditioned("**", 2, "n * log(abs(x)) > 709.7", "the result overflows"),
    IllConditioned("**", 2, "n < 0.5 and (n - 2) * log(abs(x)) > 700", BEYOND),
    IllConditioned("**", 2, "-1.25 < n * log(abs(x)) < -0.8", ROOT),
    IllConditioned(
        "atan2",
        1,
        "0 < min(abs(x), abs(y)) < 2.3e-308 * hypot(x, y)",
        LOST,
        (-1.5e-323, 1.21281e-06),
    ),
    IllConditioned("atan2", 2, "0 < min(abs(x), abs(y)) < 2.3e-308 + 1e-290 * hypot(x, y)", LOST),
    IllConditioned("atan2", 2, "abs(abs(x) - abs(y)) < 0.1 * hypot(x, y)", ROOT),
    IllConditioned("atan2", 2, "0 < hypot(x, y) < 1e-154", BEYOND),
    IllConditioned("hypot", 2, "0 < hypot(a, b) < 5.6e-309", BEYOND),
    IllConditioned("norm", 2, "0 < hypot(*xs) < 5.6e-309", BEYOND, (3e-320, 3e-320)),
    IllConditioned(
        "hypot", 2, "0 < min(abs(a), abs(b)) < 2.3e-308 * hypot(a, b)", LOST, (1.1e-8, 1.5e-323)
    ),
    IllConditioned("norm", 2, "0 < min(map(abs, xs)) < 2.3e-308 * hypot(*xs)", LOST),
    IllConditioned("logistic_pdf", 2, "abs(abs(x) - 1.317) < 0.1", ROOT),
    IllConditioned("gelu", 1, "abs(x + 0.752) < 0.2", ROOT),
    IllConditioned("gelu", 2, "abs(abs(x) - 1.414) < 0.1", ROOT),
    IllConditioned("silu", 1, "-1.9 < x < -0.9", ROOT),
    IllConditioned("silu", 2, "abs(abs(x) - 2.399) < 0.2", ROOT),
    IllConditioned("gaussian", 2, "abs(abs(x) - 0.707) < 0.1", ROOT),
    IllConditioned("normal_pdf", 2, "abs(abs(x) - 1) < 0.1", "near a root: two terms cancel"),
    IllConditioned("lgamma", 0, "-5 < x < -2 and abs(lgamma(x)) < 0.5", ROOT),
    IllConditioned("lgamma", 1, "x < 0 and abs(digamma(x)) < 2", ROOT),
    IllConditioned("digamma", 0, "x < 0 and abs(digamma(x)) < 2", ROOT),
    IllConditioned("digamma", 2, "x < 0 and abs(polygamma(2, x)) < 4", ROOT),
    IllConditioned("polygamma", 0, "x < 0", LEFT),
    IllConditioned("polygamma", 1, "x < 0", LEFT),
    IllConditioned("polygamma", 2, "x < 0", LEFT),
    IllConditioned(
        "logsumexp", 0, "abs(logsumexp(*xs)) < 0.1 * max(map(abs, xs))", ROOT, (-math.log(2),) * 2
    ),
]


def ill_conditioned(name: str, order: int, xs: Operands) -> IllConditioned | None:
    """The row of the table that speaks of these operands, None if there is none."""
    for row in ILL_CONDITIONED:
        if (row.primitive, row.order) == (name, order) and row.holds(xs):
            return row
    return None


# --- Where to measure -----------------------------------------------------------------------------

# fmt: off
NUMBERS = [
    0.0, 5e-324, 1.5e-323, 1e-310, SMALLEST_NORMAL, 1e-300, 1e-200, 1e-160, 1.5e-154, 1e-100, 1e-50,
    1e-20, 1.1e-16, 1e-8, 1e-3, 0.1, 0.25, 0.5, 0.7, 1.0, 1.3, 2.0, 3.0, 10.0, 26.0, 37.0, 38.0,
    100.0, 170.0, 350.0, 700.0, 709.0, 745.0, 1e3, 1e5, 1e8, 1e16, 1e22, 1e50, 1e100, 1.3e154,
    1e200, 1e300, LARGEST,
]
# Roots, poles and turning points of single primitives, beside those among the numbers above.
LANDMARKS = {
    "lgamma": [1.4616321449683622, -2.4570247382208006, -0.5040830082644554],
    "digamma": [1.4616321449683622, -0.5040830082644554],
    "gelu": [-0.7517915246935645, math.sqrt(2)],
    "silu": [-1.2784645427610738, 2.399357280515468],
    "logistic_pdf": [1.3169578969248166],
    "gaussian": [math.sqrt(0.5)],
    **{name: [math.pi / 4, math.pi / 2, math.pi, 1e6 * math.pi] for name in ("sin", "cos", "tan")},
}
ORDERS_OF_POLYGAMMA = [0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 170.0]
EXPONENTS = [2.0, 3.0, -1.0, -2.0, 0.5, 1.0, 0.0, 1.5, 10.0]
# fmt: on


def points(primitive: Primitive, count: int) -> list[Operands]:
    """Operands to measure at: of one operand all landmarks, as far as they go; the rest random."""
    chance = random.Random(primitive.name)
    landmarks = NUMBERS + LANDMARKS.get(primitive.name, [])
    found: list[Operands] = []
    if primitive.arity == 1 and not primitive.variadic:
        for x in landmarks:
            around = (x, math.nextafter(x, math.inf), math.nextafter(x, -math.inf))
            found += [(s * a + 0.0,) for a in around for s in (1, -1) if math.isfinite(a)]
        chance.shuffle(found)
        found = found[: count // 2]
    while len(found) < count:
        xs = tuple([x + 0.0 for x in _random_operands(primitive, chance, landmarks)])  # no -0.0
        if all(map(math.isfinite, xs)):
            found.append(xs)
    if primitive.name in ("lgamma", "digamma", "polygamma"):  # mpmath takes as many steps to 0
        found = [xs for xs in found if xs[-1] > -1000]
    return found


def _random_operands(
    primitive: Primitive, chance: random.Random, landmarks: list[float]
) -> list[float]:
    size = primitive.arity
    if primitive.variadic:
        sizes = {"dot": (2, 4), "pick": (2, 3)}.get(primitive.name, (1, 2, 3))
        size = chance.choice(sizes)
    xs = [_random_number(chance, landmarks) for _ in range(size)]
    if size > 1 and chance.random() < 0.35:  # close to each other, or to each other's inverse
        i, j = chance.sample(range(size), 2)
        close = xs[j] * (1 + chance.choice((1, -1, 0)) * 2.0 ** -chance.randint(1, 52))
        far = xs[j] * chance.choice((1e8, 1e-8, 3.0, 1e-16, 1e16))
        inverse = 1 / xs[j] if abs(xs[j]) > 1e-300 else xs[j]
        xs[i] = chance.choice((close, -close, far, inverse))
    if primitive.name == "polygamma":
        xs[0] = chance.choice(ORDERS_OF_POLYGAMMA)
    if primitive.name == "pick":
        xs[0] = float(chance.randrange(size - 1))
    if primitive.name == "**":
        xs[0] = abs(xs[0]) if chance.random() < 0.7 else xs[0]
        if chance.random() < 0.3:
            xs[1] = chance.choice(EXPONENTS)
        elif chance.random() < 0.4 and xs[0] > 0 and xs[0] != 1:
            xs[1] = chance.uniform(-745, 710) / math.log(xs[0])  # so that x**n is in the range
    return xs


def _random_number(chance: random.Random, landmarks: list[float]) -> float:
    sign = chance.choice((1, -1))
    own = landmarks[len(NUMBERS) :]
    landmark = chance.choice(own if own and chance.random() < 0.5 else landmarks)
    return chance.choice(
        (
            sign * math.ldexp(chance.uniform(1, 2), chance.randrange(-1074, 1024)),
            sign * math.ldexp(chance.uniform(1, 2), chance.randrange(-1074, 1024)),
            sign * 10 ** chance.uniform(-20, 20),
            chance.uniform(-2.5, 2.5),
            chance.uniform(-40, 40),
            chance.uniform(-760, 760),
            sign * landmark,
            sign * landmark * (1 + chance.choice((1, -1)) * 2.0 ** -chance.randint(1, 53)),
        )
    )


# --- What the primitives give ---------------------------------------------------------------------


def computed(primitive: Primitive, xs: Operands) -> dict[Key, float]:
    """All results at these operands, as a user gets them: by ``backward``, once or twice."""
    values = [Value(x) for x in xs]
    node = primitive(*values)
    node.backward()
    results: dict[Key, float] = {(): node.data}
    results |= {(i,): float(value.grad) for i, value in enumerate(values)}
    for i in range(len(xs)):
        values = [Value(x) for x in xs]
        first = rule(primitive, Value(1.0), primitive(*values), *values)[i]
        if isinstance(first, Value):
            first.backward()
        results |= {(i, j): float(value.grad) for j, value in enumerate(values)}
    return results


# --- What they ought to give ----------------------------------------------------------------------

# Digits to compute with, and minus the exponent of the steps; then the next if need be.
LEVELS = [(70, 15), (130, 30), (300, 40), (800, 45), (1500, 60), (3000, 700), (4000, 800)]
# The first to try where a function of mpmath cancels digits inside of itself.
FIRST_LEVEL = {"%": 5, "//": 5, "fsum": 3, "mean": 3, "logsumexp": 3}
ZERO, ENDLESS = mp.mpf(10) ** -345, mp.mpf(10) ** 330  # below, a double is 0; above, inf

# What changes of an operand matter to the function: those of size 1, those of the size of the
# operand or 1 if that is more, those of the size of the largest operand, or else of its own.
# fmt: off
BY_ONE = {
    "sin", "cos", "tan", "floor", "ceil", "exp", "expm1", "exp2", "sinh", "cosh", "sigmoid",
    "logistic_pdf", "softplus", "gelu", "silu", "gaussian", "erf", "erfc", "normal_pdf",
    "normal_cdf",
}
BY_ONE_OR_MORE = {
    "log1p", "asin", "acos", "atan", "tanh", "asinh", "atanh", "logsumexp", "prod", "dot", "fsum",
    "mean", "+", "-", "*",
}
BY_THE_LARGEST = {"hypot", "norm", "atan2"}
KINKED = {
    "abs", "relu", "leaky_relu", "elu", "maximum", "minimum", "clamp", "where", "%", "//", "floor",
    "ceil", "sign",
}
# fmt: on


def exact(name: str, xs: Operands) -> dict[Key, Any]:
    """All results at these operands, to 20 digits; without those that do not exist."""
    places = range(len(xs))
    keys: list[Key] = [(), *[(i,) for i in places], *[(i, j) for i in places for j in places]]
    if name in ("lgamma", "digamma", "polygamma"):
        return {key: y for key in keys if (y := _by_polygamma(name, xs, key)) is not None}
    if name in BY_THE_LARGEST and not any(xs):
        keys = [()]  # at the origin there is no direction
    results: dict[Key, Any] = {}
    earlier: dict[Key, tuple[Any, Any] | None] | None = None
    for digits, power in LEVELS[FIRST_LEVEL.get(name, 0) :]:
        with mp.workdps(digits):
            stencil = _Stencil(name, xs, power)
            now = {key: stencil.derivative(key) for key in keys}
            if earlier is not None:
                agreed = {key: now[key] for key in keys if _agree(earlier[key], now[key])}
                results |= {key: found[0] for key, found in agreed.items() if found is not None}
                keys = [key for key in keys if key not in agreed]
            earlier = now
        if not keys:
            break
    # Symmetric differences can't see that a slope is infinite: no second derivative there either.
    return {k: y for k, y in results.items() if len(k) < 2 or all((i,) in results for i in k)}


def _agree(a: tuple[Any, Any] | None, b: tuple[Any, Any] | None) -> bool:
    if a is None or b is None:
        return a is b
    (y, y_noise), (z, z_noise) = a, b
    if abs(y) + y_noise < ZERO and abs(z) + z_noise < ZERO:
        return True
    if abs(y) > ENDLESS and abs(z) > ENDLESS and z_noise < abs(z) / 2:
        return bool(abs(y - z) < abs(z) / 2)
    return bool(abs(y - z) + z_noise <= abs(z) * mp.mpf(10) ** -20)


class _Stencil:
    """Central differences of one primitive at one point, in the digits at work."""

    def __init__(self, name: str, xs: Operands, power: int) -> None:
        self.name = name
        self.xs = [mp.mpf(x) for x in xs]
        self.steps = [unit * mp.mpf(10) ** -power for unit in self._units()]
        self.rounding = mp.mpf(10) ** (10 - mp.dps)
        self.known: dict[tuple[int, ...], Any] = {}

    def _units(self) -> list[Any]:
        sizes = [abs(x) or mp.mpf(10) ** -330 for x in self.xs]
        if self.name in BY_ONE:
            return [mp.one for _ in sizes]
        if self.name in BY_ONE_OR_MORE:
            return [max(mp.one, size) for size in sizes]
        if self.name in BY_THE_LARGEST:
            return [max(sizes) for _ in sizes]
        if self.name == "**" and self.xs[1] == 0:
            return [sizes[0], mp.one]
        return sizes

    def at(self, *moves: tuple[int, int]) -> Any:
        """The function where some operands are moved by one step up or down; None if nowhere."""
        steps = [0] * len(self.xs)
        for i, direction in moves:
            steps[i] += direction
        key = tuple(steps)
        if key not in self.known:
            moved = [x + k * h for x, k, h in zip(self.xs, key, self.steps, strict=True)]
            try:
                self.known[key] = in_mpmath(self.name, moved)
            except OverflowError:
                self.known[key] = None
        return self.known[key]

    def derivative(self, key: Key) -> tuple[Any, Any] | None:
        """The derivative and the size of its rounding error; None where there is none."""
        if self.at() is None or (self.name in KINKED and any(self._kink(i) for i in key)):
            return None
        if not key:
            terms, scale = [self.at()], mp.one
        elif len(key) == 1:
            terms, scale = [self.at((key[0], 1)), self.at((key[0], -1))], 2 * self.steps[key[0]]
        elif key[0] == key[1]:
            middle = self.at()
            terms = [self.at((key[0], 1)), middle, middle, self.at((key[0], -1))]
            scale = self.steps[key[0]] ** 2
        else:
            i, j = key
            terms = [self.at((i, a), (j, b)) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            scale = 4 * self.steps[i] * self.steps[j]
        if any(term is None for term in terms):
            return None
        signs = {1: (1,), 2: (1, -1), 4: (1, -1, -1, 1)}[len(terms)]
        total = mp.fsum(s * term for s, term in zip(signs, terms, strict=True))
        return total / scale, max(map(abs, terms)) * self.rounding / scale

    def _kink(self, i: int) -> bool:
        """Whether the slopes by operand i, to the left and to the right, differ."""
        above, middle, below = self.at((i, 1)), self.at(), self.at((i, -1))
        if None in (above, middle, below):
            return True
        slopes = above - middle, middle - below
        noise = max(abs(above), abs(middle), abs(below)) * self.rounding
        return bool(abs(slopes[0] - slopes[1]) > max(map(abs, slopes)) / 10**6 + noise)


def _by_polygamma(name: str, xs: Operands, key: Key) -> Any:
    """The gamma function's logarithm and its derivatives: the next order is the next polygamma."""
    order = {"lgamma": -1, "digamma": 0}.get(name, int(xs[0])) + len(key)
    x = mp.mpf(xs[-1])
    if (name == "polygamma" and 0 in key) or (x <= 0 and mp.isint(x)):
        return None
    with mp.workdps(60):
        return in_mpmath("lgamma", (x,)) if order < 0 else mp.psi(order, x)


def error(name: str, key: Key, xs: Operands, found: float, exact: Any) -> float:
    """How many ulp ``found`` is off. Beyond the range, inf counts as 2**1024.

    ``dot`` is by definition the plain sum of rounded products: its unit is that of the sum of their
    absolute values.
    """
    if math.isnan(found):
        return math.inf
    size = min(float(abs(exact)), LARGEST)
    if name == "dot" and key == ():
        half = len(xs) // 2
        size = math.fsum(abs(w * x) for w, x in zip(xs[:half], xs[half:], strict=True))
    with mp.workdps(60):
        limit = mp.mpf(2) ** 1024
        if math.isinf(found):
            if abs(exact) >= limit and (exact > 0) == (found > 0):
                return 0.0
            found = math.copysign(1.0, found) * limit
        return min(float(abs(found - exact) / mp.mpf(math.ulp(size))), 1e300)


# --- Measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worst:
    """The largest error that was found, and where."""

    ulp: float
    key: Key
    xs: Operands


@dataclass
class Results:
    """The page in numbers: the worst errors, by primitive and order, and by ill-conditioned row."""

    how: str
    worst: dict[tuple[str, int], Worst]
    inside: dict[tuple[str, int, str], Worst]


def errors(primitive: Primitive, xs: Operands) -> Iterator[Worst]:
    """The error of every result at these operands that exists."""
    name = primitive.name
    if name == "dot" and not math.isfinite(math.fsum(_absolute_products(xs))):
        return
    found = computed(primitive, xs)
    for key, y in exact(name, xs).items():
        yield Worst(error(name, key, xs, found[key], y), key, xs)


def _absolute_products(xs: Operands) -> list[float]:
    half = len(xs) // 2
    return [abs(w * x) for w, x in zip(xs[:half], xs[half:], strict=True)]


def measure(name: str, count: int) -> Results:
    """The worst errors of one primitive at ``count`` points."""
    results = Results("", {}, {})
    examples = [row.example for row in ILL_CONDITIONED if row.primitive == name and row.example]
    for xs in points(RULES[name], count) + examples:
        for one in errors(RULES[name], xs):
            order = len(one.key)
            row = ill_conditioned(name, order, xs)
            if row is None:
                _keep(results.worst, (name, order), one)
            else:
                _keep(results.inside, (name, order, row.region), one)
    return results


def _keep(table: dict[Any, Worst], place: Any, one: Worst) -> None:
    if place not in table or one.ulp > table[place].ulp:
        table[place] = one


def measure_all(names: Sequence[str], count: int, processes: int) -> Results:
    """The worst errors of these primitives."""
    version = f"Python {platform.python_version()}, {' '.join(platform.libc_ver()) or 'libm'}"
    how = f"{version}, {platform.system()} on {platform.machine()}, {count} points per primitive"
    results = Results(how, {}, {})
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for part in pool.starmap(measure, [(name, count) for name in names], chunksize=1):
            results.worst |= part.worst
            results.inside |= part.inside
    return results


# --- The page -------------------------------------------------------------------------------------

INTRODUCTION = f"""\
# How exact every primitive is

The largest error found of each primitive, in units in the last place (ulp) of the exact result:
values and first derivatives are within {BOUNDS[0]:.0f} ulp and second derivatives within
{BOUNDS[2]:.0f} over the whole range of doubles, but for the ill-conditioned places listed below.
Half an ulp is what rounding the exact result would cost. Derivatives are by the operands whose
positions are given.
"""

ABOUT_INSIDE = """\
## Ill-conditioned places

Here a result is the small difference of large terms, or made of a number that has underflowed. The
table shows the worst error found inside; inf stands for nan, or an infinity of the wrong sign.
"""

ABOUT_METHOD = """\
## How it was measured

    python tests/accuracy.py --write

The points are those where floats are hard (zero, subnormal numbers, kinks, poles, roots, ends of
domains, the largest double) with their neighbours, operands close to one another, and random ones
over the whole range, the same in every run. The derivatives are what `backward` gives: the second
by running it on the graph that a rule records on Values. What they are compared with comes from
mpmath's values of the function alone: differences of those, at 70 to 4000 digits, computed again
with more digits and smaller steps until 20 digits agree; of the gamma function's family, mpmath's
own derivatives. An exact result beyond the range must be inf. At kinks, where there is no
derivative, other tests state the convention. `dot` is by definition the plain sum of rounded
products, and its error is in ulp of the sum of their absolute values.

The C library computes `exp`, `sin`, `pow` and their like, so another one gives other figures:
"""


def render(results: Results) -> str:
    """The page, in Markdown."""
    lines = [INTRODUCTION, f"| primitive | {' | '.join(ORDERS)} |", "|---|---|---|---|"]
    for name in dict.fromkeys(name for name, _ in results.worst):
        cells = [_cell(results.worst.get((name, order))) for order in range(3)]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += [
        "",
        ABOUT_INSIDE,
        "| primitive | of the | where | why | worst |",
        "|---|---|---|---|---|",
    ]
    for row in ILL_CONDITIONED:
        worst = results.inside.get((row.primitive, row.order, row.region))
        of = ORDERS[row.order]
        lines.append(
            f"| `{row.primitive}` | {of} | `{row.region}` | {row.reason} | {_cell(worst)} |"
        )
    return "\n".join([*lines, "", f"{ABOUT_METHOD}here {results.how}.", ""])


def parse(page: str) -> Results:
    """The results that a page shows."""
    found = re.search(r"^here (.*)\.$", page, re.MULTILINE)
    assert found is not None
    results = Results(found[1], {}, {})
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `"):
            continue
        name = cells[0].strip("` ")
        if len(cells) == 4:
            for order, cell in enumerate(cells[1:]):
                if worst := _parse_cell(cell):
                    results.worst[name, order] = worst
        elif worst := _parse_cell(cells[4]):
            results.inside[name, ORDERS.index(cells[1]), cells[2].strip("`")] = worst
    return results


def _cell(worst: Worst | None) -> str:
    if worst is None:
        return "–"
    ulp = f"{worst.ulp:.2f}" if worst.ulp < 1000 else f"{worst.ulp:.1e}"
    by = f" by {', '.join(map(str, worst.key))}" if worst.key and len(worst.xs) > 1 else ""
    xs = repr(worst.xs) if len(worst.xs) > 1 else repr(worst.xs[0])
    return f"{ulp} at `{xs}`{by}"


def _parse_cell(cell: str) -> Worst | None:
    found = re.fullmatch(r"(\S+) at `(.*)`(?: by (.*))?", cell)
    if found is None:
        return None
    xs = ast.literal_eval(found[2])
    key = ast.literal_eval(f"({found[3]},)") if found[3] else ()
    return Worst(float(found[1]), key, xs if isinstance(xs, tuple) else (xs,))


def main() -> int:
    """Run the command line; 1 if a bound is exceeded."""
    summary, rest = (__doc__ or "").split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=1500, metavar="N", help="per primitive")
    parser.add_argument("--only", action="append", metavar="NAME", help="a primitive's name")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args()
    names = [p.name for p in PRIMITIVES if not arguments.only or p.name in arguments.only]
    if not names or (arguments.only and arguments.write):
        parser.error("--only takes names of primitives, and --write writes about all of them")
    results = measure_all(names, arguments.points, arguments.processes)
    if arguments.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(render(results), encoding="utf-8")
    else:
        print(render(results))
    too_large = {k: one for k, one in results.worst.items() if one.ulp > BOUNDS[k[1]]}
    for (name, order), one in too_large.items():
        print(f"{name}: the {ORDERS[order]} is off by {_cell(one)}", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
