"""Bad input: each gets the exception named here and a message that says which, what and why."""

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_scalar as ag
import nn
from autograd_scalar import Value, draw, primitive
from autograd_scalar.expression import ExpressionError, parse
from autograd_scalar.primitives import RULES

X = Value(1.0, label="x")
MODEL = nn.MLP(2, [3, 2])


def long_chain(length: int) -> Value:
    value = X
    for _ in range(length):
        value = -value
    return value


def user_primitive(*rules: Callable[..., Any], many: bool = False) -> Any:
    """A primitive for one use: it leaves no entry behind."""
    try:
        if many:
            return primitive(*rules)(lambda *xs: math.fsum(xs))
        return primitive(*rules)(lambda x: x)
    finally:
        RULES.pop("<lambda>", None)


def parsed(text: str) -> Value:
    expression = parse(text)
    return expression.evaluate(dict.fromkeys(expression.names, 1.0))


def square(x: Any) -> Any:
    return x * x


def area(a: Any, b: Any) -> Any:
    return a * b


TABLE: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    # Value
    ("a string", lambda: Value("3"), TypeError, r"Value: data must be a real number, not '3' \(str\)"),
    ("None", lambda: Value(None), TypeError, r"data must be a real number, not None \(NoneType\)"),
    ("a list", lambda: Value([1]), TypeError, r"data must be a real number, not \[1\] \(list\)"),
    ("a complex", lambda: Value(1j), TypeError, r"data must be a real number, not 1j \(complex\)"),
    ("an array", lambda: Value(np.zeros(3)), TypeError, r"data must be .*array.*\(ndarray\)"),
    ("an array of one", lambda: Value(np.zeros(1)), TypeError, r"data must be .*\(ndarray\)"),
    ("a complex scalar", lambda: Value(np.complex128(1)), TypeError, r"data must be .*complex128"),
    ("a Decimal", lambda: Value(Decimal(1)), TypeError, r"data must be .*\(Decimal\)"),
    ("a Value", lambda: Value(X), TypeError, r"data must be a real number, not Value"),
    ("a huge int", lambda: Value(10**400), OverflowError, r"data is too large for a float"),
    ("a long string", lambda: Value("3" * 10**6), TypeError, r"not '3{1,60}\.\.\. \(str\)"),
    ("a label", lambda: Value(1, label=3), TypeError, r"label must be a string or None, not 3"),  # type: ignore[arg-type]
    ("a child", lambda: Value(1, (2,)), TypeError, r"_children must be Values, not 2"),  # type: ignore[arg-type]
    # Arithmetic
    ("+ str", lambda: X + "a", TypeError, r"\+: a constant operand must be a real number, not 'a'"),
    ("str +", lambda: "a" + X, TypeError, r"\+: a constant operand must be a real number, not 'a'"),
    ("+ None", lambda: X + None, TypeError, r"\+: a constant operand .* not None \(NoneType\)"),
    ("+ complex", lambda: X + 1j, TypeError, r"\+: a constant operand .* not 1j \(complex\)"),
    ("* list", lambda: X * [1], TypeError, r"\*: a constant operand .* not \[1\] \(list\)"),
    ("list *", lambda: [1] * X, TypeError, r"\*: a constant operand .* not \[1\] \(list\)"),
    ("an alien", lambda: X + Decimal(1), TypeError, r"unsupported operand type"),
    ("pow modulo", lambda: pow(X, 2, 3), TypeError, r"unsupported|takes|positional"),
    ("hypot alien", lambda: X.hypot(Decimal(1)), TypeError, r"hypot: a constant operand must be"),
    ("< str", lambda: X < "a", TypeError, r"'<' not supported"),
    ("float()", lambda: float(X), TypeError, r"silently.*value\.data"),
    ("int()", lambda: int(X), TypeError, r"silently.*int\(value\.data\)"),
    ("bool()", lambda: bool(X), TypeError, r"no truth of its own: compare it"),
    ("math.sin", lambda: math.sin(X), TypeError, r"autograd_scalar\.sin"),  # type: ignore[arg-type]
    ("backward seed", lambda: X.backward("x"), TypeError, r"backward: seed must be .* not 'x'"),  # type: ignore[arg-type]
    # Functions
    ("exp str", lambda: ag.exp("1"), TypeError, r"exp: an operand must be a real number, not '1'"),
    ("exp array", lambda: ag.exp(np.zeros(2)), TypeError, r"exp: an operand must be .*ndarray"),
    ("count", lambda: ag.maximum(X), TypeError, r"maximum takes 2 operand\(s\), not 1"),
    ("count of numbers", lambda: ag.maximum(1), TypeError, r"maximum\(\) missing 1 required"),
    ("dot lengths", lambda: ag.dot([X], [1, 2]), ValueError, r"dot: .* one length, not 1 and 2"),
    ("dot of nothing", lambda: ag.dot([], []), ValueError, r"dot: .* must not be empty"),
    ("dot of strings", lambda: ag.dot([X], ["a"]), TypeError, r"dot: a constant operand .* not 'a' \(str\)"),
    ("dot of a number", lambda: ag.dot(X, X), TypeError, r"dot: weights must be a sequence"),
    ("dot of a matrix", lambda: ag.dot([X], [[1]]), TypeError, r"dot: a constant operand .* not \[1\]"),
    ("logsumexp", lambda: ag.logsumexp([]), ValueError, r"logsumexp: values must not be empty"),
    ("mean", lambda: ag.mean([]), ValueError, r"mean: values must not be empty"),
    ("softmax", lambda: ag.softmax([]), ValueError, r"softmax: values must not be empty"),
    ("log_softmax", lambda: ag.log_softmax([]), ValueError, r"log_softmax: values must not be empty"),
    ("softmax None", lambda: ag.softmax([None]), TypeError, r"softmax: values must be .* None"),
    ("clamp", lambda: ag.clamp(X, "0"), TypeError, r"clamp: a constant operand .* not '0' \(str\)"),
    # Rules
    ("no rule", lambda: user_primitive(), TypeError, r"takes 1 operand\(s\) and needs as many"),
    ("built-in", lambda: primitive(lambda g, y, x: g)(math.gamma), TypeError, r"written in Python"),  # type: ignore[arg-type]
    ("taken name", lambda: primitive(lambda g, y, x: g, name="exp")(lambda x: x), ValueError, r"'exp' exists already"),
    ("rule gives None", lambda: user_primitive(lambda g, y, x: None)(X).backward(), TypeError, r"derivative rule of '<lambda>': a contribution must be a real number, not None"),
    ("rule gives pair", lambda: user_primitive(lambda g, y, x: (g, g))(X).backward(), TypeError, r"derivative rule of '<lambda>': a contribution must be .*tuple"),
    ("too few", lambda: user_primitive(lambda g, y, *xs: [g], many=True)(X, X).backward(), ValueError, r"derivative rule of '<lambda>' must give one contribution per operand: 2, not 1"),
    ("too many", lambda: user_primitive(lambda g, y, *xs: [g] * 3, many=True)(X, 1.0).backward(), ValueError, r"one contribution per operand: 2, not 3"),
    ("odd dot", lambda: RULES["dot"](X, X, X), ValueError, r"as many weights as inputs, not 3"),
    ("complex rule", lambda: user_primitive(lambda g, y, x: g * x**0.5)(Value(-2.0)).backward(), TypeError, r"a derivative rule gave a complex number"),
    # Gradients, and transforms of functions
    ("gradients of a number", lambda: ag.gradients(3.0, X), TypeError, r"gradients: output must be a Value, not 3\.0"),  # type: ignore[arg-type]
    ("gradients by a number", lambda: ag.gradients(X, [1.0]), TypeError, r"gradients: the inputs must be Values, not 1\.0"),
    ("gradients by None", lambda: ag.gradients(X, [X, None]), TypeError, r"gradients: inputs\[1\] must be a number .* not None"),
    *[
        (f"{name} of a number", lambda t=t: t(3.0), TypeError, rf"{name}: f must be a function, not 3\.0")  # type: ignore[misc]
        for name, t in [("grad", ag.grad), ("grad", ag.value_and_grad), ("jacobian", ag.jacobian), ("hessian", ag.hessian)]
    ],
    ("vjp of a number", lambda: ag.vjp(3.0, 1.0), TypeError, r"vjp: f must be a function, not 3\.0"),  # type: ignore[arg-type]
    ("jvp of a number", lambda: ag.jvp(3.0, (1.0,), (1.0,)), TypeError, r"jvp: f must be a function, not 3\.0"),  # type: ignore[arg-type]
    ("hvp of a number", lambda: ag.hvp(3.0, (1.0,), (1.0,)), TypeError, r"hvp: f must be a function, not 3\.0"),  # type: ignore[arg-type]
    ("taylor of a number", lambda: ag.taylor(3.0, 1.0, 2), TypeError, r"taylor: f must be a function, not 3\.0"),  # type: ignore[arg-type]
    *[
        (f"argnums {argnums!r}", lambda a=argnums: ag.grad(square, a)(1.0), TypeError, r"grad: argnums must be an int or a tuple of ints")  # type: ignore[misc]
        for argnums in [True, "0", 1.5, None, (0, True), (0, "1"), (0.0,)]
    ],
    ("argnums above", lambda: ag.grad(square, 1)(1.0), IndexError, r"there is no argument 1, of 1 positional"),
    ("argnums below", lambda: ag.grad(square, -2)(1.0), IndexError, r"there is no argument -2, of 1 positional"),
    ("no argument", lambda: ag.grad(square)(), IndexError, r"there is no argument 0, of 0 positional"),
    ("argument by name", lambda: ag.grad(square)(x=1.0), IndexError, r"there is no argument 0, of 0 positional"),
    ("argnums twice", lambda: ag.grad(area, (0, 0))(1.0, 2.0), ValueError, r"argnums has an argument twice"),
    ("argnums twice over", lambda: ag.grad(area, (1, -1))(1.0, 2.0), ValueError, r"argnums has an argument twice"),
    ("a mode", lambda: ag.jacobian(square, mode="fast"), ValueError, r"mode must be 'auto', 'forward' or 'reverse', not 'fast'"),
    ("grad at a string", lambda: ag.grad(square)("1"), TypeError, r"grad: argument 0 must be a number .* not '1' \(str\)"),
    ("grad at None", lambda: ag.grad(area, 1)(1.0, {"w": [1.0, None]}), TypeError, r"grad: argument 1\['w'\]\[1\] must be .* not None"),
    ("grad at a complex", lambda: ag.grad(square)(1j), TypeError, r"grad: argument 0 must be .* not 1j \(complex\)"),
    ("grad at complexes", lambda: ag.grad(square)(np.array([1j])), TypeError, r"grad: argument 0 must be an array of numbers, not of complex128"),
    ("jvp at None", lambda: ag.jvp(square, ([1.0, None],), ([1.0, 1.0],)), TypeError, r"jvp: primals\[0\]\[1\] must be .* not None"),
    ("jvp along None", lambda: ag.jvp(square, (1.0,), (None,)), TypeError, r"jvp: tangents\[0\] must be .* not None"),
    ("primals", lambda: ag.jvp(square, 1.0, (1.0,)), TypeError, r"jvp: primals must be a tuple with one entry per argument, not 1\.0"),
    ("tangents", lambda: ag.hvp(square, (1.0,), 1.0), TypeError, r"hvp: tangents must be a tuple with one entry per argument, not 1\.0"),
    ("few tangents", lambda: ag.jvp(area, (1.0, 2.0), (1.0,)), ValueError, r"jvp: tangents must be a tuple of 2, not a tuple of 1"),
    ("odd tangents", lambda: ag.hvp(area, (1.0, 2.0), (1.0, [2.0])), ValueError, r"hvp: tangents\[1\] must be a number, not a list of 1"),
    ("odd array", lambda: ag.jvp(square, (np.zeros(2),), (np.zeros(3),)), ValueError, r"jvp: tangents\[0\] must be an array of shape \(2,\), not .*\(3,\)"),
    ("cotangents", lambda: ag.vjp(lambda x: [x, {"a": x}], 1.0)[1]([1.0, {"b": 1.0}]), ValueError, r"vjp: cotangents\[1\] must be a dict with the keys \['a'\]"),
    ("cotangents None", lambda: ag.vjp(lambda x: [x, x], 1.0)[1]([1.0, None]), TypeError, r"vjp: cotangents\[1\] must be .* not None"),
    *[
        (f"{t.__name__} of a list", lambda t=t: t(lambda x: [x])(1.0), TypeError, r"must give one number, not a list of 1; jacobian takes")  # type: ignore[misc]
        for t in [ag.grad, ag.value_and_grad, ag.hessian]
    ],
    ("hvp of an array", lambda: ag.hvp(lambda x: x * x, (np.ones(2),), (np.ones(2),)), TypeError, r"hvp: <lambda> must give one number, not an array of shape \(2,\)"),
    ("grad of None", lambda: ag.grad(lambda x: None)(1.0), TypeError, r"grad: the result of <lambda> must be a number .* not None"),
    ("jvp of a string", lambda: ag.jvp(lambda x: [x, "a"], (1.0,), (1.0,)), TypeError, r"jvp: the result of .*\[1\] must be a number .* not 'a'"),
    ("jacobian of a complex", lambda: ag.jacobian(lambda x: [x, 1j])(1.0), TypeError, r"jacobian: the result of <lambda>\[1\] must be .* not 1j"),
    ("complex inside", lambda: ag.grad(lambda x: x * 1j)(1.0), TypeError, r"\*: a constant operand must be .* not 1j \(complex\)"),
    ("float() inside", lambda: ag.grad(lambda x: float(x))(1.0), TypeError, r"silently.*value\.data"),
    ("float() in jvp", lambda: ag.jvp(math.sin, (1.0,), (1.0,)), TypeError, r"silently.*autograd_scalar\.sin"),
    ("taylor order 0", lambda: ag.taylor(square, 1.0, 0), ValueError, r"taylor: order must be an int of at least 1, not 0"),
    ("taylor order 1.5", lambda: ag.taylor(square, 1.0, 1.5), ValueError, r"taylor: order must be an int .* not 1\.5"),  # type: ignore[arg-type]
    ("taylor order True", lambda: ag.taylor(square, 1.0, True), ValueError, r"taylor: order must be an int .* not True"),
    ("taylor of a list", lambda: ag.taylor(square, [1.0], 2), TypeError, r"taylor: x must be a number, not a list of 1"),
    ("taylor at None", lambda: ag.taylor(square, None, 2), TypeError, r"taylor: x must be a number .* not None"),
    # nn
    ("no inputs", lambda: nn.MLP(0, [1]), ValueError, r"nin must be at least 1, got 0"),
    ("no layers", lambda: nn.MLP(2, []), ValueError, r"nouts must hold at least one"),
    ("empty layer", lambda: nn.MLP(2, [0]), ValueError, r"nouts\[0\] must be at least 1, got 0"),
    ("float size", lambda: nn.MLP(2.0, [1]), TypeError, r"nin must be an int, got 2\.0"),  # type: ignore[arg-type]
    ("activation", lambda: nn.MLP(2, [1], activation="rulu"), ValueError, r"unknown activation 'rulu', did you mean 'relu'"),
    ("few inputs", lambda: MODEL([1.0]), ValueError, r"inputs must be 2 numbers, got 1"),
    ("many inputs", lambda: MODEL([1.0] * 3), ValueError, r"inputs must be 2 numbers, got 3"),
    ("class above", lambda: nn.cross_entropy([X, X], 2), ValueError, r"target must be in 0\.\.1, got 2"),
    ("class below", lambda: nn.cross_entropy([[X, X]], [-1]), ValueError, r"target must be .* got -1"),
    ("class float", lambda: nn.cross_entropy([X, X], 1.0), TypeError, r"target must be an int"),  # type: ignore[arg-type]
    ("rate 0", lambda: nn.SGD([X], lr=0), ValueError, r"lr must be positive and finite, got 0"),
    ("rate -1", lambda: nn.SGD([X], lr=-1), ValueError, r"lr must be positive and finite, got -1"),
    ("rate nan", lambda: nn.SGD([X], lr=math.nan), ValueError, r"lr must be positive .* got nan"),
    ("no parameters", lambda: nn.SGD([], lr=1), ValueError, r"params must hold at least one"),
    ("state", lambda: MODEL.load_state_dict({}), ValueError, r"does not fit MLP: missing 'layers"),
    # Pictures
    ("draw a number", lambda: draw(3.0), TypeError, r"value must be a Value.*3\.0"),  # type: ignore[arg-type]
    ("no folder", lambda: draw(X, "no/such/folder/x.svg"), FileNotFoundError, r"no/such/folder"),
    ("a format", lambda: draw(X, "x.bmp"), ValueError, r"bmp.*svg"),
    ("a million nodes", lambda: draw(long_chain(10**6)), ValueError, r"1,?000,?001.*limit"),
    # Expressions
    *[
        (f"expression {text[:20]!r}", lambda text=text: parsed(text), ExpressionError, pattern)  # type: ignore[misc]
        for text, pattern in [
            ("x.real", "(?i)attribute"),
            ("x[0]", "(?i)subscript|index"),
            ("__import__('os')", "__import__"),
            ("print(x)", "print"),
            ("tahn(x)", "did you mean tan"),
            ("lambda: 1", "(?i)lambda"),
            ("[x for x in y]", "(?i)comprehension|list"),
            ("'a' * 3", "(?i)string|str|'a'"),
            ("1j + x", "(?i)complex|1j"),
            ("x +", "column|position"),
            ("", "nothing to compute"),
            ("exp(x, x)", "exp"),
            ("(" * 10_000 + "x" + ")" * 10_000, "at most 10000 characters, not 20001"),
            ("(" * 4_000 + "x" + ")" * 4_000, "(?i)deep|nest|too many"),
            ("x := 1", "column|position"),
            ("import os", "column|position"),
            ("x\0", "(?i)null|nul|character"),
        ]
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "error", "message"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_refused_by_name(
    call: Callable[[], object],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message) as caught:
        call()
    assert type(caught.value) is error
    assert not list(tmp_path.iterdir())
    assert len(str(caught.value)) < 1000


def test_huge_powers_are_infinite_at_once() -> None:
    assert parsed("9**9**9**9*x").data == math.inf
