"""Optimizers without gradients: where they get to, what it costs, and how they resume."""

import copy
import json
import math
import pickle
import random

import numpy as np
import pytest

from autograd_scalar import Value
from autograd_scalar.modes import recording
from nn.gradient_free import (
    SPSA,
    EvolutionStrategies,
    FiniteDifferences,
    GradientFree,
    RandomSearch,
)
from nn.optim import SGD, Optimizer

CENTER = [1.0, -2.0, 0.5]


def quadratic(params):
    """A bowl with a valley: (x - c) A (x - c) / 2."""
    off = [p - c for p, c in zip(params, CENTER, strict=True)]
    return 0.5 * (off[0] ** 2 + 2 * off[1] ** 2 + 0.5 * off[2] ** 2) + 0.25 * off[0] * off[1]


def plain_quadratic(params):
    """The same without Values, which is faster."""
    return quadratic([p.data for p in params])


def start():
    return [Value(0.0), Value(0.0), Value(0.0)]


# Options with which each gets to the bottom; evaluations a step for 3 parameters; steps.
KINDS = {
    "random": (RandomSearch, {"sigma": 0.1, "rng": 0}, 2, 800),
    "central": (FiniteDifferences, {"lr": 0.5}, 7, 40),
    "forward": (FiniteDifferences, {"lr": 0.5, "central": False}, 4, 40),
    "evolution": (EvolutionStrategies, {"lr": 0.1, "rng": 0}, 21, 150),
    "ranks": (EvolutionStrategies, {"lr": 0.02, "ranks": True, "rng": 0}, 21, 150),
    "one-sided": (
        EvolutionStrategies,
        {"lr": 0.05, "antithetic": False, "population": 30, "rng": 0},
        31,
        150,
    ),
    "spsa": (SPSA, {"lr": 0.2, "rng": 0}, 3, 400),
}
every = pytest.mark.parametrize("kind", KINDS)


def set_up(kind, **more):
    cls, options, cost, steps = KINDS[kind]
    params = start()
    return cls(params, **{**options, **more}), params, cost, steps


def run(optimizer, params, steps):
    losses = [optimizer.step(lambda: plain_quadratic(params)) for _ in range(steps)]
    return losses, [p.data for p in params]


@every
def test_it_gets_to_the_bottom_and_counts_what_it_costs(kind):
    optimizer, params, cost, steps = set_up(kind)
    losses, found = run(optimizer, params, steps)
    assert found == pytest.approx(CENTER, abs=0.1)
    assert losses[-1] < losses[0] / 100
    assert optimizer.evaluations == cost * steps


@every
def test_the_loss_returned_is_that_before_the_step(kind):
    optimizer, params, _, _ = set_up(kind)
    for _ in range(5):
        before = quadratic([p.data for p in params])
        assert optimizer.step(lambda: quadratic(params)) == before


@every
def test_it_fits_where_other_optimizers_do(kind):
    optimizer, params, _, _ = set_up(kind)
    assert isinstance(optimizer, Optimizer)
    assert not optimizer.needs_gradients and SGD.needs_gradients
    assert optimizer.params == params
    params[0].grad = 3.0
    run(optimizer, params, 1)
    assert params[0].grad == 3.0
    optimizer.zero_grad()
    assert params[0].grad == 0.0
    if kind == "random":
        assert not hasattr(optimizer, "lr")
        with pytest.raises(AttributeError, match="RandomSearch has no learning rate"):
            optimizer.lr = 0.1
    else:
        optimizer.lr = 0.0
        data = [p.data for p in params]
        assert run(optimizer, params, 2)[1] == data


@every
def test_no_graph_is_recorded(kind):
    optimizer, params, _, _ = set_up(kind)
    seen = []

    def closure():
        seen.append(recording())
        return quadratic(params)

    optimizer.step(closure)
    assert not any(seen)
    assert recording()


