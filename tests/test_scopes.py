"""Nodes know the scopes that they were recorded in, in every thread and task of its own."""

import asyncio
import threading

import pytest

from autograd_scalar import Value, detect_anomaly, no_grad, scope
from autograd_scalar.scopes import Scope
from nn.mlp import MLP


def path(value: Value) -> list[str]:
    found: Scope | None = getattr(value, "scope", None)
    return [] if found is None else [link.name for link in found.chain()]


def test_scopes_nest_and_end() -> None:
    x = Value(2.0)
    with scope("a") as a:
        first = x * x
        with scope("b"):
            second = first + 1.0
        third = second - x
    assert [path(v) for v in (first, second, third)] == [["a"], ["a", "b"], ["a"]]
    assert first.scope is a and repr(a) == "<Scope a>"  # type: ignore[attr-defined]
    assert path(x * x) == []


def test_a_scope_changes_no_number() -> None:
    def graph() -> tuple[float, float]:
        x = Value(3.0)
        y = (x * x).tanh() / 2.0
        y.backward()
        return y.data, x.grad

    outside = graph()
    with scope("inside"):
        assert graph() == outside


def test_a_second_run_is_another_scope() -> None:
    x = Value(1.0)
    scopes = []
    for _ in range(2):
        with scope("step") as found:
            x = x * x
        scopes.append(found)
    assert scopes[0] is not scopes[1]


def test_a_function_may_be_decorated() -> None:
    @scope("energy")
    def energy(x: Value) -> Value:
        return x * x / 2.0

    assert path(energy(Value(3.0))) == ["energy"]


def test_calls_of_modules_within_are_scopes_and_outside_are_not() -> None:
    model = MLP(2, [2, 1], rng=0)
    x = [Value(1.0), Value(2.0)]
    assert path(model(x)) == []
    with scope("net"):
        y = model(x)
    assert path(y)[:3] == ["net", "MLP", "layers.1"]


@pytest.mark.parametrize("name", [None, 3, b"a"])
def test_a_name_is_a_string(name: object) -> None:
    with pytest.raises(TypeError, match="scope: name must be a string, not"), scope(name):  # type: ignore[arg-type]
        pass


def test_an_error_ends_a_scope_too() -> None:
    with pytest.raises(ZeroDivisionError), scope("a"):
        raise ZeroDivisionError
    assert path(Value(1.0) * 2.0) == []


def test_a_thread_has_scopes_of_its_own() -> None:
    found = []
    with scope("here"):
        thread = threading.Thread(target=lambda: found.append(path(Value(1.0) * 2.0)))
        thread.start()
        thread.join()
    assert found == [[]]


def test_a_task_has_scopes_of_its_own() -> None:
    async def task(name: str) -> list[str]:
        with scope(name):
            await asyncio.sleep(0)
            return path(Value(1.0) * 2.0)

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(task("a"), task("b")))

    assert asyncio.run(both()) == [["a"], ["b"]]


def test_scopes_go_with_the_other_modes() -> None:
    x = Value(2.0)
    with scope("a"), no_grad():
        assert (x * x).parents == ()
    with scope("a"), detect_anomaly():
        y = x * x
        with pytest.raises(FloatingPointError):
            y / 0.0
    assert y.data == 4.0
