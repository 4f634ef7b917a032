"""Clipping: PyTorch's numbers, and the laws of a norm, to the ends of the range."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value
from nn.clipping import clip_grad_norm, clip_grad_value
from tests import torch_training
from tests.sweeps import examples

CASES = torch_training.recorded(torch_training.OPTIM_FILE)["clipping"]
GRADIENTS = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=8)


def with_gradients(numbers):
    params = [Value(1.0) for _ in numbers]
    for param, number in zip(params, numbers, strict=True):
        param.grad = number
    return params


def clipped(numbers, *args, **options):
    params = with_gradients(numbers)
    norm = clip_grad_norm(params, *args, **options)
    return norm, [param.grad for param in params]


def same(found, expected, digits):
    return found == pytest.approx(expected, rel=digits, abs=0.0, nan_ok=True)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: "{gradients}-{norm_type}-{max_norm}".format(**c)
)
def test_norms_and_gradients_are_those_of_pytorch(case):
    norm, gradients = clipped(case["gradients"], case["max_norm"], case["norm_type"])
    assert same(norm, case["norm"], 1e-14)
    assert same(gradients, case["clipped"], 1e-14)


def test_pytorch_still_gives_the_recorded_numbers():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for fresh, case in zip(torch_training.torch_clipping(), CASES, strict=True):
        for key in ("gradients", "norm_type", "max_norm", "norm", "clipped"):
            assert same(fresh[key], case[key], 1e-14)


@examples(100)
@given(GRADIENTS, st.floats(1e-3, 1e300), st.sampled_from([1, 2, 2.0, 3.5, math.inf]))
def test_clipped_gradients_have_at_most_that_norm_and_the_same_direction(numbers, bound, p):
    norm, gradients = clipped(numbers, bound, p)
    if norm <= bound:
        # 1e-6 is added to the norm, which can make a difference just at the bound.
        scale = min(1.0, bound / (norm + 1e-6))
    else:
        scale = bound / (norm + 1e-6)
        assert clipped(gradients, bound, p)[0] <= bound * (1 + 1e-14)
    assert gradients == [number * scale for number in numbers]


@examples(100)
@given(GRADIENTS, st.sampled_from([1.0, 2.0, 3.5, math.inf]))
def test_the_norm_overflows_only_if_it_is_too_large_for_a_float(numbers, p):
    norm, _ = clipped(numbers, 1.0, p)
    largest = max(map(abs, numbers))
    assert largest <= norm * (1 + 1e-15)
    assert norm <= largest * len(numbers) * (1 + 1e-15)


def test_a_norm_of_tiny_numbers_is_not_0():
    assert clipped([3e-300, 4e-300], 1.0)[0] == pytest.approx(5e-300, rel=1e-15, abs=0)
    assert clipped([3e-300, 4e-300], 1.0, 3.0)[0] == pytest.approx(
        91 ** (1 / 3) * 1e-300, rel=1e-14, abs=0
    )


def test_parameters_may_be_one_or_an_iterator():
    assert clip_grad_norm(with_gradients([2.0])[0], 1.0) == 2.0
    assert clip_grad_norm(iter(with_gradients([3.0, 4.0])), 1.0) == 5.0
    assert clip_grad_norm([], 1.0) == 0.0


@pytest.mark.parametrize("convert", [int, np.float64, Value])
def test_gradients_of_other_types_are_taken_for_their_number(convert):
    norm, gradients = clipped([convert(3), convert(4)], 1.0)
    assert (norm, gradients) == clipped([3.0, 4.0], 1.0)
    params = with_gradients([convert(3), convert(-4)])
    clip_grad_value(params, 2.0)
    assert [param.grad for param in params] == [2.0, -2.0]


@examples(50)
@given(GRADIENTS, st.floats(0.0, 1e300))
def test_clipped_values_lie_between_the_bounds_and_others_stay(numbers, bound):
    params = with_gradients(numbers)
    clip_grad_value(params, bound)
    assert [param.grad for param in params] == [max(-bound, min(bound, g)) for g in numbers]


def test_a_gradient_of_nan_is_not_hidden():
    params = with_gradients([math.nan, math.inf])
    clip_grad_value(params, 1.0)
    assert math.isnan(params[0].grad) and params[1].grad == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_error_for_a_norm_that_is_none_comes_before_any_change(bad):
    params = with_gradients([1.0, bad])
    with pytest.raises(ValueError, match=f"norm of the gradients is {abs(bad)}"):
        clip_grad_norm(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad == 1.0


BAD = [
    (clip_grad_norm, ([Value(0.0)], -1.0), {}, ValueError, "max_norm must be finite and at least"),
    (clip_grad_norm, ([Value(0.0)], "1"), {}, TypeError, "max_norm must be a number"),
    (
        clip_grad_norm,
        ([1.0], 1.0),
        {},
        TypeError,
        r"parameters\[0\] must be a Value or an array, got 1.0",
    ),
    (clip_grad_norm, ([Value(0.0)], 1.0, 0.0), {}, ValueError, "norm_type must be above 0, got 0"),
    (clip_grad_norm, ([Value(0.0)], 1.0, math.nan), {}, ValueError, "norm_type must be above 0"),
    (clip_grad_norm, ([Value(0.0)], 1.0, "inf"), {}, TypeError, "norm_type must be a number"),
    (clip_grad_value, ([Value(0.0)], -1.0), {}, ValueError, "clip_value must be finite and at"),
    (
        clip_grad_value,
        ([1.0], 1.0),
        {},
        TypeError,
        r"parameters\[0\] must be a Value or an array, got 1.0",
    ),
]


@pytest.mark.parametrize(("function", "arguments", "options", "error", "message"), BAD)
def test_bad_arguments(function, arguments, options, error, message):
    with pytest.raises(error, match=message):
        function(*arguments, **options)


# --- Arrays of gradients --------------------------------------------------------------------------

SLOPES = st.one_of(
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324]), st.floats(-1e300, 1e300)
)


def bits(numbers):
    return ["nan" if x != x else x.hex() for x in numbers]


@examples(100)
@given(
    st.lists(SLOPES, min_size=7, max_size=7),
    st.sampled_from([0.0, 1e-3, 1.0, 1e300]),
    st.sampled_from([1, 2.0, 3.5, math.inf]),
)
def test_arrays_of_gradients_are_clipped_as_those_of_values_to_the_bit(numbers, bound, p):
    for clip in (lambda x: clip_grad_norm(x, bound, p), lambda x: clip_grad_value(x, bound)):
        params = with_gradients(numbers)
        whole = np.array([*numbers, 9.0])
        arrays = [whole[:6].reshape(2, 3).T, whole[6:7].reshape(())]
        order = [whole[i] for i in (0, 3, 1, 4, 2, 5, 6)]
        for param, number in zip(params, order, strict=True):
            param.grad = float(number)
        expected, found = clip(params), clip(arrays)
        assert bits([found or 0.0]) == bits([expected or 0.0])
        here = [x for array in arrays for x in array.ravel().tolist()]
        assert bits(here) == bits([param.grad for param in params])
        assert whole[7] == 9.0


def test_one_array_may_stand_alone_and_must_be_one_to_change():
    array = np.array([30.0, 40.0])
    assert clip_grad_norm(array, 5.0) == 50.0
    assert array.tolist() == pytest.approx([3.0, 4.0])
    for bad in (np.array([1, 2]), np.ones(2, np.float32)):
        with pytest.raises(TypeError, match=r"parameters\[0\] must be an array of float64"):
            clip_grad_value([bad], 1.0)
    array.flags.writeable = False
    with pytest.raises(ValueError, match=r"parameters\[0\] .* read-only"):
        clip_grad_norm(array, 1.0)
