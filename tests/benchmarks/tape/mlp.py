"""The gradient of a small network's mean hinge loss, over a batch of thousands of examples.

Everyone adds up the same sums and skips nothing: not the examples that are right by a margin, whose
gradient is zero, nor the neurons that are off.
"""

import ctypes
import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import compiled
import numpy as np
from ours import variants
from steps import two_moons
from timing import Case, Run

EXAMPLES = 8_000

Layers = list[tuple[np.ndarray, np.ndarray]]


class Problem(NamedTuple):
    layers: Layers
    """Weights, a row for each neuron, and biases."""

    points: np.ndarray
    signs: np.ndarray

    @property
    def parameters(self) -> np.ndarray:
        return flat(self.layers)


def problem(width: int) -> Problem:
    rng = random.Random(width)
    sizes = [2, width, width, 1]
    layers = []
    for nin, nout in pairwise(sizes):
        reach = (6 / (nin + nout)) ** 0.5
        weights = [[rng.uniform(-reach, reach) for _ in range(nin)] for _ in range(nout)]
        layers.append((np.array(weights), np.array([rng.gauss(0, 0.1) for _ in range(nout)])))
    points, signs = two_moons(EXAMPLES)
    return Problem(layers, np.array(points), np.array(signs, float))


def flat(layers: Any) -> np.ndarray:
    return np.concatenate([np.ravel(part) for layer in layers for part in layer])


def value_and_gradient(result: Any) -> list[Any]:
    """The answers in what most contenders give: (loss, layers of gradients)."""
    loss, gradient = result
    return [loss, flat(gradient)]


def reference(p: Problem, count: int) -> list[Any]:
    return value_and_gradient(by_hand(p.layers, p.points[:count], p.signs[:count]))


# --- Ours -----------------------------------------------------------------------------------------


def example_loss(layers: Any, point: Any, sign: Any) -> Any:
    from autograd_scalar import dot, relu

    *hidden, (weights, biases) = layers
    for ws, bs in hidden:
        point = [relu(dot(w, point) + b) for w, b in zip(ws, bs, strict=True)]
    return relu(1 - sign * (dot(weights[0], point) + biases[0]))


def ours(p: Problem, **options: Any) -> Run:
    from autograd_scalar import jit

    fast = jit(example_loss, **options)

    def call() -> Any:
        return fast.batch_value_and_grad(
            p.layers, p.points, p.signs, batched=(1, 2), wrt=0, reduce="mean"
        )

    return Run(call, value_and_gradient)


# --- Scalar engines -------------------------------------------------------------------------------


def micrograd(p: Problem, count: int) -> Run:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    width = len(p.layers[0][1])
    model = MLP(2, [width, width, 1])
    rows = [np.column_stack(layer).ravel() for layer in p.layers]  # a neuron's weights, its bias
    for parameter, number in zip(model.parameters(), np.concatenate(rows).tolist(), strict=True):
        parameter.data = number
    points, signs = p.points[:count].tolist(), p.signs[:count].tolist()

    def call() -> float:
        # A graph for each example, whose gradients add up in the parameters: in one graph of them
        # all every example takes more than twice as long.
        model.zero_grad()
        total = 0.0
        for point, sign in zip(points, signs, strict=True):
            loss = (1 + -sign * model([Value(x) for x in point])).relu() * (1 / count)
            loss.backward()
            total += loss.data
        return total

    def answers(loss: Any) -> list[Any]:
        gradient = [
            ([[w.grad for w in neuron.w] for neuron in layer.neurons],
             [neuron.b.grad for neuron in layer.neurons])
            for layer in model.layers
        ]  # fmt: skip
        return [loss, flat(gradient)]

    return Run(call, answers, count)


