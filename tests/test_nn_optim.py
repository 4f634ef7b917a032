"""Optimizers: PyTorch's steps, groups, what is saved, and what is refused.

The numbers of PyTorch are in tests/data, see torch_training.py.
"""

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_scalar import Value
from nn import MLP, Linear
from nn.losses import mse_loss
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tests import torch_training
from tests.sweeps import examples
from tests.torch_training import OPTIMIZERS, PROBLEMS, STEPS

KINDS = {kind.__name__: kind for kind in (SGD, RMSprop, Adagrad, Adam, AdamW)}
CASES = torch_training.recorded(torch_training.OPTIM_FILE)["optimizers"]


def case_id(case):
    options = ",".join(f"{k}={v}" for k, v in case["options"].items())
    return f"{case['optimizer']}-{options}-{case['problem']}"


def path_of(optimizer, params, gradient, steps=STEPS):
    path = []
    for _ in range(steps):
        for param, slope in zip(params, gradient([p.data for p in params]), strict=True):
            param.grad = slope
        optimizer.step()
        path.append([p.data for p in params])
    return path


def set_up(name, options, problem):
    """The optimizer and the parameters, of the last problem in two groups."""
    gradient, start = PROBLEMS[problem]
    params = [Value(x) for x in start]
    parts = [params] if problem != "logistic" else [params[:1], params[1:]]
    groups = [{"params": part} for part in parts]
    groups[-1]["lr"] = 2 * options.get("lr", 0.01)
    return KINDS[name](groups, **options), params, gradient


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_fifty_steps_are_those_of_pytorch(case):
    found = path_of(*set_up(case["optimizer"], case["options"], case["problem"]))[4::5]
    if case["optimizer"] == "SGD":  # has no root, which PyTorch does not round to the nearest
        assert found == case["path"]
    for here, there in zip(found, case["path"], strict=True):
        scale = max(map(abs, there))
        assert all(abs(a - b) <= 1e-13 * scale for a, b in zip(here, there, strict=True))


def test_nearly_all_parameters_are_those_of_pytorch_to_the_bit():
    equal = []
    for case in CASES:
        found = path_of(*set_up(case["optimizer"], case["options"], case["problem"]))[4::5]
        for here, there in zip(found, case["path"], strict=True):
            equal += [a == b for a, b in zip(here, there, strict=True)]
    assert equal.count(True) > 0.95 * len(equal)


def test_pytorch_still_makes_the_recorded_steps():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for fresh, case in zip(torch_training.torch_optimizers(), CASES, strict=True):
        assert json.loads(json.dumps(fresh["options"])) == case["options"]
        for here, there in zip(fresh["path"], case["path"], strict=True):
            assert here == pytest.approx(there, rel=1e-11, abs=1e-11)


# --- Laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_to_maximize_is_to_minimize_the_negative(name, options):
    gradient, start = PROBLEMS["quadratic"]
    options = {**options, "weight_decay": 0.0, "maximize": False}
    down, up = ([Value(x) for x in start] for _ in range(2))
    there = path_of(KINDS[name](down, **options), down, gradient)
    options["maximize"] = True
    here = path_of(KINDS[name](up, **options), up, lambda p: [-g for g in gradient(p)])
    assert here == there


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_parameters_do_not_influence_each_other(name, options):
    gradient, start = PROBLEMS["quadratic"]
    slopes = gradient(start)
    together = [Value(x) for x in start]
    expected = path_of(KINDS[name](together, **options), together, lambda p: slopes)[-1]
    for place, x in enumerate(start):
        alone = Value(x)
        path = path_of(KINDS[name]([alone], **options), [alone], lambda p, i=place: [slopes[i]])
        assert path[-1] == [expected[place]]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_a_group_has_its_options_and_the_defaults_otherwise(name, options):
    gradient, start = PROBLEMS["quadratic"]
    slopes = gradient(start)
    other = {**options, "lr": 0.003, "weight_decay": 0.2}
    first, second = ([Value(x) for x in start] for _ in range(2))
    groups = [{"params": first}, {"params": iter(second), "lr": 0.003, "weight_decay": 0.2}]
    path_of(KINDS[name](groups, **options), [*first, *second], lambda p: slopes * 2)
    for params, own in ((first, options), (second, other)):
        alone = [Value(x) for x in start]
        expected = path_of(KINDS[name](alone, **own), alone, lambda p: slopes)[-1]
        assert [p.data for p in params] == expected


