"""``no_grad``: a mode holds within its block, in its own thread or task, and nowhere else."""

import asyncio
import threading

import pytest

from autograd_scalar import Value, exp, modes, no_grad


def recorded() -> bool:
    x = Value(1.0)
    results = [x + x, x * 2.0, 2 * x, -x, x.exp(), exp(x)]
    assert len({bool(y.parents) for y in results}) == 1
    return bool(results[0].parents)


def test_a_block_and_a_decorated_function() -> None:
    assert recorded()
    with no_grad():
        assert not recorded()
        with no_grad():
            assert not recorded()
        assert not recorded()
    assert recorded()
    assert not no_grad()(recorded)()
    assert recorded()
    assert modes.ordinary


def test_a_block_that_raises_is_left() -> None:
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert recorded()
    assert modes.ordinary


def test_another_thread_is_not_concerned() -> None:
    seen: list[bool] = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(recorded()))
        thread.start()
        thread.join()
        assert not recorded()
    assert seen == [True]


def test_another_task_is_not_concerned() -> None:
    async def quiet() -> bool:
        with no_grad():
            await asyncio.sleep(0)
            return recorded()

    async def loud() -> bool:
        await asyncio.sleep(0)
        return recorded()

    async def both() -> list[bool]:
        return await asyncio.gather(quiet(), loud())

    assert asyncio.run(both()) == [False, True]
