"""The package `nn` as a whole: what it exports, and what importing it does not import."""

import subprocess
import sys
from pathlib import Path

import pytest

import nn

ROOT = Path(__file__).resolve().parent.parent


def test_every_name_is_there_and_documented():
    assert sorted(nn.__all__) == sorted(set(nn.__all__))
    for name in nn.__all__:
        item = getattr(nn, name)
        assert item.__doc__ if callable(item) else item, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'nn' has no attribute 'Liner'"):
        nn.Liner  # noqa: B018


@pytest.mark.parametrize(
    "absent", ["numpy", "sklearn", "matplotlib", "pandas", "safetensors", "graphviz"]
)
def test_the_import_is_light(absent):
    code = f"import sys; import nn; print({absent!r} in sys.modules)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "False\n"
