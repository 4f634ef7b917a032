"""Optimizers of arrays: each makes the steps that it makes of Values, to the last bit."""

import copy
import itertools
import json
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_scalar import Value
from nn.array_parameters import ByIdentity, all_numbers, put_numbers
from nn.gradient_free import SPSA, EvolutionStrategies, FiniteDifferences, RandomSearch
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tests.sweeps import examples
from tests.torch_training import OPTIMIZERS

KINDS = {kind.__name__: kind for kind in (SGD, RMSprop, Adagrad, Adam, AdamW)}
each = pytest.mark.parametrize(("name", "options"), OPTIMIZERS)

# Parameters of these shapes, and views into the middle of something larger.
LAYOUTS = {
    "number": lambda: np.array(0.5),
    "none": lambda: np.zeros((0,)),
    "row": lambda: np.linspace(-1, 1, 3),
    "table": lambda: np.linspace(-2, 3, 6).reshape(2, 3),
    "every other": lambda: np.linspace(-2, 3, 6)[::2],
    "backwards": lambda: np.linspace(-2, 3, 4)[::-1],
    "turned": lambda: np.linspace(-2, 3, 6).reshape(2, 3).T,
    "part of a table": lambda: np.linspace(-2, 3, 12).reshape(3, 4)[1:, ::3],
}

SLOPES = st.one_of(
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e200, -1e308]),
    st.floats(-1e3, 1e3),
)


def same(a, b):
    """The same bits; nan is the same as nan."""
    a, b = np.ravel(a), np.ravel(b)
    return a.shape == b.shape and all(
        (x == y and math.copysign(1, x) == math.copysign(1, y)) or (x != x and y != y)
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
    )


@each
@pytest.mark.parametrize("layout", LAYOUTS)
@examples(12)
@given(data=st.data())
def test_steps_are_those_of_values_to_the_bit(name, options, layout, data):
    arrays = [LAYOUTS[layout](), LAYOUTS["table"]()]
    values = [[Value(x) for x in array.ravel().tolist()] for array in arrays]
    rates = [options.get("lr", 0.01), 0.3]
    ours = KINDS[name](
        [{"params": a, "lr": lr} for a, lr in zip(arrays, rates, strict=True)], **options
    )
    theirs = KINDS[name](
        [{"params": v, "lr": lr} for v, lr in zip(values, rates, strict=True) if v], **options
    )
    flat = list(itertools.chain(*values))
    for _ in range(data.draw(st.integers(1, 4))):
        slopes = data.draw(st.lists(SLOPES, min_size=len(flat), max_size=len(flat)))
        parts = slopes[: len(values[0])], slopes[len(values[0]) :]
        ours.step([np.reshape(s, a.shape) for s, a in zip(parts, arrays, strict=True)])
        for value, slope in zip(flat, slopes, strict=True):
            value.grad = slope
        theirs.step()
        for array, row in zip(arrays, values, strict=True):
            assert same(array, [value.data for value in row])
    for array, row in zip(arrays, values, strict=True):
        for key, entry in ours.state[array].items():
            found = [theirs.state[value][key] for value in row]
            if isinstance(entry, int) or entry is None:
                assert all(x == entry and type(x) is type(entry) for x in found)
            else:
                assert np.shape(entry) == array.shape and same(entry, found)


@each
def test_gradients_given_to_values_are_as_their_own(name, options):
    given_, own = ([Value(x) for x in (0.5, -1.0, 2.0)] for _ in range(2))
    ours, theirs = (
        KINDS[name]([{"params": ps[:1]}, {"params": ps[1:], "lr": 0.3}], **options)
        for ps in (given_, own)
    )
    for k in range(4):
        slopes = [math.sin(k), 0.0, -3.0]
        ours.step(np.array(slopes) if k % 2 else slopes)
        for value, slope in zip(own, slopes, strict=True):
            value.grad = slope
        theirs.step()
        assert [p.data for p in given_] == [p.data for p in own]
    assert ours.state_dict() == theirs.state_dict()
    assert all(p.grad == 0.0 for p in given_)


