"""A tape in JAX and in PyTorch has the values and the derivatives that it has here."""

import math
import random
import sys

import pytest

from autograd_scalar import rules
from autograd_scalar.primitives import RULES, primitive
from autograd_scalar.tape.frameworks import to_jax, to_torch
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program
from autograd_scalar.transforms import grad, hessian, jvp
from tests.strategies import PRIMITIVES

CALLED_BACK = {"digamma", "polygamma"}
DIFFERENTIABLE = [p for p in PRIMITIVES if p.name not in {"lgamma", "where", "pick", *CALLED_BACK}]


# PyTorch's own, when it first differentiates forwards.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")


class Jax:
    """What the tests ask of JAX, on lists of floats."""

    name = "jax"

    def __init__(self) -> None:
        self.jax = pytest.importorskip("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.function = to_jax

    def array(self, numbers):
        return self.jax.numpy.array(numbers, "float64")

    def grad(self, f):
        """All derivatives, by reverse mode."""

        def gradient(*xs):
            return self.jax.grad(f, tuple(range(len(xs))))(*xs)

        return gradient

    def jvp(self, f, xs, changes):
        return self.jax.jvp(f, tuple(xs), tuple(changes))[1]

    def vmap(self, f):
        return self.jax.vmap(f)

    def hessian(self, f, xs):
        return self.jax.hessian(f, tuple(range(len(xs))))(*xs)


class Torch:
    """What the tests ask of PyTorch."""

    name = "torch"

    def __init__(self) -> None:
        self.torch = pytest.importorskip("torch")
        self.function = to_torch

    def array(self, numbers):
        return self.torch.tensor(numbers, dtype=self.torch.float64)

    def grad(self, f):
        def gradient(*xs):
            return self.torch.func.grad(f, tuple(range(len(xs))))(*xs)

        return gradient

    def jvp(self, f, xs, changes):
        return self.torch.func.jvp(f, tuple(xs), tuple(changes))[1]

    def vmap(self, f):
        return self.torch.func.vmap(f)

    def hessian(self, f, xs):
        return self.torch.func.hessian(f, tuple(range(len(xs))))(*xs)


@pytest.fixture(params=[Jax, Torch], ids=["jax", "torch"])
def framework(request):
    return request.param()


def tape_of(program, inputs: int) -> Tape:
    builder = Builder(inputs)
    return builder.tape([program(*builder.inputs)])


def close(found, expected, within=1e-9) -> bool:
    found, expected = list(map(float, found)), list(map(float, expected))
    size = max([1.0, *[abs(x) for x in expected if math.isfinite(x)]])
    return all(
        a == b or (a != a and b != b) or abs(a - b) <= within * size
        for a, b in zip(found, expected, strict=True)
    )


# --- Values ---------------------------------------------------------------------------------------

COUNTS = {"dot": (0, 2, 6), "fsum": (0, 1, 5), "pick": (1, 2, 6)}
FIRST = {"acosh": (1.0, 9.0), "ldexp": (-9.0, 9.0), "pick": (-1.0, 6.0), "**": (0.0, 9.0)}
WITHIN_1 = {"asin", "acos", "atanh"}


@pytest.mark.parametrize("name", list(MACHINE))
def test_every_machine_operation_is_that_of_the_table(framework, name):
    operation = MACHINE[name]
    source = random.Random(name)
    for size in COUNTS.get(name, (operation.arity,)):
        builder = Builder(size)
        f = framework.function(builder.tape([builder.apply(operation, builder.inputs)]))
        low, high = (-1.0, 1.0) if name in WITHIN_1 else (-9.0, 9.0)
        columns = [[source.uniform(low, high) for _ in range(60)] for _ in range(size)]
        if size:
            columns[0] = [source.uniform(*FIRST.get(name, (low, high))) for _ in range(60)]
            columns[0][:4] = [0.0, math.inf, math.nan, -1.0]
        if name in ("ldexp", "pick"):
            columns[-1 if name == "ldexp" else 0][:20] = map(float, range(-10, 10))
        expected = [operation.function(*row) for row in zip(*columns, strict=True)]
        found = f(*map(framework.array, columns))
        if not size:
            assert float(found) == operation.function()
            continue
        for a, b, row in zip(found.tolist(), expected, zip(*columns, strict=True), strict=True):
            assert close([a], [b], 1e-12), (name, row, a, b)


def test_extremes_of_scaling(framework):
    builder = Builder(2)
    f = framework.function(builder.tape([MACHINE["ldexp"](*builder.inputs)]))
    for x, n in [(1.0, 1023.0), (2.0**-1000, 2000.0), (1.0, -1022.0), (3.0, 5000.0), (1.0, -1e5)]:
        assert float(f(x, n)) == MACHINE["ldexp"](x, n)


@pytest.mark.parametrize("seed", range(5))
def test_programs_have_our_values_and_derivatives(framework, seed):
    program = random_program(RandomSource(seed), DIFFERENTIABLE)
    xs = list(program.inputs)
    f = framework.function(tape_of(program, len(xs)))
    arrays = list(map(framework.array, xs))
    assert close([f(*arrays)], [program(*xs)])
    assert close(framework.grad(f)(*arrays), grad(lambda xs: program(*xs))(xs))
    changes = [0.5 + 0.1 * i for i in range(len(xs))]
    change = jvp(program, tuple(xs), tuple(changes))[1]
    assert close([framework.jvp(f, arrays, list(map(framework.array, changes)))], [change])


@pytest.mark.parametrize("seed", range(20, 22))
def test_programs_have_our_second_derivatives(framework, seed):
    names = ("+", "*", "/", "exp", "tanh", "hypot", "logsumexp", "sigmoid", "maximum", "sqrt")
    program = random_program(RandomSource(seed), [RULES[name] for name in names], steps=6, inputs=2)
    xs = list(program.inputs)
    f = framework.function(tape_of(program, len(xs)))
    rows = framework.hessian(f, list(map(framework.array, xs)))
    found = [entry for row in rows for entry in row]
    expected = [entry for row in hessian(lambda xs: program(*xs))(xs) for entry in row]
    assert close(found, expected)


def test_derivatives_of_any_order(framework):
    f = framework.function(tape_of(lambda x: rules.exp(2.0 * x) + x**3, 1))
    slope = f
    for order in range(1, 5):
        slope = (lambda g: lambda x: framework.grad(g)(x)[0])(slope)
        polynomial = {1: 3 * 0.25, 2: 6 * 0.5, 3: 6, 4: 0}[order]
        found = float(slope(framework.array(0.5)))
        assert found == pytest.approx(2.0**order * math.e + polynomial)


# --- Arrays ---------------------------------------------------------------------------------------


def test_shapes_are_broadcast_and_gradients_summed(framework):
    f = framework.function(tape_of(lambda x, y: x * y + 1.0, 2))
    column, row = framework.array([[1.0], [2.0]]), framework.array([10.0, 20.0, 30.0])
    assert f(column, row).tolist() == [[11.0, 21.0, 31.0], [21.0, 41.0, 61.0]]
    assert f(column, 2.0).tolist() == [[3.0], [5.0]]
    by_column, by_row = framework.grad(lambda x, y: f(x, y).sum())(column, row)
    assert by_column.tolist() == [[60.0], [60.0]]
    assert by_row.tolist() == [3.0, 3.0, 3.0]


def test_it_maps_over_batches_with_its_derivatives(framework):
    f = framework.function(tape_of(lambda x, y: rules.where(x < y, x * x * y, y), 2))
    xs, ys = [1.0, 5.0, 3.0], [2.0, 4.0, 9.0]
    by_x, by_y = framework.vmap(framework.grad(f))(framework.array(xs), framework.array(ys))
    assert by_x.tolist() == [4.0, 0.0, 54.0]
    assert by_y.tolist() == [1.0, 1.0, 9.0]
    inner = framework.vmap(lambda x: f(x, framework.array(4.0)))
    assert inner(framework.array(xs)).tolist() == [4.0, 4.0, 36.0]


def test_several_outputs_are_a_tuple_and_their_gradients_add_up(framework):
    builder = Builder(2)
    x, y = builder.inputs
    builder.constant(3.0)
    f = framework.function(builder.tape([x * y, x, 3.0]))
    found = f(framework.array([2.0, 4.0]), framework.array([5.0, 1.0]))
    assert [y.tolist() for y in found] == [[10.0, 4.0], [2.0, 4.0], [3.0, 3.0]]

    def total(x, y):
        a, b, _ = f(x, y)
        return a * a + 2.0 * b

    gradient = framework.grad(total)(framework.array(2.0), framework.array(5.0))
    assert list(map(float, gradient)) == [2 * 10 * 5 + 2, 2 * 10 * 2]


def test_the_derivative_by_one_input_alone(framework):
    f = framework.function(tape_of(lambda x, y: rules.sqrt(x) + x * y, 2))
    by_y = framework.grad(lambda y: f(framework.array(0.0), y))(framework.array(3.0))
    assert float(by_y[0]) == 0.0
    change = framework.jvp(
        lambda y: f(framework.array(0.0), y), [framework.array(3.0)], [framework.array(1.0)]
    )
    assert float(change) == 0.0


def test_a_tape_without_inputs_is_a_number(framework):
    builder = Builder(0)
    builder.constant(2.5)
    assert float(framework.function(builder.tape([2.5]))()) == 2.5


# --- What the frameworks' own derivatives get wrong -----------------------------------------------


def test_the_branch_not_taken_leaks_no_nan(framework):
    f = framework.function(tape_of(lambda x: rules.where(x > 0, rules.log(x), 2.0 * x), 1))
    f_root = framework.function(tape_of(lambda x: rules.where(x > 0, rules.sqrt(x), 0.0), 1))
    for at in (-1.0, 0.0):
        assert float(framework.grad(f)(framework.array(at))[0]) == 2.0
        assert float(framework.grad(f_root)(framework.array(at))[0]) == 0.0


def test_a_gradient_that_is_0_by_chance_still_changes(framework):
    """Where x - 1 is 0, it is what log(x) receives, and its derivative is 1."""
    f = framework.function(tape_of(lambda x: (x - 1.0) * rules.log(x), 1))
    ((found,),) = framework.hessian(f, [framework.array(1.0)])
    assert float(found) == 2.0
    slope = framework.grad(lambda x: framework.grad(f)(x)[0])(framework.array(1.0))
    assert float(slope[0]) == 2.0


@pytest.mark.parametrize("at", [37.0, -700.0])
def test_tails_keep_their_digits(framework, at):
    f = framework.function(tape_of(rules.sigmoid, 1))
    found = float(framework.grad(f)(framework.array(at))[0])
    assert found == pytest.approx(rules.logistic_pdf(at), rel=1e-12)


# --- Guards, calls back into Python ---------------------------------------------------------------


def test_another_path_is_nan_and_so_are_its_derivatives(framework):
    builder = Builder(1)
    (x,) = builder.inputs
    guards = [Guard((x < 1.0).slot, True), Guard((x < -1.0).slot, False)]
    f = framework.function(builder.tape([x * x], guards))
    found = f(framework.array([-2.0, 0.5, 2.0])).tolist()
    assert (found[1], [y != y for y in found]) == (0.25, [True, False, True])
    slopes = [float(framework.grad(f)(framework.array(at))[0]) for at in (-2.0, 0.5, 2.0)]
    assert (slopes[1], [y != y for y in slopes]) == (1.0, [True, False, True])


def test_what_has_no_kernel_is_called_back(framework):
    @primitive(lambda g, y, x: g * 3.0 * x * x, name="cubed_of_test_frameworks")
    def cubed(x):
        return x**3

    try:
        f = framework.function(tape_of(lambda x: rules.lgamma(x) + cubed(x), 1))
        xs = framework.array([[0.5, 4.0]])
        expected = [[rules.lgamma(x) + cubed(x) for x in (0.5, 4.0)]]
        assert close(f(xs)[0], expected[0], 1e-12)
        slope = framework.grad(lambda x: f(x).sum())(xs)[0]
        assert close(slope[0], [rules.digamma(x) + 3 * x * x for x in (0.5, 4.0)], 1e-12)
    finally:
        del RULES[cubed.name]


def test_a_rule_that_decides_in_python_is_called_back(framework):
    @primitive(lambda g, y, x: g * (2.0 * x if x > 0 else 0.0), name="square_of_test_frameworks")
    def square(x):
        return x * x if x > 0 else 0.0

    try:
        f = framework.function(tape_of(lambda x: 2.0 * square(x), 1))
        slopes = framework.grad(lambda x: f(x).sum())(framework.array([3.0, -1.0]))[0]
        assert slopes.tolist() == [12.0, 0.0]
    finally:
        del RULES[square.name]


# --- One framework's own --------------------------------------------------------------------------


def test_jax_compiles_it_and_differentiates_in_all_combinations():
    jax = Jax().jax
    f = to_jax(tape_of(lambda x, y: rules.tanh(x) * y * y, 2))
    assert float(jax.jit(f)(0.0, 2.0)) == 0.0
    assert float(jax.jit(jax.grad(f))(0.0, 2.0)) == 4.0
    for first in (jax.jacfwd, jax.jacrev):
        for second in (jax.jacfwd, jax.jacrev):
            assert float(jax.jit(second(first(f), 1))(0.0, 2.0)) == 4.0
    y, push = jax.linearize(f, 0.0, 2.0)
    assert (float(y), float(push(1.0, 0.0))) == (0.0, 4.0)
    _, pull = jax.vjp(f, 0.0, 2.0)
    assert list(map(float, pull(2.0))) == [8.0, 0.0]


def test_jax_calls_back_from_compiled_code():
    jax = Jax().jax
    f = to_jax(tape_of(rules.lgamma, 1))
    found = jax.jit(jax.vmap(jax.grad(f)))(jax.numpy.array([1.0, 2.0, 3.5]))
    assert close(found, map(rules.digamma, [1.0, 2.0, 3.5]), 1e-12)


def test_jax_has_to_compute_in_64_bits():
    jax = Jax().jax
    tape = tape_of(lambda x: x * x, 1)
    f = to_jax(tape)
    jax.config.update("jax_enable_x64", False)
    try:
        for call in (lambda: f(1.0), lambda: to_jax(tape)):
            with pytest.raises(ValueError, match=r'jax.config.update\("jax_enable_x64", True\)'):
                call()
    finally:
        jax.config.update("jax_enable_x64", True)


def test_torch_accumulates_into_leaves_and_checks_it():
    torch = Torch().torch
    f = to_torch(tape_of(lambda x, y: rules.hypot(x, y) * rules.exp(x), 2))
    x = torch.tensor([1.0, 3.0], requires_grad=True)  # float32, as it comes
    f(x, 2.0).sum().backward()
    assert x.grad.dtype == torch.float32
    doubles = [torch.tensor(at, dtype=torch.float64, requires_grad=True) for at in (0.5, 2.0)]
    assert torch.autograd.gradcheck(f, doubles, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, doubles)


# --- Errors ---------------------------------------------------------------------------------------


def test_the_number_of_arguments_is_checked(framework):
    f = framework.function(tape_of(lambda x, y: x * y, 2))
    with pytest.raises(TypeError, match=r"the tape has 2 input\(s\), got 1 argument\(s\)"):
        f(1.0)
    assert "2 inputs" in f.__doc__


@pytest.mark.parametrize(
    ("function", "library", "hint"),
    [
        (to_jax, "jax", "to_jax needs JAX: pip install jax"),
        (to_torch, "torch", "to_torch needs PyTorch: pip install torch"),
    ],
)
def test_a_framework_that_is_missing_is_named(monkeypatch, function, library, hint):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=hint):
        function(tape_of(lambda x: x * x, 1))
    with pytest.raises(TypeError, match=r"tape must be a Tape, not 3 \(int\)"):
        function(3)
