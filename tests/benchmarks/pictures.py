"""How long large graphs take to be drawn and opened, and how smoothly a page moves.

    python tests/benchmarks/pictures.py [--only loop tangle network traced panning]

For graphs of a hundred thousand values: seconds that ``draw(fold=0)`` and ``explore`` take, by the
processor's clock; megabytes of the page; seconds until Chromium has opened it, by the wall clock.
The network's graph is given as a value and, traced, as the function that computes it.

Panning: the page of a network of a thousand values, all of them unfolded, is dragged three times;
frames a second.
"""

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograd_scalar import Value, draw, explore, fsum
from nn import MLP
from tests import browser

DRAG = """
const done = arguments[arguments.length - 1];
const picture = document.getElementById("picture");
const send = (kind, x, y) => picture.dispatchEvent(new PointerEvent(kind, {
  bubbles: true, pointerId: 1, clientX: x, clientY: y, button: 0, isPrimary: true,
}));
const frames = 120;
let frame = 0, begun = 0;
send("pointerdown", 300, 200);
const step = (now) => {
  if (!frame) begun = now;
  send("pointermove", 300 + 200 * Math.sin(frame / 10), 200 + 90 * Math.sin(frame / 7));
  if (frame++ < frames) return requestAnimationFrame(step);
  send("pointerup", 300, 200);
  done(frames / (now - begun) * 1000);
};
requestAnimationFrame(step);
"""


def loop() -> tuple[Any, Any]:
    y, z = Value(0.5), Value(0.99)
    for _ in range(50_000):
        y = y * z + 0.001
    return y, ()


def tangle() -> tuple[Any, Any]:
    rng = random.Random(1)
    nodes = [Value(1.0), Value(2.0)]
    for _ in range(50_000):
        nodes.append(rng.choice(nodes) * 0.5 + rng.choice(nodes))
    return fsum(nodes), ()


def traced() -> tuple[Any, Any]:
    rng = random.Random(1)
    model = MLP(16, [64, 64, 1], rng=1)
    examples = [[rng.random() for _ in range(16)] for _ in range(250)]
    return lambda: fsum([(model(x) - 1) ** 2 for x in examples]), model


def network() -> tuple[Any, Any]:
    f, model = traced()
    return f(), model


GRAPHS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "loop": loop,
    "tangle": tangle,
    "network": network,
    "traced": traced,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[*GRAPHS, "panning"])
    options = parser.parse_args()
    names = options.only or [*GRAPHS, "panning"]
    print(f"{'graph':9} {'values':>8} {'draw':>8} {'explore':>8} {'page':>8} {'opened':>8}")
    for line in (opened(name) for name in names if name in GRAPHS):
        print(line, flush=True)
    if "panning" in names and not browser.missing():
        found = ", ".join(f"{rate:.0f}" for rate in panning())
        print(f"panning a network of a thousand values, three times: {found} frames a second")


def opened(name: str) -> str:
    value, parameters = GRAPHS[name]()
    drawn = "-"
    if isinstance(value, Value):
        drawn = f"{seconds(lambda: draw(value, fold=0, parameters=parameters).svg)[0]:.2f} s"
    took, page = seconds(lambda: explore(value, parameters=parameters))
    shown = "-"
    if not browser.missing():
        with browser.started() as chromium:
            begun = perf_counter()
            chromium.open(page.html)  # comes back when its script has run
            shown = f"{perf_counter() - begun:.2f} s"
    size = f"{len(page.html) / 1e6:.1f} MB"
    return f"{name:9} {page.size:8,} {drawn:>8} {took:6.2f} s {size:>8} {shown:>8}"


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = process_time()
    found = call()
    return process_time() - begun, found


def panning() -> list[float]:
    """Of a first drag, while the browser still paints what comes into sight, and of two more."""
    model = MLP(4, [25, 25, 1], rng=1)
    value = (model([Value(0.1 * k) for k in range(4)]) - 1) ** 2
    with browser.started() as chromium:
        chromium.open(explore(value, parameters=model, fold=False).html)
        return [float(chromium.driver.execute_async_script(DRAG)) for _ in range(3)]


if __name__ == "__main__":
    main()
