"""Calls from Python without Python: arguments taken apart, run and put together in machine code.

A program of a hundred operations runs in a tenth of a microsecond; to take a list of numbers apart
in Python and put another together takes a hundred times that. So a compiled function is given to
Python as a builtin. It reads floats out of lists, tuples, dicts and arrays where they are in
memory, runs the program, looks at its guards, and makes the result. Whatever is not exactly as
expected (another nesting, a number that is neither float nor int, a guard that comes out otherwise,
nan among derivatives) makes it return None, and the caller goes the careful way.

It relies on how CPython lays out floats, ints, lists and tuples, and on NumPy's binary interface of
arrays, which its header files hand to every extension module; both are looked at before it is used.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import struct
import sys
from array import array
from functools import cache
from importlib import resources
from types import CellType

from autograd_scalar.tape.arguments import key as key_of
from autograd_scalar.tape.native import engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.nesting import Nesting

_NUMBER, _LIST, _TUPLE, _ARRAY, _DICT = range(5)

_SHAPE_WORDS = 6  # kind, count, address of the first child, bytes to the next, two more


class Unsupported(Exception):
    """These arguments or results have to be taken apart in Python."""


class Shape:
    """What a nesting of numbers looks like to machine code.

    Attributes:
        words: its fields: kind; how many children, or numbers of an array; address of the first
            child's, or of an array's lengths; bytes from one child to the next, or an array's
            dimensions; and, of an array, its type and dtype, or what makes one and of what shape;
            of a dict, the keys.
        kept: what stays alive as long.
    """

    def __init__(self, words: Sequence[int], kept: Sequence[Any] = ()) -> None:
        self.words = tuple(words)
        self.kept = kept


NUMBER = Shape((_NUMBER, 1, 0, 0, 0, 0))


def container(kind: type, children: Sequence[Shape], keys: Sequence[Any] = ()) -> Shape:
    """A list, tuple or dict of shapes.

    Raises Unsupported for another type.
    """
    kinds = {list: _LIST, tuple: _TUPLE, dict: _DICT}
    if kind not in kinds:
        raise Unsupported(f"{kind.__name__}s are taken apart in Python")
    alike = len({child.words for child in children}) <= 1
    table = array("q", [w for child in (children[:1] if alike else children) for w in child.words])
    names = tuple(keys)
    stride = 0 if alike else 8 * _SHAPE_WORDS
    words = (kinds[kind], len(children), _address(table), stride, id(names), 0)
    kept = [table, names, *(children[:1] if alike else children)]
    return Shape(words, kept)


def array_taken(shape: tuple[int, ...]) -> Shape:
    """An array of floats that is an argument."""
    numpy = _numpy()
    lengths, count = _lengths(shape)
    dtype = numpy.dtype(float)
    words = (_ARRAY, count, _address(lengths), len(shape), id(numpy.ndarray), id(dtype))
    return Shape(words, [lengths, dtype])


def array_given(shape: tuple[int, ...]) -> Shape:
    """An array of floats that is a result."""
    numpy = _numpy()
    lengths, count = _lengths(shape)
    words = (_ARRAY, count, _address(lengths), len(shape), id(numpy.ndarray), _new_array())
    return Shape(words, [lengths])


def shape_of(nesting: Nesting, array: Callable[[tuple[int, ...]], Shape]) -> Shape:
    """The shape of a nesting, in which ``array`` makes those of arrays.

    Raises Unsupported for containers that are taken apart in Python.
    """
    known: dict[Any, Shape] = {}

    def found(nesting: Nesting) -> Shape:
        if nesting.container is None:
            return NUMBER
        if nesting.shape is not None:
            return array(nesting.shape)
        key = key_of(nesting)
        if key not in known:
            keys = nesting.keys if nesting.container is dict else ()
            known[key] = container(nesting.container, list(map(found, nesting.children)), keys)
        return known[key]

    return found(nesting)


def matrix_of(outer: Nesting, inner: Nesting) -> Shape:
    """The shape of what ``nest_matrix`` makes of a matrix's numbers, row by row.

    Raises Unsupported if it is made of blocks in another order than that of the numbers.
    """
    if outer.container is None:
        return shape_of(inner, array_given)
    if outer.shape is None:
        keys = outer.keys if outer.container is dict else ()
        rows = {key_of(child): matrix_of(child, inner) for child in outer.children}
        return container(outer.container, [rows[key_of(child)] for child in outer.children], keys)
    if inner.container is None or inner.shape is not None:
        return array_given((*outer.shape, *(inner.shape or ())))
    raise Unsupported("a block of each row belongs together")


class Replay:
    """Takes arguments apart, runs machine code and puts the result together.

    Args:
        code: with the ``address`` of a function (inputs, outputs), how many ``inputs`` and
            ``outputs`` it has; it stays alive as long.
        arguments: the shape of each.
        result: the shape of the result.
        start: where in the outputs its numbers begin.
        outcomes: what the last outputs, guards, have to be.
        refuse_nan: whether no output may be nan.
        only_at: what the first inputs have to be; None: anything.
        pattern: all outputs, of which the code computes only those that are ``varying``.
        last: where each run notes its ``number``.
        watched: of variables the cells, or dicts and keys, and the objects that have to be there.

    Attributes:
        call: the builtin that does it; it returns None for arguments that it can't take.

    Raises Unsupported where Python's objects are laid out otherwise than expected.
    """

    def __init__(
        self,
        code: Any,
        arguments: Sequence[Shape],
        result: Shape,
        *,
        start: int = 0,
        outcomes: Sequence[bool] = (),
        refuse_nan: bool = False,
        only_at: Sequence[float] | None = None,
        pattern: Sequence[float] = (),
        varying: Sequence[int] | None = None,
        last: array[int] | None = None,
        number: int = 0,
        watched: Sequence[tuple[tuple[Any, Any], Any]] = (),
    ) -> None:
        if not layout_is_known():
            raise Unsupported("objects of this Python are taken apart in Python")
        given = array("d", bytes(8 * (code.inputs + 1)))  # and whether it is at work, behind them
        found = array("d", bytes(8 * (code.outputs + 8)))  # they are looked at eight at a time
        whole, places, total = found, array("q"), code.outputs
        first_placed = is_new = 0
        if varying is not None and not outcomes and result.words[0] == _ARRAY:
            # To copy a large array takes longer than to set it to zero and write what is not.
            is_new = 1
            first_placed = sum(i < start for i in varying)
            constants = [i for i, x in enumerate(pattern) if i >= start and repr(x) != "0.0"]
            places = array("q", [i - start for i in [*varying[first_placed:], *constants]])
            found = array("d", bytes(8 * code.outputs))
            found.extend([*(pattern[i] for i in constants), *[0.0] * 8])
        elif varying is not None:
            whole, places, total = array("d", pattern), array("q", varying), len(pattern)
        shapes = array("q", [word for shape in arguments for word in shape.words])
        results = array("q", result.words)
        wanted = array("q", outcomes)
        sample = array("d", only_at or ())
        last = array("q", [0]) if last is None else last
        looks = array("q", [word for place, thing in watched for word in _look(place, thing)])
        # The numbers of a single array are read where they are.
        is_one_array = len(arguments) == 1 and arguments[0].words[0] == _ARRAY and not sample
        self._plan = struct.pack(
            f"={len(_PLAN)}q",
            code.address, _address(given), _address(given) + 8 * code.inputs,
            len(arguments), _address(shapes), _address(sample), 8 * len(sample),
            _address(found), code.outputs if refuse_nan else 0,
            _address(places), len(places), _address(found) + 8 * first_placed, _address(whole),
            _address(wanted), len(wanted), _address(whole) + 8 * (total - len(wanted)),
            _address(results), _address(whole) + 8 * start,
            _address(last), number, _address(looks), len(looks) // 3, is_one_array, is_new,
        )  # fmt: skip
        buffers = (given, found, whole, places, shapes, results, wanted, sample, last, looks)
        self._kept = (code, buffers, arguments, result, watched)

        self._methods: dict[str, Callable[..., Any]] = {}
        self.call = self._builtin("replay", "", None)

    def method(self, owner: Any, name: str) -> Callable[..., Any]:
        """A builtin in the place of a method, which it calls when it can't take the arguments."""
        if name not in self._methods:
            method = getattr(type(owner), name)
            parameters = inspect.signature(method).parameters.values()
            names = [p.replace(annotation=p.empty) for p in parameters]
            signature = str(inspect.Signature(names)).replace("(self", "($self, /", 1)
            doc = f"{name}{signature}\n--\n\n{inspect.getdoc(method)}"
            self._methods[name] = self._builtin(name, doc, method.__get__(owner))
        return self._methods[name]

    def _builtin(
        self, name: str, doc: str, otherwise: Callable[..., Any] | None
    ) -> Callable[..., Any]:
        definition, library = _definition(name, doc)
        owner = (self._plan, otherwise, self._kept, definition, library)
        made: Callable[..., Any] = _maker()(ctypes.addressof(definition), owner)
        return made


