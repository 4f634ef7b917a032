"""Calls in machine code give what the careful way gives, to the bit, and let others take it."""

import copy
import gc
import inspect
import itertools
import math
import pickle
import sys
import threading
import tracemalloc
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from autograd_scalar import Value, jit, log
from autograd_scalar.nesting import flatten
from autograd_scalar.tape.native import calls

NAMES = ["b", "a", "long name", 3]

# --- Nestings -------------------------------------------------------------------------------------

leaves = st.one_of(
    st.just("number"), st.lists(st.integers(0, 3), max_size=3).map(lambda n: ("array", tuple(n)))
)
nestings = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: ("list", items)),
        st.lists(inner, max_size=3).map(lambda items: ("tuple", items)),
        st.lists(inner, max_size=3).map(lambda items: ("dict", items)),
        st.tuples(inner, st.integers(0, 5)).map(lambda pair: ("list", [pair[0]] * pair[1])),
    ),
    max_leaves=8,
)


def numbers_nested(kind: Any, random: np.random.Generator) -> Any:
    if kind == "number":
        return float(random.normal())
    name, inside = kind
    if name == "array":
        return random.normal(size=inside)
    items = [numbers_nested(item, random) for item in inside]
    if name == "dict":
        return dict(zip(NAMES, items, strict=False))
    return items if name == "list" else tuple(items)


