"""Where in the user's code something was said."""

from __future__ import annotations

import sys
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def place_in_users_code() -> str:
    """File and line of the innermost frame outside of ``autograd_scalar`` and ``nn``."""
    frame = sys._getframe()
    while frame.f_back is not None and _is_ours(frame):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


@cache  # there are as many pairs as files
def is_ours(module: str, filename: str) -> bool:
    """Whether code is the package's, and not what a user typed in a session or a doctest.

    >>> is_ours("autograd_scalar.rules", "rules.py"), is_ours("mine", "mine.py")
    (True, False)
    """
    return module.partition(".")[0] in ("autograd_scalar", "nn") and not filename.startswith("<")


def _is_ours(frame: FrameType) -> bool:
    return is_ours(str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename)
