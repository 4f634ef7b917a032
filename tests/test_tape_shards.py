"""Batches on executors: the same bits on any workers, and nothing lost with those that die."""

import importlib
import os
import pickle
import random
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from multiprocessing import get_context

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_scalar import rules
from autograd_scalar.primitives import RULES
from autograd_scalar.tape import backends, shards
from autograd_scalar.tape.backends import BatchProgram, Options
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.shards import Sharded
from autograd_scalar.tape.variables import Builder

SHARD = 64
EXAMPLES = 1000  # 15 shards and a piece
BACKENDS = [
    "python",
    pytest.param(
        "native",
        marks=pytest.mark.skipif(not backends.native_available(), reason="needs llvmlite"),
    ),
]

DANGEROUS = '''
"""Primitives which do to a worker what can happen to one."""
import multiprocessing, os, time
from pathlib import Path
from autograd_scalar import primitive

@primitive(lambda g, y, x: g)
def mortal(x):
    """Dies once, at 13, where there is a file that says so."""
    flag = Path(os.environ["SHARDS_TEST_FLAG"])
    if x == 13.0 and flag.exists():
        flag.unlink()
        os._exit(1)
    return x

@primitive(lambda g, y, x: g)
def doomed(x):
    """Dies at 13 in every worker."""
    if x == 13.0 and multiprocessing.parent_process() is not None:
        os._exit(1)
    return x

@primitive(lambda g, y, x: g)
def failing(x):
    if x == 13.0:
        raise ValueError("thirteen")
    if x == 14.0:
        raise Unlucky(14, "fourteen")
    return x

@primitive(lambda g, y, x: g)
def slow(x):
    time.sleep(0.001)
    return x

class Unlucky(Exception):
    """An exception that pickle can't bring back: it asks for two arguments, and keeps one."""
    def __init__(self, number, text):
        super().__init__(text)
'''


@pytest.fixture(scope="module")
def dangerous(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dangerous")
    (folder / "dangerous_primitives.py").write_text(DANGEROUS)
    sys.path.insert(0, str(folder))
    known = set(RULES)
    yield importlib.import_module("dangerous_primitives")
    for name in set(RULES) - known:
        del RULES[name]
    del sys.modules["dangerous_primitives"]
    sys.path.remove(str(folder))


@pytest.fixture
def flag(tmp_path, monkeypatch):
    """Tells ``mortal`` to die."""
    path = tmp_path / "die"
    path.touch()
    monkeypatch.setenv("SHARDS_TEST_FLAG", str(path))
    return path


def gradient_tape():
    """A value and its gradient by three weights, to be summed, and by an example, in rows."""
    builder = Builder(5)
    a, b, c, x, y = builder.inputs
    value = rules.tanh(a * x + b * y) + c * rules.sqrt(x * x + 1.0)
    return value_and_gradient(builder.tape([value]), [0, 1, 2, 3])


def sharded(tape=None, *, backend="python", **options):
    options.setdefault("shard", SHARD)
    return Sharded(tape or gradient_tape(), [3, 4], [0, 1, 2, 3], Options(backend), **options)


def on_each(primitive):
    """The sum of a primitive over the one column, and its values in rows."""
    builder = Builder(1)
    y = primitive(builder.inputs[0])
    return Sharded(builder.tape([y, y]), [0], [0], Options("python"), shard=SHARD)


def batch(examples=EXAMPLES):
    return [0.5, -1.25, 2.0], numpy.random.default_rng(0).normal(size=(examples, 2))


def counted(examples=EXAMPLES):
    return numpy.arange(examples, dtype=float)[:, None]


def bits(results):
    return [numpy.ascontiguousarray(array).tobytes() for array in results]


def processes(workers):
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


class Erratic(Executor):
    """Runs tasks in any order, loses some, and notes what it was given."""

    def __init__(self, seed=0, workers=2, losses=0.0, each_time=()):
        self._max_workers = workers
        self._rng = random.Random(seed)
        self._losses = losses
        self._each_time = list(each_time)  # called before tasks
        self._queue = []
        self._change = threading.Condition()
        self._closed = False
        self.tasks, self.futures = [], []
        self.most = 0
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def submit(self, function, /, *args):
        future = Future()
        with self._change:
            self._queue.append((future, function, args))
            self.tasks.append(args)
            self.futures.append(future)
            self.most = max(self.most, len(self._queue))
            self._change.notify()
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join()

    def _work(self):
        while True:
            with self._change:
                self._change.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                place = self._rng.randrange(len(self._queue))
                future, function, args = self._queue[place]
            if self._each_time:
                self._each_time.pop(0)()
            lost = self._rng.random() < self._losses
            result = OSError("the connection is gone") if lost else function(*args)
            with self._change:
                del self._queue[place]
            if future.set_running_or_notify_cancel():
                future.set_exception(result) if lost else future.set_result(result)


# --- The same bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("examples", [1, SHARD - 1, SHARD, SHARD + 1, EXAMPLES])
def test_a_batch_is_its_shards_added_in_order(backend, examples):
    shared, columns = batch(examples)
    program = BatchProgram(gradient_tape(), [3, 4], [0, 1, 2, 3], Options(backend))
    parts = [program(shared, columns[start : start + SHARD]) for start in range(0, examples, SHARD)]
    sums = parts[0][0]
    for part, _ in parts[1:]:
        sums = sums + part
    expected = bits((sums, numpy.concatenate([rows for _, rows in parts])))
    assert bits(sharded(backend=backend)(shared, columns)) == expected
    with ThreadPoolExecutor(2) as executor:
        assert bits(sharded(backend=backend)(shared, columns, executor)) == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("make", "workers"), [*product([ThreadPoolExecutor], [1, 2, 7]), (processes, 2)]
)
def test_the_bits_are_the_same_on_any_number_of_workers(make, workers, backend):
    program = sharded(backend=backend)
    expected = bits(program(*batch()))
    with make(workers) as executor:
        for _ in range(2):
            assert bits(program(*batch(), executor)) == expected