@pytest.mark.parametrize("interrupted_at", [0, 1, 7])
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
@pytest.mark.parametrize("problem", ["quadratic", "logistic"])
def test_a_run_resumed_by_way_of_json_goes_on_bit_for_bit(name, options, problem, interrupted_at):
    optimizer, params, gradient = set_up(name, options, problem)
    path_of(optimizer, params, gradient, interrupted_at)
    saved = json.loads(json.dumps(optimizer.state_dict()))
    data = [p.data for p in params]
    expected = path_of(optimizer, params, gradient, 10)

    resumed, others, _ = set_up(name, {"lr": 0.7}, problem)
    path_of(resumed, others, gradient, 2)
    resumed.load_state_dict(saved)
    for param, x in zip(others, data, strict=True):
        param.data = x
    assert path_of(resumed, others, gradient, 10) == expected
    assert resumed.state_dict() == optimizer.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("name", KINDS)
def test_a_copy_with_its_parameters_goes_on_by_itself(name, copied):
    optimizer, params, gradient = set_up(name, {}, "logistic")
    path_of(optimizer, params, gradient, 3)
    other, others = copied((optimizer, params))
    expected = path_of(optimizer, params, gradient, 3)
    assert path_of(other, others, gradient, 3) == expected
    assert all(a is not b for a, b in zip(params, others, strict=True))


def test_the_state_is_laid_out_as_in_pytorch():
    params = [Value(1.0), Value(2.0), Value(3.0)]
    optimizer = Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}], amsgrad=True)
    optimizer.step()
    state = optimizer.state_dict()
    assert state["optimizer"] == "Adam"
    assert list(state["state"]) == [0, 1, 2]
    assert state["state"][2] == {
        "step": 1,
        "exp_avg": 0.0,
        "exp_avg_sq": 0.0,
        "max_exp_avg_sq": 0.0,
    }
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2]]
    assert state["param_groups"][1] == {
        "params": [1, 2],
        "lr": 0.5,
        "betas": [0.9, 0.999],
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": True,
        "maximize": False,
    }


def test_a_saved_state_does_not_change_with_the_optimizer():
    optimizer, params, gradient = set_up("Adam", {}, "logistic")
    state = optimizer.state_dict()
    before = copy.deepcopy(state)
    path_of(optimizer, params, gradient, 3)
    optimizer.lr = 0.5
    assert state == before


def test_a_step_moves_every_parameter_against_its_gradient():
    params = [Value(1.0), Value(2.0), Value(3.0)]
    for param, grad in zip(params, [0.5, -4.0, 0.0], strict=True):
        param.grad = grad
    SGD(iter(params), lr=0.25).step()
    assert [p.data for p in params] == [0.875, 3.0, 3.0]
    assert [p.grad for p in params] == [0.5, -4.0, 0.0]


def test_zero_grad_clears_the_gradients_it_has_and_no_other():
    mine, too, other = Value(1.0), Value(1.0), Value(1.0)
    mine.grad = too.grad = other.grad = 2.0
    SGD([{"params": [mine]}, {"params": too}], lr=0.1).zero_grad()
    assert (mine.grad, too.grad, other.grad) == (0.0, 0.0, 2.0)


