"""The text of a graph can be read back: every value once, every operand, every reference."""

import io
import math
import os
import re
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_scalar
from autograd_scalar import Value, clamp, dot, maximum, relu, softplus, tanh, where
from autograd_scalar.draw.text import columns, number
from autograd_scalar.draw.tree import (
    ABOVE,
    BELOW,
    BRANCH,
    DEEPEST,
    GAP,
    LAST,
    LINE,
    NARROWEST,
    SHRUB,
    Tree,
    tree,
)
from autograd_scalar.graph import topological_order

ROOT = Path(autograd_scalar.__file__).parent.parent


def leaf(data, label=None):
    return Value(data, label=label)


def neuron():
    y = tanh(leaf(2.0, "w") * leaf(0.5, "x") + leaf(-0.9, "b"))
    y.label = "y"
    y.backward()
    return y


def shown(value, **options):
    """The picture as lines, in an encoding that has everything."""
    return tree(value, **{"encoding": "utf-8", "limit": 10**6, **options}).split("\n")


def names(value, **options):
    """The lines without figures and headings."""
    return [re.sub(r" {2,}\S+ +\S+$", "", line) for line in shown(value, **options)[1:]]


# --- Examples, as they are ------------------------------------------------------------------------


def picture(text):
    """The lines of a picture in a test, without its margin."""
    return [line.removeprefix("    ") for line in text.strip("\n").split("\n")[:-1]]


def test_a_neuron():
    assert shown(neuron()) == picture("""
                data      grad
    y = tanh     0.09967  1
    └─ +         0.1      0.9901
       ├─ ×      1        0.9901
       │  ├─ w   2        0.495
       │  └─ x   0.5      1.98
       └─ b     -0.9      0.9901
    """)


def test_a_diamond():
    a = leaf(3.0, "a")
    b = a * a
    c = b + a
    c.label = "c"
    y = (c - b) / c
    y.backward()
    assert shown(y) == picture("""
                     data   grad
    /                 0.25   1
    ├─ −              3      0.08333
    │  ├─ c = +      12      0.0625
    │  │  ├─ #1 = ×   9     -0.02083
    │  │  │  ├─ a     3     -0.0625
    │  │  │  └─ a ↑
    │  │  └─ a ↑
    │  └─ #1 ↑
    └─ c ↑
    """)


def test_a_long_sum_goes_down_the_margin_and_its_terms_branch_off():
    total = leaf(1.0, "loss 0") * 1
    for i in range(1, DEEPEST):
        total = total + softplus(leaf(float(i), f"z{i}"))
    assert names(total)[:6] == ["+", "├─ softplus", "│  └─ z11", "+", "├─ softplus", "│  └─ z10"]
    assert names(total)[-5:] == ["+", "├─ × 1", "│  └─ loss 0", "└─ softplus", "   └─ z1"]


def test_a_recurrence_goes_down_the_margin_and_refers_to_what_comes():
    x, r = leaf(0.3, "x"), leaf(3.7, "r")
    for i in range(8):
        x = r * x * (1 - x)
        x.label = f"x{i}"
    assert names(x)[:10] == picture("""
    x7 = ×
    ├─ ×
    │  ├─ r
    │  └─ x6 ↓
    1 −
    x6 = ×
    ├─ ×
    │  ├─ r ↑
    │  └─ x5 ↓
    1 −
    """)


def test_a_chain_takes_no_room_to_the_right():
    x = leaf(1.0, "x")
    for _ in range(100):
        x = tanh(x)
    assert max(map(len, names(x))) <= 3 * DEEPEST
    assert names(x)[:90] == ["tanh"] * 90


def test_what_hangs_from_the_end_of_the_margin_is_drawn_as_any_small_graph():
    x = leaf(1.0, "x")
    for i in range(40):
        x = relu(x) if i % 2 else tanh(x)
    assert [len(strokes) // 3 for strokes, _, _ in read(shown(x)[1:])] == (
        [0] * (41 - SHRUB) + list(range(1, SHRUB + 1))
    )


