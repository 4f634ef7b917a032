"""Where in the user's code something was said."""

from __future__ import annotations

import sys

_known: dict[str, bool] = {}  # of files, whether they are ours


def place_in_users_code() -> str:
    """File and line of the innermost frame outside of ``autograd_scalar`` and ``nn``."""
    frame = sys._getframe()
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if file not in _known:
            _known[file] = is_ours(str(frame.f_globals.get("__name__", "")), file)
        if not _known[file]:
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def is_ours(module: str, filename: str) -> bool:
    """Whether code is the package's, and not what a user typed in a session or a doctest.

    >>> is_ours("autograd_scalar.rules", "rules.py"), is_ours("mine", "mine.py")
    (True, False)
    """
    return module.partition(".")[0] in ("autograd_scalar", "nn") and not filename.startswith("<")
