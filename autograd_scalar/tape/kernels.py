"""Kernels: what each primitive is made of, in operations that every machine has.

The rules table has many primitives. A backend that had to know them all would write each a second
time, and a third. It knows the few of ``MACHINE`` instead, which C, LLVM and NumPy have as they
are. ``lower`` replaces all others by their kernels: functions that compute what the primitive's
float function computes, in the same order of operations, so that no bit differs (in a few cases the
last one or two). A kernel decides nothing in Python, since its operands are variables of a tape:
both branches of a choice are computed, and one is selected.
"""

from __future__ import annotations

import math
from functools import cache
from math import inf, nan

from autograd_scalar import rules, special
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.rules import choose
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder, Pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.tape.variables import Function

    Kernel = Callable[..., Any]


# --- Machine operations ---------------------------------------------------------------------------


class MachineOperation(Primitive):
    """An operation that is in no rule: it occurs in lowered tapes only, and has no derivative."""

    def __init__(self, name: str, function: Callable[..., float]) -> None:
        count = function.__code__.co_argcount
        super().__init__(name, function, (_has_no_derivative,) * count)

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return machine_operation, (self.name,)


def _has_no_derivative(*numbers: Any) -> Any:
    raise TypeError("a lowered tape has no derivative: take that of the tape, and lower it")


def machine_operation(name: str) -> Primitive:
    """The entry of ``MACHINE``; LookupError if there is none.

    >>> machine_operation("fmod")(7, -4)
    3.0
    """
    if name not in MACHINE:
        raise LookupError(f"no machine operation {name!r}: there are {', '.join(MACHINE)}")
    return MACHINE[name]


MACHINE: dict[str, Primitive] = {
    name: RULES[name]
    for name in (
        "+", "-", "*", "/", "neg", "abs", "sqrt", "floor", "ceil", "<", "<=", "where", "**",
        "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin",
        "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "hypot", "erf",
        "erfc", "dot", "fsum", "pick",
    )
}  # fmt: skip
"""What a backend has to know: each entry computes, on floats, what the machine is to compute.

That is IEEE 754 and the C library, and nothing raises. ``<`` and ``<=`` give 1.0 or 0.0, ``where``
selects b if its condition is 0 and a otherwise, ``dot`` adds from left to right, beginning with
-0.0, and ``fsum`` rounds once. Those from the rules table take as many operands as there; the
entries below are no primitives of the table.
"""


def _machine(function: Callable[..., float]) -> MachineOperation:
    operation = MachineOperation(function.__name__, function)
    MACHINE[operation.name] = operation
    return operation


@_machine
def fmod(a: float, b: float) -> float:
    """The remainder a - b * trunc(a / b), exactly, with the sign of a; nan at b = 0.

    >>> fmod(-7, 4)
    -3.0
    """
    try:
        return math.fmod(a, b)
    except ValueError:
        return nan


@_machine
def copysign(a: float, b: float) -> float:
    """|a| with the sign of b.

    >>> copysign(2, -0.0)
    -2.0
    """
    return math.copysign(a, b)


@_machine
def exponent(x: float) -> float:
    """The whole e with 0.5 <= |x| / 2**e < 1: that of C's frexp. 0 for 0, inf and nan.

    >>> exponent(8), exponent(5e-324), exponent(0)
    (4.0, -1073.0, 0.0)
    """
    return float(math.frexp(x)[1])


@_machine
def ldexp(x: float, n: float) -> float:
    """x * 2**n for a whole n, |n| < 2**31, rounded once; nan for another n.

    >>> ldexp(3, -1), ldexp(5e-324, 2000) == 2.0**926, ldexp(-1, 5000)
    (1.5, True, -inf)
    """
    if not (math.fabs(n) < 2.0**31 and n == math.floor(n)):
        return nan
    try:
        return math.ldexp(x, int(n))
    except OverflowError:
        return math.copysign(inf, x)