def _look(place: tuple[Any, Any], thing: Any) -> tuple[int, int, int]:
    """The dict, its key and the object that has to be there; 0 is the key of a cell's."""
    where, key = place
    return id(where), 0 if type(where) is CellType else id(key), id(thing)


def _address(numbers: array[Any]) -> int:
    return numbers.buffer_info()[0]


def _lengths(shape: tuple[int, ...]) -> tuple[array[int], int]:
    count = 1
    for length in shape:
        count *= length
    return array("q", shape or (0,)), count


# --- What objects look like in memory -------------------------------------------------------------

_TYPE, _CONTENT = 8, 16  # bytes from the beginning of any object, of a float to its number
_LIST_ITEMS, _TUPLE_ITEMS = 24, 24
_ARRAY_DATA, _ARRAY_RANK, _ARRAY_LENGTHS, _ARRAY_DTYPE, _ARRAY_FLAGS = 16, 24, 32, 56, 64
_WHOLE = 0x101  # the flags of an array in C's order, aligned
_DOUBLE = 12  # NumPy's number of the type
_NEW = 93  # where PyArray_New stands in the table of NumPy's C interface


@cache
def layout_is_known() -> bool:
    """Whether this Python lays out its objects as the machine code here expects."""
    if sys.implementation.name != "cpython" or struct.calcsize("P") != 8:
        return False
    if not getattr(sys, "_is_gil_enabled", lambda: True)() or sys.byteorder != "little":
        return False
    number, items, pair, cell = 1234.5, [1.0, 2.0], (3.0, 4.0), CellType([])

    def word(thing: object, offset: int) -> int:
        return ctypes.c_int64.from_address(id(thing) + offset).value

    return (
        (float.__basicsize__, list.__basicsize__, tuple.__basicsize__) == (24, 40, 24)
        and ctypes.c_double.from_address(id(number) + _CONTENT).value == number
        and word(number, _TYPE) == id(float)
        and (word(items, _CONTENT), word(pair, _CONTENT)) == (2, 2)
        and ctypes.c_int64.from_address(word(items, _LIST_ITEMS) + 8).value == id(items[1])
        and word(pair, _TUPLE_ITEMS + 8) == id(pair[1])
        and word(cell, _CONTENT) == id(cell.cell_contents)
    )