@pytest.mark.parametrize("workers", [1, 7])
def test_the_bits_are_the_same_on_any_number_of_processes(workers):
    program = sharded()
    expected = bits(program(*batch()))
    with processes(workers) as executor:
        assert bits(program(*batch(), executor)) == expected


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 5),
    losses=st.sampled_from([0.0, 0.2]),
    examples=st.integers(1, 600),
    shard=st.integers(1, 100),
)
def test_neither_order_nor_losses_change_a_bit(seed, workers, losses, examples, shard):
    program = sharded(shard=shard, retries=1000)
    expected = bits(program(*batch(examples)))
    with Erratic(seed, workers, losses) as executor:
        assert bits(program(*batch(examples), executor)) == expected
        assert executor.most <= shards.PER_WORKER * workers


def test_auto_runs_the_same_backend_on_all_workers_at_all_times():
    fixed = "native" if backends.native_available() else "python"
    expected = bits(sharded(backend=fixed)(*batch()))
    with Erratic() as executor:
        program = sharded(backend="auto")
        for _ in range(3):
            assert bits(program(*batch(), executor)) == expected


# --- Size of shards -------------------------------------------------------------------------------


def test_shards_are_as_large_as_the_program_is_small():
    tapes = [
        Tape(2, [rules.add], [0] * n, range(0, 2 * n + 2, 2), [0, 1] * n, [], [1 + n])
        for n in (1, 100, 10_000, 1_000_000)
    ]
    sizes = [Sharded(tape, [1], [0], Options("python")).shard for tape in tapes]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
    for size, tape in zip(sizes, tapes, strict=True):
        assert size & (size - 1) == 0  # then they fill the tiles of backends
        assert size == shards.FEWEST or size * (len(tape) + shards.MOVED) <= shards.WORK
        assert size * 8 <= 2**23


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"shard": 0}, "shard must be an int of at least 1, not 0"),
        ({"shard": 2.0}, "shard must be an int of at least 1, not 2.0"),
        ({"shard": True}, "shard must be an int of at least 1, not True"),
        ({"retries": -1}, "retries must be an int of at least 0, not -1"),
    ],
)
def test_wrong_numbers_are_told(wrong, text):
    with pytest.raises(ValueError, match=f"^{text}$"):
        sharded(**wrong)


