"""The price of a European call and five Greeks, of a million options (Black and Scholes, 1973).

    price  C = S Phi(d1) - K exp(-r T) Phi(d2)
    with   d1 = (log(S/K) + (r + sigma^2 / 2) T) / (sigma sqrt(T)),   d2 = d1 - sigma sqrt(T)

Spot S and strike K are in a currency, the rate r and the volatility sigma per year, the expiry T in
years. Delta, rho, vega and theta are the derivatives by S, r, sigma and -T, gamma is the second by
S. Engines get the formula of the price and nothing else; by hand the Greeks are the textbook's.

XAD's Python package and micrograd have no second derivative.
"""

import math
from functools import partial
from typing import Any

import compiled
import numpy as np
from timing import SHOWN, Case, Run

OPTIONS = 1_000_000

Market = np.ndarray
"""Rows of spot, strike, rate, volatility and expiry, an option in each column."""


def problem() -> Market:
    rng = np.random.default_rng(1973)
    low, high = [50, 50, 0.0, 0.1, 0.1], [150, 150, 0.08, 0.6, 2.0]
    return np.ascontiguousarray(rng.uniform(low, high, (OPTIONS, 5)).T)


def price(spot: Any, strike: Any, rate: Any, volatility: Any, expiry: Any, of: Any) -> Any:
    """The formula in the functions of the module ``of``."""
    deviation = volatility * of.sqrt(expiry)
    d1 = (of.log(spot / strike) + (rate + 0.5 * volatility * volatility) * expiry) / deviation
    d2 = d1 - deviation
    return spot * of.normal_cdf(d1) - strike * of.exp(-rate * expiry) * of.normal_cdf(d2)


def answers(result: Any) -> list[Any]:
    """Price, delta, rho, vega, theta, gamma from (price, derivatives by S, r, sigma, T, gamma)."""
    price, (delta, rho, vega, by_expiry), gamma = result
    return [price, delta, rho, vega, -np.asarray(by_expiry), gamma]


def reference(market: Market, count: int) -> list[Any]:
    cdf = np.vectorize(lambda x: 0.5 * math.erfc(-x * math.sqrt(0.5)))
    return by_hand(market[:, : min(count, SHOWN)], cdf)


class Functions:
    """The normal distribution's cdf, from what a library has, beside its log, exp and sqrt."""

    def __init__(self, library: Any, erf: Any) -> None:
        self.sqrt, self.log, self.exp, self.erf = library.sqrt, library.log, library.exp, erf

    def normal_cdf(self, x: Any) -> Any:
        return 0.5 + 0.5 * self.erf(x * math.sqrt(0.5))


# --- Ours -----------------------------------------------------------------------------------------


def ours(market: Market, **options: Any) -> Run:
    import autograd_scalar
    from autograd_scalar import grad, jit, value_and_grad

    def call_price(*inputs: Any) -> Any:
        return price(*inputs, of=autograd_scalar)

    def greeks(*inputs: Any) -> Any:
        value, gradient = value_and_grad(call_price, (0, 2, 3, 4))(*inputs)
        return value, gradient, grad(grad(call_price))(*inputs)

    fast = jit(greeks, **options)
    return Run(lambda: fast.batch(*market, batched=tuple(range(5))), answers)


# --- Recorded graphs ------------------------------------------------------------------------------


def casadi(market: Market, count: int, compile: bool) -> Run:
    import casadi as ca
    from graphs import casadi_in_place, casadi_options

    inputs = [ca.SX.sym(name) for name in ("S", "K", "r", "sigma", "T")]
    value = price(*inputs, of=Functions(ca, ca.erf))
    gradient = [ca.gradient(value, inputs[place]) for place in (0, 2, 3, 4)]
    gamma = ca.gradient(gradient[0], inputs[0])
    greeks = ca.Function("greeks", inputs, [value, *gradient, gamma], casadi_options(compile))
    results = [np.empty(count) for _ in range(6)]
    call = casadi_in_place(greeks.map(count), list(market[:, :count]), results)
    return Run(call, lambda _: answers((results[0], results[1:5], results[5])), count)


