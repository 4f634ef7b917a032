"""Who can be here, and what to install if one is not.

AADC is left out: the licence of its Community Edition (2.25.2, clauses 3.3 and 4) forbids to use it
as the performance baseline of another library for differentiation, and to publish measurements of
it without its makers' consent. XAD's Python package is under the AGPL: it is installed by who wants
to compare, and nothing of it is in this project.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec
from shutil import which
from typing import NamedTuple


class Peer(NamedTuple):
    is_here: Callable[[], bool]
    install: str


def _package(module: str, name: str = "") -> Peer:
    return Peer(lambda: find_spec(module) is not None, f"pip install {name or module}")


def _has_jit() -> bool:
    import autograd_scalar

    return hasattr(autograd_scalar, "jit") and find_spec("llvmlite") is not None


PEERS = {
    "ours": Peer(_has_jit, "pip install autograd_scalar[native]"),
    "ours op by op": Peer(lambda: True, ""),
    "plain class": Peer(lambda: True, ""),
    "micrograd": _package("micrograd"),
    "XAD": _package("xad"),
    "CasADi": _package("casadi"),
    "ddx": _package("ddx", "ddx-ad"),
    "HIPS autograd": _package("autograd", "autograd scipy"),
    "JAX": _package("jax"),
    "PyTorch": _package("torch"),
    "Python by hand": Peer(lambda: True, ""),
    "NumPy by hand": _package("numpy", "numpy scipy"),
    "C by hand": Peer(lambda: which(compiler()) is not None, "a C compiler, named by CC or cc"),
}
"""In the order of the report. A contender is one of these, or one with a variant: 'JAX, scan'."""


def compiler() -> str:
    return os.environ.get("CC", "cc")


def peer_of(contender: str) -> str:
    """Whose a contender is.

    >>> peer_of("C by hand, -ffast-math")
    'C by hand'
    """
    return contender.partition(",")[0]


def version(contender: str) -> str:
    """The version of what a contender is made with; empty if that is the checkout itself."""
    from importlib.metadata import version

    install = PEERS[peer_of(contender)].install
    if not install.startswith("pip install") or peer_of(contender) == "ours":
        return ""
    return version(install.split()[2])
