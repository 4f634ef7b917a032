"""``README.md`` beside the notebooks: what each teaches, with its best picture.

A notebook's title and what it says of itself are its first cell. Its picture is that of the cell
with the tag ``index``, or else its first one. ``run.py`` writes the page.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE / "README.md"
PICTURES = HERE / "pictures"
HEAD = """# Notebooks

What backpropagation is, what it costs, how it goes wrong, and a dozen systems that it drives, each
from the beginning. Every number that is claimed is computed in a cell and asserted there.

One command runs them all, some minutes, and writes what they put out and this page:

```
pip install ".[notebooks]" && python notebooks/run.py
```

How exact each derivative is, measured: [accuracy](accuracy.md).

| | |
|---|---|
"""
SUFFIXES = {"image/png": ".png", "image/svg+xml": ".svg"}
PICTURE_WIDTH = 420


def update(*, check: bool = False) -> int:
    """Write the page and the pictures, or only see whether they are as they should be."""
    files = written()
    stale = [path for path, content in files.items() if not _is(path, content)]
    left = [path for path in PICTURES.glob("[0-9]*") if path not in files]
    for path in [*stale, *left]:
        print(f"{'not up to date' if check else 'written'}: {path.relative_to(HERE)}")
    if check:
        return bool(stale or left)
    PICTURES.mkdir(exist_ok=True)
    for path in left:
        path.unlink()
    for path in stale:
        path.write_bytes(files[path])
    return 0


def written() -> dict[Path, bytes]:
    """The page and the pictures as they should be."""
    files: dict[Path, bytes] = {}
    rows = []
    for path in sorted(HERE.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title, about = described(cells[0])
        suffix, content = picture(cells)
        image = PICTURES / f"{path.stem}{suffix}"
        files[image] = content
        shown = f'<img src="pictures/{image.name}" width="{PICTURE_WIDTH}" alt="{title}">'
        name = f"**[{int(path.stem[:2])}. {title}]({path.name})**"
        rows.append(f"| [{shown}]({path.name}) | {name} {about} |\n")
    files[PAGE] = (HEAD + "".join(rows)).encode()
    return files


def described(cell: dict[str, Any]) -> tuple[str, str]:
    """Title and first paragraph of a notebook."""
    title, about, *_ = re.split(r"\n\s*\n", "".join(cell["source"]).strip())
    return title.removeprefix("# "), " ".join(about.split())


def picture(cells: list[dict[str, Any]]) -> tuple[str, bytes]:
    """The suffix and the content of the picture that stands for a notebook."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    chosen = [cell for cell in code if "index" in cell["metadata"].get("tags", ())]
    for cell in [*chosen, *code]:
        for output in cell["outputs"]:
            for kind, suffix in SUFFIXES.items():
                if kind in output.get("data", ()):
                    text = "".join(output["data"][kind])
                    return suffix, base64.b64decode(text) if suffix == ".png" else text.encode()
    raise ValueError("a notebook without a picture: run it first")


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