def test_the_rate_may_be_changed_between_steps():
    x, y = Value(0.0), Value(0.0)
    x.grad = y.grad = 1.0
    optimizer = SGD([{"params": [x]}, {"params": [y], "lr": 2.0}], lr=1)
    assert optimizer.lr == 1.0
    optimizer.step()
    optimizer.lr = 0.5
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 0.0
    optimizer.step()
    assert (x.data, y.data) == (-2.0, -2.5)
    with pytest.raises(ValueError, match="lr must be finite and at least 0, got -1"):
        optimizer.lr = -1.0


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("convert", [int, np.float64, np.float32, Value])
def test_gradients_of_other_types_are_taken_for_their_number(name, convert):
    expected, x = Value(1.0), Value(1.0)
    expected.grad, x.grad = 3.0, convert(3)
    KINDS[name]([expected]).step()
    KINDS[name]([x]).step()
    assert type(x.data) is float
    assert x.data == expected.data


def test_gradients_that_can_be_differentiated_move_parameters_as_others_do():
    x = Value(2.0)
    (x**3).backward(create_graph=True)
    SGD([x], lr=0.25).step()
    assert x.data == 2.0 - 0.25 * 12.0
    x.grad = 0.0  # a leaf and its gradient refer to each other


def test_a_closure_is_called_once_and_its_loss_returned():
    x = Value(3.0)
    optimizer = SGD([x], lr=0.5)
    calls = []

    def closure():
        calls.append(x.data)
        optimizer.zero_grad()
        loss = x * x
        loss.backward()
        return loss

    assert optimizer.step(closure).data == 9.0
    assert (calls, x.data) == ([3.0], 0.0)
    assert optimizer.step() is None


@pytest.mark.parametrize("name", KINDS)
def test_a_network_is_trained(name):
    model = MLP(1, [4, 1], activation="tanh", rng=0)
    optimizer = KINDS[name](model.parameters(), lr=0.05)
    xs = [-1.0, -0.5, 0.0, 0.5, 1.0]
    losses = []
    for _ in range(30):
        loss = mse_loss([model([x]) for x in xs], [x * x for x in xs])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    if name == "SGD":
        assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


def test_a_group_added_later_begins_at_its_own_first_step():
    first, second, alone = Value(1.0), Value(1.0), Value(1.0)
    first.grad = second.grad = alone.grad = 0.3
    optimizer = Adam([first], lr=0.1)
    optimizer.step()
    optimizer.add_param_group({"params": second, "lr": 0.2})
    optimizer.step()
    Adam([alone], lr=0.2).step()
    assert second.data == alone.data
    assert optimizer.params == [first, second]
    assert [optimizer.state[p]["step"] for p in optimizer.params] == [2, 1]


def test_the_variance_of_rmsprop_is_not_negative():
    x = Value(1.0)
    optimizer = RMSprop([x], centered=True, alpha=0.5)
    below = 0
    for _ in range(100):
        x.grad = 0.7579544029403025  # always, so that rounding alone tells square and mean apart
        optimizer.step()
        state = optimizer.state[x]
        below += state["square_avg"] < state["grad_avg"] ** 2
    assert below > 0
    assert math.isfinite(x.data)


def test_an_average_that_keeps_nothing_is_exactly_the_last_gradient():
    x = Value(0.0)
    optimizer = Adam([x], betas=(0.0, 0.0))
    for x.grad in (1e16, 1.0):
        optimizer.step()
    assert optimizer.state[x] == {
        "step": 2,
        "exp_avg": 1.0,
        "exp_avg_sq": 1.0,
        "max_exp_avg_sq": 0.0,
    }


def test_a_state_is_taken_back_without_json_and_as_a_schedule_left_it():
    x, y = Value(0.0), Value(0.0)
    x.grad = y.grad = 1.0
    optimizer, other = Adam([x], lr=0.5), Adam([y], lr=0.5)
    optimizer.step()
    optimizer.param_groups[0]["initial_lr"] = 0.5
    optimizer.lr = 0.0
    state = optimizer.state_dict()
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert other.lr == 0.0
    optimizer.step()
    assert state["state"][0]["step"] == 1
    assert other.state[y]["step"] == 1


