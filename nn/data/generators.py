"""Data sets that are computed: shapes in the plane that a straight line can't tell apart, and more.

Every generator makes exactly `n` examples, of each class as many (the first classes get one more
where n does not divide), in random order. The same seed makes the same data. `noise` is the
standard deviation of the normal numbers that are added to the coordinates.
"""

import math
import random
from collections.abc import Iterator
from typing import Any

from nn.arguments import generator, size
from nn.data.dataset import Dataset
from nn.hyperparameters import not_negative, number

Rng = random.Random | int | None
Labelled = tuple[tuple[float, float], int]

PLANE = ("x", "y")


def two_moons(n: int = 200, noise: float = 0.1, *, rng: Rng = None) -> Dataset:
    """Two half circles that reach into each other: (cos t, sin t) and (1 - cos t, 1/2 - sin t).

    Each moon's points lie at even steps of t, from 0 to pi. It is scikit-learn's `make_moons`.

    Raises ValueError if n is below 2 or the noise negative or not finite, TypeError for what is
    no number.

    >>> moons = two_moons(100, rng=0)
    >>> len(moons), moons.targets.count(0), moons.target_names
    (100, 50, ('upper', 'lower'))
    """
    upper, lower = _counts(n, 2)
    points = [
        *(((math.cos(t), math.sin(t)), 0) for t in _steps(0.0, math.pi, upper)),
        *(((1 - math.cos(t), 0.5 - math.sin(t)), 1) for t in _steps(0.0, math.pi, lower)),
    ]
    return _shuffled_in_the_plane(points, noise, rng, ("upper", "lower"))


def circles(n: int = 200, noise: float = 0.05, factor: float = 0.5, *, rng: Rng = None) -> Dataset:
    """A circle of radius 1 around one of radius `factor`, points at even steps of the angle.

    It is scikit-learn's `make_circles`.

    Raises what `two_moons` raises, and ValueError for a factor that is not between 0 and 1.

    >>> [round(math.hypot(*point), 12) for point in circles(4, noise=0.0, rng=0).features]
    [0.5, 1.0, 1.0, 0.5]
    """
    if not 0 < number("factor", factor) < 1:
        raise ValueError(f"factor must be between 0 and 1, got {factor!r}")
    points = [
        ((radius * math.cos(math.tau * i / count), radius * math.sin(math.tau * i / count)), circle)
        for circle, (radius, count) in enumerate(zip((1.0, factor), _counts(n, 2), strict=True))
        for i in range(count)
    ]
    return _shuffled_in_the_plane(points, noise, rng, ("outer", "inner"))


def spirals(
    n: int = 200,
    arms: int = 2,
    noise: float = 0.02,
    turns: float = 1.5,
    *,
    rng: Rng = None,
) -> Dataset:
    """Spiral arms around one centre: radius t, angle 2 pi (turns t + arm / arms).

    Each arm's points lie at even steps of t, from 1/count to 1.

    Raises what `two_moons` raises, and ValueError if there are fewer than 2 arms, or fewer examples
    than arms.

    Source of the two-spirals problem: K. Lang, M. Witbrock, "Learning to tell two spirals apart",
    Proceedings of the 1988 Connectionist Models Summer School.

    >>> spirals(10, arms=3, rng=0).targets
    [2, 2, 0, 1, 0, 1, 0, 0, 2, 1]
    """
    if size("arms", arms) < 2:
        raise ValueError(f"arms must be at least 2, got {arms}")
    number("turns", turns)
    points = []
    for arm, count in enumerate(_counts(n, arms)):
        for i in range(1, count + 1):
            t = i / count
            angle = math.tau * (turns * t + arm / arms)
            points.append(((t * math.cos(angle), t * math.sin(angle)), arm))
    return _shuffled_in_the_plane(points, noise, rng, tuple(f"arm {arm}" for arm in range(arms)))