# --- What travels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
def test_a_large_program_is_sent_once_for_each_worker(workers, monkeypatch):
    monkeypatch.setattr(shards, "SMALL", 0)
    monkeypatch.setattr(shards, "_programs", {})
    program = sharded()
    expected = bits(program(*batch()))
    # One thread that takes tasks in any order may first come to one without the program.
    with Erratic(workers=workers) as executor:
        for _ in range(3):
            assert bits(program(*batch(), executor)) == expected
        sent = [packed for _, packed, _, _ in executor.tasks if packed is not None]
        assert None not in [packed for _, packed, _, _ in executor.tasks[:workers]]
    assert workers <= len(sent) <= workers + shards.PER_WORKER * workers
    assert len(executor.tasks) <= 3 * 16 + shards.PER_WORKER * workers


def test_a_worker_that_has_forgotten_the_program_gets_it_again(monkeypatch):
    monkeypatch.setattr(shards, "SMALL", 0)
    program = sharded()
    expected = bits(program(*batch()))
    restarts = [lambda: None] * 3 + [shards._programs.clear] * 5
    with Erratic(each_time=restarts) as executor:
        assert bits(program(*batch(), executor)) == expected
    assert len(executor.tasks) > 16


def test_a_worker_compiles_once_and_keeps_a_few(monkeypatch):
    made = []

    class Counting(BatchProgram):
        def __init__(self, *args):
            made.append(args)
            super().__init__(*args)

    monkeypatch.setattr(shards, "_programs", {})
    monkeypatch.setattr(backends, "BatchProgram", Counting)
    with ThreadPoolExecutor(4) as executor:
        for _ in range(3):  # equal programs are one
            sharded()(*batch(), executor)
        assert len(made) == 1
        monkeypatch.setattr(shards, "KEPT", 2)
        for factor in range(5):
            builder = Builder(2)
            tape = builder.tape([builder.inputs[0] * builder.inputs[1] + float(factor)])
            Sharded(tape, [1], [0], Options("python"))([1.0], counted(), executor)
    assert len(made) == 6
    assert len(shards._programs) == 2


def test_labels_and_guards_do_not_travel():
    plain, labelled = gradient_tape(), gradient_tape()
    labelled.labels = {0: "w" * 1000}
    assert sharded(labelled)._packed == sharded(plain)._packed


@pytest.mark.parametrize("make", [ThreadPoolExecutor, processes])
def test_modules_with_primitives_are_imported_in_the_worker(dangerous, make, monkeypatch):
    monkeypatch.setenv("SHARDS_TEST_FLAG", "/nonexistent")
    with make(1) as executor:
        sums, rows = on_each(dangerous.mortal)([], counted(), executor)
    assert sums == [EXAMPLES * (EXAMPLES - 1) / 2]
    assert (rows == counted()).all()


def test_native_options_are_python_where_it_is_not_installed(monkeypatch):
    assert shards.options_here(Options("python")).backend == "python"
    assert shards.options_here(Options("auto")).backend == "auto"
    options = Options("python", ("fold",), True)
    options.backend = "native"  # as it comes from where it is
    options = pickle.loads(pickle.dumps(options))
    monkeypatch.setattr(backends, "native_available", lambda: False)
    with pytest.warns(RuntimeWarning, match="'native' is not installed in this process"):
        here = shards.options_here(options)
    assert (here.backend, here.passes, here.contract) == ("python", ("fold",), True)


# --- What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ThreadPoolExecutor, processes])
def test_an_error_of_the_program_is_raised_as_it_is(dangerous, make):
    failing, slow = on_each(dangerous.failing), on_each(dangerous.slow)
    with make(2) as executor:
        with pytest.raises(ValueError, match="thirteen") as caught:
            failing([], counted(), executor)
        assert str(caught.value) == "thirteen"
        assert any("in failing" in note for note in caught.value.__notes__)
        with pytest.raises(RuntimeError, match="Unlucky: fourteen"):
            failing([], counted()[14:], executor)
        assert slow([], counted(10), executor)[0] == [45.0]  # the executor is as it was


