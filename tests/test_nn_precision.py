"""Rounding to fewer bits, exhaustively, and a graph computed again in them."""

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, exp, logsumexp, mean
from nn.losses import mse_loss
from nn.mlp import MLP
from nn.precision import FORMATS, low_precision, round_to, rounding
from tests.strategies import programs

# --- round_to ---


def float16(pattern):
    return struct.unpack("<e", struct.pack("<H", pattern))[0]


def bfloat16(pattern):
    return struct.unpack("<f", struct.pack("<I", pattern << 16))[0]


SMALL = {
    "float16": (float16, 0x7C00, 65536.0),
    "bfloat16": (bfloat16, 0x7F80, 2.0**128),
}  # what a pattern of 16 bits is, the pattern of inf, and what would come if there were no inf


def same(a, b):
    """Equal, zeros with their signs."""
    return a == b and math.copysign(1.0, a) == math.copysign(1.0, b)


@pytest.mark.parametrize("format", SMALL)
def test_every_number_of_the_format_stays(format):
    value, inf, _ = SMALL[format]
    low = rounding(format)
    for pattern in range(1 << 16):
        x = value(pattern)
        if pattern & 0x7FFF > inf:
            assert math.isnan(low(x))
        else:
            assert same(low(x), x), hex(pattern)


@pytest.mark.parametrize("format", SMALL)
def test_between_two_neighbours_the_nearer_one_is_taken_and_the_even_one_halfway(format):
    value, inf, beyond = SMALL[format]
    low = rounding(format)
    for pattern in range(inf):
        a, b = value(pattern), value(pattern + 1)
        top = beyond if b == math.inf else b
        half = (a + top) / 2  # exact in a double
        even = a if pattern % 2 == 0 else b
        for sign in (1.0, -1.0):
            found = [low(sign * math.nextafter(half, 0.0)), low(sign * half)]
            found.append(low(sign * math.nextafter(half, math.inf)))
            assert all(map(same, found, [sign * a, sign * even, sign * b])), hex(pattern)


AS_NUMPY = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@given(st.floats(), st.sampled_from(sorted(AS_NUMPY)))
def test_rounding_is_numpys(x, format):
    with np.errstate(all="ignore"):
        expected = float(AS_NUMPY[format](x))
    found = round_to(x, format)
    assert same(found, expected) or (math.isnan(found) and math.isnan(expected))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.sampled_from(sorted(FORMATS)))
def test_rounding_keeps_order_and_sign_and_is_done_after_once(x, y, format):
    low = rounding(format)
    assert (low(x) <= low(y)) if x <= y else (low(x) >= low(y))
    assert same(low(-x), -low(x))
    assert same(low(low(x)), low(x))


def test_it_is_rounded_once_and_not_through_float32():
    # Just above the middle of two neighbours: a float32 in between would fall on it, and to even.
    x = 1.0 + 2.0**-8 + 2.0**-40
    assert round_to(x, "bfloat16") == 1.0 + 2.0**-7
    assert round_to(round_to(x, "float32"), "bfloat16") == 1.0


def test_numbers_of_other_kinds_are_taken():
    assert round_to(Fraction(1, 3), "float16") == round_to(1 / 3, "float16")
    assert round_to(np.float32(2.0), "bfloat16") == round_to(2, "bfloat16") == 2.0


# --- low_precision ---


def network_loss(rng=0):
    model = MLP(2, [4, 1], activation="tanh", rng=rng)
    xs = [[0.5, -1.0], [2.0, 0.25], [-1.5, 1.0]]
    return model, mse_loss([model(x) for x in xs], [1.0, -1.0, 0.5])


@given(programs())
def test_in_double_precision_nothing_changes(program):
    leaves = [Value(x) for x in program.inputs]
    loss = program(*leaves)
    if not isinstance(loss, Value):
        return
    loss.backward()
    low = low_precision(loss, "float64")
    assert low.loss == loss.data
    for x in leaves:
        assert low.gradients.get(x, 0.0) == x.grad
    assert not any(low.counts().values())


@pytest.mark.parametrize("format", FORMATS)
def test_every_number_and_gradient_has_the_format_and_is_near(format):
    model, loss = network_loss()
    loss.backward()
    low = low_precision(loss, format)
    digits, _, _ = FORMATS[format]
    for number in (*low.values.values(), *low.gradients.values()):
        assert round_to(number, format) == number
    for p in model.parameters():
        assert low.exact_gradients[p] == p.grad
        assert abs(low.gradients[p] - p.grad) <= 30 * 2.0**-digits * max(1.0, abs(p.grad))
    assert (low.loss == loss.data) is (format == "float64")


