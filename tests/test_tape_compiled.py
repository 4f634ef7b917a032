"""``jit``: what a compiled function gives, on every backend, whatever Python decides in it."""

import math
import random
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_scalar
from autograd_scalar import (
    Value,
    dot,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jit,
    jvp,
    log,
    no_grad,
    primitive,
    sin,
    softmax,
    tanh,
    value_and_grad,
    where,
)
from autograd_scalar.rules import detach
from autograd_scalar.tape import backends
from autograd_scalar.tape.backends import NAMES, native_available
from autograd_scalar.tape.recording import RecordingError
from tests import branching

BACKENDS = [name for name in NAMES if name != "native" or native_available()]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


# --- What it gives --------------------------------------------------------------------------------


def energy(p, x):
    return tanh(p["w"][0] * x[0] + p["w"][1] * x[1]) * exp(p["b"]) + x[0] ** 2


PARAMETERS, INPUTS = {"w": [0.5, -1.5], "b": 0.25}, (0.75, -0.5)


@pytest.mark.parametrize("wrt", [0, 1, (0, 1), (1, 0), (1,), -1])
def test_derivatives_are_those_of_the_transforms(backend, wrt):
    fast = jit(energy, backend)
    for shift in (0.0, 0.5, 1.0):
        p = {"w": [0.5 + shift, -1.5], "b": 0.25}
        assert fast(p, INPUTS) == pytest.approx(energy(p, INPUTS), rel=1e-14)
        for found, right in (
            (fast.value_and_grad, value_and_grad),
            (fast.jacobian, jacobian),
            (fast.hessian, hessian),
        ):
            same_nesting(found(p, INPUTS, wrt=wrt), right(energy, wrt)(p, INPUTS))


def same_nesting(found, right):
    if isinstance(right, np.ndarray):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-14)
        assert found.shape == right.shape
    elif isinstance(right, dict):
        assert list(found) == list(right)
        for key in right:
            same_nesting(found[key], right[key])
    elif isinstance(right, (list, tuple)):
        assert type(found) is type(right) and len(found) == len(right)
        for a, b in zip(found, right, strict=True):
            same_nesting(a, b)
    else:
        assert type(found) is float
        assert found == pytest.approx(right, rel=1e-12, abs=1e-14)


def test_hessian_times_a_vector(backend):
    tangent = {"w": [1.0, 2.0], "b": -1.0}
    found = jit(energy, backend).hvp(PARAMETERS, INPUTS, tangent=tangent)
    right = hvp(lambda p: energy(p, INPUTS), (PARAMETERS,), (tangent,))
    same_nesting(found, right)


@pytest.mark.parametrize(
    "args",
    [
        (2.0, 3.0),
        ([2.0], (3.0, [4.0, 5.0])),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), {"b": 1.0, "a": np.array(2.0)}),
        ([[1.0, 2.0]] * 5, [[[1.0]]]),
        ([], 1.0),
    ],
)  # fmt: skip
def test_any_nesting_comes_in_and_goes_out(backend, args):
    def f(a, b):
        return {"b": b, "twice": [a, a]}

    fast = jit(f, backend)
    for _ in range(3):
        right = f(*args)
        found = fast(*args)
        same_nesting(found, right)


def test_numbers_of_any_kind_are_floats():
    fast = jit(lambda x, y: x / y)
    for x in (1, True, np.float32(1), np.int64(1), Value(1.0)):
        assert fast(x, 2) == 0.5
        assert type(fast(x, 2)) is float


def test_arguments_of_another_nesting_are_recorded_anew():
    fast = jit(lambda xs: dot(xs, xs))
    assert [fast([1.0] * n) for n in (1, 2, 3, 2, 1)] == [1.0, 2.0, 3.0, 2.0, 1.0]
    assert fast((2.0,)) == 4.0
    assert fast(np.array([2.0, 3.0])) == 13.0


def test_keys_of_a_dict_may_come_in_any_order():
    fast = jit(lambda p: p["a"] - p["b"])
    assert fast({"a": 3.0, "b": 1.0}) == fast({"b": 1.0, "a": 3.0}) == 2.0


def test_ieee_results_where_python_raises(backend):
    fast = jit(lambda x: 1.0 / x + log(x), backend)
    assert fast(2.0) == 0.5 + math.log(2.0)
    assert math.isnan(fast(0.0))
    assert jit(lambda x: exp(x) / x, backend)(1e4) == math.inf
    assert jit(lambda x: log(x), backend).value_and_grad(0.0) == (-math.inf, math.inf)