def test_what_was_shown_on_another_branch_is_not_taken_to_the_margin():
    shared, long = leaf(1.0, "x"), leaf(2.0, "z")
    for _ in range(DEEPEST - 2):
        shared = tanh(shared)
    shared.label = "shared"
    for _ in range(2 * DEEPEST):
        long = relu(long)
    lines = names(Value(0.0, (shared, ((shared + 1) * 2) ** 3, long), "made"))
    assert lines[DEEPEST : DEEPEST + 5] == [
        "├─ ** 3",
        "│  × 2",
        "│  + 1",
        "│  └─ shared ↑",
        "relu",
    ]


@pytest.mark.parametrize(
    ("step", "first"),
    [
        (lambda x, t: x - t, "↓ − ·"),
        (lambda x, t: t - x, "−"),
        (lambda x, t: x + t, "+"),
        (lambda x, t: t + x, "+"),
        (lambda x, t: x**t, "↓ ** ·"),
        (lambda x, t: where(True, x, t), "where(1, ·, ·), ↓ operand 1 of 2"),
        (lambda x, t: where(True, t, x), "where(1, ·, ·)"),
        (lambda x, t: dot([x, t], [t, t]), "dot, ↓ operand 1 of 4"),
        (lambda x, t: Value(1.0, (t, x, t), "by hand"), "by hand, ↓ operand 2 of 3"),
    ],
)
def test_an_operand_at_the_margin_says_its_place_where_that_matters(step, first):
    x, t = leaf(1.0, "x"), leaf(1.0, "t")
    assert step(x, t).op == names(step(x, t))[0].partition("(")[0].replace("−", "-")
    for _ in range(DEEPEST + 1):
        x = step(x, t)
    assert names(x)[0] == first


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (leaf(1.0, "a"), ["a"]),
        (leaf(1.0), ["leaf"]),
        (leaf(1.0, ""), ["leaf"]),
        (leaf(1.0, "  "), ["leaf"]),
        (leaf(1.0, "a") * 2, ["× 2", "└─ a"]),
        (2 / leaf(1.0, "a"), ["2 /", "└─ a"]),
        (clamp(leaf(1.0, "a"), 0, 1), ["clamp(·, 0, 1)", "└─ a"]),
        (Value(1.0, (leaf(1.0, "a"),)), ["unnamed", "└─ a"]),
        (Value(1.0, (), "made"), ["made"]),
        (
            dot([leaf(1.0, "v"), leaf(2.0, "w")], [1 / 3, 1e10, 5, 6][:2]),
            ["dot(·, ·, 0.3333, 1e10)", "├─ v", "└─ w"],
        ),
        (
            dot([leaf(1.0, "u"), 0.25, leaf(2.0, "w")], [1 / 3, 1e10, -1 / 7]),
            ["dot, 4 constants", "├─ u", "├─ 0.25", "├─ w", "└─ 0.3333, 1e10, -0.1429"],
        ),
    ],
)
def test_labels_operations_and_constants_stand_where_they_belong(value, expected):
    assert names(value) == expected


# --- Read back ------------------------------------------------------------------------------------

OPERATIONS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a * 0.5,
    lambda a, b: 2 - a,
    lambda a, b: tanh(a),
    lambda a, b: maximum(a, b),
    lambda a, b: where(True, a, b),
    lambda a, b: dot([a, b, a], [0.125, b, 1e-9]),
    lambda a, b: dot([a, b, a, b], [1 / 3, 1 / 7, 1e9, 1 / 9]),
    lambda a, b: relu(a),
]


@st.composite
def graphs(draw, largest=60):
    """A value whose graph is as it comes: deep or wide, shared or not; nothing is labelled."""
    pool = [Value(0.5), Value(-1.25)]
    reach = draw(st.integers(1, 8))
    for _ in range(draw(st.integers(0, largest))):
        a, b = (pool[-draw(st.integers(1, min(reach, len(pool))))] for _ in range(2))
        pool.append(draw(st.sampled_from(OPERATIONS))(a, b))
        if draw(st.integers(0, 9)) == 0:
            pool.append(Value(draw(st.floats(-9, 9))))
    pool[-1].backward()
    return pool[-1]


def read(lines):
    """Each line as its strokes, its name and its figures, if it has any."""
    for line in lines:
        strokes = re.match("(?:├─ |└─ |│  |   )*", line).group()
        name, *figures = re.split(r" {2,}", line[len(strokes) :])
        yield strokes, name, figures


