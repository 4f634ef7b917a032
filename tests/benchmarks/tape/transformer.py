"""A thousand steps of training a small transformer to spell names, from a cold start.

The model is that of Karpathy's microgpt (2026): 27 characters, 16 wide, one layer of 4 heads,
blocks of 16, RMSNorm without weights, ReLU, no biases. Its parameters are

    27*16 token embeddings + 16*16 positions + 4 * 16*16 attention + 2 * 64*16 MLP + 27*16 output

or 432 + 256 + 1,024 + 2,048 + 432 = 4,192. A step takes one name, beginning and end marked by
character 26, computes the mean cross-entropy of each next character, and moves by Adam (rate 0.01,
falling to 0 over the steps, decays 0.85 and 0.99). Names are drawn from syllables with a seed.

A cold start is that of the process: starting Python, importing, recording and compiling are in the
figure. Everyone's losses of the first steps are compared; later on, rounding has been amplified.
"""

import os
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from timing import Case, Run

STEPS = 1_000
PLAIN_STEPS = STEPS if os.environ.get("BENCHMARK_IN_FULL") else 50
CHECKED = 20

CHARACTERS, WIDTH, HEADS, BLOCK, HIDDEN = 27, 16, 4, 16, 64
HEAD = WIDTH // HEADS
MARK = CHARACTERS - 1
EPSILON = 1e-5
RATE, FIRST, SECOND, TINY = 0.01, 0.85, 0.99, 1e-8

ONSETS = (*"bcdfghjklmnprstvwz", "br", "ch", "sh", "st", "th")
NUCLEI = (*"aeiou", "ai", "ea", "ia")
CODAS = ("", "", "", "n", "r", "l", "s")

SHAPES = {
    "tokens": (CHARACTERS, WIDTH),
    "positions": (BLOCK, WIDTH),
    "queries": (WIDTH, WIDTH),
    "keys": (WIDTH, WIDTH),
    "values": (WIDTH, WIDTH),
    "mixed": (WIDTH, WIDTH),
    "up": (HIDDEN, WIDTH),
    "down": (WIDTH, HIDDEN),
    "output": (CHARACTERS, WIDTH),
}
SIZE = sum(rows * columns for rows, columns in SHAPES.values())

Weights = dict[str, Any]


class Problem(NamedTuple):
    parameters: np.ndarray
    names: list[list[int]]
    """Characters as numbers, with the mark on both ends: 5 to 17 of them."""


def problem() -> Problem:
    rng = random.Random(42)
    parameters = np.array([rng.gauss(0.0, 0.08) for _ in range(SIZE)])
    return Problem(parameters, [_name(rng) for _ in range(2_000)])


def _name(rng: random.Random) -> list[int]:
    """Between 3 and 15 letters that can be spoken."""
    letters = ""
    for _ in range(rng.choice((1, 2, 2, 2, 3, 3, 4))):
        letters += rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS)
    letters = letters[:15] + "a" * (3 - len(letters))
    return [MARK, *(ord(letter) - ord("a") for letter in letters), MARK]