def test_the_branch_not_taken_leaks_nothing(backend):
    fast = jit(lambda x: where(x > 0, log(x), 2.0 * x), backend)
    assert fast.value_and_grad(0.0) == (0.0, 2.0)
    assert fast.value_and_grad(1.0) == (0.0, 1.0)
    assert fast.value_and_grad(-3.0) == (-6.0, 2.0)


def test_values_from_outside_are_read_in_every_call(backend):
    w = Value(2.0)
    fast = jit(lambda x: w * x * x, backend)
    assert fast(3.0) == 18.0
    w.data = 5.0
    assert fast(3.0) == 45.0
    assert fast.value_and_grad(3.0, wrt=[w]) == (45.0, [9.0])
    unused = Value(1.0)
    assert fast.value_and_grad(3.0, wrt={"w": w, "u": unused}) == (45.0, {"w": 9.0, "u": 0.0})
    assert fast.value_and_grad(3.0) == (45.0, 30.0)


def test_a_parameter_inside_of_a_graph_from_outside():
    w = Value(2.0)
    shared = w * w
    fast = jit(lambda x: shared * x)
    assert fast.value_and_grad(3.0, wrt=[w]) == (12.0, [12.0])


def test_transforms_inside_of_a_compiled_function(backend):
    def force(x):
        return -grad(lambda x: sin(x) * x)(x)

    fast = jit(force, backend)
    assert fast(0.5) == pytest.approx(force(0.5), rel=1e-14)
    assert fast.value_and_grad(0.5)[1] == pytest.approx(grad(force)(0.5), rel=1e-12)


def test_a_compiled_function_inside_of_another_and_of_transforms(backend):
    square = jit(lambda x: x * x, backend)
    outer = jit(lambda x: square(x) + square(2.0 * x), backend)
    assert outer.value_and_grad(3.0) == (45.0, 30.0)
    assert jvp(square, (3.0,), (1.0,)) == (9.0, 6.0)


def test_as_a_decorator():
    @jit
    def documented(x):
        """What it does."""
        return x

    assert (documented.__name__, documented.__doc__) == ("documented", "What it does.")
    assert documented(1.0) == 1.0


# --- Decisions ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9))
@pytest.mark.parametrize("name", BACKENDS)
def test_decisions_are_never_frozen(name, seed):
    f = branching.random_function(seed)
    fast = jit(f, name)
    for numbers in branching.inputs(seed, 6):
        leaves = [Value(x) for x in numbers]
        y = f(*leaves)
        y.backward()
        value, gradient = fast.value_and_grad(*numbers, wrt=(0, 1, 2))
        slopes = tuple(leaf.grad for leaf in leaves)
        assert value == pytest.approx(y.data, rel=1e-12, abs=1e-14, nan_ok=True)
        assert gradient == pytest.approx(slopes, rel=1e-9, abs=1e-12, nan_ok=True)


def paths(fast):
    return sum(len(signature.paths) for signature in fast._signatures.values())


def test_each_path_is_recorded_once(backend):
    calls = []

    def f(x):
        calls.append(x)
        return x if x > 0 else (-x if x > -1 else x * x)

    fast = jit(f, backend, check=False)
    for _ in range(3):
        assert [fast(x) for x in (2.0, -0.5, -3.0)] == [2.0, 0.5, 9.0]
    assert len(calls) == paths(fast) == 3


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: max(x, y) - min(x, y),
        lambda x, y: sorted([x, y, 0.5 * x], key=lambda v: -v)[0],
        lambda x, y: [x, y][int(x < y)] * 2.0,
        lambda x, y: (x > y) * x + (x <= y) * y,
        lambda x, y: x if not x < y else y,
        lambda x, y: x if (x > 0) & (y > 0) else y,
        lambda x, y: x if (x > 0) | (y > 0) else -y,
        lambda x, y: x if (x > 0) ^ (y > 0) else -y,
        lambda x, y: x * float(x > y),
        lambda x, y: where(x > y, x, y),
        lambda x, y: abs(x) * sum(v > 0 for v in (x, y)),
    ],
)
def test_every_way_to_decide(backend, f):
    fast = jit(f, backend)
    for x, y in [(1.0, 2.0), (2.0, 1.0), (-1.0, -2.0), (1.0, -2.0), (-1.0, 2.0), (1.0, 1.0)]:
        y_eager = f(Value(x), Value(y))
        assert fast(x, y) == getattr(y_eager, "data", y_eager), (x, y)


def test_a_condition_that_no_one_asks_is_no_guard(backend):
    fast = jit(lambda x: where(x > 0, x, -x), backend)
    assert [fast(x) for x in (1.0, -2.0, 3.0)] == [1.0, 2.0, 3.0]
    assert paths(fast) == 1