def test_float32_is_numpys_step_by_step():
    a, b, c = Value(0.1), Value(0.7), Value(-1.3)
    loss = (a * b + c) * a
    low = low_precision(loss, "float32")
    x, y, z = map(np.float32, (0.1, 0.7, -1.3))
    assert low.loss == (x * y + z) * x
    assert low.gradients[a] == (x * y + z) + x * y
    assert low.gradients[b] == x * x
    assert low.gradients[c] == x


@given(
    st.lists(st.floats(0.1, 10.0), min_size=4, max_size=4), st.sampled_from(["float16", "float32"])
)
def test_numpy_finds_the_same_step_by_step_with_constants_too(numbers, format):
    kind = AS_NUMPY[format]
    a, b, c, d = map(kind, numbers)
    x = Value(numbers[0])
    low = low_precision((x * numbers[1] + x * numbers[2]) * numbers[3], format)
    assert low.loss == (a * b + a * c) * d
    assert low.gradients[x] == d * b + d * c


def test_each_sum_of_two_contributions_is_rounded():
    x = Value(1.0)
    low = low_precision(x * 2048.0 + x, "float16")  # whose numbers are even from 2048 on
    assert (low.exact_gradients[x], low.gradients[x]) == (2049.0, 2048.0)


def test_the_graph_stays_as_it_is():
    model, loss = network_loss()
    loss.backward()
    before = [(p.data, p.grad) for p in model.parameters()]
    low_precision(loss, "bfloat16", 8.0)
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_loss_scaling_rescues_what_underflows():
    model, loss = network_loss()
    loss = loss * 2.0**-24
    lost = low_precision(loss, "float16")
    assert len(lost.underflows(model.parameters())) > len(model.parameters()) / 2
    kept = low_precision(loss, "float16", loss_scale=2.0**14)
    assert kept.underflows(model.parameters()) == []
    for p in model.parameters():
        assert kept.gradients[p] == pytest.approx(kept.exact_gradients[p], rel=0.1)
    assert low_precision(loss, "bfloat16").underflows(model.parameters()) == []


@pytest.mark.parametrize("scale", [2.0**k for k in (-3, 1, 7)])
def test_a_scale_that_is_a_power_of_two_changes_nothing_where_nothing_underflows(scale):
    model, loss = network_loss()
    plain, scaled = low_precision(loss, "bfloat16"), low_precision(loss, "bfloat16", scale)
    assert [plain.gradients[p] for p in model.parameters()] == [
        scaled.gradients[p] for p in model.parameters()
    ]
    assert plain.loss == scaled.loss


def test_what_is_too_large_overflows_and_is_counted_by_operation():
    x = Value(300.0)
    loss = exp(x * 0.0) + x * x
    low = low_precision(loss, "float16")
    assert low.loss == math.inf
    assert low.overflows() == []
    assert low.counts()["results that overflow"] == {"*": 1, "+": 1}
    low = low_precision(loss, "float16", loss_scale=65536.0)
    assert set(low.overflows()) >= {loss, x}
    assert low.counts()["gradients that overflow"]["leaf"] == 1


def test_underflows_are_those_that_a_double_does_not_have():
    x, zero = Value(1e-5), Value(0.0)
    loss = x * x + zero * 1e-9 + (zero * x) * 0.0
    low = low_precision(loss, "float16")
    assert low.underflows([x, zero]) == [zero]
    assert low.underflows([]) == low.underflows([Value(1.0)]) == []
    # x * x is lost, and zero * 1e-9 is 0 in doubles, too.
    assert low.counts()["results that underflow"] == {"*": 1, "+": 2}
    assert low.counts()["gradients that underflow"] == {"leaf": 1}


def test_constants_are_rounded_and_any_operation_is_computed_again():
    x = Value(2.0)
    loss = logsumexp([x * 0.1, mean([x, 3.0])])
    low = low_precision(loss, "bfloat16")
    tenth = round_to(0.1, "bfloat16")
    assert low.loss == round_to(
        math.log(math.exp(round_to(2 * tenth, "bfloat16")) + math.exp(2.5)), "bfloat16"
    )


def wired_by_hand():
    x = Value(1.0)
    node = Value(2.0, (x,), "double")
    node._backward = lambda: None
    return node


BAD = [
    (lambda: round_to(1.0, "float8"), ValueError, "unknown format 'float8', did you mean"),
    (lambda: round_to("1", "float16"), TypeError, "round_to: x must be a real number"),
    (lambda: low_precision(Value(1.0), "half"), ValueError, "unknown format 'half'"),
    (lambda: low_precision(1.0, "float16"), TypeError, "loss must be a Value, got float"),
    (lambda: low_precision(Value(1.0), loss_scale=0.0), ValueError, "positive and finite, got 0"),
    (lambda: low_precision(Value(1.0), loss_scale=math.inf), ValueError, "finite, got inf"),
    (lambda: low_precision(Value(1.0), loss_scale="8"), TypeError, "loss_scale must be a real"),
    (lambda: low_precision(wired_by_hand()), ValueError, "was wired by hand"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