def xad(p: Problem, count: int) -> Run:
    import xad.adj_1st as adjoint
    from xad.math import max as maximum

    layers = [(weights.tolist(), biases.tolist()) for weights, biases in p.layers]
    points, signs = p.points[:count].tolist(), p.signs[:count].tolist()
    tape = adjoint.Tape()
    tape.activate()

    def call() -> Any:
        tape.clearAll()
        parameters = []

        def variable(number: float) -> Any:
            real = adjoint.Real(number)
            tape.registerInput(real)
            parameters.append(real)
            return real

        model = [
            ([[variable(w) for w in row] for row in weights], [variable(b) for b in biases])
            for weights, biases in layers
        ]
        tape.newRecording()
        total = adjoint.Real(0.0)
        for hidden, sign in zip(points, signs, strict=True):
            for weights, biases in model:
                sums = []
                for row, z in zip(weights, biases, strict=True):
                    for w, x in zip(row, hidden, strict=True):
                        z = z + w * x
                    sums.append(z)
                hidden = [maximum(z, 0.0) for z in sums]
            total += maximum(1.0 - sign * sums[0], 0.0)
        loss = total / len(points)
        tape.registerOutput(loss)
        loss.derivative = 1.0
        tape.computeAdjoints()
        return loss.value, [parameter.derivative for parameter in parameters]

    return Run(call, list, count)


def casadi(p: Problem, count: int, compile: bool) -> Run:
    """The expression of one example, mapped over all; CasADi sums the losses and the gradients."""
    import casadi as ca
    from graphs import casadi_in_place, casadi_options

    layers = [
        (ca.SX.sym("W", *weights.shape), ca.SX.sym("b", len(biases)))
        for weights, biases in p.layers
    ]
    # CasADi's matrices lie column by column, NumPy's row by row.
    parameters = ca.vertcat(*[ca.vertcat(ca.vec(w.T), b) for w, b in layers])
    x, y = ca.SX.sym("x", 2), ca.SX.sym("y")
    hidden = x
    for weights, biases in layers:
        sums = weights @ hidden + biases
        hidden = ca.fmax(sums, 0)
    loss = ca.fmax(1 - y * sums, 0)
    function = ca.Function(
        "loss", [parameters, x, y], [loss, ca.gradient(loss, parameters)], casadi_options(compile)
    )
    mapped = function.map("batch", "serial", count, [0], [0, 1])  # by "thread" it takes 6 x as long
    value, gradient = np.empty(1), np.empty(len(p.parameters))
    evaluate = casadi_in_place(
        mapped, [p.parameters, p.points[:count], p.signs[:count]], [value, gradient]
    )

    def call() -> Any:
        evaluate()
        return value / count, gradient / count

    return Run(call, list, count)


def ddx(p: Problem, count: int, chunk: int, compile: bool) -> Run:
    """A kernel over a few hundred points at once, whose buffers stay: a call only writes points."""
    import ddx
    from graphs import ddx_options

    @ddx.equation
    def loss() -> Any:
        layers = [
            ([[ddx.var(f"w{k}_{i}_{j}") for j in range(weights.shape[1])]
              for i in range(weights.shape[0])],
             [ddx.var(f"b{k}_{i}") for i in range(len(biases))])
            for k, (weights, biases) in enumerate(p.layers)
        ]  # fmt: skip
        hidden = [ddx.param("x0"), ddx.param("x1")]
        sign = ddx.param("y")
        for weights, biases in layers:
            sums = []
            for row, z in zip(weights, biases, strict=True):
                for w, x in zip(row, hidden, strict=True):
                    z = z + w * x
                sums.append(z)
            hidden = [ddx.max(z, 0.0) for z in sums]
        return ddx.max(1.0 - sign * sums[0], 0.0)

    loss.options = ddx_options(compile, points=chunk)
    numbers = p.parameters
    data = np.vstack([p.points.T, p.signs])[:, :count]
    buffer = np.empty((len(numbers) + 3, chunk))
    # The symbols come in the order in which the graph meets them.
    order = {name: place for place, name in enumerate(_ddx_names(p.layers))}
    places = np.array([order[name] for name in loss.symbols])
    buffer[: len(numbers)] = numbers[places, None]
    rows = [len(numbers) + loss.params.index(name) for name in ("x0", "x1", "y")]
    buffer[rows] = data[:, :chunk]
    bound = loss.buffer(buffer)

    def call() -> Any:
        value, gradient = 0.0, np.zeros(len(numbers))
        bound.x[: len(numbers)] = numbers[places, None]
        for start in range(0, count, chunk):
            bound.x[rows] = data[:, start : start + chunk]
            bound()
            value += bound.value.sum()
            gradient[places] += bound.jacobian.sum(axis=1)
        return value / count, gradient / count

    return Run(call, list, count)