def same(a: Any, b: Any) -> bool:
    """Of one type all through, one order of keys, and the same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return repr(a) == repr(b)


def numbers_of(nested: Any) -> list[Any]:
    return flatten(nested, "x")[0]


def cubic(x: Any, y: Any) -> Any:
    """A number that depends on each number of both in another way."""
    total = 0.5
    for place, number in enumerate([*numbers_of(x), *numbers_of(y)]):
        total = total * 0.9 + (place - 2.5) * number * number + number * total * 0.1
    return total


def twofold(x: Any, y: Any) -> Any:
    """Both again, with other numbers in them."""
    numbers, nesting = flatten([x, y], "x")
    return nesting.fill([a * b - 0.5 * a for a, b in zip(numbers, numbers[::-1], strict=True)])


def called(fast: Any, way: str, x: Any, y: Any) -> Any:
    if way == "value":
        return fast(x, y)
    if way == "hvp":
        return fast.hvp(x, y, tangent=x)
    method, _, place = way.partition(" ")
    return getattr(fast, method)(x, y, **({"wrt": eval(place)} if place else {}))


SINGLE = [
    "value", "value_and_grad", "value_and_grad 1", "value_and_grad (1, 0)", "value_and_grad -1",
    "hessian", "hessian 1", "hvp",
]  # fmt: skip
SEVERAL = ["value", "jacobian", "jacobian 1", "jacobian (0, 1)"]


@settings(deadline=None, max_examples=60)
@given(
    nestings,
    nestings,
    st.integers(0, 2**32),
    st.sampled_from([(cubic, way) for way in SINGLE] + [(twofold, way) for way in SEVERAL]),
)
def test_any_nesting_is_taken_apart_and_put_together_as_in_python(one, other, seed, what):
    f, way = what
    random = np.random.default_rng(seed)
    fast, slow = jit(f, "native"), jit(f, "python")
    for _ in range(3):
        x, y = numbers_nested(one, random), numbers_nested(other, random)
        expected = called(slow, way, x, y)
        for _ in range(2):
            assert same(called(fast, way, x, y), expected)


def banded(x: Any) -> Any:
    """Its matrices are zeros but for a band, in which there are constants, and the corners."""
    return np.array([*[3.0 * a + b * b for a, b in itertools.pairwise(x)], x[0] * x[-1]])


def banded_with_a_guard(x: Any) -> Any:
    return banded(x) if x[0] > 0.0 else banded(2.0 * x)


@pytest.mark.parametrize("f", [banded, banded_with_a_guard])
@pytest.mark.parametrize("what", ["jacobian", "hessian"])
def test_matrices_of_few_numbers(f, what, monkeypatch):
    def asked(x):
        return f(x) if what == "jacobian" else f(x).sum()

    fast, slow = jit(asked, "native"), jit(asked, "python")
    random = np.random.default_rng(0)
    points = [abs(random.normal(size=9)) for _ in range(5)]
    expected = [getattr(slow, what)(x) for x in points]
    for x in points[:2]:
        getattr(fast, what)(x)
    monkeypatch.setattr(type(fast), "_run", None)  # what replays with care
    found = [getattr(fast, what)(x) for x in points]
    assert all(map(same, found, expected))


@pytest.mark.parametrize("way", [way for way in SINGLE if way != "hessian 1"])
def test_the_second_call_at_other_numbers_is_machine_codes_alone(way, monkeypatch):
    fast = jit(cubic, "native")
    points = [([1.0 * k, 2.0], {"a": (3.0, np.array([k + 1.0]))}) for k in range(4)]
    expected = [called(jit(cubic, "python"), way, x, y) for x, y in points]
    for x, y in points[:2]:
        called(fast, way, x, y)
    monkeypatch.setattr(type(fast), "_run", None)  # what replays with care
    for (x, y), result in zip(points, expected, strict=True):
        assert same(called(fast, way, x, y), result)


def test_a_recording_that_was_not_checked_is_replayed_at_its_own_numbers_only():
    fast = jit(lambda x: x.data * x if isinstance(x, Value) else x * x, "native")
    assert [fast(2.0), fast(2.0), fast(2.0)] == [4.0] * 3
    with pytest.raises(Exception, match=r"\.data"):
        fast(3.0)


# --- Other arguments ------------------------------------------------------------------------------


def total(x: Any) -> Any:
    return sum((k + 1) * number * number for k, number in enumerate(numbers_of(x)))


def warm(f: Any, x: Any) -> Any:
    """Compiled, checked at other numbers, and ready to take nestings like this in machine code."""
    fast = jit(f, "native")
    numbers, nesting = flatten(x, "x")
    for factor in (1.0, 2.0):
        fast.value_and_grad(nesting.fill([factor * number + factor for number in numbers]))
    assert inspect.isbuiltin(fast.value_and_grad)
    return fast


class Half(float):
    """A float of another class is one."""


@pytest.mark.parametrize(
    "x",
    [
        [1, 2.0, 3.0], [True, 2.0, 3.0], [1.0, 2.0, 10**30], [np.float64(1.0), 2.0, 3.0],
        [np.float32(0.1), 2.0, 3.0], [np.int64(4), 2.0, 3.0], [Half(0.5), 2.0, 3.0],
        [Value(1.5), 2.0, 3.0], [-0.0, math.inf, 5e-324], (1.0, 2.0, 3.0), [1.0, 2.0],
        [1.0, 2.0, 3.0, 4.0], [1.0, [2.0, 3.0]], [[1.0, 2.0, 3.0]], {"a": 1.0}, 2.0, [], {},
        np.ones(3), np.ones(3, np.float32), np.ones(3, int), np.ones((3, 1)), np.array(2.0),
        np.arange(6.0)[::2], np.ones((2, 3)).T, np.asfortranarray(np.ones((2, 3))),
        np.frombuffer(bytes(25)[1:], float), np.ones(3, ">f8"), np.array([1.0, 2, 3], object),
        OrderedDict(a=1.0, b=2.0), {"b": 1.0, "a": 2.0}, {"a": 1.0, "b": 2.0},
    ],
    ids=repr,
)  # fmt: skip
def test_other_arguments_than_those_before_get_what_they_should(x):
    expected = jit(total, "python").value_and_grad(x)
    for before in ([1.0, 2.0, 3.0], np.zeros(3), {"a": 0.5, "b": 1.0}, np.ones((2, 3)), 1.0):
        fast = warm(total, before)
        for _ in range(3):
            assert same(fast.value_and_grad(x), expected)


@pytest.mark.parametrize("x", ["1.0", ["1.0", 2.0], [None, 1.0], [1j, 1.0], None, [10**400, 1.0]])
def test_what_is_no_number_is_refused_as_ever(x):
    fast = warm(total, [1.0, 2.0])
    with pytest.raises((TypeError, OverflowError)) as careful:
        jit(total, "native").value_and_grad(x)
    with pytest.raises(type(careful.value), match="^" + ".*"):
        fast.value_and_grad(x)
    assert fast.value_and_grad([1.0, 2.0]) == (9.0, [2.0, 8.0])


def test_another_number_of_arguments_is_recorded_anew():
    fast = jit(lambda *args: sum(args), "native")
    for count in (1, 3, 2, 3, 1):
        for _ in range(3):
            assert fast(*[1.0] * count) == count
            assert fast.value_and_grad(*[2.0] * count) == (2.0 * count, 1.0)


def test_wrt_by_name_and_wrong_ones():
    fast = jit(lambda x, y: x * y, "native")
    for _ in range(3):
        assert fast.value_and_grad(2.0, 3.0) == (6.0, 3.0)
        assert fast.value_and_grad(2.0, 3.0, wrt=0) == (6.0, 3.0)
        assert fast.value_and_grad(2.0, 3.0, wrt=(1, 0)) == (6.0, (2.0, 3.0))
        with pytest.raises(TypeError, match="wrt"):
            fast.value_and_grad(2.0, 3.0, wrt=False)
        with pytest.raises(IndexError, match="no argument 2"):
            fast.value_and_grad(2.0, 3.0, wrt=2)
        with pytest.raises(TypeError, match="unexpected keyword"):
            fast.value_and_grad(2.0, 3.0, by=0)


@pytest.mark.parametrize("wrt", [[0, 1], [1], (), [], 1.0, (1.0,), (True,), np.int64(1), [[0]]])
def test_what_wrt_may_be_is_as_where_python_replays(wrt):
    def asked(fast: Any) -> Any:
        try:
            return fast.value_and_grad(2.0, 3.0, wrt=wrt)
        except (TypeError, ValueError) as error:
            return type(error), str(error)

    fast, slow = jit(lambda x, y: x * y, "native"), jit(lambda x, y: x * y, "python")
    expected = asked(slow)
    for positions in (0, 1, (1,), (0, 1)):
        for x in (1.0, 2.0, 3.0):
            fast.value_and_grad(x, 3.0, wrt=positions)
        for _ in range(2):
            assert asked(fast) == expected


def test_values_that_the_function_does_not_use():
    fast, unused = jit(lambda x: x * x, "native"), Value(2.0)
    for x in (1.0, 2.0, 3.0):
        assert fast.value_and_grad(x, wrt=[unused]) == (x * x, [0.0])
        assert fast.value_and_grad(x, wrt=(unused,)) == (x * x, (0.0,))


# --- Paths, nan, what is around -------------------------------------------------------------------


def folded(x: Any) -> Any:
    """Four paths."""
    for place in range(2):
        if x[place] > 0.0:
            x = [*x[:place], 3.0 * x[place] * x[place], *x[place + 1 :]]
    return x[0] * x[1] if x[0] < x[1] else x[0] - x[1]


def test_paths_alternate():
    random = np.random.default_rng(0)
    fast, slow = jit(folded, "native"), jit(folded, "python")
    for _ in range(200):
        x = random.normal(size=2).tolist()
        assert same(fast.value_and_grad(x), slow.value_and_grad(x))
        assert same(fast(x), slow(x))


def test_the_tape_is_of_the_path_that_was_taken_last():
    fast = jit(lambda x: x + 1.0 if x > 0.0 else x * 2.0 + 1.0, "native")
    for x in (1.0, 2.0, -1.0, -2.0, 3.0, 4.0, -4.0, -5.0):
        fast.value_and_grad(x)
        assert len(fast.tape) == (2 if x > 0.0 else 3)


def test_many_more_paths_than_are_kept():
    def rounds(x: Any, n: Any) -> Any:
        while n > 0.5:
            n, x = n - 1.0, x * 1.5
        return x

    fast = jit(rounds, "native", max_paths=4)
    with pytest.warns(UserWarning, match="more than 4 paths"):
        for _ in range(3):
            for n in range(12):
                assert fast.value_and_grad(2.0, float(n)) == (2.0 * 1.5**n, 1.5**n)


def test_an_exact_zero_that_meets_an_infinity():
    fast = jit(lambda x, y: x * log(y), "native")
    for _ in range(3):
        assert fast.value_and_grad(2.0, 3.0, wrt=1) == (2.0 * math.log(3.0), 2.0 / 3.0)
        assert (
            fast.value_and_grad(0.0, 0.0, wrt=(0, 1))[1]
            == jit(lambda x, y: x * log(y), "python").value_and_grad(0.0, 0.0, wrt=(0, 1))[1]
        )


FACTOR = 2.0


def test_what_the_function_reads_besides(monkeypatch):
    power = [1.0]

    def scaled(x: Any) -> Any:
        return FACTOR * power[0] * x

    fast = jit(scaled, "native")
    for factor in (2.0, 3.0, 2.0):
        monkeypatch.setattr(sys.modules[__name__], "FACTOR", factor)
        for first in (1.0, 5.0):
            power[0] = first
            for x in (1.0, 2.0, 3.0, 4.0):
                assert fast.value_and_grad(x) == (factor * first * x, factor * first)


def test_variables_around_it_are_looked_at_in_machine_code(monkeypatch):
    power = 1.0

    def scaled(x: Any, shift: Any = 0.5, *, by: Any = 1.0) -> Any:
        return FACTOR * power * x * by + shift

    bent = partial(scaled, by=2.0)
    for f, twice in ((scaled, 1.0), (bent, 2.0)):
        fast = jit(f, "native")
        for factor in (2.0, 3.0, float("3.0"), 2.0):
            monkeypatch.setattr(sys.modules[__name__], "FACTOR", factor)
            for power in (1.0, 5.0, float("5.0")):
                for x in (1.0, 2.0, 3.0, 4.0):
                    slope = factor * power * twice
                    assert fast.value_and_grad(x) == (slope * x + 0.5, slope)
                    assert fast(x) == slope * x + 0.5
                assert inspect.isbuiltin(fast.value_and_grad)
    monkeypatch.delattr(sys.modules[__name__], "FACTOR")
    with pytest.raises(NameError, match="FACTOR"):
        fast.value_and_grad(1.0)


def test_values_outside_of_the_arguments():
    w = Value(2.0)
    fast = jit(lambda x: w * x, "native")
    for number in (2.0, 3.0, 4.0):
        w.data = number
        for x in (1.0, 2.0):
            assert fast.value_and_grad(x) == (number * x, number)
            assert fast.value_and_grad(x, wrt=[w]) == (number * x, [x])


def test_inside_of_another_recording_it_is_a_part_of_it():
    inner = jit(lambda x: x * x, "native")
    for x in (1.0, 2.0, 3.0):
        inner(x)
    outer = jit(lambda x: inner(x) + inner(2.0) * x, "native")
    for x in (1.0, 2.0, 3.0):
        assert outer.value_and_grad(x) == (x * x + 4.0 * x, 2.0 * x + 4.0)


def test_a_primitive_that_runs_in_python_is_called_from_python():
    from autograd_scalar import primitive

    @primitive(lambda g, y, x: g * 2.0 * x)
    def squared(x: float) -> float:
        return x * x

    fast = jit(lambda x: squared(x), "native")
    for x in (1.0, 2.0, 3.0, 4.0):
        assert fast.value_and_grad(x) == (x * x, 2.0 * x)
    assert "value_and_grad" not in fast.__dict__


# --- Memory and threads ---------------------------------------------------------------------------


def test_nothing_leaks():
    fast = jit(lambda x: {"a": [x["u"][0] * 2.0, 1.0], "b": (x["v"] * 3.0,)}, "native")
    x = {"u": [1.0, 5.0], "v": np.arange(3.0)}
    others = {"u": [1.0, 5.0], "v": np.arange(4.0)}
    for _ in range(3):
        fast(x)
    replay = fast._ready._known["value"][None][0].call
    things = (None, np.ndarray, np.dtype(float), x["u"], x["v"], x["u"][0], others["v"])
    for result, nested in ((dict, x), (type(None), others)):
        before = [sys.getrefcount(thing) for thing in things]
        for _ in range(1000):
            assert type(replay(nested)) is result
        after = [sys.getrefcount(thing) for thing in things]
        assert all(abs(a - b) < 10 for a, b in zip(before, after, strict=True))
        gc.collect()
        tracemalloc.start()
        for _ in range(1000):
            replay(nested)
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert grown < 2000


def test_a_finalizer_that_calls_the_function_while_it_makes_its_result():
    """The collector runs where a list is made that is not one of Python's 80 spare ones."""
    size = 120
    fast = jit(lambda x: [number * number for number in x], "native")

    def expected(x: list[float]) -> list[list[float]]:
        return [[2.0 * x[i] if i == j else 0.0 for j in range(size)] for i in range(size)]

    one, other = [float(k) for k in range(size)], [7.0] * size
    before, within = expected(one), expected(other)
    for x in (one, other):
        fast.jacobian(x)
    seen = []

    class Trap:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            seen.append(fast.jacobian(other) == within)

    replay = fast.jacobian
    assert inspect.isbuiltin(replay)
    threshold = gc.get_threshold()
    gc.collect()
    gc.disable()
    gc.set_threshold(1, 1000, 1000)
    try:
        for count in range(1, 6):
            Trap()
            gc.enable()
            found = replay(one)
            gc.disable()
            assert len(seen) == count
            assert found == before
    finally:
        gc.enable()
        gc.set_threshold(*threshold)
    assert all(seen)