def arranged(flat: Any) -> Weights:
    """Views of a flat array of parameters, by name."""
    weights, start = {}, 0
    for name, (rows, columns) in SHAPES.items():
        weights[name] = flat[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    return weights


def flattened(weights: Weights) -> np.ndarray:
    return np.concatenate([np.ravel(weights[name]) for name in SHAPES])


class Adam:
    """Adam (Kingma and Ba, 2015) on a flat array of parameters, in place."""

    def __init__(self, parameters: np.ndarray) -> None:
        self.parameters = parameters
        self.first, self.second = np.zeros_like(parameters), np.zeros_like(parameters)
        self.steps = 0

    def step(self, gradient: np.ndarray) -> None:
        rate = RATE * (1 - self.steps / STEPS)
        self.steps += 1
        self.first += (1 - FIRST) * (gradient - self.first)
        self.second += (1 - SECOND) * (gradient * gradient - self.second)
        root = np.sqrt(self.second / (1 - SECOND**self.steps))
        self.parameters -= rate / (1 - FIRST**self.steps) * self.first / (root + TINY)


def training(p: Problem, value_and_grad: Callable[[Weights, list[int]], Any], count: int) -> Run:
    """Steps with a gradient of arrays by name, whose views see the parameters move."""
    parameters = p.parameters.copy()
    weights, adam = arranged(parameters), Adam(parameters)

    def step() -> float:
        loss, gradient = value_and_grad(weights, p.names[adam.steps])
        adam.step(flattened(gradient))
        return float(loss)

    return Run(step, checked, count)


def checked(losses: Sequence[Any]) -> list[Any]:
    return [[float(loss) for loss in losses[:CHECKED]]]


def reference(p: Problem, count: int) -> list[Any]:
    step = training(p, by_hand, STEPS).call
    return checked([step() for _ in range(CHECKED)])


# --- One number at a time -------------------------------------------------------------------------


def loss(weights: Weights, tokens: Sequence[Any], shares: Any = None, *, of: Any) -> Any:
    """The mean cross-entropy of each next character, in the functions of the module ``of``.

    Of a name that is padded, ``shares`` says how much each position has of the mean.
    """

    def linear(matrix: Any, x: Any) -> list[Any]:
        return [of.dot(row, x) for row in matrix]

    def normalized(x: Any) -> list[Any]:
        scale = of.rsqrt(of.dot(x, x) * (1 / WIDTH) + EPSILON)
        return [number * scale for number in x]

    keys: list[Any] = []
    values: list[Any] = []
    losses = []
    for position, (token, target) in enumerate(pairwise(tokens)):
        embedding = [of.pick(token, *column) for column in zip(*weights["tokens"], strict=True)]
        x = normalized(
            [a + b for a, b in zip(embedding, weights["positions"][position], strict=True)]
        )
        inner = normalized(x)
        query = linear(weights["queries"], inner)
        keys.append(linear(weights["keys"], inner))
        values.append(linear(weights["values"], inner))
        mixed = []
        for start in range(0, WIDTH, HEAD):
            head = slice(start, start + HEAD)
            scores = [of.dot(query[head], key[head]) * HEAD**-0.5 for key in keys]
            attention = of.softmax(scores)
            seen = zip(*[value[head] for value in values], strict=True)
            mixed += [of.dot(attention, component) for component in seen]
        x = [a + b for a, b in zip(x, linear(weights["mixed"], mixed), strict=True)]
        hidden = [of.relu(h) for h in linear(weights["up"], normalized(x))]
        x = [a + b for a, b in zip(x, linear(weights["down"], hidden), strict=True)]
        logits = linear(weights["output"], x)
        losses.append(of.logsumexp(logits) - of.pick(target, *logits))
    return of.mean(losses) if shares is None else of.dot(shares, losses)


def _functions() -> Any:
    import autograd_scalar
    from autograd_scalar import rules

    names = ("dot", "relu", "softmax", "logsumexp", "mean")
    chosen = {name: getattr(autograd_scalar, name) for name in names}
    return SimpleNamespace(**chosen, pick=rules.pick, rsqrt=lambda x: 1 / autograd_scalar.sqrt(x))


def ours(p: Problem, **options: Any) -> Run:
    from autograd_scalar import jit

    fast = jit(partial(loss, of=_functions()), **options)
    return training(p, fast.value_and_grad, STEPS)


def ours_padded(p: Problem, **options: Any) -> Run:
    """One program for names of any length, as JAX has it: the others have one for each length."""
    from autograd_scalar import jit

    fast = jit(partial(loss, of=_functions()), **options)

    def value_and_grad(weights: Weights, tokens: list[int]) -> Any:
        count = len(tokens) - 1
        padding = BLOCK - count
        shares = [1 / count] * count + [0.0] * padding
        return fast.value_and_grad(weights, tokens + [MARK] * padding, shares)

    return training(p, value_and_grad, STEPS)


def ours_uncompiled(p: Problem) -> Run:
    from autograd_scalar import value_and_grad

    return training(p, value_and_grad(partial(loss, of=_functions())), PLAIN_STEPS)


def plain_class(p: Problem) -> Run:
    import plain

    adam = Adam(p.parameters.copy())
    values = np.array([plain.Value(number) for number in p.parameters.tolist()])
    weights = {name: rows.tolist() for name, rows in arranged(values).items()}

    def step() -> float:
        for value, number in zip(values, adam.parameters.tolist(), strict=True):
            value.data, value.grad = number, 0.0
        result = loss(weights, p.names[adam.steps], of=plain)
        plain.backward(result)
        adam.step(np.array([value.grad for value in values]))
        return float(result.data)

    return Run(step, checked, PLAIN_STEPS)


# --- Arrays ---------------------------------------------------------------------------------------


def jax(p: Problem) -> Run:
    """Every name is padded to a whole block, so that one compiled step does for all of them."""
    from arrays import import_jax

    jax = import_jax()
    jnp = jax.numpy
    causal = jnp.tril(jnp.ones((BLOCK, BLOCK), bool))

    def normalized(x: Any) -> Any:
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + EPSILON)

    def heads(x: Any) -> Any:
        return x.reshape(BLOCK, HEADS, HEAD).transpose(1, 0, 2)

    def loss(flat: Any, tokens: Any, length: Any) -> Any:
        w = arranged(flat)
        x = normalized(w["tokens"][tokens[:-1]] + w["positions"])
        inner = normalized(x)
        query, key, value = (heads(inner @ w[name].T) for name in ("queries", "keys", "values"))
        scores = jnp.where(causal, query @ key.swapaxes(1, 2) * HEAD**-0.5, -jnp.inf)
        mixed = (jax.nn.softmax(scores) @ value).transpose(1, 0, 2).reshape(BLOCK, WIDTH)
        x = x + mixed @ w["mixed"].T
        x = x + jax.nn.relu(normalized(x) @ w["up"].T) @ w["down"].T
        logits = jax.nn.log_softmax(x @ w["output"].T)
        losses = -jnp.take_along_axis(logits, tokens[1:, None], 1)[:, 0]
        return jnp.where(jnp.arange(BLOCK) < length, losses, 0.0).sum() / length

    def step(flat: Any, first: Any, second: Any, steps: Any, tokens: Any, length: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(flat, tokens, length)
        rate = RATE * (1 - steps / STEPS)
        first = first + (1 - FIRST) * (gradient - first)
        second = second + (1 - SECOND) * (gradient * gradient - second)
        root = jnp.sqrt(second / (1 - SECOND ** (steps + 1)))
        flat = flat - rate / (1 - FIRST ** (steps + 1)) * first / (root + TINY)
        return value, (flat, first, second)

    fast = jax.jit(step, donate_argnums=(0, 1, 2))
    state = jax.device_put((p.parameters, np.zeros(SIZE), np.zeros(SIZE)))
    steps = 0

    def call() -> Any:
        nonlocal state, steps
        name = p.names[steps]
        tokens = np.full(BLOCK + 1, MARK)
        tokens[: len(name)] = name
        value, state = fast(*state, float(steps), tokens, len(name) - 1)
        steps += 1
        return value

    return Run(call, checked)


def torch(p: Problem) -> Run:
    import torch

    flat = torch.tensor(p.parameters, requires_grad=True)
    optimizer = torch.optim.Adam([flat], RATE, (FIRST, SECOND), TINY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    functional = torch.nn.functional
    names = iter(p.names)

    def normalized(x: Any) -> Any:
        return functional.rms_norm(x, (WIDTH,), eps=EPSILON)

    def heads(x: Any) -> Any:
        return x.view(-1, HEADS, HEAD).transpose(0, 1)

    def call() -> Any:
        tokens = torch.tensor(next(names))
        w = arranged(flat)
        x = normalized(w["tokens"][tokens[:-1]] + w["positions"][: len(tokens) - 1])
        inner = normalized(x)
        query, key, value = (heads(inner @ w[name].T) for name in ("queries", "keys", "values"))
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + mixed.transpose(0, 1).reshape(-1, WIDTH) @ w["mixed"].T
        x = x + functional.linear(functional.linear(normalized(x), w["up"]).relu(), w["down"])
        value = functional.cross_entropy(x @ w["output"].T, tokens[1:])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        return value.item()

    return Run(call, checked)


# --- By hand --------------------------------------------------------------------------------------


def by_hand(w: Weights, tokens: list[int]) -> tuple[float, Weights]:
    """The loss and its gradient, all positions of a name at once."""
    sources, targets = np.array(tokens[:-1]), np.array(tokens[1:])
    count = len(sources)

    def normalized(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = 1 / np.sqrt((x * x).mean(1, keepdims=True) + EPSILON)
        return x * scale, scale

    def back_through(by: np.ndarray, y: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return scale * (by - y * (by * y).mean(1, keepdims=True))

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(count, HEADS, HEAD).transpose(1, 0, 2)

    def joined(x: np.ndarray) -> np.ndarray:
        return x.transpose(1, 0, 2).reshape(count, WIDTH)

    def softmax(x: np.ndarray) -> np.ndarray:
        exponentials = np.exp(x - x.max(-1, keepdims=True))
        return exponentials / exponentials.sum(-1, keepdims=True)

    first, first_scale = normalized(w["tokens"][sources] + w["positions"][:count])
    inner, inner_scale = normalized(first)
    query, key, value = (heads(inner @ w[name].T) for name in ("queries", "keys", "values"))
    future = np.triu(np.full((count, count), -np.inf), 1)
    attention = softmax(query @ key.swapaxes(1, 2) * HEAD**-0.5 + future)
    mixed = joined(attention @ value)
    second = first + mixed @ w["mixed"].T
    rescaled, rescale = normalized(second)
    hidden = np.maximum(rescaled @ w["up"].T, 0)
    last = second + hidden @ w["down"].T
    probabilities = softmax(last @ w["output"].T)
    rows = np.arange(count)
    loss = -np.log(probabilities[rows, targets]).mean()

    g: Weights = {}
    probabilities[rows, targets] -= 1
    by_logits = probabilities / count
    g["output"] = by_logits.T @ last
    by_last = by_logits @ w["output"]
    g["down"] = by_last.T @ hidden
    by_hidden = by_last @ w["down"] * (hidden > 0)
    g["up"] = by_hidden.T @ rescaled
    by_second = by_last + back_through(by_hidden @ w["up"], rescaled, rescale)
    g["mixed"] = by_second.T @ mixed
    by_mixed = heads(by_second @ w["mixed"])
    by_attention = by_mixed @ value.swapaxes(1, 2)
    own = (by_attention * attention).sum(-1, keepdims=True)
    by_scores = attention * (by_attention - own) * HEAD**-0.5
    by_inner = np.zeros_like(inner)
    for name, by in (
        ("queries", by_scores @ key),
        ("keys", by_scores.swapaxes(1, 2) @ query),
        ("values", attention.swapaxes(1, 2) @ by_mixed),
    ):
        g[name] = joined(by).T @ inner
        by_inner += joined(by) @ w[name]
    by_first = by_second + back_through(by_inner, inner, inner_scale)
    by_embedding = back_through(by_first, first, first_scale)
    g["tokens"] = np.zeros((CHARACTERS, WIDTH))
    np.add.at(g["tokens"], sources, by_embedding)
    g["positions"] = np.zeros((BLOCK, WIDTH))
    g["positions"][:count] = by_embedding
    return loss, g


def numpy(p: Problem) -> Run:
    return training(p, by_hand, STEPS)


CASES = {
    "transformer": Case(
        f"Transformer of {SIZE:,} parameters: {STEPS:,} training steps on names, from a cold start",
        problem,
        {
            "ours": partial(ours_padded, backend="native"),
            "ours, contracted": partial(ours_padded, backend="native", contract=True),
            "ours, Python": partial(ours_padded, backend="python"),
            "ours, a program per length": partial(ours, backend="auto"),
            "ours, not compiled": ours_uncompiled,
            "plain class": plain_class,
            "JAX": jax,
            "PyTorch": torch,
            "NumPy by hand": numpy,
        },
        reference,
        "step",
        STEPS,
        cold=True,
    )
}