def test_an_optimizer_shows_its_options():
    assert repr(SGD([Value(1.0)], lr=0.1)) == (
        "SGD(1 parameters, lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, "
        "maximize=False)"
    )


def test_a_rule_of_ones_own():
    class SignDescent(Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr, "weight_decay": 0.0, "maximize": False})

        def initial_state(self, group):
            return {}

        def rule(self, group, step):
            return lambda x, grad, state: x - math.copysign(group["lr"], grad)

    x = Value(1.0)
    x.grad = -7.0
    SignDescent([x]).step()
    assert x.data == 1.1


# --- Bad input ------------------------------------------------------------------------------------

X, Y = Value(0.0), Value(1.0)
BAD_PARAMS = [
    ([], ValueError, "params must hold at least one parameter"),
    ([X, Value(1.0), X], ValueError, r"params\[2\] is params\[0\] once more"),
    ([X, 1.0], TypeError, r"params\[1\] must be a Value or an array, got 1\.0"),
    (Linear(2, 1), TypeError, r"the parameters of Linear\(2 -> 1\): its \.parameters\(\)"),
    ([X, X * 2], ValueError, r"params\[1\] is no parameter: it was computed from others, by '\*'"),
    (X, TypeError, "params must be parameters to optimise, got Value"),
    ([{"lr": 0.1}], TypeError, "a group must be a dict with 'params'"),
    ([{"params": [X]}, Y], TypeError, "a group must be a dict with 'params', got Value"),
    ([{"params": []}], ValueError, "params must hold at least one parameter"),
    ([{"params": 3}], TypeError, "params must be parameters to optimise, got 3"),
    ([{"params": [X]}, {"params": [Y, X]}], ValueError, r"\[1\]\['params'\]\[1\] is in another"),
    ([{"params": [X], "lrr": 0.1}], ValueError, "unknown option of .* 'lrr', did you mean 'lr'"),
    ([{"params": [X], "lr": -0.1}], ValueError, r"lr must be positive and finite, got -0\.1"),
]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("params", "error", "message"), BAD_PARAMS)
def test_bad_parameters(name, params, error, message):
    with pytest.raises(error, match=message):
        KINDS[name](params)


BAD_RATES = [
    (0, ValueError, "lr must be positive and finite, got 0"),
    (-0.1, ValueError, r"lr must be positive and finite, got -0\.1"),
    (math.nan, ValueError, "lr must be positive and finite, got nan"),
    (math.inf, ValueError, "lr must be positive and finite, got inf"),
    (np.float64(-1), ValueError, "lr must be positive and finite"),
    ("0.1", TypeError, r"lr must be a number, got '0\.1' \(str\)"),
    (None, TypeError, "lr must be a number, got None"),
    (True, TypeError, "lr must be a number, got True"),
    (Value(0.1), TypeError, "lr must be a number, got Value"),
]
BAD = [(kind, {"lr": lr}, error, message) for kind in KINDS for lr, error, message in BAD_RATES]
BAD += [
    (kind, {"weight_decay": -1.0}, ValueError, "weight_decay must be finite and at least 0")
    for kind in KINDS
]
BAD += [
    ("SGD", {"momentum": -0.1}, ValueError, "momentum must be finite and at least 0"),
    ("SGD", {"dampening": math.nan}, ValueError, "dampening must be finite, got nan"),
    ("SGD", {"nesterov": True}, ValueError, "nesterov needs a momentum above 0"),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, ValueError, "no dampening"),
    ("SGD", {"nesterov": 1, "momentum": 0.9}, TypeError, "nesterov must be True or False, got 1"),
    ("SGD", {"maximize": None}, TypeError, "maximize must be True or False, got None"),
    ("RMSprop", {"alpha": 1.0}, ValueError, "alpha must be at least 0 and below 1, got 1.0"),
    ("RMSprop", {"alpha": -0.1}, ValueError, "alpha must be at least 0 and below 1"),
    ("RMSprop", {"eps": 0.0}, ValueError, "eps must be positive and finite, got 0.0"),
    ("RMSprop", {"momentum": "a"}, TypeError, "momentum must be a number, got 'a'"),
    ("RMSprop", {"centered": "yes"}, TypeError, "centered must be True or False"),
    ("Adagrad", {"lr_decay": -1.0}, ValueError, "lr_decay must be finite and at least 0"),
    ("Adagrad", {"initial_accumulator_value": -1.0}, ValueError, "initial_accumulator_value must"),
    ("Adagrad", {"eps": -1.0}, ValueError, "eps must be positive"),
    ("Adam", {"betas": (0.9, 1.0)}, ValueError, r"betas\[1\] must be at least 0 and below 1"),
    ("Adam", {"betas": (-0.1, 0.9)}, ValueError, r"betas\[0\] must be at least 0 and below 1"),
    ("Adam", {"betas": 0.9}, TypeError, "betas must be two numbers, got 0.9"),
    ("Adam", {"betas": (0.9,)}, TypeError, "betas must be two numbers"),
    ("AdamW", {"eps": math.inf}, ValueError, "eps must be positive and finite, got inf"),
    ("AdamW", {"amsgrad": 0}, TypeError, "amsgrad must be True or False, got 0"),
]