def test_the_builtin_outlives_the_function_and_the_function_is_not_kept_by_it():
    fast = jit(lambda x: x * x, "native")
    for x in (1.0, 2.0):
        fast.value_and_grad(x)
    builtin = fast.value_and_grad
    del fast
    gc.collect()
    assert builtin(3.0) == (9.0, 6.0)
    assert builtin([3.0][0], wrt=0) == (9.0, 6.0)
    import weakref

    fast = jit(lambda x: x * x, "native")
    gone = weakref.ref(fast)
    for x in (1.0, 2.0):
        fast.value_and_grad(x)
    del fast
    gc.collect()
    assert gone() is None


def test_threads():
    fast = jit(lambda x: [number * 2.0 for number in x], "native")
    fast([1.0] * 100)
    fast([2.0] * 100)
    wrong = []

    def work(number: float) -> None:
        for _ in range(2000):
            if fast([number] * 100) != [2.0 * number] * 100:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_threads_that_begin_together_may_each_load_the_code():
    for _ in range(10):
        calls._library.cache_clear()
        calls._definition.cache_clear()
        fast = jit(lambda x: x * x if x > 0.0 else -x, "native")

        def work(seed: int, fast: Any = fast) -> None:
            random = np.random.default_rng(seed)
            for x in random.normal(size=50).tolist():
                assert fast(x) == (x * x if x > 0.0 else -x)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        gc.collect()
        assert fast(3.0) == 9.0