@_machine
def c_cbrt(x: float) -> float:
    """The cube root of the C library, to about an ulp: ``rules.cbrt`` is more accurate.

    >>> c_cbrt(-8)
    -2.0
    """
    return math.cbrt(x)


@_machine
def product_error(a: float, b: float) -> float:
    """a * b less its rounded value: fma(a, b, -(a * b)) where there is a fused multiply-add.

    For |a| and |b| below 1e150; beyond, the two ways differ.

    >>> product_error(0.1, 10)
    5.551115123125783e-17
    """
    return special.product_error(a, b)


# --- Kernels --------------------------------------------------------------------------------------

KERNELS: dict[Primitive, Kernel] = {}
"""For each primitive that is no machine operation the function over variables that computes it."""


def _kernel(primitive: Primitive) -> Callable[[Kernel], Kernel]:
    def register(kernel: Kernel) -> Kernel:
        KERNELS[primitive] = kernel
        return kernel

    return register


@_kernel(rules.mod)
def _mod(a: Any, b: Any) -> Any:
    remainder = fmod(a, b)
    other_sign = rules.less(b, 0.0) - rules.less(remainder, 0.0)
    moved = rules.where(other_sign, remainder + b, remainder)
    return choose(abs(remainder) <= 0, copysign(0.0, b), moved)


@_kernel(rules.floor_divide)
def _floor_divide(a: Any, b: Any) -> Any:
    """CPython's: the quotient less its fraction, which fmod knows exactly, is nearly whole."""
    remainder = fmod(a, b)
    other_sign = rules.less(b, 0.0) - rules.less(remainder, 0.0)
    borrows = rules.where(abs(remainder) <= 0, 0.0, abs(other_sign))
    quotient = (a - remainder) / b - borrows
    below = rules.floor(quotient)
    whole = choose(quotient - below > 0.5, below + 1.0, below)
    whole = choose(abs(quotient) <= 0, copysign(0.0, a / b), whole)
    return choose(abs(b) <= 0, a / b, whole)


@_kernel(rules.sign)
def _sign(x: Any) -> Any:
    return choose(abs(x) > 0, copysign(1.0, x), x)


@_kernel(rules.cbrt)
def _cbrt(x: Any) -> Any:
    y = c_cbrt(x)
    better = y - (y * y - x / y) / (3.0 * y)
    return choose(abs(x) > 0, choose(abs(x) < inf, better, y), y)


@_kernel(rules.sigmoid)
def _sigmoid(x: Any) -> Any:
    e = rules.exp(-abs(x))
    return choose(x >= 0, 1.0, e) / (1.0 + e)


@_kernel(rules.logistic_pdf)
def _logistic_pdf(x: Any) -> Any:
    e = rules.exp(-abs(x))
    return e / ((1.0 + e) * (1.0 + e))


@_kernel(rules.softplus)
def _softplus(x: Any) -> Any:
    rest = rules.log1p(rules.exp(-abs(x)))
    return choose(x > 0, x + rest, rest)


@_kernel(rules.relu)
def _relu(x: Any) -> Any:
    return choose(x <= 0, 0.0, x)


@_kernel(rules.leaky_relu)
def _leaky_relu(x: Any, slope: Any) -> Any:
    return choose(x <= 0, slope * x, x)


@_kernel(rules.elu)
def _elu(x: Any, alpha: Any) -> Any:
    return choose(x <= 0, alpha * rules.expm1(x), x)


@_kernel(rules.silu)
def _silu(x: Any) -> Any:
    far = choose(x < -1e3, -1e3, x)
    half = rules.exp(0.5 * far)
    return choose(x < -700, far * half * half, x * _sigmoid(x))


@_kernel(rules.gaussian)
def _gaussian(x: Any) -> Any:
    return _exp_minus_square(x, 1.0)


def _exp_minus_square(x: Any, scale: float) -> Any:
    near = rules.exp(-scale * (x * x)) * (1.0 - scale * product_error(x, x))
    return choose(abs(x) > 50.0, 0.0, near)