def test_nothing_is_left_to_do_after_an_error(dangerous):
    with Erratic(each_time=[lambda: time.sleep(0.02)] * 100) as executor:
        with pytest.raises(ValueError, match="thirteen"):
            on_each(dangerous.failing)([], numpy.full((EXAMPLES, 1), 13.0), executor)
        assert all(future.done() for future in executor.futures)
        assert any(future.cancelled() for future in executor.futures)


def test_a_process_that_dies_costs_nothing_but_time(dangerous, flag):
    program = on_each(dangerous.mortal)
    flag.unlink()
    expected = bits(program([], counted()))
    flag.touch()
    with processes(2) as executor:
        with pytest.warns(RuntimeWarning, match=r"left of the batch, \d+ of 16 shard"):
            assert bits(program([], counted(), executor)) == expected
        assert not flag.exists()
        with pytest.warns(RuntimeWarning, match="left of the batch, 16 of 16 shard"):
            assert bits(program([], counted(), executor)) == expected


def test_what_kills_every_worker_is_done_here(dangerous):
    with processes(1) as executor, pytest.warns(RuntimeWarning, match="a worker of the executor"):
        sums, _ = on_each(dangerous.doomed)([], counted(), executor)
    assert sums == [EXAMPLES * (EXAMPLES - 1) / 2]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_shard_that_is_lost_again_and_again_is_given_up(retries):
    with Erratic(losses=1.0) as executor:
        text = rf"from 0 on, 1000 at most, {retries + 1} times, .*the connection is gone"
        with pytest.raises(RuntimeError, match=text) as caught:
            sharded(shard=1000, retries=retries)(*batch(), executor)
    assert isinstance(caught.value.__cause__, OSError)
    assert len(executor.tasks) == retries + 1


@pytest.mark.parametrize("make", [ThreadPoolExecutor, processes])
def test_an_executor_that_is_shut_down_is_told(make):
    with make(1) as executor:
        pass
    with pytest.raises(RuntimeError, match="takes no work, it has been shut down"):
        sharded()(*batch(), executor)


class _LikeDask:
    def get_executor(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (4, r"executor must be a concurrent.futures.Executor or None, not 4 \(int\)$"),
        (_LikeDask(), r"; of a Dask client take client.get_executor\(\)$"),
    ],
)
def test_what_is_no_executor_is_told(wrong, text):
    with pytest.raises(TypeError, match=text):
        sharded()(*batch(), wrong)


# --- A cluster ------------------------------------------------------------------------------------


@contextmanager
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.mark.slow
def test_on_a_cluster_nothing_is_lost_with_a_worker(dangerous, flag):
    flag.unlink()
    program, mortal, slow = sharded(), on_each(dangerous.mortal), on_each(dangerous.slow)
    expected = bits(program(*batch()))
    of_identity = bits(mortal([], counted()))
    with cluster() as client:
        executor = client.get_executor()
        assert shards._workers(executor) == 2
        assert bits(program(*batch(), executor)) == expected

        flag.touch()  # a shard that takes its worker along
        assert bits(mortal([], counted(), executor)) == of_identity
        assert not flag.exists()

        (victim, *_) = client.run(os.getpid).values()
        killer = threading.Timer(0.2, os.kill, (victim, signal.SIGKILL))
        killer.start()
        started = time.perf_counter()
        assert bits(slow([], counted(), executor)) == of_identity
        assert time.perf_counter() - started > 0.2  # so it was killed on the way
        assert victim not in client.run(os.getpid).values()

        with pytest.raises(ValueError, match="thirteen"):
            on_each(dangerous.failing)([], counted(), executor)
        executor.shutdown()
        with pytest.raises(RuntimeError, match="has been shut down"):
            program(*batch(), executor)