def _ddx_names(layers: Layers) -> list[str]:
    return [
        name
        for k, (weights, biases) in enumerate(layers)
        for name in (
            *[f"w{k}_{i}_{j}" for i in range(weights.shape[0]) for j in range(weights.shape[1])],
            *[f"b{k}_{i}" for i in range(len(biases))],
        )
    ]


# --- Array engines --------------------------------------------------------------------------------


def mean_loss(layers: Any, points: Any, signs: Any, relu: Callable[[Any], Any]) -> Any:
    hidden = points
    for weights, biases in layers:
        sums = hidden @ weights.T + biases
        hidden = relu(sums)
    return relu(1 - signs * sums[:, 0]).mean()


def hips(p: Problem) -> Run:
    import autograd.numpy as anp
    from autograd import value_and_grad

    relu = partial(anp.maximum, 0.0)
    gradient = value_and_grad(partial(mean_loss, relu=relu))
    return Run(lambda: gradient(p.layers, p.points, p.signs), value_and_gradient)


def jax(p: Problem) -> Run:
    from arrays import import_jax

    jax = import_jax()
    gradient = jax.jit(jax.value_and_grad(partial(mean_loss, relu=jax.nn.relu)))
    arguments = jax.device_put((p.layers, p.points, p.signs))
    return Run(lambda: jax.block_until_ready(gradient(*arguments)), value_and_gradient)


def torch(p: Problem, compile: bool) -> Run:
    import torch

    def tensor(array: np.ndarray) -> Any:
        return torch.tensor(array, requires_grad=True)

    layers = [(tensor(weights), tensor(biases)) for weights, biases in p.layers]
    parameters = [part for layer in layers for part in layer]
    points, signs = torch.from_numpy(p.points), torch.from_numpy(p.signs)

    def eager(layers: Any, points: Any, signs: Any) -> Any:
        hidden = points
        for weights, biases in layers:
            sums = torch.nn.functional.linear(hidden, weights, biases)
            hidden = sums.relu()
        return (1 - signs * sums[:, 0]).relu().mean()

    loss = torch.compile(eager, dynamic=False) if compile else eager

    def call() -> Any:
        value = loss(layers, points, signs)
        return value, torch.autograd.grad(value, parameters)

    def answers(result: Any) -> list[Any]:
        value, gradient = result
        return [value.detach().numpy(), np.concatenate([part.numpy().ravel() for part in gradient])]

    return Run(call, answers)


# --- By hand --------------------------------------------------------------------------------------


def by_hand(layers: Layers, points: np.ndarray, signs: np.ndarray) -> tuple[float, Layers]:
    inputs, hidden = [], points
    for weights, biases in layers:
        inputs.append(hidden)
        sums = hidden @ weights.T + biases
        hidden = np.maximum(sums, 0)
    losses = np.maximum(1 - signs * sums[:, 0], 0)
    upstream = (-signs * (losses > 0) / len(points))[:, None]
    gradient = []
    for (weights, _), received in zip(reversed(layers), reversed(inputs), strict=True):
        gradient.append((upstream.T @ received, upstream.sum(axis=0)))
        upstream = upstream @ weights * (received > 0)
    return losses.mean(), gradient[::-1]


def numpy(p: Problem) -> Run:
    return Run(lambda: by_hand(p.layers, p.points, p.signs), value_and_gradient)


