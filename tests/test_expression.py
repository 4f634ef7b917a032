"""An expression means what Python means by it; all else is refused, with the place."""

import inspect
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_scalar import Value, functions
from autograd_scalar.expression import (
    FUNCTIONS,
    LONGEST,
    OF_LISTS,
    OF_MANY,
    REFUSED,
    Expression,
    ExpressionError,
    parse,
)
from autograd_scalar.graph import topological_order

NAMES = ("x", "y", "θ", "w_1")
VALUES = {"x": 3.0, "y": -2.0, "θ": 0.5, "w_1": 1e3}


def evaluated(text, **values):
    return parse(text).evaluate(values).data


# --- What it means --------------------------------------------------------------------------------


def arithmetic():
    leaf = st.sampled_from(NAMES) | st.floats(0, 100).map(repr) | st.integers(0, 99).map(str)

    def longer(inner):
        binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(
            " ".join
        )
        power = inner.map(lambda text: f"({text}) ** 2")
        return binary | power | inner.map("({})".format) | inner.map("-{}".format)

    return st.recursive(leaf, longer, max_leaves=12)


@settings(deadline=None)
@given(arithmetic())
def test_it_computes_what_python_computes(text):
    leaves = {name: Value(x) for name, x in VALUES.items()}
    try:
        expected = eval(text, {}, dict(leaves))
    except ArithmeticError:  # of constants: Python raises where IEEE 754 goes on
        return
    expected = expected.data if isinstance(expected, Value) else float(expected)
    found = parse(text).evaluate(leaves).data
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4", 14.0),
        ("-x**2", -9.0),
        ("2**3**2", 512.0),
        ("7 // 2 + 7 % 4", 6.0),
        ("+x", 3.0),
        ("--x", 3.0),
        ("  x\t", 3.0),
        ("(x +\n y)", 1.0),
        ("0x10 + 1_000 + .5e1", 1021.0),
        ("where(x > 0, x, -x)", 3.0),
        ("where(y >= x, x, 10*y)", -20.0),
        ("where(x < y, 1, 2) + where(x <= 3, 1, 2)", 3.0),
        ("where(0, x, y)", -2.0),
        ("mean(x, y, 2)", 1.0),
        ("fsum(x)", 3.0),
        ("clamp(x, 0)", 3.0),
        ("clamp(x, 0, 1)", 1.0),
        ("abs(y)", 2.0),
        ("ﬁ * 2", 8.0),  # a ligature, which Python reads as fi
    ],
)
def test_what_there_is(text, expected):
    values = {name: value for name, value in {"x": 3, "y": -2, "fi": 4}.items()}
    assert parse(text).evaluate(values).data == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/0", math.inf),
        ("0/0", math.nan),
        ("log(0)", -math.inf),
        ("(-8) ** 0.5", math.nan),
        ("9**9**9**9", math.inf),
        ("(-9)**9**9", -math.inf),
        ("1e999", math.inf),
        ("1" * 4000, math.inf),
        ("0x" + "f" * 5000, math.inf),
        ("exp(1000)", math.inf),
    ],
)
def test_constants_follow_ieee_754_and_stay_small(text, expected):
    assert repr(evaluated(text)) == repr(expected)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_can_be_called(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    count = 3 if name in OF_MANY else len(parameters)
    names = [f"x{i}" for i in range(count)]
    values = [float(i + 1) for i in range(count)]
    found = evaluated(f"{name}({', '.join(names)})", **dict(zip(names, values, strict=True)))
    direct = getattr(functions, name, abs)
    expected = direct(values) if name in OF_MANY else direct(*values)
    assert repr(found) == repr(expected)


def test_every_function_of_the_package_is_callable_or_refused():
    assert set(functions.__all__) | {"abs"} == set(FUNCTIONS) | OF_LISTS
    assert set(functions.__all__) >= OF_LISTS | OF_MANY


# --- The graph it leaves --------------------------------------------------------------------------


def test_names_come_in_order_of_appearance():
    assert parse("b + where(a > c, b, d) * exp(e) - a").names == ("b", "a", "c", "d", "e")
    assert parse("1 + 2").names == ()


def test_numbers_become_labelled_leaves_and_values_are_used_as_they_are():
    w = Value(2.0, label="weight")
    y = parse("w * x + x").evaluate({"w": w, "x": 3, "unused": 4})
    assert [(v.label, v.op) for v in topological_order(y)] == [
        ("weight", ""),
        ("x", ""),
        (None, "*"),
        (None, "+"),
    ]
    y.backward()
    assert w.grad == 3.0


def test_parts_without_a_name_leave_no_nodes():
    y = parse("x * (2 * 3 + exp(0)) ** 2").evaluate({"x": 1})
    assert [v.op for v in topological_order(y)] == ["", "*"]
    assert y.operands[1] == 49.0


def test_a_constant_is_a_leaf_without_label():
    y = parse("2 * 3").evaluate({})
    assert (y.data, y.parents, y.label) == (6.0, (), None)


def test_an_expression_can_be_evaluated_again_and_again():
    expression = parse("x * x")
    assert isinstance(expression, Expression)
    assert [expression.evaluate({"x": x}).data for x in (1, 2, 3)] == [1.0, 4.0, 9.0]
    assert repr(expression) == "Expression('x * x')"


def test_a_long_sum_needs_no_recursion():
    assert evaluated(" + ".join(["x"] * 900), x=1) == 900.0


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("", "nothing to compute", (1, 1)),
        ("  \n", "nothing to compute", (1, 1)),
        ("x + y.real", "an attribute", (1, 5)),
        ("x[0]", "a subscript", (1, 1)),
        ("__import__('os')", "no function '__import__'", (1, 1)),
        ("().__class__", "an attribute", (1, 1)),
        ("import os", "invalid syntax", (1, 1)),
        ("x = 3", "invalid syntax", (1, 3)),
        ("(x := 3)", "an assignment", (1, 2)),
        ("lambda: x", "a lambda", (1, 1)),
        ("[x, y]", "a list", (1, 1)),
        ("1, 2", "a tuple", (1, 1)),
        ("{1}", "a set", (1, 1)),
        ("{1: 2}", "a dictionary", (1, 1)),
        ("[x for x in y]", "a comprehension", (1, 1)),
        ("mean(x for x in y)", "a comprehension", (1, 5)),
        ("mean(*x)", "a starred argument", (1, 6)),
        ("maximum(a, b=2)", "by their place", (1, 12)),
        ("maximum(**a)", "by their place", (1, 9)),
        ("x if y else z", r"an if \(write where", (1, 1)),
        ("x and y", "and, or", (1, 1)),
        ("not x", "not, ~", (1, 1)),
        ("~x", "not, ~", (1, 1)),
        ("x ^ 2", r"\^ \(write \*\* for a power\)", (1, 1)),
        ("x @ y", "bits or matrices", (1, 1)),
        ("x << 2", "bits or matrices", (1, 1)),
        ("x < y", "a comparison outside where", (1, 1)),
        ("where(x, y < 1, 2)", "a comparison outside where", (1, 10)),
        ("where(0 < x < 1, 1, 2)", "one comparison by", (1, 7)),
        ("where(x == 1, 1, 2)", "one comparison by", (1, 7)),
        ("1 + 'two'", "only real numbers, not 'two'", (1, 5)),
        ("b'x'", "only real numbers, not b'x'", (1, 1)),
        ("f'{x}'", "a string", (1, 1)),
        ("2j", "only real numbers, not 2j", (1, 1)),
        ("True", "only real numbers, not True", (1, 1)),
        ("None", "only real numbers, not None", (1, 1)),
        ("...", "only real numbers, not Ellipsis", (1, 1)),
        ("x * expp(2)", r"no function 'expp'; did you mean exp\?", (1, 5)),
        ("max(x, y)", r"did you mean maximum\?", (1, 1)),
        ("eval(x)", "no function 'eval'", (1, 1)),
        ("zzz(x)", r"no function 'zzz' \(", (1, 1)),
        ("sin + 1", "sin is a function", (1, 1)),
        ("dot(x, y)", "dot is about lists", (1, 1)),
        ("softmax", "softmax is a function", (1, 1)),
        ("f(x)(y)", "a call of anything but", (1, 1)),
        ("exp()", r"it is exp\(x\), not with 0 arguments", (1, 1)),
        ("exp(x, y)", r"it is exp\(x\), not with 2 arguments", (1, 1)),
        ("atan2(y)", r"it is atan2\(y, x\), not with 1 argument \(", (1, 1)),
        ("mean()", r"it is mean\(a, b, ...\), not with 0 arguments", (1, 1)),
        ("clamp(1, 2, 3, 4)", r"it is clamp\(x, low, high\), not with 4", (1, 1)),
        ("(x + y", "never closed", (1, 1)),
        ("x +", "invalid syntax", (1, 4)),
        ("(x +\n y $ 2)", "invalid syntax", (2, 4)),
        ("é + 重み + $", "invalid syntax", (1, 10)),
        ("é + 重み + z.a", "an attribute", (1, 10)),
        ("x\0y", "not a character", (1, 2)),
        ("(x\n+ \ud800)", "not a character", (2, 3)),
        ("x + " + "1" * 5000, "too many digits", (1, 5)),
        ("yield x", "invalid syntax", (1, 1)),
        ("await x", "this", (1, 1)),
    ],
)
def test_anything_else_is_refused_with_the_place(text, reason, place):
    with pytest.raises(ExpressionError, match=reason) as caught:
        parse(text)
    error = caught.value
    assert (error.line, error.column) == place
    assert error.reason in str(error)
    assert error.text == text.strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x + y.z", "  x + y.z\n      ^"),
        ("(x +\n y.z)", "   y.z)\n   ^"),
        ("重 + y.z", "  重 + y.z\n       ^"),  # a wide character takes two columns
        ("e\u0301 + y.z", "  e\u0301 + y.z\n      ^"),
        ("x\ty.z", "  x\\ty.z\n     ^"),
        ("x" * 200 + " + y.z", f"  …{'x' * 33} + y.z\n{' ' * 39}^"),
    ],
)
def test_a_caret_points_at_the_place(text, shown):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert str(caught.value).partition("\n")[2] == shown


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "x" + ")" * 4000,
        "-" * 9000 + "x",
        "x" + "**x" * 3000,
        "abs(" * 2000 + "x" + ")" * 2000,
        "[" * 5000,
        "x" + ".a" * 4000,
        "x +" * (LONGEST // 3),
        "not " * 2000 + "x",
    ],
    ids=lambda text: text[:5],
)
def test_no_depth_is_too_much_to_refuse(text):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert len(str(caught.value)) < 400