# --- As a method ----------------------------------------------------------------------------------


def test_the_builtin_looks_like_the_method():
    fast = jit(total, "native")
    before = inspect.signature(fast.value_and_grad), inspect.getdoc(fast.value_and_grad)
    for x in (1.0, 2.0):
        fast.value_and_grad(x)
    assert inspect.isbuiltin(fast.value_and_grad)
    signature, doc = before
    now = inspect.signature(fast.value_and_grad)
    assert list(now.parameters) == list(signature.parameters)
    assert now.parameters["wrt"].default == 0
    assert inspect.getdoc(fast.value_and_grad) == doc


def test_copies_and_pickles_are_functions_of_their_own():
    fast = jit(total, "native")
    for x in (1.0, 2.0):
        fast.value_and_grad([x, 1.0])
    for other in (pickle.loads(pickle.dumps(fast)), copy.copy(fast), copy.deepcopy(fast)):
        assert "value_and_grad" not in other.__dict__
        for x in (1.0, 2.0, 3.0):
            assert other.value_and_grad([x, 1.0]) == (x * x + 2.0, [2.0 * x, 4.0])


@pytest.mark.parametrize("unknown", ["layout_is_known", "_numpy"])
def test_where_objects_look_otherwise_python_takes_them_apart(unknown, monkeypatch):
    def unsupported() -> Any:
        raise calls.Unsupported

    found = (lambda: False) if unknown == "layout_is_known" else unsupported
    monkeypatch.setattr(calls, unknown, found)
    fast = jit(total, "native")
    for x in (1.0, 2.0, 3.0):
        value, gradient = fast.value_and_grad(np.array([x, 1.0]))
        assert value == x * x + 2.0
        assert gradient.tolist() == [2.0 * x, 4.0]
    assert "value_and_grad" not in fast.__dict__
