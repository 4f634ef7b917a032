"""The demo: a network learns to tell irises apart, and two pictures show what it has become."""

import os
import random
import sys
from pathlib import Path

from autograd_scalar import Value, draw
from nn.data import Dataset, iris, standardize
from nn.fit import evaluate, fit
from nn.losses import cross_entropy
from nn.mlp import MLP, Neuron
from nn.optim import SGD

# Over the seeds 0 to 19 this tells 41 to 45 of the 45 held-out flowers right.
HIDDEN = 4
HELD_OUT = 45
EPOCHS = 40
BATCH = 5
LEARNING_RATE = 0.05


def main(directory: Path = Path("."), seed: int = 0) -> int:
    """Train on Fisher's irises, print the accuracies, draw `neuron.svg` and `network.svg`.

    directory: where the pictures go; it is made if it isn't there.
    seed: for the split, the weights and the order of training; the same seed, the same result.

    Returns the exit code of a program: 0, or 1 with a line on stderr if `directory` can't be
    written to.
    """
    directory = Path(directory).absolute()
    if problem := _cannot_write(directory):
        print(f"can't write pictures to {directory}: {problem}", file=sys.stderr)
        return 1

    rng = random.Random(seed)
    flowers = iris()
    train, held_out = standardize(*flowers.split(HELD_OUT, rng=rng))
    print(
        f"Fisher's irises: {len(flowers)} flowers of {len(flowers.target_names)} species, "
        f"{len(train)} to learn from and {len(held_out)} held out.\n"
    )

    species = len(flowers.target_names)
    model = MLP(len(flowers.feature_names), [HIDDEN, species], activation="tanh", rng=rng)
    print(model, flush=True)
    optimizer = SGD(model.parameters(), lr=LEARNING_RATE)
    fit(
        model,
        train,
        cross_entropy,
        optimizer,
        EPOCHS,
        BATCH,
        metrics=["accuracy"],
        seed=rng.getrandbits(32),
    )

    print("\nSpecies told right")
    for what, part in (("learned from", train), ("held out", held_out)):
        share, count = evaluate(model, part, metrics=["accuracy"])["accuracy"], len(part)
        print(f"  {what:12}  {round(share * count):3} of {count:3} flowers  {share:6.1%}")

    shown = held_out.targets.index(flowers.target_names.index("versicolor"))
    draw_neuron(model.layers[0].neurons[0], held_out, shown, directory / "neuron.svg")
    draw_network(model, held_out, shown, directory / "network.svg")
    print("\nPictures of what it does with a held-out versicolor, data and gradients at every node")
    print(f"  a hidden neuron, operation by operation  {directory / 'neuron.svg'}")
    print(f"  the network, from measures to loss       {directory / 'network.svg'}")
    return 0


def draw_neuron(neuron: Neuron, dataset: Dataset, place: int, path: Path) -> None:
    """Draw a neuron at work on one example, every product and every sum."""
    unfused = Neuron(len(neuron.w), activation=neuron.activation, fused=False, rng=0)
    unfused.load_state_dict(neuron.state_dict())
    out = unfused(_labelled(dataset, place))
    out.label = "output"
    out.backward()
    draw(out, path, parameters=unfused)


def draw_network(model: MLP, dataset: Dataset, place: int, path: Path) -> None:
    """Draw the network at work on one example, from the features to the loss."""
    model.zero_grad()
    logits = model(_labelled(dataset, place))
    for name, logit in zip(dataset.target_names, logits, strict=True):
        logit.label = name
    loss = cross_entropy(logits, dataset.targets[place])
    loss.label = "loss"
    loss.backward()
    draw(loss, path, parameters=model)


def _labelled(dataset: Dataset, place: int) -> list[Value]:
    """Return the features of one example as Values that a picture can name."""
    features = zip(dataset.features[place], dataset.feature_names, strict=True)
    return [Value(feature, label=name) for feature, name in features]


def _cannot_write(directory: Path) -> str | None:
    """Return why no file can be made in `directory`, which is made if it isn't there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror
    return None if os.access(directory, os.W_OK | os.X_OK) else "no permission to write there"
