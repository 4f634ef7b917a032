"""Make the pictures that the project's README shows.

    pip install ".[test]" && python tests/readme_pictures.py

- neuron.svg: one neuron, as ``draw`` shows it;
- backward.svg: the same, its two passes played by ``animate``;
- explore.png: the page of a small network, as Chromium shows it, which has to be installed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks" / "pictures"
sys.path.insert(0, str(ROOT))

from autograd_scalar import Value, animate, draw, explore, tanh  # noqa: E402
from nn import MLP  # noqa: E402
from tests import browser  # noqa: E402

SIZE = 1280, 760
STEPS = 21  # into the backward pass


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-0.6, label="b")
    neuron = tanh(w * x + b)
    neuron.backward()
    draw(neuron, FOLDER / "neuron.svg", parameters=[w, b])
    animate(neuron, FOLDER / "backward.svg", parameters=[w, b])
    if reason := browser.missing():
        print(f"explore.png is left as it was: {reason}", file=sys.stderr)
        return 1
    model = MLP(2, [3, 1], rng=7)
    inputs = [Value(0.8, label="x"), Value(-0.4, label="y")]
    page = explore(lambda: (model(inputs) - 1.0) ** 2, parameters=model)
    with browser.started() as chromium:
        screenshot(chromium, page.html)
    return 0


def screenshot(chromium: browser.Browser, html: str) -> None:
    """The page in the middle of its backward pass."""
    from selenium.webdriver import Keys

    chromium.open(html, *SIZE)
    chromium.press(Keys.HOME, *[Keys.ARROW_RIGHT] * STEPS)
    chromium.driver.save_screenshot(str(FOLDER / "explore.png"))


if __name__ == "__main__":
    sys.exit(main())
