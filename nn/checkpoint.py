"""Checkpoints of a training run: one safetensors file with the model and all that `fit` remembers.

The parameters are tensors in it, so `nn.load` and PyTorch can read it as they read any model. The
rest, optimizer, schedule, generators, history, is JSON among its metadata. Nothing in it is run.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_scalar.files import write_whole
from nn.saving import read, to_bytes

if TYPE_CHECKING:
    from nn.fit import Run

FORMAT = "autograd_scalar checkpoint 1"


def write(
    path: Path, model: Mapping[str, Any], settings: Mapping[str, Any], run: Mapping[str, Any]
) -> None:
    """Write a checkpoint, whole or not at all."""
    metadata = {"format": FORMAT, "settings": json.dumps(settings), "run": json.dumps(run)}
    write_whole(path, to_bytes(model, metadata=metadata))


def restore(path: Path, run: "Run") -> None:
    """Set a run to where it was when the checkpoint was written.

    Raises ValueError for a file that is damaged or is no checkpoint, and for one of a run with
    another model, other data or other settings, naming these; OSError if it can't be read.
    """
    state, metadata = read(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is no checkpoint of a training run")
    try:
        settings, remembered = json.loads(metadata["settings"]), json.loads(metadata["run"])
        differences = _differences(settings, json.loads(json.dumps(run.settings)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from None
    if differences:
        raise ValueError(f"{path} can't be resumed: {'; '.join(differences)}")
    before = run.state_dict()
    try:
        run.load_state_dict(remembered)
        run.model.load_state_dict(state)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        run.load_state_dict(before)
        raise _damaged(path, error) from None


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = []
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            if name in ("model", "data", "validation"):
                found.append(f"its {name} was another")
            else:
                found.append(f"its {name} was {then.get(name)!r} and is {now.get(name)!r}")
    return found


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is a damaged checkpoint: {type(error).__name__}: {error}")