@pytest.mark.parametrize(("name", "options", "error", "message"), BAD)
def test_bad_options(name, options, error, message):
    with pytest.raises(error, match=message):
        KINDS[name]([X], **options)


def test_a_group_that_is_refused_leaves_the_optimizer_as_it_was():
    optimizer = SGD([X], lr=0.1)
    before = optimizer.state_dict()
    for group in ({"params": [Y, 1.0]}, {"params": [Y], "momentum": -1.0}, {"params": [X]}):
        with pytest.raises((TypeError, ValueError)):
            optimizer.add_param_group(group)
        assert optimizer.state_dict() == before


def without(key):
    return lambda state: state.pop(key)


BAD_STATES = [
    (without("state"), ValueError, "the state does not fit Adam: missing 'state'"),
    (lambda s: s.update(more=1), ValueError, "the state does not fit Adam: unexpected 'more'"),
    (lambda s: s.update(optimizer="SGD"), ValueError, "this is the state of SGD, not of Adam"),
    (lambda s: s["param_groups"].pop(), ValueError, "has 1 parameter groups, Adam has 2"),
    (lambda s: s["param_groups"][1]["params"].pop(), ValueError, r"group 1 has 2 .* has \[1\]"),
    (lambda s: s["param_groups"][0].pop("betas"), ValueError, "group 0 .* missing 'betas'"),
    (lambda s: s["param_groups"][0].update(a=1), ValueError, "group 0 .* unexpected 'a'"),
    (lambda s: s["param_groups"][1].update(eps=-1.0), ValueError, "eps must be positive"),
    (
        lambda s: s["param_groups"].__setitem__(0, 3),
        TypeError,
        "group 0 of Adam must be a dict, got 3",
    ),
    (lambda s: s.update(state=[1]), TypeError, "'state' must map numbers to states"),
    (lambda s: s["state"].pop("1"), ValueError, "the state lacks parameter 1"),
    (lambda s: s["state"].update({"7": {}}), ValueError, "has 4 parameters, not 3"),
    (lambda s: s["state"]["1"].pop("exp_avg"), ValueError, "parameter 1 .* missing 'exp_avg'"),
    (lambda s: s["state"]["1"].update(x=1.0), ValueError, "parameter 1 .* unexpected 'x'"),
    (lambda s: s["state"]["1"].update(exp_avg="a"), TypeError, "exp_avg of parameter 1 must be a"),
    (lambda s: s["state"]["1"].update(step=1.5), TypeError, "step of parameter 1 must be an int"),
    (lambda s: s["state"]["1"].update(step=9), ValueError, "must have made equally many steps"),
]


