"""Tapes as JSON: a text that a person can read, and that nothing is run of.

A document of x*y + 0.1, recorded of a function that decided by x < y, is

    {
    "format": "autograd_scalar tape",
    "version": 1,
    "inputs": 2,
    "constants": [0.1],
    "nodes": [
    ["<", 0, 1],
    ["*", 0, 1],
    ["+", 3, -1]
    ],
    "outputs": [4],
    "guards": [
    {"slot": 2, "outcome": true, "line": "model.py:7"}
    ],
    "labels": {"0": "x", "1": "y"}
    }

The inputs have the slots 0, 1, ..., the nodes those after them, in order. A node is the name of its
primitive and its operands: slots of what comes before, or -1 for the first constant, -2 for the
second. Constants are doubles, with as many digits as tell one from the next; what JSON has no
number for is a text: "inf", "-inf", "nan", or for a nan of other bits these in hexadecimal.
"""

from __future__ import annotations

import json
import math
import re
import struct
from array import array

from autograd_scalar.primitives import RULES, Primitive, described, primitive_named
from autograd_scalar.tape.program import Guard, Tape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

FORMAT = "autograd_scalar tape"
VERSION = 1
KEYS = ("format", "version", "inputs", "constants", "nodes", "outputs", "guards", "labels")

LIMIT = 200_000_000  # characters: some ten million nodes

MOST_SLOTS = 2**31 - 1  # a tape's operands have 32 bits
MOST_PRIMITIVES = 2**16  # and its codes 16
DEEPEST = 3  # the document, its nodes, one node


# --- Writing --------------------------------------------------------------------------------------


def to_json(tape: Tape) -> str:
    """The tape as a JSON document, to the last bit of its constants.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(1)
    >>> print(to_json(builder.tape([builder.inputs[0] * 0.1])), end="")
    {
    "format": "autograd_scalar tape",
    "version": 1,
    "inputs": 1,
    "constants": [0.1],
    "nodes": [
    ["*", 0, -1]
    ],
    "outputs": [1],
    "guards": [],
    "labels": {}
    }

    Raises ValueError if it is no program (``Tape.check``), or if one of its primitives is not the
    one that has that name when it is read: a rule that was called on a tape, say.
    """
    if not isinstance(tape, Tape):
        raise TypeError(f"to_json: tape must be a Tape, not {described(tape)}")
    tape.check()
    for primitive in tape.primitives:
        if _known(primitive.name) is not primitive:
            raise ValueError(
                f"to_json: the tape has {primitive!r}, which can't be found by its name again"
            )
    nodes = (
        json.dumps([primitive.name, *operands.tolist()]) for _, primitive, operands in tape.nodes()
    )
    guards = (
        json.dumps({"slot": guard.slot, "outcome": guard.outcome, "line": guard.line})
        for guard in tape.guards
    )
    entries: dict[str, str] = {
        "format": json.dumps(FORMAT),
        "version": json.dumps(VERSION),
        "inputs": json.dumps(tape.inputs),
        "constants": json.dumps(list(map(_written, tape.constants))),
        "nodes": _one_a_line(nodes),
        "outputs": json.dumps(tape.outputs.tolist()),
        "guards": _one_a_line(guards),
        "labels": json.dumps({str(slot): tape.labels[slot] for slot in sorted(tape.labels)}),
    }
    return "{\n" + ",\n".join(f'"{key}": {entries[key]}' for key in KEYS) + "\n}\n"


def _one_a_line(entries: Iterable[str]) -> str:
    lines = ",\n".join(entries)
    return f"[\n{lines}\n]" if lines else "[]"


_NAN = struct.pack(">d", math.nan)


def _written(number: float) -> float | str:
    """The number itself if JSON has it; Python writes it in the fewest digits that give it back."""
    if math.isfinite(number):
        return number
    bits = struct.pack(">d", number)
    return f"0x{bits.hex()}" if number != number and bits != _NAN else str(number)


def _known(name: str) -> Primitive | None:
    """The primitive of that name: of the rules, or an operation of machines alone."""
    from autograd_scalar.tape.kernels import MACHINE

    return RULES.get(name) or MACHINE.get(name)


# --- Reading --------------------------------------------------------------------------------------


