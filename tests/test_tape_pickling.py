"""Compiled functions that travel: to other processes, with what they have recorded."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

from autograd_scalar import Value, jit
from autograd_scalar.tape import backends

factor = 3.0


@jit
def decorated(x):
    return factor * x if x > 0 else -x


def plain(x):
    return factor * x if x > 0 else -x


@pytest.mark.parametrize("make", [lambda: decorated, lambda: jit(plain)])
def test_a_compiled_function_travels_with_its_recordings(make, monkeypatch):
    fast = make()
    assert (fast(2.0), fast(-1.0)) == (6.0, 1.0)
    twin = pickle.loads(pickle.dumps(fast))
    assert twin is not fast
    (signature,) = twin._signatures.values()
    assert len(signature.paths) == 2
    monkeypatch.setattr(twin, "_recorded", None)
    assert (twin(4.0), twin(-5.0), twin.value_and_grad(4.0)) == (12.0, 5.0, (12.0, 3.0))


def test_recordings_from_where_numbers_are_others_are_not_taken(monkeypatch):
    fast = jit(plain)
    fast(2.0)
    sent = pickle.dumps(fast)
    monkeypatch.setitem(globals(), "factor", 7.0)
    assert pickle.loads(sent)(2.0) == 14.0
    assert pickle.loads(pickle.dumps(fast))(2.0) == 14.0  # recorded with 3.0


w = Value(2.0)
holder = SimpleNamespace(inside=w)


def uses_w(x):
    return w * x


def uses_holder(x):
    return holder.inside * x


@pytest.mark.parametrize("f", [uses_w, uses_holder])
def test_a_compiled_function_uses_the_values_of_where_it_arrives(f, monkeypatch):
    monkeypatch.setattr(w, "data", 2.0)
    fast = jit(f)
    assert fast(3.0) == 6.0
    twin = pickle.loads(pickle.dumps(fast))
    w.data = 5.0
    assert twin(3.0) == 15.0


def test_options_travel(monkeypatch):
    fast = jit(plain, "python", passes=["fold"], contract=True, check=False, max_paths=3)
    twin = pickle.loads(pickle.dumps(fast))
    for name in ("backend", "passes", "contract"):
        assert getattr(twin._options, name) == getattr(fast._options, name)
    assert (twin._check, twin._max_paths, twin.__name__) == (False, 3, "plain")


@pytest.mark.skipif(not backends.native_available(), reason="needs llvmlite")
def test_native_is_python_where_it_is_not_installed(monkeypatch):
    sent = pickle.dumps(jit(plain, "native"))
    monkeypatch.setattr(backends, "native_available", lambda: False)
    with pytest.warns(RuntimeWarning, match="'native' is not installed in this process"):
        twin = pickle.loads(sent)
    assert twin(2.0) == 6.0
    assert twin._options.backend == "python"


def test_a_compiled_function_runs_in_another_process():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        for fast in (decorated, jit(plain)):
            assert executor.submit(fast, 2.0).result() == 6.0


def test_deep_copies_are_their_own():
    fast = jit(plain)
    fast(2.0)
    assert copy.deepcopy(fast)(3.0) == 9.0
