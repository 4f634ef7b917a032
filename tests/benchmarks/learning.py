"""What networks of `Value`s learn, and in what time: the figures of the README.

    python tests/benchmarks/learning.py [--seed SEED] [--only NAME ...]

Data, splits, weights and the order of the examples are drawn from the seed: the same seed, the same
accuracies. Times are of this process on the CPU, so that other work on the machine counts little.

- moons: two half moons, 100 points, an MLP 2-16-16-1; accuracy on what it has learnt from.
- irises: Fisher's, standardized, `MLPClassifier` over 5 stratified folds; accuracy on what was held
  out, mean and worst.
- digits: 1,797 pictures of 8 x 8 pixels, standardized, a fifth held out, `MLPClassifier` with 24
  hidden neurons.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, installed or not

from nn.data import digits, iris, standardize, two_moons
from nn.estimators import MLPClassifier
from nn.fit import fit
from nn.mlp import MLP
from nn.optim import Adam


def moons(seed: int) -> str:
    """Train the network that micrograd's demo trains, on moons like those."""
    data = two_moons(100, rng=seed)
    signs = [1 if target else -1 for target in data.targets]
    model = MLP(2, [16, 16, 1], rng=seed)
    optimizer = Adam(model.parameters(), lr=0.01)
    history = fit(
        model, (data.features, signs), "hinge", optimizer, 60, 10,
        metrics=["accuracy"], seed=seed, progress=False,
    )  # fmt: skip
    accuracies = history["accuracy"]
    first = accuracies.index(1.0) + 1 if 1.0 in accuracies else None
    return (
        f"2-16-16-1, {len(model.parameters())} parameters: {accuracies[-1]:.1%} after "
        f"{len(accuracies)} epochs, 100% first in epoch {first}"
    )


def irises(seed: int) -> str:
    """Learn four fifths of the flowers, five times, and tell the others."""
    scores = []
    for train, held_out in iris().folds(5, rng=seed):
        train, held_out = standardize(train, held_out)
        classifier = MLPClassifier(random_state=seed).fit(*train)
        scores.append(classifier.score(*held_out))
    return f"4-8-3, 5 folds: {statistics.fmean(scores):.1%} held out, worst fold {min(scores):.1%}"


def handwriting(seed: int) -> str:
    """Learn four fifths of the digits and read the others."""
    train, held_out = standardize(*digits().split(0.2, rng=seed))
    classifier = MLPClassifier(
        (24,), learning_rate_init=0.005, max_iter=10, random_state=seed, tol=0.0
    ).fit(*train)
    return (
        f"64-24-10, {len(classifier.model_.parameters())} parameters, {classifier.n_iter_} epochs: "
        f"{classifier.score(*held_out):.1%} of {len(held_out)} held out, "
        f"{classifier.score(*train):.1%} of {len(train)} learnt from"
    )


TASKS: dict[str, Callable[[int], str]] = {"moons": moons, "irises": irises, "digits": handwriting}


def main() -> None:
    """Print a line for each task, as soon as it is done."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    arguments = parser.parse_args()
    for name in arguments.only:
        before = process_time()
        text = TASKS[name](arguments.seed)
        print(f"{name:7} {process_time() - before:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    main()
