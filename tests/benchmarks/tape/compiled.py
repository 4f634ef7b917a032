"""C written by hand, compiled as one compiles for one's own machine, and called by ctypes."""

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers import compiler

FLAGS = ("-O3", "-march=native", "-fopenmp-simd")
FAST_MATH = (*FLAGS, "-ffast-math")


def library(source: str, flags: tuple[str, ...] = FLAGS, **macros: int) -> ctypes.CDLL:
    """The functions of C ``source``, with ``macros`` defined."""
    defined = [f"-D{name}={value}" for name, value in macros.items()]
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "by_hand.so"
        command = [compiler(), *flags, *defined, "-shared", "-fPIC", "-xc", "-", "-lm", "-o"]
        subprocess.run([*command, str(shared)], input=source, text=True, check=True)
        return ctypes.CDLL(str(shared))


def bound(function: Any, result: Any, *arguments: Any) -> Callable[[], Any]:
    """``function`` of arrays and integers that stay where they are: nothing is converted in a call.

    The arrays are kept alive by the function that is returned.
    """
    function.restype = result
    converted = [
        ctypes.c_void_p(argument.ctypes.data)
        if isinstance(argument, np.ndarray)
        else ctypes.c_long(argument)
        for argument in arguments
    ]

    def call(alive: Any = arguments) -> Any:
        return function(*converted)

    return call


def variants(contender: Callable[..., Any]) -> dict[str, Callable[[Any], Any]]:
    """A contender as C has it, and with leave to reorder sums and to call the vector libm."""
    return {
        "C by hand": lambda problem: contender(problem, FLAGS),
        "C by hand, -ffast-math": lambda problem: contender(problem, FAST_MATH),
    }