def edges(lines):
    """For each value by its label: its operands from the first to the last, and its figures."""
    operands, figures, at, ends = {}, {}, [], {}
    for strokes, name, found in read(lines):
        level = len(strokes) // 3
        label, _, arrow = name.partition(f" {ABOVE}")
        label = label.split(" = ")[0].removesuffix(f" {BELOW}")
        if strokes.endswith((BRANCH, LAST)):
            user = at[level - 1]
            ends[level - 1] = strokes.endswith(LAST)
        else:  # at the margin, below its user
            assert found, "only what is shown in full goes on at the margin"
            user = at[level] if at else None
        if user is not None:
            operands[user].append(label)
        if found:
            assert label not in operands, "shown in full twice"
            assert not arrow
            operands[label], figures[label] = [], found
            at[level:] = [label]
        elif arrow:
            assert label in operands, "an arrow to nothing above"
    return operands, figures


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_the_graph_can_be_read_back(value):
    order = topological_order(value)
    for i, node in enumerate(order):
        node.label = f"v{i}"
    lines = shown(value, width=1000)
    operands, figures = edges(lines[1:])
    places = {name.split(" = ")[0]: name for _, name, _ in read(lines[1:])}
    assert set(figures) == {node.label for node in order}
    assert len(lines) - 2 == sum(map(len, operands.values()))
    for node in order:
        assert figures[node.label] == [number(node.data), number(node.grad)]
        expected = [parent.label for parent in node.parents]
        if "constants" in places[node.label]:  # then they stand below, in a row
            expected = [o.label if isinstance(o, Value) else number(o) for o in node.operands]
        found = operands[node.label]
        if BELOW in places[node.label]:  # the one at the margin is moved there from its place
            last = found.pop()
            place = re.search(r"operand (\d+)", places[node.label])
            found.insert(int(place[1]) - 1 if place else 0, last)
        if node.op in ("+", "*", "maximum"):
            found, expected = sorted(found), sorted(expected)
        found = [name for one in found for name in one.split(", ")]
        assert found == expected


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_an_arrow_points_to_where_the_value_is_shown(value):
    for i, node in enumerate(topological_order(value)):
        node.label = f"v{i}"
    lines = list(read(shown(value, width=1000)[1:]))
    at = {name.split(" = ")[0]: i for i, (_, name, figures) in enumerate(lines) if figures}
    for i, (_, name, figures) in enumerate(lines):
        if not figures and name.startswith("v"):
            label, arrow = name.split()
            assert (at[label] < i) == (arrow == ABOVE)
            assert (at[label] > i) == (arrow == BELOW)


@settings(max_examples=100, deadline=None)
@given(graphs(largest=DEEPEST - 1))
def test_a_graph_of_few_levels_has_all_in_order_and_refers_only_up(value):
    assert BELOW not in "".join(shown(value))
    margins = [strokes for strokes, _, _ in read(shown(value)[1:])]
    assert margins[0] == ""
    assert all(strokes.endswith((BRANCH, LAST)) for strokes in margins[1:])


@settings(max_examples=100, deadline=None)
@given(graphs(), st.data())
def test_a_number_refers_to_the_same_value_as_a_label_of_its_own_would(value, data):
    order = topological_order(value)
    for i, node in enumerate(order):
        node.label = f"v{i}"
    clear = list(read(shown(value, width=1000)[1:]))
    for node in order:
        node.label = data.draw(st.sampled_from([None, "same", "#1", "tanh", "a = b", "x ↑", "-"]))
    unclear = list(read(shown(value, width=1000)[1:]))
    labels = {}  # what a name in the unclear picture stands for
    for (strokes, name, figures), (others, other, same) in zip(clear, unclear, strict=True):
        assert (strokes, figures) == (others, same)
        if figures:
            labels.setdefault(handle(other), []).append(handle(name))
    for (_, name, figures), (_, other, _) in zip(clear, unclear, strict=True):
        if not figures and name.startswith("v"):
            assert labels[handle(other)] == [handle(name)]


