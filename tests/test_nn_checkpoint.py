"""Checkpoints: damaged and hostile ones are refused, and leave the run as it was."""

import json
import math

import pytest

import nn
from nn import checkpoint
from nn.fit import Run
from nn.saving import read, to_bytes

DATA = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]


def new_run():
    model = nn.Sequential(
        nn.Linear(1, 2, rng=0), nn.Dropout(0.1, rng=1), nn.Linear(2, 1, rng=0), nn.Flatten(0)
    )
    optimizer = nn.Adam(model.parameters(), lr=0.1)
    schedule = nn.StepLR(optimizer, 2)
    stopping = nn.EarlyStopping("loss")
    return Run(model, DATA, "mse", optimizer, 3, 2, schedule=schedule, callbacks=[stopping], seed=0)


def everything(run):
    return json.dumps([run.state_dict(), run.model.state_dict()], sort_keys=True)


def train(run):
    run.train(lambda: None, lambda: None)
    return run


@pytest.fixture
def written(tmp_path):
    """A checkpoint, and what is in it."""
    run = train(new_run())
    path = tmp_path / "run"
    checkpoint.write(path, run.model.state_dict(), run.settings, run.state_dict())
    return path, run


def test_it_comes_back_whole(written):
    path, run = written
    other = new_run()
    checkpoint.restore(path, other)
    assert other.model.state_dict() == run.model.state_dict()
    assert everything(other) == everything(run)


def test_numbers_that_are_none_come_back(tmp_path):
    run = train(new_run())
    run.rows[0]["loss"] = math.nan
    run.rows[1]["loss"] = math.inf
    checkpoint.write(tmp_path / "run", run.model.state_dict(), run.settings, run.state_dict())
    other = new_run()
    checkpoint.restore(tmp_path / "run", other)
    assert math.isnan(other.rows[0]["loss"]) and other.rows[1]["loss"] == math.inf


def replaced(state, keys, item):
    """The state with the item at the end of the keys replaced."""
    *path, last = keys
    place = state
    for key in path:
        place = place[key]
    place[last] = item
    return state


HOSTILE = [
    (["epoch"], "1"),
    (["epoch"], -1),
    (["position"], 4),
    (["position"], 1.5),
    (["rows"], 3),
    (["rows"], [1, 2]),
    (["total"], "x"),
    (["outputs"], 3),
    (["shuffler"], [3, [1, 2], None]),
    (["shuffler"], "abc"),
    (["generators"], {}),
    (["generators", "1.rng", 1, 5], "x"),
    (["optimizer"], {}),
    (["optimizer", "state", "0", "exp_avg"], "x"),
    (["schedule", "last_epoch"], "x"),
    (["schedule"], None),
    (["callbacks"], []),
    (["callbacks", 0, "best"], "x"),
    (["callbacks", 0, "waited"], "x"),
    (["seed"], "x"),
]


@pytest.mark.parametrize("change", HOSTILE, ids=repr)
def test_a_hostile_one_changes_nothing(written, change):
    path, _ = written
    state, metadata = read(path)
    metadata = {**metadata, "run": json.dumps(replaced(json.loads(metadata["run"]), *change))}
    path.write_bytes(to_bytes(state, metadata=metadata))
    run = new_run()
    before = everything(run)
    with pytest.raises(ValueError, match="is a damaged checkpoint"):
        checkpoint.restore(path, run)
    assert everything(run) == before


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "is no checkpoint of a training run"),
        ({"format": "another"}, "is no checkpoint of a training run"),
        ({"format": checkpoint.FORMAT}, "damaged"),
        ({"format": checkpoint.FORMAT, "settings": "{", "run": "{}"}, "damaged"),
        ({"format": checkpoint.FORMAT, "settings": "[]", "run": "{}"}, "damaged"),
        ({"format": checkpoint.FORMAT, "settings": "{}", "run": "[" * 100_000}, "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, metadata, message):
    path = tmp_path / "run"
    run = new_run()
    path.write_bytes(to_bytes(run.model.state_dict(), metadata=metadata))
    with pytest.raises(ValueError, match=message):
        checkpoint.restore(path, run)


def test_a_cut_one_is_refused(written):
    path, _ = written
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="no whole safetensors file"):
        checkpoint.restore(path, new_run())


def test_the_tensors_of_another_model_are_refused(written):
    path, _ = written
    _, metadata = read(path)
    path.write_bytes(to_bytes({"0.weight": [[1.0]]}, metadata=metadata))
    run = new_run()
    before = everything(run)
    with pytest.raises(ValueError, match="missing"):
        checkpoint.restore(path, run)
    assert everything(run) == before
