"""A tape with branches computes what it does without, and calls no more than it has to."""

import ctypes
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.rules import choose
from autograd_scalar.tape.native.branches import write
from autograd_scalar.tape.native.emit import Code, Module
from autograd_scalar.tape.variables import Builder

calls = []


def counted(name):
    def function(x):
        calls.append(name)
        return {"f": -x, "g": x + 1.0, "h": x * x}[name]

    return Primitive(name, function, (lambda g, y, x: g,))


f, g, h = map(counted, "fgh")


def compiled(tape):
    """The outputs of a tape of doubles, by machine code made of it."""
    module = Module()
    code = Code(module)
    inputs = [code.load(code.at("%in", i)) for i in range(tape.inputs)]
    for i, output in enumerate(write(code, tape, inputs)):
        code.store(output, code.at("%out", i))
    code.do("ret void")
    module.define("void @run(ptr %in, ptr %out)", code.lines)
    function = module.build(["run"]).function("run", None, ctypes.c_void_p, ctypes.c_void_p)

    def run(*numbers):
        given = (ctypes.c_double * max(tape.inputs, 1))(*numbers)
        found = (ctypes.c_double * len(tape.outputs))()
        calls.clear()
        function(given, found)
        return list(found)

    return run


def taped(function, inputs):
    builder = Builder(inputs)
    found = function(*builder.inputs)
    return builder.tape(found if isinstance(found, list) else [found])


@pytest.mark.parametrize(
    ("function", "positive", "negative"),
    [
        (lambda x: choose(x > 0, f(x), g(x)), "f", "g"),
        (lambda x: choose(x > 0, f(x), x), "f", ""),
        (lambda x: choose(x > 0, x, g(x)), "", "g"),
        (lambda x: choose(x > 0, f(g(x)), 1.0), "gf", ""),
        # What somebody else needs, too, is computed in any case, and once.
        (lambda x: [choose(x > 0, f(x), g(x)), f(x)], "ff", "gf"),
        (lambda x: (lambda y: [choose(x > 0, y, g(x)), y])(f(x)), "f", "fg"),
        (lambda x: (lambda y: choose(x > 0, y, y + g(x)))(f(x)), "f", "fg"),
        # A number that is needed in one arm, and as the condition.
        (lambda x: (lambda y: choose(y > 0, y, g(x)))(f(x)), "fg", "f"),
        # Choices in the arms of choices.
        (lambda x: choose(x > 0, choose(x > 1, f(x), g(x)), choose(x > -1, g(x), h(x))), "f", "h"),
        (lambda x: choose(x > 0, choose(x > 1, f(x), 2.0) + 1.0, g(x)), "f", "g"),
        (lambda x: (lambda y: choose(x > 0, choose(x > 1, y, 2.0), y))(f(x)), "f", "f"),
        # The same condition twice: what both arms need of each.
        (lambda x: choose(x > 0, f(x), 0.0) * choose(x > 0, h(x), g(x)), "fh", "g"),
        # A number for a condition.
        (lambda x: rules.where(x + 2.0, f(x), g(x)), "f", "g"),
    ],
)
def test_only_what_is_chosen_is_called(function, positive, negative):
    tape = taped(function, 1)
    run = compiled(tape)
    for x, called in ((2.0, positive), (-2.0, negative)):
        assert run(x) == tape.run([x])
        calls.clear()
        run(x)
        assert sorted(calls) == sorted(called)


def test_arithmetic_alone_has_no_branches():
    tape = taped(lambda x: choose(x > 0, x * x / 3.0, abs(x) - 1.0), 1)
    code = Code(Module())
    write(code, tape, ["%x"])
    assert not [line for line in code.lines if line.startswith("  br")]


@st.composite
def tapes(draw):
    """Choices within choices, of numbers that are shared between them."""
    builder = Builder(2)
    numbers = [*builder.inputs, 1.5, -0.5]
    for _ in range(draw(st.integers(1, 15))):
        x, y, z, c = [draw(st.sampled_from(numbers)) for _ in range(4)]
        kind = draw(st.sampled_from("fgh+-?"))
        if kind == "?":
            new = builder.apply(rules.where, [builder.apply(rules.less, [c, x]), y, z])
        elif kind in "+-":
            new = builder.apply(rules.add if kind == "+" else rules.subtract, [x, y])
        else:
            new = builder.apply({"f": f, "g": g, "h": rules.exp}[kind], [x])
        numbers.append(new)
    return builder.tape(numbers[-2:])


@settings(max_examples=60, deadline=None)
@given(tapes(), st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_branches_change_nothing(tape, inputs):
    found, expected = compiled(tape)(*inputs), tape.run(inputs)
    assert all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, expected, strict=True)
    )
