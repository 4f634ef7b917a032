"""Models in files: every bit comes back, PyTorch reads them, and damaged ones are refused."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_scalar import Value
from nn.saving import from_bytes, load, read, save, to_bytes


def network(rng=0):
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng), nn.BatchNorm(4), nn.Tanh(), nn.Linear(4, 2, rng=rng)
    )


class Kept(nn.Module):
    """A module that keeps one tensor."""

    def __init__(self, tensor):
        self.tensor = tensor


NUMBERS = st.floats(allow_nan=False)


@given(st.integers(0, 4), st.integers(0, 3), st.data())
def test_every_bit_comes_back(rows, columns, data):
    matrix = [[data.draw(NUMBERS) for _ in range(columns)] for _ in range(rows)]
    state = {"matrix": matrix, "number": data.draw(NUMBERS), "count": data.draw(st.integers(0, 9))}
    found, _ = from_bytes(to_bytes(state))
    assert found == {**state, "matrix": matrix}
    assert math.copysign(1, found["number"]) == math.copysign(1, state["number"])


def test_nan_inf_and_signed_zero_come_back():
    numbers, _ = from_bytes(to_bytes({"x": [math.nan, math.inf, -math.inf, -0.0, 5e-324]}))
    assert struct.pack("<5d", *numbers["x"]) == struct.pack(
        "<5d", math.nan, math.inf, -math.inf, -0.0, 5e-324
    )


def test_a_model_with_buffers_comes_back(tmp_path):
    model, other = network(0), network(1)
    model([[1.0, 2.0, 3.0], [2.0, 0.0, 1.0]])
    assert save(model, tmp_path / "m.safetensors", metadata={"by": "test"}).exists()
    load(other, tmp_path / "m.safetensors")
    assert other.state_dict() == model.state_dict()
    assert other[1].num_batches_tracked == 1
    _, metadata = read(tmp_path / "m.safetensors")
    assert metadata == {"by": "test"}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_smaller_types_round_and_numpy_reads_them(tmp_path, dtype):
    from safetensors.numpy import load_file

    numbers = [1 / 3, 1e5, -0.0, 1e-8]
    model = Kept([Value(x) for x in numbers])
    save(model, tmp_path / "m", dtype=dtype)
    (array,) = load_file(tmp_path / "m").values()
    assert array.dtype == dtype
    with np.errstate(over="ignore"):
        assert array.tolist() == np.array(numbers, dtype).tolist()
    load(model, tmp_path / "m")
    assert [x.data for x in model.tensor] == array.tolist()


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32", "F64", "I8", "U8", "I16", "I64", "BOOL"])
def test_every_usual_type_is_read(dtype):
    packed = {
        "F16": struct.pack("<2e", 1.5, -2.0),
        "BF16": struct.pack("<2H", 0x3FC0, 0xC000),
        "F32": struct.pack("<2f", 1.5, -2.0),
        "F64": struct.pack("<2d", 1.5, -2.0),
        "I8": struct.pack("<2b", 1, -2),
        "U8": struct.pack("<2B", 1, 2),
        "I16": struct.pack("<2h", 1, -2),
        "I64": struct.pack("<2q", 1, -2),
        "BOOL": struct.pack("<2?", True, False),
    }[dtype]
    expected = {"F": [1.5, -2.0], "BF": [1.5, -2.0], "I": [1, -2], "U": [1, 2], "BOOL": [1, 0]}
    kind = dtype if dtype == "BOOL" else dtype.rstrip("0123456789")
    state, _ = from_bytes(file_with(dtype, [2], packed))
    assert state == {"x": expected[kind]}


def file_with(dtype, shape, data, **more):
    header = {"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}, **more}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


WHOLE = to_bytes({"weight": [[1.0, 2.0]], "bias": [3.0]}, metadata={"a": "b"})
DAMAGED = {
    "empty": b"",
    "cut in its head": WHOLE[:20],
    "cut at its end": WHOLE[:-1],
    "longer than it says": WHOLE + b"x",
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "a head of 2**60 bytes": struct.pack("<Q", 2**60) + WHOLE[8:],
    "no JSON": struct.pack("<Q", 8) + b"not json",
    "an unknown type": file_with("X9", [1], b"1"),
    "a type that is not read": file_with("F8_E5M2", [1], b"1"),
    "a shape that doesn't fit": file_with("F64", [3], bytes(16)),
    "a shape of 2**80": file_with("F64", [2**40, 2**40], bytes(16)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_and_the_model_stays(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    model = nn.Linear(2, 1, rng=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"model\.safetensors is no whole safetensors file"):
        load(model, path)
    assert model.state_dict() == before


@given(st.data())
def test_no_damage_does_more_than_a_clear_error(data):
    """Whatever bytes are changed, it is read or it is a ValueError."""
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        state, metadata = from_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except ValueError:
        return
    assert isinstance(state, dict) and isinstance(metadata, dict)


def test_the_file_of_another_architecture_is_refused_by_name(tmp_path):
    save(network(), tmp_path / "m")
    other = nn.Sequential(nn.Linear(3, 5, rng=0))
    before = other.state_dict()
    with pytest.raises(ValueError, match=r"m: this state does not fit.*unexpected '1\.bias'"):
        load(other, tmp_path / "m")
    assert other.state_dict() == before


def test_a_tied_weight_is_saved_once(tmp_path):
    encoder = nn.Linear(2, 3, rng=0)
    decoder = nn.Linear(3, 2, rng=0)
    decoder.weight = [list(column) for column in zip(*encoder.weight, strict=True)]
    model = nn.Sequential(encoder, decoder)
    save(model, tmp_path / "m")
    assert list(read(tmp_path / "m")[0]) == ["0.bias", "0.weight", "1.bias"]


def test_unknown_types_and_unwritable_places_are_named(tmp_path):
    with pytest.raises(ValueError, match="unknown dtype 'float46', did you mean 'float64'"):
        save(network(), tmp_path / "m", dtype="float46")
    with pytest.raises(OSError, match=r"nowhere.m"):
        save(network(), tmp_path / "nowhere" / "m")
    with pytest.raises(FileNotFoundError):
        load(network(), tmp_path / "m")


# --- PyTorch ---


def test_round_trip_through_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).double()
    batch = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [0.0, 3.0, 1.0]]
    theirs(torch.tensor(batch, dtype=torch.float64))  # so that the running means are not 0

    # From PyTorch.
    save_file(theirs.state_dict(), tmp_path / "theirs")
    ours = network()
    load(ours, tmp_path / "theirs")
    expected = theirs.eval()(torch.tensor(batch, dtype=torch.float64)).tolist()
    assert np.allclose(nn.predict(ours, batch), expected, rtol=1e-14, atol=1e-15)
    ours.load_state_dict(theirs.state_dict())

    # To PyTorch.
    trained = network(5)
    trained(batch)
    save(trained, tmp_path / "ours")
    theirs.load_state_dict(load_file(tmp_path / "ours"))
    found = theirs.eval()(torch.tensor(batch, dtype=torch.float64)).tolist()
    assert np.allclose(found, nn.predict(trained, batch), rtol=1e-14, atol=1e-15)