# --- In place -------------------------------------------------------------------------------------


def test_the_array_itself_is_moved_and_nothing_beside_it():
    whole = np.arange(12.0).reshape(3, 4)
    part = whole[1:, ::3]
    optimizer = SGD(part, lr=0.5)
    optimizer.step(np.full((2, 2), 2.0))
    assert optimizer.params[0] is part
    moved = np.zeros((3, 4))
    moved[1:, ::3] = -1.0
    assert (whole == np.arange(12.0).reshape(3, 4) + moved).all()


def test_parts_of_one_array_are_parameters_of_their_own():
    whole = np.ones(6)
    optimizer = SGD(
        [{"params": whole[:2]}, {"params": [whole[2:5:2], whole[3::2]], "lr": 1.0}], 0.5
    )
    optimizer.step([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert whole.tolist() == [0.5, 0.0, -2.0, -4.0, -3.0, -5.0]


@pytest.mark.parametrize("name", KINDS)
def test_what_is_given_is_neither_changed_nor_kept(name):
    options = {"momentum": 0.9} if name == "SGD" else {}
    ours, theirs = np.ones(3), np.ones(3)
    a, b = KINDS[name](ours, **options), KINDS[name](theirs, **options)
    scratch = np.zeros(3)
    for k in range(3):
        scratch[:] = np.sin(np.arange(3) + k)
        before = scratch.copy()
        a.step(scratch)
        assert (scratch == before).all()
        scratch[:] = math.nan
        b.step(before)
    assert (ours == theirs).all()


def test_a_matrix_is_moved_as_an_array():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    for params in (matrix, array):
        optimizer = Adam(params, lr=0.1, weight_decay=0.5)
        optimizer.step(params.tolist())
        optimizer.step(params.tolist())
    assert (np.asarray(matrix) == array).all()


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_told_of_overflow(name):
    array = np.array([1e308, -1e308, 0.0])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        KINDS[name](array, lr=1e300, weight_decay=1e300).step([math.inf, 1e308, math.nan])
    assert not told
    assert not np.isfinite(array).all()  # there was something to tell


# --- Ways to give gradients -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 1), (3,), (2, 3), (1, 0, 2)])
def test_the_gradient_of_one_array_may_be_given_as_itself_or_in_a_list(shape):
    array = np.ones(shape)
    optimizer = SGD(array, lr=0.25)
    gradient = np.arange(array.size, dtype=float).reshape(shape)
    for given_ in (gradient, [gradient], (gradient,), gradient.tolist(), gradient.astype(int)):
        if np.shape(given_) in (shape, (1, *shape)):  # a list loses the shape of nothing
            array[...] = 1.0
            optimizer.step(given_)
            assert (array == 1 - 0.25 * gradient).all()


def test_a_closure_is_for_values_but_may_give_the_loss_of_others():
    x = Value(3.0)
    optimizer = SGD([x], lr=0.5)

    def closure():
        x.grad = 2 * x.data
        return x.data**2

    assert optimizer.step(closure=closure) == 9.0
    assert (x.data, optimizer.step(closure)) == (0.0, 0.0)


def test_zero_grad_has_nothing_to_do():
    array = np.ones(2)
    SGD(array).zero_grad()
    assert array.tolist() == [1.0, 1.0]


# --- Schedules, groups, what is saved -------------------------------------------------------------


def gradient_at(arrays):
    return [np.cos(3 * array) + 0.1 * array for array in arrays]


def set_up(name, options):
    arrays = [np.linspace(-1, 2, 6).reshape(2, 3), np.array(0.5), np.zeros((0, 2))]
    groups = [{"params": arrays[0]}, {"params": arrays[1:], "lr": 0.2}]
    return KINDS[name](groups, **options), arrays


def run(optimizer, arrays, steps):
    path = []
    for _ in range(steps):
        optimizer.step(gradient_at(arrays))
        path.append([array.tolist() for array in arrays])
    return path


def test_a_schedule_sets_the_rates():
    array, value = np.array([1.0]), Value(1.0)
    optimizers = Adam(array, lr=0.5), Adam([value], lr=0.5)
    schedules = [nn.CosineAnnealingLR(optimizer, 5) for optimizer in optimizers]
    for k in range(6):
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step([math.sin(k + 1)])
            schedule.step()
        assert array.tolist() == [value.data]
    assert optimizers[0].lr == optimizers[1].lr > 0


@each
@pytest.mark.parametrize("interrupted_at", [0, 1, 4])
def test_a_run_resumed_by_way_of_json_goes_on_bit_for_bit(name, options, interrupted_at):
    optimizer, arrays = set_up(name, options)
    run(optimizer, arrays, interrupted_at)
    saved = json.loads(json.dumps(optimizer.state_dict()))
    held = [array.copy() for array in arrays]
    expected = run(optimizer, arrays, 5)

    resumed, others = set_up(name, {"lr": 0.7})
    run(resumed, others, 2)
    resumed.load_state_dict(saved)
    for other, x in zip(others, held, strict=True):
        other[...] = x
    assert run(resumed, others, 5) == expected
    assert resumed.state_dict() == optimizer.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("name", KINDS)
def test_a_copy_with_its_arrays_goes_on_by_itself(name, copied):
    optimizer, arrays = set_up(name, {})
    run(optimizer, arrays, 3)
    other, others = copied((optimizer, arrays))
    assert all(a is b for a, b in zip(other.params, others, strict=True))
    expected = run(optimizer, arrays, 3)
    assert run(other, others, 3) == expected
    assert not any(np.shares_memory(a, b) for a, b in zip(arrays, others, strict=True))


def test_a_saved_state_is_of_lists_and_does_not_change_with_the_optimizer():
    array = np.ones((2, 2))
    optimizer = Adam(array, lr=0.5)
    optimizer.step(np.full((2, 2), 2.0))
    saved = optimizer.state_dict()
    before = json.dumps(saved)
    optimizer.step(np.ones((2, 2)))
    assert json.dumps(saved) == before
    assert saved["state"][0]["step"] == 1
    assert saved["state"][0]["exp_avg"] == [[pytest.approx(0.2)] * 2] * 2
    assert saved["param_groups"][0]["params"] == [0]


def test_a_group_added_later_begins_at_its_own_first_step():
    first, second, alone = np.ones(1), np.ones(1), np.ones(1)
    optimizer = Adam(first, lr=0.1)
    optimizer.step([0.3])
    optimizer.add_param_group({"params": second, "lr": 0.2})
    optimizer.step([[0.3], [0.3]])
    Adam(alone, lr=0.2).step([0.3])
    assert second.tolist() == alone.tolist()
    assert [optimizer.state[p]["step"] for p in optimizer.params] == [2, 1]


def test_a_group_of_values_may_be_added_while_steps_are_of_arrays():
    x, y = Value(1.0), Value(1.0)
    optimizer = Adam([x], lr=0.1)
    optimizer.step_arrays(np.array([1.0]), np.array([2.0]))
    optimizer.add_param_group({"params": y})
    assert [optimizer.state[p]["step"] for p in (x, y)] == [1, 0]


def test_it_shows_how_many_arrays_there_are():
    assert repr(Adagrad([np.ones(3), np.ones(2)])).startswith("Adagrad(2 arrays, lr=0.01, ")
    assert not SGD(np.ones(3)).takes_arrays  # of the parameters of a compiled model


def test_what_is_remembered_goes_by_the_array_itself():
    a, b = np.zeros(2), np.zeros(2)
    optimizer = SGD([a, b], momentum=0.9)
    optimizer.step([[1.0, 2.0], [3.0, 4.0]])
    assert len(optimizer.state) == 2 and a.copy() not in optimizer.state
    assert optimizer.state[b]["momentum_buffer"].tolist() == [3.0, 4.0]
    table = ByIdentity()
    table[a], table[b] = 1, 2
    del table[a]
    assert [key is b for key in table] == [True]


# --- Without gradients ----------------------------------------------------------------------------

TRIES = [
    (RandomSearch, {"sigma": 0.1, "rng": 0}),
    (FiniteDifferences, {"lr": 0.3}),
    (FiniteDifferences, {"lr": 0.3, "central": False}),
    (EvolutionStrategies, {"lr": 0.1, "rng": 0}),
    (SPSA, {"lr": 0.2, "rng": 0}),
]


@pytest.mark.parametrize(("kind", "options"), TRIES)
def test_optimizers_without_gradients_try_the_same_places(kind, options):
    arrays = [np.linspace(-1, 1, 6).reshape(3, 2).T, np.array(0.5)]
    values = [Value(x) for array in arrays for x in array.ravel().tolist()]
    rate = next(key for key in options if key in ("lr", "sigma"))
    groups = [
        [{"params": params[:cut], rate: 0.05}, {"params": params[cut:]}]
        for params, cut in ((arrays, 1), (values, 6))
    ]
    ours, theirs = (kind(group, **options) for group in groups)

    def height(numbers):
        return math.fsum((x - i) ** 2 for i, x in enumerate(numbers))

    for _ in range(5):
        loss = ours.step(lambda: height([x for array in arrays for x in array.ravel().tolist()]))
        assert loss == theirs.step(lambda: height([value.data for value in values]))
        assert all_numbers(arrays) == all_numbers(values)
    assert ours.state_dict()["rng"] == theirs.state_dict()["rng"]
    with pytest.raises(TypeError, match=r"\.step needs a function that computes the loss"):
        ours.step([np.ones((2, 3)), 1.0])


def test_numbers_come_back_to_where_they_were_taken():
    for make in LAYOUTS.values():
        array, value = make(), Value(7.0)
        before = array.copy()
        numbers = all_numbers([array])
        put_numbers([array], [0.0] * len(numbers))
        assert not array.any()
        put_numbers([array], numbers)
        assert (array == before).all()
        put_numbers([value], [2.0])
        assert value.data == 2.0


# --- Bad input ------------------------------------------------------------------------------------

FIXED = np.ones(3)
FIXED.flags.writeable = False
BOTH = np.ones(6)
BAD_PARAMS = [
    (np.arange(3), TypeError, r"params\[0\] must be an array of float64 .* not of int64"),
    ([BOTH, np.ones(3, np.float32)], TypeError, r"params\[1\] must be an array of float64"),
    (np.ones(3, complex), TypeError, "not of complex128"),
    (np.ones(3, ">f8"), TypeError, "not of >f8"),
    (np.array(["a"]), TypeError, "not of <U1"),
    ([FIXED], ValueError, r"params\[0\] must be an array that can be .* it is read-only"),
    (np.broadcast_to(1.0, (3,)), ValueError, "it is read-only"),
    ([BOTH, BOTH], ValueError, r"params\[1\] is params\[0\] once more"),
    ([BOTH, BOTH[::2]], ValueError, "array 1 of params overlaps with one before it"),
    ([{"params": BOTH}, {"params": [np.ones(2), BOTH[5:]]}], ValueError, "array 2 of params over"),
    ([{"params": BOTH}, {"params": [BOTH]}], ValueError, r"\['params'\]\[0\] is in another group"),
    ([BOTH, Value(1.0)], TypeError, "all Values or all arrays, got both"),
    ([{"params": Value(1.0)}, {"params": BOTH}], TypeError, "all Values or all arrays, got both"),
    ([BOTH, [1.0, 2.0]], TypeError, r"params\[1\] must be a Value or an array, got \[1\.0, 2\.0\]"),
    (np.array([[Value(1.0)]]), TypeError, r"params\[0\] must be a Value or an array, got array"),
    ({"w": BOTH}, TypeError, r"params\[0\] must be a Value or an array, got 'w'"),
]


@pytest.mark.parametrize("kind", [*KINDS.values(), RandomSearch])
@pytest.mark.parametrize(("params", "error", "message"), BAD_PARAMS)
def test_bad_parameters(kind, params, error, message):
    with pytest.raises(error, match=message):
        kind(params)


A, B = np.ones(3), np.ones((2, 2))
BAD_GRADIENTS = [
    (A, None, TypeError, "needs the gradients of its arrays, which have none of their own"),
    (A, lambda: 1.0, TypeError, "needs the gradients of its arrays"),
    (A, np.ones(2), ValueError, r"the gradient must have the shape of its array, \(3,\), not \(2,"),
    (A, 1.0, ValueError, r"the gradient must have the shape of its array, \(3,\), not \(\)"),
    (A, "abc", TypeError, "the gradient must be of real numbers, not 'abc'"),
    (A, np.ones(3) * 1j, TypeError, "the gradient must be of real numbers"),
    (A, [[1.0], [1.0, 2.0]], TypeError, "the gradient must be of real numbers"),
    (A, [Value(1.0)] * 3, TypeError, "the gradient must be of real numbers"),
    ([A, B], A, ValueError, "gradients must be 2, one for each array"),
    ([A, B], 1.0, ValueError, "gradients must be 2, one for each array, not 1.0"),
    ([A, B], {"a": A, "b": B}, ValueError, "gradients must be 2, one for each array"),
    ([A, B], [A, B.T[:1]], ValueError, r"gradients\[1\] must have the shape of its array, \(2, 2"),
    ([A, B], [A, None], TypeError, r"gradients\[1\] must be of real numbers, not None"),
    ([Value(1.0)], 1.0, TypeError, "gradients must be numbers, one a parameter, not 1.0"),
    ([Value(1.0)], {"a": 1.0}, TypeError, "gradients must be numbers, one a parameter"),
    ([Value(1.0)], [1.0, 2.0], ValueError, "gradients must be 1, one a parameter, not 2"),
    ([Value(1.0), Value(1.0)], [1.0, "a"], TypeError, r"gradients\[1\]"),
]


@pytest.mark.parametrize(("params", "gradients", "error", "message"), BAD_GRADIENTS)
def test_bad_gradients_move_nothing(params, gradients, error, message):
    optimizer = Adam(params)
    before = optimizer.state_dict(), all_numbers(optimizer.params)
    with pytest.raises(error, match=f"Adam.step: {message}"):
        optimizer.step(gradients)
    assert (optimizer.state_dict(), all_numbers(optimizer.params)) == before


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        ([1.0], ValueError, r"exp_avg of parameter 0 must be of shape \(2, 2\), not \(1,\)"),
        (1.0, ValueError, r"exp_avg of parameter 0 must be of shape \(2, 2\), not \(\)"),
        ("a", TypeError, "exp_avg of parameter 0 must be of real numbers, not 'a'"),
        (None, TypeError, "exp_avg of parameter 0 must be of real numbers, not None"),
        ([], ValueError, r"exp_avg of parameter 0 must be of shape \(2, 2\), not \(0,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(entry, error, message):
    optimizer = Adam(np.ones((2, 2)))
    optimizer.step(np.ones((2, 2)))
    state = optimizer.state_dict()
    spoilt = copy.deepcopy(state)
    spoilt["state"][0]["exp_avg"] = entry
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(spoilt)
    assert optimizer.state_dict() == state


def test_a_rule_for_numbers_alone_takes_no_arrays():
    class Halving(Optimizer):
        def initial_state(self, group):
            return {}

        def rule(self, group, step):
            return lambda x, grad, state: x / 2

    options = {"maximize": False, "weight_decay": 0.0}
    assert Halving([Value(1.0)], options).step() is None
    with pytest.raises(TypeError, match="Halving has a rule for numbers only, not for arrays"):
        Halving(np.ones(2), options)
