"""The program that lays out a graph: ``dot``, or the one that the graphviz-pure wheel brings."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

DOTS_PER_INCH = 144  # which look sharp on a slide


def render(source: str, format: str, page: str = "white") -> bytes:
    """DOT text as a picture, ``"svg"`` or ``"png"``.

    PNG has no dark mode and no page to show through, so it gets one of the colour ``page``.

    Raises FileNotFoundError if there is no program to draw with, RuntimeError if all that are
    there fail.
    """
    complaints = []
    options = [f"-T{format}"]
    if format == "png":
        options += [f"-Gbgcolor={page}", f"-Gdpi={DOTS_PER_INCH}"]
    for program in programs():
        run = subprocess.run(
            [program, *options], input=source.encode(), capture_output=True, check=False
        )
        if run.returncode == 0 and run.stdout:
            return run.stdout
        complaints.append(f"{program}: {run.stderr.decode(errors='replace').strip()}")
    if not complaints:
        raise FileNotFoundError(
            "draw: found neither dot nor graphviz-pure to draw with; pip install graphviz-pure"
        )
    raise RuntimeError("draw: no program could draw this graph\n" + "\n".join(complaints))


def programs() -> Iterator[str]:
    """The programs on this machine that understand DOT, in the order to try them.

    A ``dot`` that cannot draw (Debian has one without PNG) leaves it to the next.
    """
    if dot := shutil.which("dot"):
        yield dot
    # pip puts a wheel's programs beside its own interpreter, which need not be on the PATH.
    beside = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    beside.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    for folder in (*beside, None):
        if program := shutil.which("graphviz-pure", path=folder):
            yield program
            return