@every
@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_an_error_leaves_the_parameters_as_they_were(kind, fails_at):
    optimizer, params, cost, _ = set_up(kind)
    run(optimizer, params, 3)
    data = [p.data for p in params]
    calls = []

    def closure():
        calls.append(None)
        if len(calls) > min(fails_at, cost - 1):
            raise KeyError("no loss")
        return quadratic(params)

    with pytest.raises(KeyError, match="no loss"):
        optimizer.step(closure)
    assert [p.data for p in params] == data
    assert recording()


@every
@pytest.mark.parametrize("interrupted_at", [0, 1, 7])
def test_a_run_resumed_by_way_of_json_goes_on_bit_for_bit(kind, interrupted_at):
    optimizer, params, _, _ = set_up(kind)
    run(optimizer, params, interrupted_at)
    saved = json.loads(json.dumps(optimizer.state_dict()))
    data = [p.data for p in params]
    expected = run(optimizer, params, 6)

    seeded = {} if kind in ("central", "forward") else {"rng": 99}
    resumed, others, _, _ = set_up(kind, **seeded)
    run(resumed, others, 3)
    resumed.load_state_dict(saved)
    for param, x in zip(others, data, strict=True):
        param.data = x
    assert run(resumed, others, 6) == expected
    assert resumed.state_dict() == optimizer.state_dict()


@every
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_with_its_parameters_goes_on_alike(kind, copied):
    optimizer, params, _, _ = set_up(kind)
    run(optimizer, params, 3)
    other, others = copied((optimizer, params))
    assert run(other, others, 3) == run(optimizer, params, 3)


def test_the_shared_generator_is_used_but_not_saved():
    optimizer, params = RandomSearch(one := [Value(0.0)], sigma=0.1), one
    assert optimizer.state_dict()["rng"] is None
    random.seed(5)
    optimizer.step(lambda: params[0] ** 2 - params[0])
    random.seed(5)
    twin = Value(0.0)
    RandomSearch([twin], sigma=0.1).step(lambda: twin**2 - twin)
    assert twin.data == params[0].data
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.rng is None


@every
def test_groups_have_options_of_their_own(kind):
    cls, options, _, _ = KINDS[kind]
    option = "sigma" if kind == "random" else "lr"
    still, moving = Value(0.0), Value(0.0)
    tiny = 1e-300
    own = {name: value for name, value in options.items() if name != option}
    optimizer = cls([{"params": [still], option: tiny}, {"params": [moving], option: 0.1}], **own)
    for _ in range(10):
        optimizer.step(lambda: (still - 1) ** 2 + (moving - 1) ** 2)
    assert abs(still.data) < 1e-290
    assert abs(moving.data) > 1e-3


# --- Each by itself -------------------------------------------------------------------------------


def test_random_search_never_makes_the_loss_larger():
    optimizer, params, _, _ = set_up("random")
    losses, _ = run(optimizer, params, 300)
    assert losses == sorted(losses, reverse=True)
    assert 10 < len(set(losses)) < 300


@pytest.mark.parametrize(
    ("here", "there", "goes"),
    [
        (1.0, 0.5, True),
        (1.0, 1.0, False),
        (1.0, 2.0, False),
        (math.nan, 1.0, True),
        (1.0, math.nan, False),
        (math.nan, math.nan, False),
        (math.inf, 1.0, True),
    ],
)
def test_random_search_goes_where_the_loss_is_smaller_and_never_to_nan(here, there, goes):
    x = Value(0.0)
    RandomSearch([x], rng=0).step(lambda: here if x.data == 0.0 else there)
    assert (x.data != 0.0) == goes


@pytest.mark.parametrize(("central", "digits"), [(True, 1e-9), (False, 1e-6)])
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_step_by_differences_is_one_by_the_gradient(central, digits, scale):
    here, there = ([Value(scale * x) for x in (0.3, -0.7, 2.0)] for _ in range(2))

    def loss(params):
        return sum(((p / scale).tanh() * (p / scale).exp() for p in params), 0.0)

    loss(here).backward()
    SGD(here, lr=1.0).step()
    FiniteDifferences(there, lr=1.0, central=central).step(lambda: loss(there))
    for a, b in zip(here, there, strict=True):
        assert b.data == pytest.approx(a.data, rel=digits)