def ddx(market: Market, count: int, chunk: int, compile: bool) -> Run:
    """Value, gradient and the gradient's derivative along the spot, in one sweep."""
    import ddx
    from graphs import ddx_options

    @ddx.equation
    def model() -> Any:
        spot, rate, volatility, expiry = map(ddx.var, ("S", "r", "sigma", "T"))
        return price(spot, ddx.param("K"), rate, volatility, expiry, Functions(ddx, ddx.erf))

    model.options = ddx_options(compile, points=chunk)
    names = ("S", "K", "r", "sigma", "T")
    inputs = market[[names.index(name) for name in model.inputs], :count]
    blocks = [
        np.ascontiguousarray(inputs[:, start : start + chunk]) for start in range(0, count, chunk)
    ]
    along_spot = np.array([[float(name == "S")] * chunk for name in model.symbols])
    rows = [model.symbols.index(name) for name in ("S", "r", "sigma", "T")]

    def call() -> Any:
        return [model.hvp(along_spot, block) for block in blocks]

    def joined(results: Any) -> list[Any]:
        value, gradient, product = (
            np.concatenate(parts, axis=-1) for parts in zip(*results, strict=True)
        )
        return answers((value, gradient[rows], product[rows[0]]))

    return Run(call, joined, count)


# --- Array engines --------------------------------------------------------------------------------


def hips(market: Market) -> Run:
    import autograd.numpy as anp
    from autograd import elementwise_grad, make_vjp
    from autograd.scipy.special import erf

    of = Functions(anp, erf)
    spot, strike, rate, volatility, expiry = market

    def by(inputs: Any) -> Any:
        return price(inputs[0], strike, *inputs[1:], of=of)

    def delta(spot: Any) -> Any:
        return elementwise_grad(lambda s: price(s, strike, rate, volatility, expiry, of))(spot)

    def call() -> Any:
        pullback, value = make_vjp(by)((spot, rate, volatility, expiry))
        return value, pullback(np.ones_like(value)), elementwise_grad(delta)(spot)

    return Run(call, answers)


def jax(market: Market) -> Run:
    """The gradient's derivative along the spot, forward over reverse, of one option; then vmap."""
    from arrays import import_jax

    jax = import_jax()

    class Of:
        sqrt, log, exp, normal_cdf = jax.numpy.sqrt, jax.numpy.log, jax.numpy.exp, None

    Of.normal_cdf = jax.scipy.special.ndtr
    with_gradient = jax.value_and_grad(partial(price, of=Of), (0, 2, 3, 4))

    def greeks(spot: Any, *others: Any) -> Any:
        (value, gradient), (_, along_spot) = jax.jvp(
            lambda s: with_gradient(s, *others), (spot,), (1.0,)
        )
        return value, gradient, along_spot[0]

    fast = jax.jit(jax.vmap(greeks))
    inputs = jax.device_put(tuple(market))
    return Run(lambda: jax.block_until_ready(fast(*inputs)), answers)


def torch(market: Market) -> Run:
    import torch

    class Of:
        sqrt, log, exp, normal_cdf = torch.sqrt, torch.log, torch.exp, torch.special.ndtr

    inputs = [torch.from_numpy(row).requires_grad_(row is not market[1]) for row in market]
    inputs[1].requires_grad_(False)
    by = [inputs[place] for place in (0, 2, 3, 4)]

    def call() -> Any:
        value = price(*inputs, of=Of)
        gradient = torch.autograd.grad(value.sum(), by, create_graph=True)
        (gamma,) = torch.autograd.grad(gradient[0].sum(), inputs[0])
        return value, gradient, gamma

    return Run(call, _numpy_answers)


def torch_compiled(market: Market) -> Run:
    """The transforms of ``torch.func``, which the compiler can follow to second order."""
    import torch

    class Of:
        sqrt, log, exp, normal_cdf = torch.sqrt, torch.log, torch.exp, torch.special.ndtr

    def total(*inputs: Any) -> Any:
        value = price(*inputs, of=Of)
        return value.sum(), value

    with_gradient = torch.func.grad(total, (0, 2, 3, 4), has_aux=True)

    def greeks(spot: Any, *others: Any) -> Any:
        (gradient, value), (along_spot, _) = torch.func.jvp(
            lambda s: with_gradient(s, *others), (spot,), (torch.ones_like(spot),)
        )
        return value, gradient, along_spot[0]

    fast = torch.compile(greeks, dynamic=False)
    inputs = [torch.from_numpy(row) for row in market]
    return Run(lambda: fast(*inputs), _numpy_answers)


