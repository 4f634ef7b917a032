"""Models in files, in the safetensors format: names, shapes and numbers, and nothing that runs.

The names and shapes are PyTorch's, so `torch.nn.Sequential(...).load_state_dict` takes what
`safetensors.torch.load_file` reads from a file written here, and the reverse.
"""

import json
import math
import struct
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from autograd_scalar.files import write_whole
from nn.arguments import known
from nn.module import Module
from nn.tensors import Tensor, filled, numbers, shape

FLOATS = ("float16", "float32", "float64")

# The letters of `struct` for the types that a file may hold.
LETTERS = {
    **{"F16": "e", "F32": "f", "F64": "d", "BOOL": "?"},
    **{"I8": "b", "I16": "h", "I32": "i", "I64": "q"},
    **{"U8": "B", "U16": "H", "U32": "I", "U64": "Q"},
}


def save(
    model: Module,
    path: str | PathLike[str],
    *,
    dtype: str = "float64",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a model's parameters and buffers to a safetensors file, whole or not at all.

    dtype: "float64" keeps every bit; "float32" and "float16" are smaller. Whole numbers are kept
    as such. metadata: texts to keep with them.

    Returns the path. Raises ValueError for an unknown dtype, OSError if it can't be written.

    >>> import nn, tempfile
    >>> model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, folder + "/model.safetensors")
    ...     other = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    ...     load(other, path)
    >>> other.state_dict() == model.state_dict()
    True
    """
    return write_whole(path, to_bytes(model.state_dict(), dtype=dtype, metadata=metadata))


def load(model: Module, path: str | PathLike[str]) -> None:
    """Set a model's parameters and buffers to those in a safetensors file, all or none.

    Raises ValueError for a file that is damaged or of another kind, or doesn't fit the model, and
    says what is missing, unexpected or of another shape; OSError if it can't be read.
    """
    state, _ = read(path)
    try:
        model.load_state_dict(state)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def read(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the state in a safetensors file, path to nested lists, and its metadata.

    Raises ValueError for a file that is damaged or of another kind, OSError if it can't be read.
    """
    content = Path(path).read_bytes()
    try:
        return from_bytes(content)
    except ValueError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from None


def to_bytes(
    state: Mapping[str, Any], *, dtype: str = "float64", metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return a state as the bytes of a safetensors file.

    >>> from_bytes(to_bytes({"a": [[1.0, 2.5]], "n": 3}, metadata={"by": "me"}))
    ({'a': [[1.0, 2.5]], 'n': 3}, {'by': 'me'})
    """
    import numpy
    from safetensors.numpy import save as serialized

    known("dtype", dtype, FLOATS)
    tensors = {}
    for path, item in state.items():
        flat = list(numbers(item))
        whole = bool(flat) and all(isinstance(x, int) for x in flat)
        kind = "int64" if whole else dtype
        with numpy.errstate(over="ignore"):  # what is too large becomes inf, as in arithmetic
            tensors[path] = numpy.array(flat, kind).reshape(shape(item, path))
    content: bytes = serialized(tensors, dict(metadata) if metadata else None)
    return content


def from_bytes(content: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the state and the metadata in the bytes of a safetensors file.

    Raises ValueError if they are damaged, or hold numbers of a kind that has no place here.
    """
    from safetensors import SafetensorError, deserialize

    try:
        tensors = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    # Sound, as it was just read; only the metadata are not given out.
    (length,) = struct.unpack_from("<Q", content)
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    state = {
        path: _unpack(path, item["dtype"], item["shape"], bytes(item["data"]))
        for path, item in sorted(tensors, key=lambda named: named[0])
    }
    return state, metadata


def _unpack(path: str, dtype: str, sizes: list[int], data: bytes) -> Tensor:
    count = math.prod(sizes)
    if dtype == "BF16":  # the upper half of a float32
        halves = struct.unpack(f"<{count}H", data)
        flat = struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(h << 16 for h in halves)))
    elif dtype in LETTERS:
        flat = struct.unpack(f"<{count}{LETTERS[dtype]}", data)
    else:
        raise ValueError(f"{path!r} is of the type {dtype}, which is not read here")
    take: Callable[[], Any] = iter(flat).__next__
    return filled(sizes, take)