@_kernel(rules.normal_pdf)
def _normal_pdf(x: Any) -> Any:
    return special.ONE_OVER_SQRT_TWO_PI * _exp_minus_square(x, 0.5)


@_kernel(rules.normal_cdf)
def _normal_cdf(x: Any) -> Any:
    t = -x * special.SQRT_HALF
    t_error = product_error(-x, special.SQRT_HALF) - x * special.SQRT_HALF_ERROR
    correction = t_error * special.TWO_OVER_SQRT_PI * _exp_minus_square(t, 1.0)
    near = 0.5 * (rules.erfc(t) - correction)
    return choose(abs(x) > 50.0, rules.less(0.0, x), near)


@_kernel(rules.gelu)
def _gelu(x: Any) -> Any:
    """In the lower tail x times the asymptotic series of normal_cdf, as in ``special.gelu``."""
    tail = -_normal_pdf(x) * special.polynomial(special.NORMAL_TAIL, 1.0 / (x * x))
    return choose(x <= -37.5, choose(x < -40.0, -0.0, tail), x * _normal_cdf(x))


@_kernel(rules.lgamma)
def _lgamma(x: Any) -> Any:
    large = _log_gamma_by_stirling(abs(x))
    fraction = x - rules.floor(x + 0.5)
    area = abs(x) * abs(rules.sin(math.pi * fraction))
    reflected = math.log(math.pi) - rules.log(area) - large
    left = choose(abs(fraction) > 0, reflected, inf)  # at -inf, too, where the fraction is nan
    return choose(x >= 8, large, choose(x <= -20, left, _log_gamma_by_steps(x)))


def _log_gamma_by_stirling(x: Any) -> Any:
    """For x >= 8, within 1.5 ulp (Abramowitz and Stegun 1964, 6.1.41)."""
    coefficients = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(special.BERNOULLI, 1)]
    series = special.polynomial(tuple(coefficients), 1.0 / (x * x)) / x
    return (x - 0.5) * (rules.log(x) - 1.0) + (series + (0.5 * math.log(2 * math.pi) - 0.5))


def _log_gamma_by_steps(x: Any) -> Any:
    """For -20 < x < 8: as in ``special.lgamma``, whose steps to 2 + z are unrolled."""
    steps = choose(x < 1.25, rules.floor(x - 1.5), choose(x < 2.5, 0.0, rules.floor(x - 1.5)))
    factors: Any = 1.0
    for k in range(1, 7):
        factors = choose(steps < k, factors, factors * (x - k))
    for k in range(22):
        factors = choose(steps < -k, factors * (x + k), factors)
    log_factors = rules.log(abs(factors))
    near_1 = choose(x < 0.5, 0.0, x < 1.25)
    z = choose(near_1, x - 1.0, x - steps - 2.0)
    at_2 = z * special.polynomial(special.LGAMMA_AT_2, z)
    from_2 = at_2 + choose(steps < 0, -log_factors, log_factors)
    return choose(near_1, at_2 - rules.log1p(z), from_2)


@_kernel(rules.maximum)
def _maximum(a: Any, b: Any) -> Any:
    return choose(b <= a, a, choose(a <= a, b, a))


@_kernel(rules.minimum)
def _minimum(a: Any, b: Any) -> Any:
    return choose(a <= b, a, choose(a <= a, b, a))


@_kernel(rules.clamp)
def _clamp(x: Any, low: Any, high: Any) -> Any:
    return _minimum(_maximum(x, low), high)


@_kernel(rules.detach)
def _detach(x: Any) -> Any:
    return x


@_kernel(rules.mean)
def _mean(*xs: Any) -> Any:
    """Of numbers so large that their sum may overflow, those less 64 bits of the exponent."""
    scale = choose(_largest_size(xs) < 2.0**900, 1.0, 2.0**-64)
    return rules.fsum(*[x * scale for x in xs]) / (len(xs) * scale)