def _numpy_answers(result: Any) -> list[Any]:
    value, gradient, gamma = result
    arrays = [part.detach().numpy() for part in (value, *gradient, gamma)]
    return answers((arrays[0], arrays[1:5], arrays[5]))


# --- By hand --------------------------------------------------------------------------------------


def by_hand(market: Market, cdf: Any) -> list[Any]:
    spot, strike, rate, volatility, expiry = market
    root = np.sqrt(expiry)
    deviation = volatility * root
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * expiry) / deviation
    discounted = strike * np.exp(-rate * expiry)
    delta = cdf(d1)
    due = discounted * cdf(d1 - deviation)  # what is paid for the stock, if the call is worth it
    density = np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
    vega = spot * density * root
    theta = -spot * density * volatility / (2 * root) - rate * due
    gamma = density / (spot * deviation)
    return [spot * delta - due, delta, expiry * due, vega, theta, gamma]


def numpy(market: Market) -> Run:
    from scipy.special import ndtr

    return Run(lambda: by_hand(market, ndtr), list)


SOURCE = """
#include <math.h>

static double cdf(double x) { return 0.5*erfc(-M_SQRT1_2*x); }

void greeks(const double *restrict spots, const double *restrict strikes,
            const double *restrict rates, const double *restrict volatilities,
            const double *restrict expiries, long count, double *restrict price,
            double *restrict delta, double *restrict rho, double *restrict vega,
            double *restrict theta, double *restrict gamma) {
    for (long k = 0; k < count; k++) {
        const double spot = spots[k], rate = rates[k], volatility = volatilities[k];
        const double expiry = expiries[k], root = sqrt(expiry), deviation = volatility*root;
        const double drift = (rate + 0.5*volatility*volatility)*expiry;
        const double d1 = (log(spot/strikes[k]) + drift)/deviation, in_money = cdf(d1);
        const double due = strikes[k]*exp(-rate*expiry)*cdf(d1 - deviation);
        const double density = exp(-0.5*d1*d1)*(M_2_SQRTPI*M_SQRT1_2/2);
        price[k] = spot*in_money - due;
        delta[k] = in_money;
        rho[k] = expiry*due;
        vega[k] = spot*density*root;
        theta[k] = -spot*density*volatility/(2*root) - rate*due;
        gamma[k] = density/(spot*deviation);
    }
}
"""


def c(market: Market, flags: tuple[str, ...]) -> Run:
    results = [np.empty(OPTIONS) for _ in range(6)]
    function = compiled.library(SOURCE, flags).greeks
    call = compiled.bound(function, None, *market, OPTIONS, *results)
    return Run(call, lambda _: results)


FIRST_ORDER = "has no second derivative, so no gamma"

CASES = {
    "black_scholes": Case(
        f"Black-Scholes: price, delta, rho, vega, theta and gamma of {OPTIONS:,} calls",
        problem,
        {
            "ours": partial(ours, backend="native"),
            "ours, contracted": partial(ours, backend="native", contract=True),
            "ours, Python": partial(ours, backend="python"),
            "CasADi": partial(casadi, count=100_000, compile=False),
            "CasADi, compiled C": partial(casadi, count=OPTIONS, compile=True),
            "ddx": partial(ddx, count=OPTIONS, chunk=2_000, compile=True),
            "ddx, interpreted": partial(ddx, count=100_000, chunk=1_000, compile=False),
            "HIPS autograd": hips,
            "JAX": jax,
            "PyTorch": torch,
            "PyTorch, compiled": torch_compiled,
            "NumPy by hand": numpy,
            **compiled.variants(c),
        },
        reference,
        "option",
        OPTIONS,
        {"micrograd": "has no exp, log or erf", "XAD": f"its Python package {FIRST_ORDER}"},
    )
}