def handle(name):
    """What a line calls its value: a number, or what stands before the operation or an arrow."""
    number = re.match(r"#\d+(?= |$)", name)
    return number[0] if number else re.split(f" = | {ABOVE}$| {BELOW}$", name)[0]


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_strokes_run_from_a_value_to_its_last_operand_without_a_gap(value):
    lines = [strokes for strokes, _, _ in read(shown(value, width=1000)[1:])]
    for above, line in pairwise(lines):
        for start in range(0, len(line), 3):
            stroke = line[start : start + 3]
            over = above[start : start + 3]
            if stroke == GAP:
                assert over in (GAP, LAST)
            if stroke in (LINE, LAST, BRANCH) and over:
                assert over in (LINE, BRANCH)


@settings(max_examples=50, deadline=None)
@given(graphs(), st.integers(1, 100))
def test_a_limit_shows_the_first_lines_and_counts_the_rest(value, limit):
    everything = names(value, width=1000)
    some = names(value, width=1000, limit=limit)
    more = len(everything) - limit
    if more <= 0:
        assert some == everything
    else:
        assert some == [
            *everything[:limit],
            f"… {more} more line{'s' * (more > 1)}",
            f"  limit={limit + more} shows all, tree of an operand its part",
        ]


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_the_same_graph_has_the_same_picture(value):
    assert tree(value, width=80) == tree(value, width=80)


# --- Columns --------------------------------------------------------------------------------------


def points(lines):
    """Where the decimal points of data and gradient stand on each line that has them."""
    for line in lines:
        match = re.search(r"(\S+) {2,}(\S+)$", line)
        yield [
            columns(line[: match.start(i)]) + len(re.match("-?[0-9]+|[-a-z]+", match[i])[0])
            for i in (1, 2)
        ]


HUGE = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.text(max_size=60), HUGE, HUGE), min_size=1, max_size=12),
    st.integers(NARROWEST, 120),
    st.sampled_from(["utf-8", "ascii", "latin-1", "cp437", "shift_jis", "utf-16"]),
)
def test_decimal_points_are_aligned_and_no_line_is_too_wide(leaves, width, encoding):
    values = [Value(data, label=label) for label, data, _ in leaves]
    root = Value(0.0, values, "root")
    for value, (_, _, grad) in zip(values, leaves, strict=True):
        value.grad = grad
    for _ in range(3):
        root = Value(0.0, (root, Value(1.0)), "−·")
    _, *lines = shown(root, width=width, encoding=encoding)
    assert len(lines) == 7 + len(leaves)
    assert len(set(map(tuple, points(lines)))) == 1
    assert max(map(columns, lines)) <= width
    assert "\n".join(lines).encode(encoding)


@pytest.mark.parametrize(
    "x", [0.0, -0.0, 1.5, -1e-30, 1e300, -123456.0, math.nan, math.inf, -math.inf, 5e-324]
)
def test_a_number_is_written_as_in_a_picture(x):
    value = leaf(x, "x")
    value.grad = -x
    assert shown(value)[1].split() == ["x", number(x), number(-x)]


def test_a_gradient_that_is_a_value_is_shown_as_its_number():
    x = leaf(3.0, "x")
    y = x * x
    y.backward(create_graph=True)
    assert shown(y)[2].split() == ["├─", "x", "3", "6"]
    x.grad = 0.0


def test_strokes_that_lead_off_the_page_are_cut():
    # The longest way down is taken by the other operand at each level, so nothing is a trunk.
    def comb(height):
        value = leaf(1.0)
        for level in range(height):
            other = leaf(2.0)
            for _ in range(DEEPEST + 2 * level):
                other = tanh(other)
            value = value + other
        return value

    lines = shown(comb(60), width=NARROWEST)
    assert max(map(columns, lines)) <= NARROWEST
    assert len(set(map(tuple, points(lines[1:])))) == 1
    assert any(line.startswith("…  ├─ ") or line.startswith("…  │") for line in lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("weight", 6),
        ("é", 1),
        ("e\u0301", 1),
        ("重み", 4),
        ("ｗ", 2),
        ("ｱ", 1),
        ("θ₁∂", 3),
        ("🔬", 2),
        ("ก็", 1),
        ("נ", 1),
        ("├─ ", 3),
        ("a\u20dd", 1),
        ("\u200e", 0),
    ],
)
def test_columns_of_text(text, expected):
    assert columns(text) == expected


