"""`Dataset`: examples with names, how they are split, and how they are scaled."""

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

from nn.arguments import generator, whole_number


@dataclass(frozen=True)
class Dataset:
    """Examples to learn from: `features` in, `targets` out.

    features: for each example, one float per feature.
    targets: for each example, its class, an int that is an index into `target_names`; or, for
        regression, a float.
    feature_names: what the columns are called. target_names: what the classes are called or, for
        regression, the one number.

    Raises ValueError if features and targets are not as many.

    It unpacks as `X, y = dataset`, and `len(dataset)` is the number of examples.

    >>> plants = Dataset([[1.0], [2.0], [3.0]], [0, 1, 1], ("height",), ("moss", "fern"))
    >>> X, y = plants
    >>> len(plants), X, y
    (3, [[1.0], [2.0], [3.0]], [0, 1, 1])
    """

    features: list[list[float]]
    targets: list[Any]
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if features and targets are not as many."""
        if len(self.features) != len(self.targets):
            raise ValueError(
                f"features and targets must be as many, got {len(self.features)} and "
                f"{len(self.targets)}"
            )

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.targets)

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield the features, then the targets."""
        yield self.features
        yield self.targets

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes, and not the numbers of a regression."""
        return all(isinstance(target, Integral) for target in self.targets)

    def take(self, places: Sequence[int]) -> "Dataset":
        """Return the examples at these places, in that order.

        >>> Dataset([[1.0], [2.0], [3.0]], [0, 1, 1]).take([2, 0]).features
        [[3.0], [1.0]]
        """
        return replace(
            self,
            features=[self.features[place] for place in places],
            targets=[self.targets[place] for place in places],
        )

    def split(
        self,
        held_out: int | float,
        *,
        rng: random.Random | int | None = None,
        stratify: bool = True,
    ) -> tuple["Dataset", "Dataset"]:
        """Return the examples to learn from and those held out, drawn at random.

        held_out: how many, or which share of all, a float between 0 and 1.
        rng: a `random.Random`, a seed for one, or None for Python's shared generator.
        stratify: whether each class is held out in proportion, as far as whole numbers allow.
            Without classes it makes no difference.

        Raises ValueError if a part would be empty, TypeError if held_out is no number.

        >>> from nn.data import iris
        >>> train, held_out = iris().split(0.3, rng=0)
        >>> len(train), [held_out.targets.count(species) for species in range(3)]
        (105, [15, 15, 15])
        """
        count = self._held_out(held_out)
        rng = generator(rng)
        train: list[int] = []
        out: list[int] = []
        groups = self._shuffled(rng, stratify)
        for places, share in zip(groups, _shares(count, list(map(len, groups))), strict=True):
            out += places[:share]
            train += places[share:]
        return self.take(train), self.take(out)

    def folds(
        self, k: int, *, rng: random.Random | int | None = None, stratify: bool = True
    ) -> list[tuple["Dataset", "Dataset"]]:
        """Return k splits, (train, held out) each, that hold out every example exactly once.

        The numbers of examples held out differ by at most 1 from fold to fold, and so do those of
        each class. rng and stratify as in `split`.

        Raises ValueError if k is below 2 or above the number of examples, TypeError if it is no
        int.

        Source: M. Stone, "Cross-validatory choice and assessment of statistical predictions",
        Journal of the Royal Statistical Society B 36 (1974).

        >>> from nn.data import iris
        >>> [len(held_out) for train, held_out in iris().folds(4, rng=0)]
        [38, 38, 37, 37]
        """
        k = whole_number("k", k)
        if not 2 <= k <= len(self):
            raise ValueError(
                f"k must be from 2 to the number of examples, which is {len(self)}, got {k}"
            )
        # Dealt like cards, one class after the other.
        order = [place for group in self._shuffled(generator(rng), stratify) for place in group]
        return [
            (
                self.take([place for i, place in enumerate(order) if i % k != fold]),
                self.take(order[fold::k]),
            )
            for fold in range(k)
        ]

    def _held_out(self, held_out: int | float) -> int:
        if isinstance(held_out, float):
            if not 0 < held_out < 1:
                raise ValueError(f"held_out, a share, must be between 0 and 1, got {held_out!r}")
            count = round(held_out * len(self))
        else:
            count = whole_number("held_out", held_out)
        if not 0 < count < len(self):
            raise ValueError(
                f"held_out must leave examples on both sides, got {held_out!r}, which is {count} "
                f"of {len(self)}"
            )
        return count

    def _shuffled(self, rng: random.Random | None, stratify: bool) -> list[list[int]]:
        """The places of each class, or of all examples, each list in random order."""
        groups = [list(range(len(self)))]
        if stratify and self.has_classes:
            by_class: dict[int, list[int]] = {target: [] for target in sorted(set(self.targets))}
            for place, target in enumerate(self.targets):
                by_class[target].append(place)
            groups = list(by_class.values())
        for group in groups:
            (rng or random).shuffle(group)
        return groups


def standardize(train: Dataset, *others: Dataset) -> tuple[Dataset, ...]:
    """Return the data sets with every feature as (x - mean) / deviation, both those of `train`.

    Only the first says what mean and deviation are: what is held out stays as unknown as it is to
    the model. A feature that is constant in `train` becomes 0 there: it is shifted, not divided.

    Raises ValueError if `train` is empty, or the others have another number of features.

    >>> train, held_out = Dataset([[1.0, 5.0], [3.0, 5.0]], [0, 1]), Dataset([[4.0, 5.0]], [1])
    >>> train, held_out = standardize(train, held_out)
    >>> train.features, held_out.features
    ([[-1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0]])
    """
    if not len(train):
        raise ValueError("train must hold at least one example, got none")
    width = len(train.features[0])
    for i, dataset in enumerate((train, *others)):
        for row, example in enumerate(dataset.features):
            if len(example) != width:
                raise ValueError(
                    f"every example must have {width} features as the first of train, got "
                    f"{len(example)} in row {row} of {f'others[{i - 1}]' if i else 'train'}"
                )
    scales = [_mean_and_deviation(column) for column in zip(*train.features, strict=True)]

    def scaled(dataset: Dataset) -> Dataset:
        features = [
            [(x - mean) / deviation for x, (mean, deviation) in zip(row, scales, strict=True)]
            for row in dataset.features
        ]
        return replace(dataset, features=features)

    return tuple(scaled(dataset) for dataset in (train, *others))


def _mean_and_deviation(column: Sequence[float]) -> tuple[float, float]:
    # pstdev computes with fractions: the deviation of a constant column is exactly 0, whatever
    # its digits. Its mean, rounded, need not be the constant.
    deviation = statistics.pstdev(column)
    return (statistics.fmean(column), deviation) if deviation else (column[0], 1.0)


def _shares(count: int, sizes: Sequence[int]) -> list[int]:
    """`count` divided in proportion to the sizes; the largest remainders are rounded up."""
    total = sum(sizes)
    shares = [count * size // total for size in sizes]
    remainders = [count * size % total for size in sizes]
    largest_first = sorted(range(len(sizes)), key=lambda i: -remainders[i])
    for i in largest_first[: count - sum(shares)]:
        shares[i] += 1
    return shares