def test_a_failed_assertion_is_raised_again_and_again(backend):
    def f(x):
        assert x > 0, "positive only"
        return x

    fast = jit(f, backend)
    assert fast(1.0) == 1.0
    for _ in range(2):
        with pytest.raises(AssertionError, match="positive only"):
            fast(-1.0)
    assert fast(2.0) == 2.0


def test_nan_is_neither_less_nor_more(backend):
    fast = jit(lambda x: 1.0 if x > 0 else (2.0 if x <= 0 else 3.0), backend)
    assert [fast(x) for x in (1.0, -1.0, math.nan, 1.0)] == [1.0, 2.0, 3.0, 1.0]


def test_softmax_subtracts_the_largest_of_each_call(backend):
    fast = jit(softmax, backend)
    fast([1.0, 2.0, 3.0])
    assert fast([1000.0, 1000.0, 0.0]) == [0.5, 0.5, 0.0]


def test_detached_numbers_are_computed_and_have_no_derivative(backend):
    for f in (
        lambda x: x * detach(x),
        lambda x: x * x.detach(),
    ):
        fast = jit(f, backend)
        assert fast.value_and_grad(3.0) == (9.0, 3.0)
        assert fast.value_and_grad(4.0) == (16.0, 4.0)

    def without_gradient(x):
        with no_grad():
            square = x * x
        return x * square

    fast = jit(without_gradient, backend)
    assert fast.value_and_grad(3.0) == (27.0, 9.0)
    assert fast.value_and_grad(1.0) == (1.0, 1.0)


def test_more_paths_than_are_kept_are_forgotten_with_a_warning():
    def f(x):
        steps = 0
        while x > 1:
            x = x - 1
            steps += 1
        return x

    fast = jit(f, max_paths=5)
    with pytest.warns(
        UserWarning, match=r"more than 5 paths.*branches most at .*test_tape_compiled"
    ):
        for n in range(20):
            assert fast(n + 0.5) == 0.5
    assert paths(fast) <= 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it was said once
        assert [fast(n + 0.5) for n in range(20)] == [0.5] * 20


# --- What is not in the graph ---------------------------------------------------------------------

_factor = 2.0


def test_a_variable_outside_that_changed_is_noticed(backend):
    global _factor
    _factor = 2.0
    inner = [1.0, {"a": 3.0}]
    k = 10.0

    def helper(x):
        return x * k

    def f(x, bias=0.0):
        return helper(x) * _factor + inner[0] + inner[1]["a"] + bias

    fast = jit(f, backend)
    assert fast(1.0) == 24.0
    _factor = 3.0
    assert fast(1.0) == 34.0
    inner[0] = 2.0
    inner[1]["a"] = 5.0
    assert fast(1.0) == 37.0
    k = 20.0
    assert fast(1.0) == 67.0


def line_of(function, offset=1):
    return f"line {function.__code__.co_firstlineno + offset}"


def reads_data(x):
    return x * x.data


def draws(x):
    return x + random.random()


def asks_numpy(x):
    return x + float(np.sin(x.data))


def rounds(x):
    return x - round(x)


@pytest.mark.parametrize("f", [reads_data, draws, asks_numpy, rounds])
def test_a_number_from_outside_of_the_graph_is_found_at_the_next_call(backend, f):
    fast = jit(f, backend)
    fast(1.25)
    with pytest.raises(RecordingError) as error:
        fast(2.75)
    assert line_of(f) in str(error.value)
    assert "detach(x)" in str(error.value)
    jit(f, backend, check=False)(1.0)


def test_a_decision_by_a_number_from_outside_of_the_graph_is_found():
    fast = jit(lambda x: x * x if x.data > 0 else x)
    fast(1.0)
    with pytest.raises(RecordingError, match="another program"):
        fast(-1.0)
    guarded = jit(lambda x, y: (x if y > 0 else -x) if x.data > 0 else (x if y > 1 else -x))
    guarded(1.0, 2.0)
    with pytest.raises(RecordingError):
        guarded(-1.0, 2.0)


def test_an_argument_that_is_overwritten():
    def f(x):
        x.data = 3.0
        return x

    with pytest.raises(RecordingError, match="overwrote"):
        jit(f)(1.0)


def test_an_operation_wired_by_hand():
    def f(x):
        y = Value(x.data * 2, (x,), "twice")
        return y + 1

    with pytest.raises(RecordingError, match="wired by hand"):
        jit(f)(1.0)


@primitive(lambda g, y, x: g if x > 0 else 3 * g)
def bent_in_python(x: float) -> float:
    return x if x > 0 else 3 * x


def test_a_primitive_of_ones_own(backend):
    fast = jit(lambda x: bent_in_python(x) * 2.0, backend)
    assert [fast.value_and_grad(x) for x in (1.0, -1.0)] == [(2.0, 2.0), (-6.0, 6.0)]