def test_differences_of_a_line_are_exact():
    x = Value(1e8)  # where the float next to it is further away than eps
    FiniteDifferences([x], lr=1.0, eps=1e-9, central=False).step(lambda: 2.0 * x)
    assert x.data == 1e8 - 2.0
    with pytest.raises(ValueError, match="eps is too small to move a parameter"):
        FiniteDifferences([x], eps=1e-20).step(lambda: 2.0 * x)


def estimates(make, count):
    """Slopes of the loss at the start, by steps of rate 1 from there."""
    found = []
    rng = random.Random(11)
    for _ in range(count):
        params = start()
        make(params, rng).step(lambda params=params: plain_quadratic(params))
        found.append([-p.data for p in params])
    return np.array(found)


@pytest.mark.parametrize(
    "make",
    [
        lambda p, rng: EvolutionStrategies(p, lr=1.0, population=4, rng=rng),
        lambda p, rng: EvolutionStrategies(p, lr=1.0, population=3, antithetic=False, rng=rng),
        lambda p, rng: SPSA(p, lr=1.0, rng=rng),
    ],
    ids=["antithetic", "one-sided", "spsa"],
)
def test_the_slope_is_the_gradient_on_average(make):
    params = start()
    quadratic(params).backward()
    gradient = np.array([p.grad for p in params])
    found = estimates(make, 3000)
    error = found.std(0) / math.sqrt(len(found))
    assert (error > 0).all()
    assert (abs(found.mean(0) - gradient) < 4 * error).all()


def test_pairs_take_out_the_noise_of_what_is_even():
    x = Value(0.0)
    EvolutionStrategies([x], lr=1.0, rng=0).step(lambda: x**2)
    assert x.data == 0.0
    EvolutionStrategies([x], lr=1.0, antithetic=False, rng=0).step(lambda: x**2)
    assert x.data != 0.0


def test_ranks_are_the_same_for_any_growing_function_of_the_loss():
    found = []
    for function in (lambda y: y, lambda y: y**3, lambda y: math.exp(5 * y), lambda y: 100 * y + 7):
        params = start()
        optimizer = EvolutionStrategies(params, ranks=True, rng=0)
        for _ in range(5):
            optimizer.step(lambda params=params, f=function: f(plain_quadratic(params)))
        found.append([p.data for p in params])
    assert all(path == found[0] for path in found)


def test_ranks_share_places_and_put_nan_last():
    x = Value(0.0)
    optimizer = EvolutionStrategies([x], lr=1.0, sigma=1.0, population=2, ranks=True, rng=0)
    optimizer.step(lambda: 5.0)
    assert x.data == 0.0
    for seed in range(8):
        x = Value(0.0)
        options = {"population": 4, "ranks": True, "rng": seed}
        EvolutionStrategies([x], **options).step(lambda x=x: math.nan if x.data > 0 else -x.data)
        assert x.data < 0.0


@pytest.mark.parametrize("ranks", [False, True])
@pytest.mark.parametrize("antithetic", [False, True])
def test_where_all_is_level_nothing_moves(ranks, antithetic):
    x = Value(0.0)
    EvolutionStrategies([x], ranks=ranks, antithetic=antithetic, rng=0).step(lambda: 5.0)
    assert x.data == 0.0


def test_steps_of_spsa_shrink_as_spall_says():
    x = Value(0.0)
    optimizer = SPSA([x], lr=1.0, alpha=0.5, stability=2.0, rng=0)
    moves = []
    for _ in range(5):
        before = x.data
        optimizer.step(lambda: 3.0 * x)
        moves.append(before - x.data)
    assert moves == pytest.approx([3 / math.sqrt(k + 2) for k in range(1, 6)], rel=1e-12)