@_kernel(rules.prod)
def _prod(*xs: Any) -> Any:
    """The product of fractions in [0.5, 1), as no product of a few hundred leaves the range."""
    product: Any = 1.0
    total: Any = 0.0
    for count, x in enumerate(xs, 1):
        size = exponent(x)
        product, total = product * ldexp(x, -size), total + size
        if count % 500 == 0:
            size = exponent(product)
            product, total = ldexp(product, -size), total + size
    return ldexp(product, total)


@_kernel(rules.norm)
def _norm(*xs: Any) -> Any:
    """Scaled such that no square overflows and none that counts underflows."""
    if len(xs) == 1:
        return abs(xs[0])
    if len(xs) == 2:
        return rules.hypot(*xs)
    largest = _largest_size(xs)
    up = choose(largest < 2.0**-500, 2.0**600, 1.0)
    scale = choose(largest > 2.0**500, 2.0**-600, up)
    scaled = [x * scale for x in xs]
    length = rules.sqrt(rules.fsum(*[x * x for x in scaled])) / scale
    return choose(largest < inf, length, inf)


def _largest_size(xs: Sequence[Any]) -> Any:
    """The largest absolute value; those that are nan do not count."""
    largest: Any = 0.0
    for x in xs:
        size = abs(x)
        largest = choose(largest < size, size, largest)
    return largest


@_kernel(rules.logsumexp)
def _logsumexp(*xs: Any) -> Any:
    """Of each two the larger one goes on, and the others are added up below the largest of all."""
    largest, others = xs[0], []
    for x in xs[1:]:
        is_larger = largest < x
        others.append(choose(is_larger, largest, x))
        largest = choose(is_larger, x, largest)
    # Infinities of one sign are 0 apart.
    distances = [choose(largest <= other, 0.0, other - largest) for other in others]
    return largest + rules.log1p(rules.fsum(*map(rules.exp, distances)))


# --- Lowering -------------------------------------------------------------------------------------


def lower(tape: Tape) -> Tape:
    """The same program in machine operations.

    A primitive that has no kernel stays as it is, and is for the backend to call: ``digamma``,
    ``polygamma`` and those of users.

    >>> builder = Builder(1)
    >>> tape = builder.tape([rules.softplus(builder.inputs[0])])
    >>> print(lower(tape))
    slot  operation  operands
       0  input
       1  abs        0
       2  neg        1
       3  exp        2
       4  log1p      3
       5  <          0.0, 0
       6  +          0, 4
       7  where      5, 6, 4   -> output 0
    >>> lower(tape).run([3.0]) == tape.run([3.0])
    True
    """
    if not any(primitive in KERNELS for primitive in tape.primitives):
        return tape
    builder = Builder(tape.inputs)
    places = list(range(tape.inputs))  # of each slot of the tape the operand that it has become

    def lowered(operand: int) -> int:
        return places[operand] if operand >= 0 else builder.constant(tape.constants[~operand])

    for _, primitive, operands in tape.nodes():
        found = [lowered(o) if o < 0 else places[o] for o in operands]
        if primitive not in KERNELS:
            places.append(builder.node(primitive, found))
        elif max(found, default=-1) < 0:
            numbers = map(builder.number, found)
            places.append(builder.constant(float(primitive.function(*numbers))))
        elif min(found) < 0:
            places += builder.write(_written(primitive), found)
        else:
            places += builder.stamp(_pattern(primitive, len(found)), found)
    for slot, label in tape.labels.items():
        if places[slot] >= 0:
            builder.labels.setdefault(places[slot], label)
    guards = [Guard(lowered(guard.slot), guard.outcome, guard.line) for guard in tape.guards]
    return builder.tape_of(map(lowered, tape.outputs), guards)


@cache
def _pattern(primitive: Primitive, count: int) -> Pattern:
    return Pattern(_written(primitive), count)


@cache
def _written(primitive: Primitive) -> Function:
    return lambda builder, *operands: [KERNELS[primitive](*operands)]
