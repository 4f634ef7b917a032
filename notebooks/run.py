"""Run the notebooks from top to bottom, and write what they put out into them.

    python notebooks/run.py                       # all, and then the page that lists them
    python notebooks/run.py 01_backprop_by_hand.ipynb
    python notebooks/run.py --check               # write nothing; exit status 1 if one fails

A notebook fails if a cell raises, an assertion among them, or if one puts out anything to stderr,
a warning for example.
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import index
import matplotlib.font_manager  # noqa: F401 - builds its cache, if need be, here and aloud
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parent
SECONDS = 600  # for one cell, on a slow machine
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", help="their names; all without")
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--processes", type=int, default=2, help="how many run side by side")
    options = parser.parse_args()
    names = options.notebooks or sorted(path.name for path in HERE.glob("[0-9][0-9]_*.ipynb"))
    failed = 0
    with ThreadPoolExecutor(options.processes) as pool:
        for name, (text, complaint, seconds) in zip(
            names, pool.map(lambda name: executed(HERE / name), names), strict=True
        ):
            print(f"{seconds:6.1f} s  {name}{': FAILED' if complaint else ''}", flush=True)
            if complaint:
                failed += 1
                print(complaint)
            elif not options.check:
                (HERE / name).write_text(text, encoding="utf-8")
    return 1 if failed else index.update(check=options.check)


def executed(path: Path) -> tuple[str, str, float]:
    """The notebook with what it put out, what is wrong with it or "", and the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    begun = perf_counter()
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    )
    complaint = ""
    try:
        client.execute()
    except CellExecutionError as error:
        complaint = str(error)
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                complaint += f"cell {number} wrote to stderr:\n{output.text}"
    return plain(notebook), complaint, perf_counter() - begun


def plain(notebook: Any) -> str:
    """The notebook as text that says nothing of when and where it was run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