def test_distances_of_spsa_shrink_as_spall_says():
    x, seen = Value(0.0), []
    optimizer = SPSA([x], lr=1e-300, sigma=0.5, gamma=0.5, rng=0)

    def level():
        seen.append(abs(x.data))
        return 1.0

    for _ in range(3):
        optimizer.step(level)
    expected = [0.0 if i == 0 else 0.5 / math.sqrt(k) for k in (1, 2, 3) for i in range(3)]
    assert seen == pytest.approx(expected, rel=1e-15)


# --- Bad input ------------------------------------------------------------------------------------

X = Value(0.0)
BAD = [
    (RandomSearch, ([],), {}, ValueError, "params must hold at least one parameter"),
    (RandomSearch, ([X],), {"sigma": 0.0}, ValueError, "sigma must be positive"),
    (RandomSearch, ([X],), {"rng": "a"}, TypeError, "rng must be a random.Random"),
    (FiniteDifferences, ([X],), {"lr": -1.0}, ValueError, "lr must be positive"),
    (FiniteDifferences, ([X],), {"eps": 0.0}, ValueError, "eps must be positive"),
    (FiniteDifferences, ([X],), {"central": 1}, TypeError, "central must be True or False"),
    (EvolutionStrategies, ([X],), {"population": 3}, ValueError, "even and at least 2, got 3"),
    (
        EvolutionStrategies,
        ([X],),
        {"population": 1, "antithetic": False},
        ValueError,
        "population must be at least 2, got 1",
    ),
    (EvolutionStrategies, ([X],), {"population": 2.0}, TypeError, "population must be an int"),
    (EvolutionStrategies, ([X],), {"ranks": "yes"}, TypeError, "ranks must be True or False"),
    (SPSA, ([X],), {"alpha": -1.0}, ValueError, "alpha must be finite and at least 0"),
    (SPSA, ([X],), {"stability": math.nan}, ValueError, "stability must be finite"),
]


@pytest.mark.parametrize(("kind", "arguments", "options", "error", "message"), BAD)
def test_bad_options(kind, arguments, options, error, message):
    with pytest.raises(error, match=message):
        kind(*arguments, **options)


@every
def test_a_step_needs_a_closure_that_returns_a_number(kind):
    optimizer, params, _, _ = set_up(kind)
    with pytest.raises(TypeError, match="step needs a function that computes the loss"):
        optimizer.step()
    for wrong in (None, "1", [1.0]):
        with pytest.raises(TypeError, match="the loss that the closure returns must be a real"):
            optimizer.step(lambda wrong=wrong: wrong)
        assert [p.data for p in params] == [0.0] * 3


@pytest.mark.parametrize("kind", [int, float, np.float64, Value])
def test_the_loss_may_be_any_number(kind):
    assert RandomSearch([Value(0.0)]).step(lambda: kind(3)) == 3.0


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda s: s.pop("rng"), ValueError, "missing 'rng'"),
        (lambda s: s.update(rng=[3, [1], None]), ValueError, "'rng' is no state of a random"),
        (lambda s: s.update(rng=5), ValueError, "'rng' is no state of a random"),
        (lambda s: s.update(evaluations=1.5), TypeError, "evaluations must be an int"),
        (lambda s: s.update(optimizer="SGD"), ValueError, "this is the state of SGD"),
        (lambda s: s.update(more=1), ValueError, "unexpected 'more'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, error, message):
    optimizer, *_ = set_up("spsa")
    other, others, _, _ = set_up("spsa")
    run(other, others, 3)
    state = other.state_dict()
    spoil(state)
    before = optimizer.state_dict()
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


def test_the_base_has_no_step_of_its_own():
    with pytest.raises(NotImplementedError, match=r"GradientFree has no moved\(\)"):
        GradientFree([Value(0.0)], {}).step(lambda: 1.0)
