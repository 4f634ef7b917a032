"""What holds of every notebook as it stands; what they claim they assert when they are run."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
LONGEST = 40  # lines of a cell
LARGEST = 700_000  # bytes


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def sources(cells, kind):
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def test_there_are_notebooks():
    assert len(NOTEBOOKS) == 18


def test_begins_with_a_title_and_what_it_is_about(cells):
    title, about, *_ = re.split(r"\n\s*\n", "".join(cells[0]["source"]))
    assert cells[0]["cell_type"] == "markdown"
    assert re.fullmatch(r"# \S.*", title)
    assert about[-1] in ".!?"


def test_claims_are_asserted(cells):
    code = "\n".join(sources(cells, "code"))
    assert len(re.findall(r"^\s*assert ", code, re.MULTILINE)) >= 3


def test_cells_can_be_taken_in_at_a_glance(path, cells):
    assert max(text.count("\n") + 1 for text in sources(cells, "code")) <= LONGEST
    assert path.stat().st_size <= LARGEST


def test_was_run_from_top_to_bottom_without_a_complaint(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    for cell in code:
        assert [o for o in cell["outputs"] if o["output_type"] == "error"] == []
        assert [o for o in cell["outputs"] if o.get("name") == "stderr"] == []


def test_sources_are_named(cells):
    text = "\n".join(sources(cells, "markdown"))
    assert re.search(r"\b(19|20)\d\d\b", text), "no paper with its year"


def test_nothing_of_one_machine_is_in_it(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work)/|C:\\\\Users", text)


def test_the_page_that_lists_them_is_up_to_date():
    spec = importlib.util.spec_from_file_location("notebooks_index", FOLDER / "index.py")
    assert spec is not None and spec.loader is not None
    index = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(index)
    assert index.update(check=True) == 0