@cache
def _numpy() -> Any:
    """NumPy, whose arrays are laid out as expected."""
    import numpy

    sample = numpy.zeros((2, 3))

    def word(offset: int) -> int:
        return ctypes.c_int64.from_address(id(sample) + offset).value

    flags = ctypes.c_int32.from_address(id(sample) + _ARRAY_FLAGS).value
    rank = ctypes.c_int32.from_address(id(sample) + _ARRAY_RANK).value
    if (
        not layout_is_known()
        or word(_ARRAY_DATA) != sample.ctypes.data
        or rank != 2
        or ctypes.c_int64.from_address(word(_ARRAY_LENGTHS) + 8).value != 3
        or word(_ARRAY_DTYPE) != id(sample.dtype)
        or flags & _WHOLE != _WHOLE
    ):
        raise Unsupported("arrays of this NumPy are taken apart in Python")
    return numpy


@cache
def _new_array() -> int:
    """The address of NumPy's PyArray_New."""
    package = "numpy._core" if hasattr(_numpy(), "_core") else "numpy.core"  # before NumPy 2
    umath = importlib.import_module(f"{package}._multiarray_umath")
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    table = kind(_function_address(pointer))(umath._ARRAY_API, None)
    return ctypes.c_int64.from_address(table + 8 * _NEW).value


# --- The machine code -----------------------------------------------------------------------------

_PLAN = (
    "run", "inputs", "busy",
    "arguments", "shapes", "sample", "compared",
    "outputs", "checked",
    "places", "placed", "sources", "whole",
    "outcomes", "guards", "guarded",
    "result", "numbers",
    "last", "path", "looks", "looked", "direct", "new",
)  # fmt: skip

_FASTCALL, _KEYWORDS = 0x80, 0x02


