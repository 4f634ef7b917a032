"""Topological order, and graphs too deep for any recursion."""

import copy
import pickle
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value
from autograd_scalar.graph import topological_order

DEPTH = 1_000_000
LEVELS = 100_000


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30))
def test_every_node_once_and_after_its_parents(pairs: list[tuple[int, int]]) -> None:
    nodes = [Value(1.0), Value(2.0)]
    for i, j in pairs:
        nodes.append(nodes[i % len(nodes)] + nodes[j % len(nodes)])
    order = topological_order(nodes[-1])
    place = {node: k for k, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is nodes[-1]
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert {p for node in order for p in node.parents} | {order[-1]} == set(order)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30), st.data())
def test_what_is_known_is_left_out_and_what_only_it_was_computed_from(
    pairs: list[tuple[int, int]], data: st.DataObject
) -> None:
    nodes = [Value(1.0), Value(2.0)]
    for i, j in pairs:
        nodes.append(nodes[i % len(nodes)] + nodes[j % len(nodes)])
    known = data.draw(st.lists(st.sampled_from(nodes), max_size=3))
    order = topological_order(nodes[-1], known)
    reached = [] if nodes[-1] in known else [nodes[-1]]
    for node in reached:
        reached += [p for p in dict.fromkeys(node.parents) if p not in known and p not in reached]
    assert set(order) == set(reached)
    place = {node: k for k, node in enumerate(order)}
    assert all(place[p] < place[node] for node in order for p in node.parents if p in place)


def test_operands_come_from_left_to_right() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    product = a * b
    total = product + c
    assert topological_order(total) == [a, b, product, c, total]


@pytest.fixture(scope="module")
def chain() -> Iterator[tuple[Value, Value]]:
    x = Value(2.0, label="x")
    y = x
    for _ in range(DEPTH // 2):
        y = -(y * 1.0)
    yield x, y


@pytest.fixture(scope="module")
def ladder() -> tuple[Value, Value]:
    """Each level uses the one below twice: 2**LEVELS paths from top to bottom."""
    x = Value(2.0)
    y = x
    for _ in range(LEVELS):
        y = y * 0.5 + y * 0.5
    return x, y


def test_the_recursion_limit_is_the_default() -> None:
    assert sys.getrecursionlimit() <= 1000
    assert threading.stack_size() == 0


@pytest.mark.slow
def test_backward_and_repr_of_a_deep_chain(chain: tuple[Value, Value]) -> None:
    x, y = chain
    assert len(topological_order(y)) == DEPTH + 1
    x.grad = 0.0
    y.backward()
    assert x.grad == 1.0
    assert repr(y) == "Value(data=2.0, grad=1.0)"


@pytest.mark.slow
def test_backward_of_a_ladder(ladder: tuple[Value, Value]) -> None:
    x, y = ladder
    x.grad = 0.0
    y.backward()
    assert x.grad == 1.0
    assert len(topological_order(y)) == 3 * LEVELS + 1


def same_graph(a: Value, b: Value) -> bool:
    """Equal facts in equal places, and nothing in common."""
    first, second = topological_order(a), topological_order(b)
    place_a = {node: k for k, node in enumerate(first)}
    place_b = {node: k for k, node in enumerate(second)}
    return (
        len(first) == len(second)
        and not place_a.keys() & place_b.keys()
        and all(
            (u.data, u.grad, u.op, u.label) == (v.data, v.grad, v.op, v.label)
            and [place_a[p] for p in u.parents] == [place_b[p] for p in v.parents]
            for u, v in zip(first, second, strict=True)
        )
    )


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y))],
    ids=["deepcopy", "pickle"],
)
@pytest.mark.slow
@pytest.mark.parametrize("shape", ["chain", "ladder"])
def test_copies_of_deep_graphs(copied, shape: str, request: pytest.FixtureRequest) -> None:  # type: ignore[no-untyped-def]
    _, y = request.getfixturevalue(shape)
    other = copied(y)
    assert same_graph(y, other)


@pytest.mark.slow
def test_all_of_it_in_a_thread_with_the_default_stack(chain: tuple[Value, Value]) -> None:
    _, y = chain
    done: list[float] = []

    def work() -> None:
        y.backward()
        other = copy.copy(y)
        done.append(other.data)
        deep = Value(1.0)
        for _ in range(DEPTH):
            deep = -deep
        del deep

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [2.0]
