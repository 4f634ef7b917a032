"""Where a picture that changes is shown: in a notebook, as a widget or a renewed display."""

import importlib
import sys
from typing import Any

SCALE = 1.5  # pixels of the picture to one of the screen, so that fine lines stay fine


def in_notebook() -> bool:
    """Return whether this code runs in a notebook, where pictures can be shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class Screen:
    """A place in a notebook where one picture at a time is seen.

    While it changes it is an image of ipywidgets, if that is installed, which is renewed without
    flicker. When it is finished it is an output like any other, and saved with the notebook.
    """

    def __init__(self) -> None:
        """See the class; nothing is shown yet."""
        self._display: Any = importlib.import_module("IPython.display")
        self._handle: Any = None
        self._widget: Any = None
        try:
            self._widgets: Any = importlib.import_module("ipywidgets")
        except ImportError:
            self._widgets = None

    def show(self, png: bytes, width: int, words: str) -> None:
        """Show a picture of so many pixels across; words: what there is to see on it."""
        if self._handle is None:
            if self._widgets is not None:
                self._widget = self._widgets.Image(
                    value=png, format="png", width=round(width / SCALE)
                )
            first = self._image(png, width, words) if self._widget is None else self._widget
            self._handle = self._display.display(first, display_id=True)
        elif self._widget is not None:
            self._widget.value = png
        else:
            self._handle.update(self._image(png, width, words))

    def finish(self, png: bytes, width: int, words: str) -> None:
        """Show the last picture."""
        if self._handle is None:
            self._display.display(self._image(png, width, words))
            return
        self._handle.update(self._image(png, width, words))
        if self._widget is not None:
            self._widget.close()

    def _image(self, png: bytes, width: int, words: str) -> Any:
        return self._display.Image(data=png, format="png", width=round(width / SCALE), alt=words)