# --- A label is text ------------------------------------------------------------------------------

HOSTILE = {
    "two\nlines": r"two\nlines",
    "carriage\rreturn": r"carriage\rreturn",
    "tab\there": r"tab\there",
    "back\b\b\bspace": r"back\x08\x08\x08space",
    "nul\x00": r"nul\x00",
    "bell\x07": r"bell\x07",
    "del\x7f": r"del\x7f",
    "\x1b[31mred": r"\x1b[31mred",
    "\x1b[2J\x1b[H": r"\x1b[2J\x1b[H",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07": r"\x1b]52;c;aGk=\x07",
    "\x1bP$q\x1b\\": r"\x1bP$q\x1b" + "\\",
    "\x9b31m": r"\x9b31m",
    "next\x85line": r"next\x85line",
    "line\u2028separator": r"line\u2028separator",
    "paragraph\u2029": r"paragraph\u2029",
    "form\x0cfeed\x0b": r"form\x0cfeed\x0b",
    "\u202eoverride": r"\u202eoverride",
    "\u2066isolate\u2069": r"\u2066isolate\u2069",
    "\u200emark\u200f": r"\u200emark\u200f",
    "zero\u200bwidth": r"zero\u200bwidth",
    "soft\xadhyphen": r"soft\xadhyphen",
    "\ufeffmark": r"\ufeffmark",
    "no\xa0break": r"no\xa0break",
    "\ud800 alone": r"\ud800 alone",
    "\ufffe\uffff": r"\ufffe\uffff",
    "\ue000 private": r"\ue000 private",
    "\U000e0041 tag": r"\U000e0041 tag",
    "👩\u200d🔬": r"👩\u200d🔬",
    "❤\ufe0f": r"❤\ufe0f",
    "👍🏽": r"👍\U0001f3fd",
    "重み": "重み",
    "é" * 3: "é" * 3,
    "<b>&amp;": "<b>&amp;",
    "%s {0} \\N": "%s {0} \\N",
    "├─ fake  1  1": "├─ fake  1  1",
    "שלום": "\u200eשלום\u200e",
    "x" * 10_000: "x" * 20 + "…" + "x" * 11,
    "重" * 10_000: "重" * 9 + "…" + "重" * 6,
    "\x1b" * 10_000: None,
}


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: ascii(label)[:40])
def test_no_label_breaks_the_picture_or_drives_the_terminal(label):
    lines = shown(leaf(1.0, label) * leaf(2.0, "w"))
    assert len(lines) == 4
    assert len(set(map(tuple, points(lines[1:])))) == 1
    assert all(unicodedata.category(c)[0] != "C" for c in "".join(lines) if c != "\u200e")
    assert HOSTILE[label] is None or lines[2].startswith(f"├─ {HOSTILE[label]}  ")
    assert columns(lines[2]) < 60


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: ascii(label)[:40])
def test_an_operation_can_have_any_name_too(label):
    lines = shown(Value(1.0, (leaf(2.0, "w"),), label))
    assert len(lines) == 3
    assert len(set(map(tuple, points(lines[1:])))) == 1
    assert all(unicodedata.category(c)[0] != "C" for c in "".join(lines) if c != "\u200e")


def test_a_label_that_is_no_string_is_shown_as_one():
    value = leaf(1.0)
    value.label = 7
    assert names(value) == ["7"]


# --- Where it is written --------------------------------------------------------------------------


def test_a_stream_that_knows_no_strokes_gets_ascii():
    a = leaf(3.0, "θ")
    b = a * a
    lines = shown((b - 1 / b) * leaf(2.0, "é"), encoding="ascii")
    assert lines == picture(r"""
                     data     grad
    *                17.78    0
    |- -              8.889   0
    |  |- #1 = *      9       0
    |  |  |- \u03b8   3       0
    |  |  `- \u03b8 (above)
    |  `- 1 /         0.1111  0
    |     `- #1 (above)
    `- \xe9           2       0
    """)


def test_in_ascii_the_places_below_are_told_too():
    x = leaf(1.0, "x")
    for _ in range(DEEPEST + 1):
        x = x / (x - leaf(2.0, "t"))
    assert tree(x, encoding="ascii").isascii()
    assert "(below)" in tree(x, encoding="ascii")


