"""Copies and pickles keep every fact, and who is who."""

import copy
import io
import math
import pickle
from collections.abc import Callable

import pytest

from autograd_scalar import Value, clamp, detect_anomaly, dot, exp, logsumexp, where
from autograd_scalar.graph import topological_order

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def graph() -> tuple[Value, Value, Value, Value]:
    a, b = Value(2.0, label="a"), Value(-0.5, label="b")
    inner = a * b + 3
    loss = dot([inner, a, 2.0], [b, inner, inner]) + where(inner > 0, exp(inner), 0.0)
    loss = (2.0 ** clamp(loss, 0, 1e6) + logsumexp([a, b])) / (1 - b)
    loss.backward()
    return a, b, inner, loss


def python_pickler(value: object) -> bytes:
    """The pickler written in Python, which reads ahead in lists."""
    file = io.BytesIO()
    pickle._Pickler(file).dump(value)  # type: ignore[attr-defined]
    return file.getvalue()


COPIERS: dict[str, Callable[[object], object]] = {
    "deepcopy": copy.deepcopy,
    "python pickler": lambda v: pickle.loads(python_pickler(v)),
    **{
        f"protocol {p}": (lambda v, p=p: pickle.loads(pickle.dumps(v, protocol=p)))  # type: ignore[misc]
        for p in PROTOCOLS
    },
}


@pytest.mark.parametrize("copied", COPIERS.values(), ids=COPIERS)
def test_a_copy_has_every_fact_and_a_gradient_of_its_own(copied) -> None:  # type: ignore[no-untyped-def]
    a, b, inner, loss = graph()
    a2, b2, inner2, loss2 = copied((a, b, inner, loss))
    old, new = topological_order(loss), topological_order(loss2)
    assert not set(old) & set(new)
    place = dict(zip(old, new, strict=True))
    assert (place[a], place[b], place[inner]) == (a2, b2, inner2)
    for u, v in place.items():
        assert (u.data, u.grad, u.op, u.label) == (v.data, v.grad, v.op, v.label)
        assert tuple(place.get(o, o) for o in u.operands) == v.operands
    before = a.grad
    loss2.backward()
    assert a2.grad == 2 * before
    assert a.grad == before


@pytest.mark.parametrize("copied", COPIERS.values(), ids=COPIERS)
def test_roots_copied_together_keep_what_they_share(copied) -> None:  # type: ignore[no-untyped-def]
    x = Value(3.0)
    shared = x * x
    first, second = copied([-shared, shared + 1])
    assert first.parents[0] is second.parents[0]


def test_a_shallow_copy_shares_its_parents() -> None:
    a, _, inner, _ = graph()
    other = copy.copy(inner)
    assert other is not inner
    assert other.parents == inner.parents
    assert other.operands == inner.operands
    assert (copy.copy(a).label, copy.copy(a).grad) == ("a", a.grad)


def test_a_failed_pickle_leaves_the_next_one_alone() -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError("disk full")

    y = Value(1.0)
    for _ in range(20_000):
        y = -y
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            pickle.dump(y, Full())
    assert pickle.loads(pickle.dumps(y)).data == 1.0


def test_pickles_inside_pickles() -> None:
    class Outer:
        def __init__(self, value: Value) -> None:
            self.value = value

        def __reduce__(self) -> tuple[object, ...]:
            return pickle.loads, (pickle.dumps(self.value),)

    y = Value(1.0)
    for _ in range(5_000):
        y = -y
    inner, outer = pickle.loads(pickle.dumps([Outer(y), y]))
    assert inner.data == outer.data == 1.0


def test_special_numbers_survive() -> None:
    for number in (math.inf, -math.inf, -0.0, 5e-324):
        other = pickle.loads(pickle.dumps(Value(number) * 1.0))
        assert math.copysign(1, other.data) == math.copysign(1, number) and other.data == number
    assert math.isnan(copy.deepcopy(Value(math.nan)).data)


def test_watched_nodes_are_copied_as_ordinary_ones() -> None:
    with detect_anomaly():
        y = exp(Value(1.0))
    assert type(pickle.loads(pickle.dumps(y))) is type(copy.deepcopy(y)) is Value


def test_a_node_wired_by_hand_is_refused_once_it_has_a_closure() -> None:
    a = Value(1.0)
    y = Value(2.0, (a,), "double")
    assert pickle.loads(pickle.dumps(y)).op == copy.deepcopy(y).op == "double"

    def _backward() -> None:
        a.grad += 2 * y.grad

    y._backward = _backward
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="assigned by hand"):
            duplicate(y)