PLAIN = """
// Parameters and their gradient: first weights [H][2], biases [H], second [H][H], [H], last [H], 1.
enum { W1 = 0, B1 = 2*H, W2 = 3*H, B2 = W2 + H*H, W3 = B2 + H, B3 = W3 + H, SIZE = B3 + 1 };

// One example after the other. The second layer's weights are turned round once a call, so that the
// sums over a layer's inputs run along its neurons and are vectorized without being reordered.
double loss(const double *restrict p, const double *restrict points, const double *restrict signs,
            long count, double *restrict gradient) {
    double turned[H][H], g[SIZE] = {0}, total = 0;
    for (int i = 0; i < H; i++) for (int j = 0; j < H; j++) turned[j][i] = p[W2 + i*H + j];
    for (long k = 0; k < count; k++) {
        const double x0 = points[2*k], x1 = points[2*k + 1], sign = signs[k];
        double a[H], z[H], b[H], da[H], score = p[B3];
        for (int i = 0; i < H; i++) {
            const double sum = p[B1 + i] + p[W1 + 2*i]*x0 + p[W1 + 2*i + 1]*x1;
            a[i] = sum > 0 ? sum : 0;
            z[i] = p[B2 + i];
            da[i] = 0;
        }
        for (int j = 0; j < H; j++) for (int i = 0; i < H; i++) z[i] += turned[j][i]*a[j];
        for (int i = 0; i < H; i++) b[i] = z[i] > 0 ? z[i] : 0;
        for (int i = 0; i < H; i++) score += p[W3 + i]*b[i];
        const double margin = 1 - sign*score;
        total += margin > 0 ? margin : 0;

        const double d = margin > 0 ? -sign : 0;
        g[B3] += d;
        for (int i = 0; i < H; i++) {
            g[W3 + i] += d*b[i];
            const double dz = z[i] > 0 ? d*p[W3 + i] : 0;
            g[B2 + i] += dz;
            for (int j = 0; j < H; j++) {
                g[W2 + i*H + j] += dz*a[j];
                da[j] += dz*p[W2 + i*H + j];
            }
        }
        for (int i = 0; i < H; i++) {
            const double dz = a[i] > 0 ? da[i] : 0;
            g[B1 + i] += dz;
            g[W1 + 2*i] += dz*x0;
            g[W1 + 2*i + 1] += dz*x1;
        }
    }
    for (int i = 0; i < SIZE; i++) gradient[i] = g[i]/count;
    return total/count;
}
"""

LANES = """
enum { W1 = 0, B1 = 2*H, W2 = 3*H, B2 = W2 + H*H, W3 = B2 + H, B3 = W3 + H, SIZE = B3 + 1 };
// N examples side by side in a vector, and GROUPS vectors at a time: a weight's gradient is loaded
// and stored once for all of these. BLOCK neurons share each input that is loaded.
enum { N = 8, GROUPS = 4, BLOCK = 4 };
typedef double lanes __attribute__((vector_size(8*N)));
typedef long mask __attribute__((vector_size(8*N)));
#define EACH for (int q = 0; q < GROUPS; q++)
#define NEURON for (int m = 0; m < BLOCK; m++)

static const lanes zero = {0};
static inline lanes where(mask condition, lanes x) { return (lanes)(condition & (mask)x); }
static inline lanes relu(lanes x) { return where(x > 0, x); }

// The same for N * GROUPS examples at once; count is a multiple of that.
double loss(const double *restrict p, const double *restrict points, const double *restrict signs,
            long count, double *restrict gradient) {
    lanes g[SIZE] = {0}, total = {0};
    for (long k = 0; k < count; k += N*GROUPS) {
        lanes x0[GROUPS], x1[GROUPS], sign[GROUPS], score[GROUPS], d[GROUPS];
        lanes a[H][GROUPS], b[H][GROUPS], da[H][GROUPS], dz[H][GROUPS];
        EACH for (int l = 0; l < N; l++) {
            const long example = k + q*N + l;
            x0[q][l] = points[2*example];
            x1[q][l] = points[2*example + 1];
            sign[q][l] = signs[example];
        }
        for (int i = 0; i < H; i++) EACH {
            a[i][q] = relu(p[B1 + i] + p[W1 + 2*i]*x0[q] + p[W1 + 2*i + 1]*x1[q]);
            da[i][q] = zero;
        }
        EACH score[q] = zero + p[B3];
        for (int i = 0; i < H; i += BLOCK) {
            lanes z[BLOCK][GROUPS];
            NEURON EACH z[m][q] = zero + p[B2 + i + m];
            for (int j = 0; j < H; j++) NEURON EACH z[m][q] += p[W2 + (i + m)*H + j]*a[j][q];
            NEURON EACH score[q] += p[W3 + i + m]*(b[i + m][q] = relu(z[m][q]));
        }
        EACH {
            const lanes margin = 1 - sign[q]*score[q];
            total += relu(margin);
            g[B3] += d[q] = where(margin > 0, -sign[q]);
        }
        for (int i = 0; i < H; i++) EACH {
            g[W3 + i] += d[q]*b[i][q];
            g[B2 + i] += dz[i][q] = where(b[i][q] > 0, d[q]*p[W3 + i]);
        }
        for (int i = 0; i < H; i += BLOCK)
            for (int j = 0; j < H; j++) NEURON {
                lanes sum = g[W2 + (i + m)*H + j];
                EACH sum += dz[i + m][q]*a[j][q];
                g[W2 + (i + m)*H + j] = sum;
                EACH da[j][q] += dz[i + m][q]*p[W2 + (i + m)*H + j];
            }
        for (int i = 0; i < H; i++) EACH {
            const lanes dz = where(a[i][q] > 0, da[i][q]);
            g[B1 + i] += dz;
            g[W1 + 2*i] += dz*x0[q];
            g[W1 + 2*i + 1] += dz*x1[q];
        }
    }
    double sum = 0;
    for (int l = 0; l < N; l++) sum += total[l];
    for (int i = 0; i < SIZE; i++) {
        double all = 0;
        for (int l = 0; l < N; l++) all += g[i][l];
        gradient[i] = all/count;
    }
    return sum/count;
}
"""