class _Definition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@cache
def _library() -> engine.Library:
    api = ctypes.pythonapi
    symbols = {n: _function_address(getattr(api, n)) for n in _FUNCTIONS if n.startswith("Py")}
    symbols |= {name: id(thing) for name, thing in _OBJECTS.items()}
    symbols["memcmp"] = _function_address(engine.c_library().memcmp)
    return engine.host().build(_text(), ["call"], symbols)


@cache
def _definition(name: str, doc: str) -> tuple[_Definition, engine.Library]:
    """What CPython is to know of the builtin, and the code, of which threads may load two."""
    library = _library()
    flags = _FASTCALL | _KEYWORDS
    definition = _Definition(name.encode(), library.address("call"), flags, doc.encode() or None)
    return definition, library


@cache
def _maker() -> Callable[[int, Any], Any]:
    new = ctypes.pythonapi.PyCFunction_NewEx
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    made = kind(_function_address(new))
    return lambda definition, owner: made(definition, owner, None)


def _function_address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


_OBJECTS = {
    "PyFloat_Type": float, "PyLong_Type": int, "PyList_Type": list, "PyTuple_Type": tuple,
    "PyDict_Type": dict, "None": None,
}  # fmt: skip

_FUNCTIONS = {
    "PyTuple_GetItem": "ptr (ptr, i64)",
    "PyBytes_AsString": "ptr (ptr)",
    "PyType_IsSubtype": "i32 (ptr, ptr)",
    "PyLong_AsDouble": "double (ptr)",
    "PyErr_Occurred": "ptr ()",
    "PyErr_Clear": "void ()",
    "PyDict_Size": "i64 (ptr)",
    "PyDict_GetItem": "ptr (ptr, ptr)",
    "PyDict_Next": "i32 (ptr, ptr, ptr, ptr)",
    "PyDict_New": "ptr ()",
    "PyDict_SetItem": "i32 (ptr, ptr, ptr)",
    "PyFloat_FromDouble": "ptr (double)",
    "PyList_New": "ptr (i64)",
    "PyTuple_New": "ptr (i64)",
    "PyObject_Vectorcall": "ptr (ptr, ptr, i64, ptr)",
    "Py_IncRef": "void (ptr)",
    "Py_DecRef": "void (ptr)",
    "memcmp": "i32 (ptr, ptr, i64)",
    "llvm.vector.reduce.or.v8i1": "i1 (<8 x i1>)",
    "llvm.memcpy.p0.p0.i64": "void (ptr, ptr, i64, i1)",
    "llvm.memset.p0.i64": "void (ptr, i8, i64, i1)",
}


def _text() -> str:
    declared = []
    for name, kind in _FUNCTIONS.items():
        result, arguments = kind.split(" ", 1)
        declared.append(f"declare {result} @{name}{arguments}")
    declared += [f"@{name} = external global i8" for name in _OBJECTS]
    text = resources.files(__package__).joinpath("calls.ll").read_text("utf-8")
    for name, number in _OFFSETS.items():
        text = text.replace(f"<{name}>", str(number))
    text = text.replace("<fields>", _loads("shape", _FIELDS)).replace(
        "<plan>", _loads("plan", _PLAN)
    )
    return "\n".join(declared) + "\n" + text


def _loads(base: str, names: Sequence[str]) -> str:
    """Load words that stand one behind the other."""
    lines = []
    for place, name in enumerate(names):
        kind = "ptr" if name in _POINTERS else "i64"
        at = f"%{name}.word"
        lines.append(f"  {at} = getelementptr i64, ptr %{base}, i64 {place}")
        lines.append(f"  %{name} = load {kind}, ptr {at}")
    return "\n".join(lines)


_OFFSETS = {
    "type": _TYPE, "content": _CONTENT, "list items": _LIST_ITEMS, "tuple items": _TUPLE_ITEMS,
    "data": _ARRAY_DATA, "rank": _ARRAY_RANK, "lengths": _ARRAY_LENGTHS, "dtype": _ARRAY_DTYPE,
    "flags": _ARRAY_FLAGS, "whole": _WHOLE, "double": _DOUBLE,
    "shape words": _SHAPE_WORDS,
    "number": _NUMBER, "list": _LIST, "tuple": _TUPLE, "array": _ARRAY, "dict": _DICT,
}  # fmt: skip

_FIELDS = ("kind", "count", "children", "stride", "first", "second")

_POINTERS = (
    "run", "inputs", "busy", "shapes", "sample", "outputs", "places", "sources", "whole",
    "outcomes", "guarded", "result", "numbers", "last", "looks", "children", "first", "second",
)  # fmt: skip