# --- Threads --------------------------------------------------------------------------------------


def test_threads_share_a_compiled_function(backend):
    fast = jit(lambda x, y: (x * y if x > y else x + y) * exp(-x), backend)
    wrong = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(50):
            x, y = rng.uniform(-2, 2), rng.uniform(-2, 2)
            right = (x * y if x > y else x + y) * math.exp(-x)
            if not math.isclose(fast(x, y), right, rel_tol=1e-14):
                wrong.append((x, y))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- Bad input ------------------------------------------------------------------------------------

PLAIN = jit(lambda x, y: x * y)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: jit(3), TypeError, "jit: f must be a function, not 3"),
        (lambda: jit(abs, "cuda"), ValueError, "no backend 'cuda': they are auto, python, native"),
        (lambda: jit(abs, passes=["x"]), ValueError, "no pass 'x'"),
        (lambda: jit(abs, max_paths=0), ValueError, "max_paths must be an int of at least 1"),
        (lambda: jit(abs, max_paths=True), ValueError, "max_paths"),
        (lambda: PLAIN("text", 1.0), TypeError, "argument 0 must be a number or a list"),
        (lambda: PLAIN(1.0, [None]), TypeError, r"argument 1\[0\] must be"),
        (lambda: PLAIN(1.0), TypeError, "missing 1 required positional argument"),
        (lambda: PLAIN.value_and_grad(1.0, 2.0, wrt=2), IndexError, "no argument 2, of 2"),
        (lambda: PLAIN.value_and_grad(1.0, 2.0, wrt=(0, 0)), ValueError, "an argument twice"),
        (lambda: PLAIN.value_and_grad(1.0, 2.0, wrt="x"), TypeError, "wrt must be the position"),
        (lambda: PLAIN.value_and_grad(1.0, 2.0, wrt=True), TypeError, "wrt must be the position"),
        (lambda: PLAIN.hvp(1.0, 2.0, tangent=[1.0]), ValueError, "tangent must be a number"),
        (lambda: jit(lambda x: [x])(1.0) and jit(lambda x: [x]).value_and_grad(1.0), TypeError,
         "must give one number, not a list of 1"),
        (lambda: jit(lambda x: "text")(1.0), TypeError, "the result of the function must be"),
    ],
)  # fmt: skip
def test_bad_input_is_told_at_the_boundary(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_backend_that_is_not_installed_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr("autograd_scalar.tape.backends.native_available", lambda: False)
    with pytest.raises(ImportError, match=r'pip install "autograd_scalar\[native\]"'):
        jit(abs, "native")
    fast = jit(lambda x: x * x)
    assert fast.value_and_grad(3.0) == (9.0, 6.0)
    assert fast.batch(np.arange(3.0), batched=0).tolist() == [0.0, 1.0, 4.0]


def test_the_package_imports_nothing_of_it():
    assert autograd_scalar.jit is jit


@pytest.mark.slow
@pytest.mark.skipif(not native_available(), reason="needs the native extra")
def test_wide_programs_run_as_vector_loops_of_whatever_size(monkeypatch):
    from autograd_scalar.tape.native.straight import Scalar
    from autograd_scalar.tape.native.wide import Wide

    def curve(xs):
        return sum(x * x * x - x for x in xs)

    def chain(xs):
        y = xs[0]
        for x in xs:
            y = y * x + 1.0
        return y

    def run_by(fast):
        return next(iter(fast._path.programs.values())).run

    xs = [0.0003 * k for k in range(3_000)]
    for limit in (10, 100_000):
        monkeypatch.setattr(backends, "COMPILABLE", limit)
        expected = jit(curve, "python").value_and_grad(xs)
        fast = jit(curve, "native")
        assert fast.value_and_grad(xs) == expected
        assert isinstance(run_by(fast), Wide)
        fast = jit(chain, "native")
        assert fast.value_and_grad(xs) == jit(chain, "python").value_and_grad(xs)
        assert isinstance(run_by(fast), Scalar) == (limit > 10)
        assert not isinstance(run_by(fast), Wide)
        monkeypatch.setattr(backends, "seconds_to_compile", lambda nodes: 0.0)
        fast = jit(curve, "auto")
        for _ in range(3):
            assert fast.value_and_grad(xs) == expected
        assert isinstance(run_by(fast), Wide)
    monkeypatch.setattr(backends, "WIDEST", 10)
    monkeypatch.setattr(backends, "COMPILABLE", 10)
    for name in ("native", "auto"):
        fast = jit(curve, name)
        for _ in range(3):
            assert fast.value_and_grad(xs) == expected
        assert not isinstance(run_by(fast), Scalar)