def c(p: Problem, source: str) -> Run:
    parameters = p.parameters
    gradient = np.empty_like(parameters)
    function = compiled.library(source, H=len(p.layers[0][1])).loss
    count = len(p.points)
    call = compiled.bound(function, ctypes.c_double, parameters, p.points, p.signs, count, gradient)
    return Run(call, lambda loss: [loss, gradient])


def case(width: int) -> Case:
    small = width < 32
    size = len(problem(width).parameters)
    casadis = {
        "CasADi": partial(casadi, count=8_000 if small else 1_000, compile=False),
        "CasADi, compiled C": partial(casadi, count=EXAMPLES, compile=True),
    }
    ddxs = {
        "ddx": partial(ddx, count=EXAMPLES, chunk=160, compile=True),
        "ddx, interpreted": partial(ddx, count=800, chunk=160 if small else 16, compile=False),
    }
    if not small:
        del casadis["CasADi, compiled C"], ddxs["ddx"]
    return Case(
        f"MLP 2-{width}-{width}-1: mean hinge loss of {EXAMPLES:,} examples and its gradient by "
        f"{size:,} parameters",
        partial(problem, width),
        {
            **variants(ours),
            "micrograd": partial(micrograd, count=100 if small else 10),
            "XAD": partial(xad, count=100 if small else 10),
            **casadis,
            **ddxs,
            "HIPS autograd": hips,
            "JAX": jax,
            "PyTorch": partial(torch, compile=False),
            "PyTorch, compiled": partial(torch, compile=True),
            "NumPy by hand": numpy,
            "C by hand": partial(c, source=PLAIN),
            "C by hand, 32 at once": partial(c, source=LANES),
        },
        reference,
        "example",
        EXAMPLES,
    )


# --- One example ----------------------------------------------------------------------------------


def one_example() -> Problem:
    layers, points, signs = problem(16)
    return Problem(layers, points[:1], signs[:1])


def ours_single(p: Problem, **options: Any) -> Run:
    from autograd_scalar import jit

    fast = jit(example_loss, **options)
    layers = p.layers
    if options["backend"] == "python":  # which likes lists better
        layers = [(weights.tolist(), biases.tolist()) for weights, biases in p.layers]
    point, sign = p.points[0].tolist(), float(p.signs[0])
    return Run(lambda: fast.value_and_grad(layers, point, sign), value_and_gradient)


SINGLE = Case(
    "MLP 2-16-16-1: hinge loss of one example and its gradient, one call",
    one_example,
    {
        **variants(ours_single),
        "micrograd": partial(micrograd, count=1),
        "XAD": partial(xad, count=1),
        "CasADi": partial(casadi, count=1, compile=False),
        "CasADi, compiled C": partial(casadi, count=1, compile=True),
        "HIPS autograd": hips,
        "JAX": jax,
        "PyTorch": partial(torch, compile=False),
        "NumPy by hand": numpy,
        "C by hand": partial(c, source=PLAIN),
    },
    reference,
)

CASES = {"mlp16": case(16), "mlp64": case(64), "mlp16_single": SINGLE}