@pytest.mark.parametrize(("spoil", "error", "message"), BAD_STATES)
def test_a_state_that_does_not_fit_changes_nothing(spoil, error, message):
    def make():
        params = [Value(1.0), Value(2.0), Value(3.0)]
        return Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])

    optimizer, other = make(), make()
    other.step()
    other.lr = 0.25
    state = json.loads(json.dumps(other.state_dict()))
    spoil(state)
    before = optimizer.state_dict()
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_a_state_must_be_a_dict():
    with pytest.raises(TypeError, match="the state of SGD must be a dict, got None"):
        SGD([X]).load_state_dict(None)


ARRAY_OPTIONS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.5, "dampening": 0.25, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.3, "weight_decay": 0.01}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True, "maximize": True}),
    ("AdamW", {"amsgrad": True}),
]


@pytest.mark.parametrize(("name", "options"), ARRAY_OPTIONS)
@examples(100)
@given(
    st.lists(st.lists(st.floats(allow_nan=True, width=64), min_size=5, max_size=5), max_size=4),
    st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=5),
)
def test_steps_of_arrays_are_those_of_numbers_to_the_bit(name, options, gradients, start):
    params, others = [Value(x) for x in start], [Value(x) for x in start]
    by_number, in_arrays = (
        KINDS[name]([{"params": ps[:2]}, {"params": ps[2:], "lr": 0.5}], **options)
        for ps in (params, others)
    )
    numbers = np.array(start)
    for place, slopes in enumerate(gradients):
        for param, slope in zip(params, slopes, strict=True):
            param.grad = slope
        try:
            by_number.step()
        except (OverflowError, ValueError):
            assume(False)
        numbers = in_arrays.step_arrays(numbers, np.array(slopes))
        assert same_bits(numbers.tolist(), [param.data for param in params])
        if place == 1:  # looked at in between
            in_arrays.state  # noqa: B018
    mine, theirs = (list(o.state.values()) for o in (by_number, in_arrays))
    for a, b in zip(mine, theirs, strict=True):
        assert a.keys() == b.keys()
        assert same_bits([*a.values()], [*b.values()])
        assert [type(x) for x in a.values()] == [type(x) for x in b.values()]


def same_bits(a, b):
    return all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


def test_steps_of_numbers_and_of_arrays_may_take_turns():
    x, y = Value(1.0), Value(1.0)
    turns, plain = Adam([x], lr=0.1), Adam([y], lr=0.1)
    for k in range(6):
        x.grad = y.grad = math.sin(k)
        plain.step()
        if k % 2:
            turns.step()
        else:
            x.data = float(turns.step_arrays(np.array([x.data]), np.array([x.grad]))[0])
    assert x.data == y.data
    assert list(turns.state.values()) == list(plain.state.values())


def test_what_is_remembered_is_a_copy_of_the_gradients():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.1, momentum=0.9)
    grad = np.array([2.0])
    optimizer.step_arrays(np.array([1.0]), grad)
    grad[0] = 7.0
    assert optimizer.state[x] == {"momentum_buffer": 2.0}


def test_which_optimizers_take_arrays():
    class Own(SGD):
        def step(self, closure=None):
            return super().step(closure)

    class Older(SGD):
        def rule(self, group, step):
            return super().rule(group, step)

    x = [Value(1.0)]
    assert all(kind(x).takes_arrays for kind in KINDS.values())
    assert not Own(x).takes_arrays and not Older(x).takes_arrays


def test_a_state_that_is_loaded_takes_the_place_of_arrays():
    x = Value(1.0)
    optimizer = Adam([x], lr=0.1)
    saved = optimizer.state_dict()
    optimizer.step_arrays(np.array([1.0]), np.array([2.0]))
    optimizer.load_state_dict(saved)
    assert optimizer.state_dict() == saved
    optimizer.step_arrays(np.array([1.0]), np.array([2.0]))
    assert optimizer.state[x]["step"] == 1