def test_an_expression_has_a_greatest_length():
    assert parse("x" * LONGEST).names == ("x" * LONGEST,)
    with pytest.raises(ExpressionError, match="at most 10000 characters, not 300001"):
        parse("(" * 150_000 + "x" + ")" * 150_000)


@settings(deadline=None)
@given(st.text(max_size=30) | st.text("x1+-*/%()., \n\t<>=[]{}'\"@^~:;jae_", max_size=30))
def test_any_text_is_an_expression_or_an_expression_error(text):
    try:
        expression = parse(text)
    except ExpressionError as error:
        lines = str(error).splitlines()
        assert len(lines) == 3
        assert lines[2].strip() == "^"
    else:
        rng = random.Random(0)
        values = {name: rng.random() for name in expression.names}
        assert isinstance(expression.evaluate(values), Value)


def test_an_expression_error_is_a_value_error():
    assert issubclass(ExpressionError, ValueError)


def test_every_refused_kind_has_words():
    assert all(words and words == words.strip() for words in REFUSED.values())


@pytest.mark.parametrize("text", [3, None, b"x"])
def test_only_a_string_is_parsed(text):
    with pytest.raises(TypeError, match="text must be a string, not"):
        parse(text)


def test_what_evaluate_is_given_is_checked():
    with pytest.raises(KeyError, match="values has no 'y'"):
        parse("x + y").evaluate({"x": 1})
    with pytest.raises(TypeError):
        parse("x").evaluate({"x": "1"})
