"""What the libraries of recorded graphs need told, and single gradients by them, once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from timing import Run


def casadi_options(compile: bool, optimize: bool = True) -> dict[str, Any]:
    """CasADi's own interpreter, or the C that it writes, compiled as the C by hand is."""
    if not compile:
        return {}
    from compiled import FLAGS
    from peers import compiler

    jit = {"compiler": compiler(), "flags": [*FLAGS] if optimize else ["-O0"], "verbose": False}
    return {"jit": True, "compiler": "shell", "jit_options": jit}


def casadi_in_place(function: Any, arguments: list[Any], results: list[Any]) -> Callable[[], None]:
    """A call of ``function`` that reads from NumPy arrays and writes to others, and makes none.

    What has several columns is given with a row for each of them.
    """
    arrays = [np.ascontiguousarray(argument, float).ravel() for argument in arguments]
    buffer, evaluate = function.buffer()
    for place, array in enumerate(arrays):
        buffer.set_arg(place, memoryview(array))
    for place, array in enumerate(results):
        buffer.set_res(place, memoryview(array))

    def call(alive: Any = (buffer, arrays, results)) -> None:
        evaluate()

    return call


def ddx_options(compile: bool, points: int = 1) -> Any:
    """Options of ddx: nothing is kept on disk from an earlier run."""
    from ddx import Backend, Options, VecLib

    backend = Backend.COMPILE if compile else Backend.INTERPRET
    return Options(backend=backend, points=points, veclib=VecLib.AUTO, cache_dir="")


def casadi_gradient(
    value: Any, by: Any, numbers: np.ndarray, compile: bool, optimize: bool = True
) -> Run:
    """A CasADi expression and its gradient, of one point in a NumPy array."""
    import casadi as ca

    options = casadi_options(compile, optimize)
    function = ca.Function("f", [by], [value, ca.gradient(value, by)], options)
    results = [np.empty(1), np.empty(len(numbers))]
    call = casadi_in_place(function, [numbers], results)
    return Run(call, lambda _: results)


def ddx_gradient(f: Callable[[list[Any]], Any], numbers: np.ndarray, compile: bool) -> Run:
    """A function of a list and its gradient by ddx, of one point in a buffer that stays."""
    import ddx

    model = ddx.equation(lambda: f([ddx.var(f"x{k}") for k in range(len(numbers))]))
    model.options = ddx_options(compile)
    place = [int(name[1:]) for name in model.symbols]  # in the order in which they are met
    call = model.buffer(numbers[place])

    def answers(_: Any) -> list[Any]:
        return [call.value, np.asarray(call.jacobian)[np.argsort(place)]]

    return Run(call, answers)


def xad_gradient(f: Callable[[list[Any]], Any], numbers: np.ndarray) -> Run:
    """A function of a list and its gradient by XAD, recorded anew in every call."""
    import xad.adj_1st as adjoint

    tape = adjoint.Tape()
    tape.activate()
    floats = numbers.tolist()

    def call() -> Any:
        tape.clearAll()
        xs = [adjoint.Real(x) for x in floats]
        for x in xs:
            tape.registerInput(x)
        tape.newRecording()
        y = f(xs)
        tape.registerOutput(y)
        y.derivative = 1.0
        tape.computeAdjoints()
        return y.value, [x.derivative for x in xs]

    return Run(call, list)


def micrograd_gradient(f: Callable[[list[Any]], Any], numbers: np.ndarray) -> Run:
    """A function of a list and its gradient by micrograd, recorded anew in every call."""
    from micrograd.engine import Value

    floats = numbers.tolist()

    def call() -> Any:
        xs = [Value(x) for x in floats]
        y = f(xs)
        y.backward()
        return y.data, [x.grad for x in xs]

    return Run(call, list)