def test_what_an_encoding_has_of_a_label_is_kept():
    assert names(leaf(1.0, "é θ"), encoding="latin-1") == [r"é \u03b8"]


def test_a_hebrew_label_is_written_in_an_encoding_without_marks_of_direction():
    assert names(leaf(1.0, "שלום"), encoding="cp862") == ["שלום"]


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", "└─ × 2"), ("ascii", "`- * 2")])
def test_the_encoding_is_that_of_the_standard_output(encoding, expected, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print(tree(tanh(leaf(1.0, "x") * 2)))
    stream.flush()
    assert expected in stream.buffer.getvalue().decode(encoding)


def test_there_may_be_no_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert "└─" in tree(neuron())


def test_the_width_is_that_of_the_terminal(monkeypatch):
    value = dot([leaf(1.0, f"w{i}") for i in range(30)], [1 / 3] * 30)
    for columns_of_terminal, taken in (("70", 70), ("100", 100), ("20", NARROWEST)):
        monkeypatch.setenv("COLUMNS", columns_of_terminal)
        assert max(map(columns, tree(value, encoding="utf-8").split("\n"))) == taken


def test_a_prompt_shows_it_as_it_is():
    text = tree(neuron())
    assert isinstance(text, Tree)
    assert isinstance(text, str)
    assert repr(text) == str(text) == text
    assert type(str(text)) is str


def test_a_picture_is_the_same_in_every_run():
    script = "from test_draw_tree import *; print(tree(neuron() * leaf(1.0), encoding='utf-8'))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
                "PYTHONIOENCODING": "utf-8",
            },
            cwd=Path(__file__).parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].decode().count("\n") == 9


# --- How much, and what not -----------------------------------------------------------------------


def test_a_chain_of_any_depth_is_shown_without_recursion():
    x = leaf(0.0, "x")
    for _ in range(100_000):
        x = x + 1.0
    lines = tree(x, encoding="utf-8").split("\n")
    assert len(lines) == 1 + 500 + 2
    assert lines[1:501] == [f"+ 1  {100_000 - i:6}  0" for i in range(500)]
    assert lines[501] == "… 99501 more lines"
    assert "limit=100001 " in lines[502]


def test_a_value_that_is_used_in_a_hundred_thousand_places():
    x = leaf(1.0, "x")
    value = Value(1.0, (x,) * 100_000, "many")
    assert names(value, limit=3)[:3] == ["many", "├─ x", "├─ x ↑"]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3.0,), {}, TypeError, "value must be a Value, not 3.0"),
        (([Value(1.0)],), {}, TypeError, "value must be a Value, not .*list"),
        ((Value(1.0),), {"width": 59}, ValueError, "width must be at least 60, not 59"),
        ((Value(1.0),), {"width": 80.0}, TypeError, "width must be an int, not 80.0"),
        ((Value(1.0),), {"width": True}, TypeError, "width must be an int, not True"),
        ((Value(1.0),), {"limit": 0}, ValueError, "limit must be at least 1, not 0"),
        ((Value(1.0),), {"limit": None}, TypeError, "limit must be an int, not None"),
        ((Value(1.0),), {"limit": "9"}, TypeError, "limit must be an int, not '9'"),
        ((Value(1.0),), {"encoding": "no such"}, ValueError, "encoding 'no such' is unknown"),
        ((Value(1.0),), {"encoding": "hex"}, ValueError, "encoding 'hex' is unknown"),
        ((Value(1.0),), {"encoding": "\0"}, ValueError, r"encoding '\\x00' is unknown"),
        ((Value(1.0),), {"encoding": ""}, ValueError, "encoding '' is unknown"),
        ((Value(1.0),), {"encoding": 8}, TypeError, "encoding must be a string or None, not 8"),
    ],
)
def test_what_is_asked_wrongly_is_told(arguments, options, error, message):
    with pytest.raises(error, match=f"^tree: {message}"):
        tree(*arguments, **options)


def test_a_limit_may_be_of_any_size():
    assert len(tree(neuron(), limit=10**30).split("\n")) == 7
