"""Measurements as tables: of one run, and of a run beside an earlier one."""

from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of columns, the first one flush left, the others flush right.

    >>> print(table(["who", "ms"], [["ours", "7.5"], ["theirs", "70.1"]]))
    who       ms
    ours     7.5
    theirs  70.1
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for first, *others in [head, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def of_steps(steps: dict[str, dict[str, float]]) -> str:
    micrograd = steps.get("micrograd")
    minimal = steps["minimal"]
    rows = []
    for name, step in steps.items():
        rows.append(
            [
                name,
                ms(step["total"]),
                ms(step["forward"]),
                ms(step["backward"]),
                ms(step["collector"]),
                f"{step['backward'] / step['forward']:.2f}",
                f"{micrograd['total'] / step['total']:.1f} x" if micrograd else "-",
                f"{step['total'] / minimal['total']:.2f}",
            ]
        )
    head = [
        "ms of CPU time per step",
        "total",
        "forward",
        "backward",
        "collector",
        "backward/forward",
        "speed, micrograd = 1",
        "time, minimal = 1",
    ]
    return table(head, rows)


def of_memory(memory: dict[str, dict[str, dict[str, float]]]) -> str:
    operations = next(iter(memory.values())).keys()

    def rows(unit: str, *keys: str) -> list[list[str]]:
        return [
            [f"{name}: {unit}", *["  ".join(f"{node[o][k]:.0f}" for k in keys) for o in operations]]
            for name, node in memory.items()
        ]

    return table(
        ["one node", *operations],
        [
            *rows("bytes", "bytes"),
            *rows("bytes by getsizeof", "by_size"),
            *rows("objects tracked", "tracked"),
        ],
    )


def of_import(times: dict[str, float]) -> str:
    return (
        f"import autograd_scalar, beyond bare Python's {ms(times['bare'])} ms: "
        f"{ms(times['wall'])} ms by the wall clock, {ms(times['cpu'])} ms of CPU time"
    )


def of_comparison(now: Report, then: Report) -> str:
    """Each time now and then, and their ratio: below 1 is faster now.

    Peers' code is the same in both, so their ratios show what the machine has done; the last column
    divides it out.
    """
    machine = now["steps"]["minimal"]["total"] / then["steps"]["minimal"]["total"]
    pairs = [
        (f"{name}, {phase}", now["steps"][name][phase], then["steps"][name][phase])
        for name in now["steps"]
        if name in then["steps"]
        for phase in ("total", "forward", "backward")
    ]
    pairs += [
        (f"import, {clock}", now["import"][clock], then["import"][clock])
        for clock in ("wall", "cpu")
    ]
    rows = [
        [name, ms(new), ms(old), f"{new / old:.2f}", f"{new / old / machine:.2f}"]
        for name, new, old in pairs
    ]
    text = table(["ms", "now", "then", "now/then", "the same, minimal = 1"], rows)
    for name, nodes in now["memory"].items():
        for what, node in nodes.items():
            old = then["memory"].get(name, {}).get(what, node)
            for key in ("bytes", "tracked"):
                if round(node[key]) != round(old[key]):
                    text += f"\n{name}, {what}: {key} {old[key]:.0f} -> {node[key]:.0f}"
    if now["python"] != then["python"]:
        text += f"\nNote: {now['python']} now, {then['python']} then."
    return text
