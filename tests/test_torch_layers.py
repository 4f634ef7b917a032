"""Every layer gives PyTorch's numbers: those recorded of it and, where it is installed, its own."""

import pytest

from tests.torch_layers import CASES, check_against_record, check_against_torch, recorded


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_numbers_are_those_recorded_of_pytorch(case):
    check_against_record(case)


def test_the_record_is_what_pytorch_gives():
    pytest.importorskip("torch")
    for case in CASES:
        check_against_torch(case)


def test_the_record_has_every_case_of_the_table_and_no_other():
    assert list(recorded()) == [case.name for case in CASES]