def xor(n: int = 4, noise: float = 0.0, *, rng: Rng = None) -> Dataset:
    """The corners of the unit square, 1 where exactly one coordinate is 1.

    In the order of the truth table, over and over until there are n.

    Raises what `two_moons` raises.

    Source: M. Minsky, S. Papert, "Perceptrons" (1969): no single neuron computes it.

    >>> X, y = xor()
    >>> X, y
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    _counts(n, 2)
    table = [((float(a), float(b)), a ^ b) for a in (0, 1) for b in (0, 1)]
    points = [table[i % 4] for i in range(n)]
    return _in_the_plane(points, noise, generator(rng) or random, ("equal", "different"))


def yin_yang(n: int = 300, *, rng: Rng = None) -> Dataset:
    """Points of the yin-yang sign, in one half, in the other, or in one of the dots.

    The sign is the circle of radius 1/2 around (1/2, 1/2), the dots have the radius 1/10. Points
    are drawn evenly over the area of their class. The features are x, y, 1 - x and 1 - y, so that a
    network without biases can learn it. Its classes are hard to tell apart without a hidden layer
    (about 64 % right), which is what it is made for.

    Raises ValueError if n is below 3, TypeError if it is no int.

    Source: L. Kriener, J. Göltz, M. A. Petrovici, "The Yin-Yang dataset", NICE (2022),
    arXiv:2102.08211.

    >>> signs = yin_yang(30, rng=0)
    >>> [signs.targets.count(part) for part in range(3)], signs.target_names
    ([10, 10, 10], ('yin', 'yang', 'dot'))
    """
    wanted = _counts(n, 3)
    source = generator(rng) or random
    points: list[Labelled] = []
    while any(wanted):
        x, y = source.random(), source.random()
        part = part_of_yin_yang(x, y)
        if part is not None and wanted[part]:
            wanted[part] -= 1
            points.append(((x, y), part))
    source.shuffle(points)
    return Dataset(
        [[x, y, 1 - x, 1 - y] for (x, y), _ in points],
        [part for _, part in points],
        ("x", "y", "1 - x", "1 - y"),
        ("yin", "yang", "dot"),
    )


def part_of_yin_yang(x: float, y: float) -> int | None:
    """Return 0 in yin, 1 in yang, 2 in a dot, None outside of the sign.

    >>> part_of_yin_yang(0.5, 0.1), part_of_yin_yang(0.5, 0.9), part_of_yin_yang(0.25, 0.5)
    (0, 1, 2)
    """
    if math.hypot(x - 0.5, y - 0.5) > 0.5:
        return None
    left, right = math.hypot(x - 0.25, y - 0.5), math.hypot(x - 0.75, y - 0.5)
    if min(left, right) <= 0.1:
        return 2
    # The upper half, with the left bulge added and the right one taken away.
    return int(left <= 0.25 or (y > 0.5 and right > 0.25))


def sine(n: int = 100, noise: float = 0.1, *, rng: Rng = None) -> Dataset:
    """A regression: targets sin(x) plus noise, x at even steps from -pi to pi.

    Raises ValueError if n is below 1 or the noise negative or not finite, TypeError for what is no
    number.

    >>> X, y = sine(3, noise=0.0, rng=1)
    >>> sorted(row[0] for row in X), [round(target, 12) + 0.0 for target in y]
    ([-3.141592653589793, 0.0, 3.141592653589793], [0.0, 0.0, 0.0])
    """
    noise, source = not_negative("noise", noise), generator(rng) or random
    xs = list(_steps(-math.pi, math.pi, size("n", n)))
    source.shuffle(xs)
    targets = [math.sin(x) + source.gauss(0.0, noise) for x in xs]
    return Dataset([[x] for x in xs], targets, ("x",), ("sin x",))


def _shuffled_in_the_plane(
    points: list[Labelled], noise: float, rng: Rng, names: tuple[str, ...]
) -> Dataset:
    source = generator(rng) or random
    source.shuffle(points)
    return _in_the_plane(points, noise, source, names)


def _in_the_plane(
    points: list[Labelled], noise: float, source: Any, names: tuple[str, ...]
) -> Dataset:
    noise = not_negative("noise", noise)
    return Dataset(
        [[x + source.gauss(0.0, noise) for x in point] for point, _ in points],
        [target for _, target in points],
        PLANE,
        names,
    )


def _counts(n: int, classes: int) -> list[int]:
    """How many examples of each class."""
    if size("n", n) < classes:
        raise ValueError(f"n must be at least {classes}, one example for each class, got {n}")
    return [n // classes + (i < n % classes) for i in range(classes)]


def _steps(start: float, stop: float, count: int) -> Iterator[float]:
    """`count` numbers at even steps, both ends among them; of one, the start."""
    for i in range(count):
        yield start + (stop - start) * (i / (count - 1) if count > 1 else 0.0)
