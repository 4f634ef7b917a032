"""How long ``import autograd_scalar`` takes beyond bare Python.

An import happens once in a process, so every measurement starts two: one that imports and one that
does not, in turns, so that a busy spell of the machine hits both. The first pair only warms up the
bytecode and the file system.
"""

import resource
import subprocess
import sys
from statistics import median
from time import perf_counter

BARE = "import sys"
IMPORT = "import sys, autograd_scalar"
CHECK = """
import sys, autograd_scalar
print(*[name for name in ("numpy", "graphviz") if name in sys.modules])
"""


def measure(count: int, environment: dict[str, str]) -> dict[str, float]:
    """Median seconds beyond bare Python over ``count`` pairs of runs, by the wall clock and CPU.

    Raises RuntimeError if the import brings in a package that it can do without.
    """
    # Without its bytecode on disk the package would be compiled anew each time.
    environment = {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", CHECK]
    unwanted = subprocess.check_output(command, env=environment, text=True).strip()
    if unwanted:
        raise RuntimeError(f"import autograd_scalar has imported {unwanted}")

    runs = [[run(code, environment) for code in (BARE, IMPORT)] for _ in range(count + 1)][1:]
    (bare_wall, bare_cpu), (wall, cpu) = [
        [median(times) for times in zip(*column, strict=True)] for column in zip(*runs, strict=True)
    ]
    return {"bare": bare_wall, "wall": wall - bare_wall, "cpu": cpu - bare_cpu}


def run(code: str, environment: dict[str, str]) -> tuple[float, float]:
    """Wall clock and CPU seconds of a Python process that runs ``code``."""
    cpu, wall = cpu_of_children(), perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return perf_counter() - wall, cpu_of_children() - cpu


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