def from_json(text: str, *, limit: int = LIMIT) -> Tape:
    """The tape of a JSON document that ``to_json`` wrote, after every part of it is checked.

    >>> from_json('{"format": "autograd_scalar tape", "version": 1, "inputs": 1, "constants": [],'
    ...           '"nodes": [["*", 0, 0], ["+", 1, 3]], "outputs": [2], "guards": [],'
    ...           '"labels": {}}')
    Traceback (most recent call last):
    ValueError: nodes[1][2] is 3 (int), which is computed later: nodes[1] itself is slot 2

    Args:
        text: the document. Whatever it holds, nothing of it is run.
        limit: how many characters it may have, and how many inputs the tape. Both are looked at
            before anything is made of it; memory is then in proportion to the text.

    Raises ValueError that names the place for a text that is no such document: cut off, of a newer
    version, with an operand that is not computed yet; LookupError for a primitive that is not
    there, as long as the module that defines it is not imported; TypeError if it is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"from_json: text must be a string, not {described(text)}")
    document = _parsed(text, limit)
    inputs = _whole(document["inputs"], "inputs")
    if not 0 <= inputs <= limit:
        raise ValueError(f"inputs is {inputs}, expected from 0 to the limit of {limit}")
    constants = array("d")
    for i, number in enumerate(_list(document["constants"], "constants")):
        constants.append(_number(number, f"constants[{i}]"))
    reader = _Nodes(inputs, len(constants))
    reader.read(_list(document["nodes"], "nodes"))
    outputs = [
        reader.place(output, f"outputs[{i}]")
        for i, output in enumerate(_list(document["outputs"], "outputs"))
    ]
    guards = [
        _guard(guard, f"guards[{i}]", reader)
        for i, guard in enumerate(_list(document["guards"], "guards"))
    ]
    labels = dict(_labels(document["labels"], reader.slots))
    tape = Tape(
        inputs, tuple(reader.places), reader.codes, reader.starts, reader.operands, constants,
        outputs, guards, labels,
    )  # fmt: skip
    tape.check()  # all that is true of any tape
    return tape


def _parsed(text: str, limit: int) -> dict[str, Any]:
    if len(text) > limit:
        raise ValueError(f"the document has {len(text)} characters, more than the limit of {limit}")
    if _is_deeper(text, DEEPEST):
        raise ValueError(f"the document is nested deeper than {DEEPEST} levels")
    try:
        document = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not a whole JSON document: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f'not a tape: expected an object with "format": "{FORMAT}"')
    version = _whole(document.get("version"), "version")
    if version != VERSION:
        hint = ": a newer autograd_scalar wrote it" if version > VERSION else ""
        raise ValueError(f"version is {version}, expected {VERSION}{hint}")
    for key in KEYS:
        if key not in document:
            raise ValueError(f"the document has no {key!r}")
    _no_others(document, KEYS, "the document")
    return document


_TEXTS = re.compile(r'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)  # one cut off goes to the end
_OTHERS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def _is_deeper(text: str, levels: int) -> bool:
    """Whether brackets are nested deeper; the parser would recurse as deep as they are.

    Each round takes away the innermost. Of a text that is cut off those are left which it never
    closes: as few as the levels are no danger, and the parser says where the text ends.
    """
    brackets = _TEXTS.sub("", text).encode("ascii", "ignore").translate(None, _OTHERS)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return len(brackets) > levels


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"the key {_quoted(double)} is there twice")
    return found


def _no_number(token: str) -> Any:
    raise ValueError(f'{token} is not JSON: constants that are no finite number are texts, "nan"')


def _no_others(found: dict[str, Any], keys: Iterable[str], where: str) -> None:
    if unknown := sorted(found.keys() - set(keys)):
        raise ValueError(f"{where} has the unknown key {_quoted(unknown[0])}")


def _quoted(text: str) -> str:
    """A text of the document in an error."""
    return repr(text if len(text) <= 42 else text[:39] + "...")


def _whole(number: Any, where: str) -> int:
    if type(number) is not int:  # a bool is an int, too
        raise ValueError(f"{where} is {described(number)}, expected a whole number")
    return number


def _list(entries: Any, where: str) -> list[Any]:
    if type(entries) is not list:
        raise ValueError(f"{where} is {described(entries)}, expected a list")
    return entries


_BITS = re.compile("0x[0-9a-f]{16}")


def _number(number: Any, where: str) -> float:
    if type(number) is float and math.isfinite(number):
        return number
    if number in ("inf", "-inf", "nan"):
        return float(number)
    if type(number) is str and _BITS.fullmatch(number):
        (found,) = struct.unpack(">d", bytes.fromhex(number[2:]))
        if found != found:
            return float(found)
    if type(number) is int and abs(number) <= 2**53:  # other programs write 1.0 as 1
        return float(number)
    raise ValueError(
        f"{where} is {described(number)}, expected a double: a number, or one of the texts "
        '"inf", "-inf", "nan", "0x" and the bits of a nan'
    )


class _Nodes:
    """Reads the nodes of a document, and knows what may be an operand.

    Attributes:
        slots: how many there are so far.
        places: the place of each primitive among those that occur.
        codes, starts, operands: as a tape has them.
    """

    def __init__(self, inputs: int, constants: int) -> None:
        self.slots = inputs
        self._lowest = -constants
        self.places: dict[Primitive, int] = {}
        self._codes: dict[str, int] = {}
        self.codes = array("H")
        self.starts = array("I", [0])
        self.operands = array("i")

    def read(self, nodes: list[Any]) -> None:
        """Append all the nodes."""
        if self.slots + len(nodes) > MOST_SLOTS:
            raise ValueError(f"inputs and nodes are more than {MOST_SLOTS}")
        operands, starts, codes = self.operands, self.starts, self.codes
        lowest, slot, primitives = self._lowest, self.slots, list(self.places)
        for i, node in enumerate(nodes):
            if type(node) is not list or not node or type(node[0]) is not str:
                raise ValueError(
                    f"nodes[{i}] is {described(node)}, expected a list of a primitive's name and "
                    "operands"
                )
            name = node[0]
            code = self._codes.get(name)
            if code is None:
                code = self._new(name, f"nodes[{i}]")
                primitives = list(self.places)
            primitive = primitives[code]
            if not primitive.variadic and len(node) - 1 != primitive.arity:
                raise ValueError(
                    f"nodes[{i}] has {len(node) - 1} operand(s), expected {primitive.arity} for "
                    f"{name!r}"
                )
            for operand in node[1:]:
                if type(operand) is not int or not lowest <= operand < slot:
                    raise ValueError(self._complaint(node, i, slot))
            operands.extend(node[1:])
            starts.append(len(operands))
            codes.append(code)
            slot += 1
        self.slots = slot

    def place(self, operand: Any, where: str) -> int:
        """A slot, or a constant below 0, of all there are."""
        if not self._lowest <= _whole(operand, where) < self.slots:
            raise ValueError(
                f"{where} is {described(operand)}, expected from {self._lowest} to {self.slots - 1}"
            )
        return int(operand)

    def _new(self, name: str, where: str) -> int:
        try:
            primitive = _known(name) or primitive_named(name)
        except LookupError:
            raise LookupError(
                f"{where}: no primitive {_quoted(name)}: import the module that defines it first"
            ) from None
        if len(self.places) == MOST_PRIMITIVES:
            raise ValueError(f"{where}: more than {MOST_PRIMITIVES} different primitives")
        return self._codes.setdefault(name, self.places.setdefault(primitive, len(self.places)))

    def _complaint(self, node: list[Any], i: int, slot: int) -> str:
        """What is wrong with the first operand that is."""
        for place, operand in enumerate(node[1:], 1):
            where = f"nodes[{i}][{place}] is {described(operand)}"
            if type(operand) is not int:
                return f"{where}, expected a whole number"
            if operand >= slot:
                return f"{where}, which is computed later: nodes[{i}] itself is slot {slot}"
            if operand < self._lowest:
                break
        return f"{where}, but the last of {-self._lowest} constant(s) is {self._lowest}"


def _guard(guard: Any, where: str, reader: _Nodes) -> Guard:
    keys = ("slot", "outcome", "line")
    if type(guard) is not dict or not guard.keys() >= set(keys):
        raise ValueError(f"{where} is {described(guard)}, expected slot, outcome and line")
    _no_others(guard, keys, where)
    if type(guard["outcome"]) is not bool:
        raise ValueError(f"{where}.outcome is {described(guard['outcome'])}, expected true, false")
    if type(guard["line"]) is not str:
        raise ValueError(f"{where}.line is {described(guard['line'])}, expected a text")
    return Guard(reader.place(guard["slot"], f"{where}.slot"), guard["outcome"], guard["line"])


_DECIMAL = re.compile("0|[1-9][0-9]{0,9}")


def _labels(labels: Any, slots: int) -> Iterator[tuple[int, str]]:
    if type(labels) is not dict:
        raise ValueError(f"labels is {described(labels)}, expected an object")
    for key, label in labels.items():
        if not _DECIMAL.fullmatch(key) or int(key) >= slots:
            raise ValueError(f"labels has the key {_quoted(key)}, expected a slot below {slots}")
        if type(label) is not str:
            raise ValueError(f"labels[{key!r}] is {described(label)}, expected a text")
        yield int(key), label
