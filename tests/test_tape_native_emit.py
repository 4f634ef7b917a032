"""Each machine operation, as instructions, computes what its float function does."""

import ctypes
import math
import random
import struct

import pytest

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.native import emit, engine

LANES = [lanes for lanes in (1, 2, 4, 8) if lanes <= engine.host().lanes]

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 5e-324, -3e-310, 2.0**-1022,
    1.797e308, -1e300, 1e-300, 3.0, 7.0, -7.0, 2.5, 1023.0, -1074.0, -1022.0, 1024.0, 2098.0, 1e22,
    709.78, 709.79, -745.1, -745.2, 710.5,
]  # fmt: skip

# Python's own algorithms (hypot, fsum), or Newton's method on top (cbrt): the last bit may differ.
ROUNDED_OTHERWISE = {"hypot": 1, "fsum": 1, "product_error": 0}
WITHIN_4_ULP_ON_VECTORS = {*emit._C_FUNCTIONS} - {"fmod"}


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


def number(rng):
    kind = rng.randrange(8)
    if kind < 2:
        return rng.choice(SPECIAL)
    if kind == 2:
        return float(rng.randint(-1100, 1100))
    if kind == 3:
        return struct.unpack("d", rng.randbytes(8))[0]
    if kind == 4:
        return rng.uniform(-1.0, 1.0)
    if kind == 5:
        return 1.0 + rng.gauss(0.0, 1e-3)
    return rng.gauss(0.0, 1.0) * 10.0 ** rng.uniform(-20.0, 20.0)


def compiled(primitive, arity, lanes, contract=False):
    """A function of arity lists of so many numbers each."""
    module = emit.Module()
    code = emit.Code(module, lanes, contract=contract)
    operands = [code.load(code.at("%x", i * lanes)) for i in range(arity)]
    code.store(code.operation(primitive, operands), "%y")
    code.do("ret void")
    module.define("void @f(ptr %x, ptr %y)", code.lines)
    library = module.build(["f"])
    f = library.function("f", None, ctypes.c_void_p, ctypes.c_void_p)

    def call(*lists):
        flat = [x for xs in lists for x in xs]
        x, y = (ctypes.c_double * max(1, len(flat)))(*flat), (ctypes.c_double * lanes)()
        f(ctypes.addressof(x), ctypes.addressof(y))
        emit.raise_failures(library)
        return list(y)

    return call


def ordinal(x):
    """Doubles in their order as whole numbers, neighbours one apart; -0.0 is not 0.0."""
    (bits,) = struct.unpack("q", struct.pack("d", x))
    return bits if bits >= 0 else -1 - (bits & 0x7FFFFFFFFFFFFFFF)


def apart(a, b):
    if a != a or b != b:
        return 0 if a != a and b != b else math.inf
    return abs(ordinal(a) - ordinal(b))


def operands_for(name, arity, rng):
    xs = [number(rng) for _ in range(arity)]
    if name == "pick":
        xs[0] = rng.choice([0.0, -0.0, 1.0, 2.0, 4.0, 5.0, 0.5, -1.0, math.nan, math.inf])
    if name == "product_error":  # beyond, the two ways to compute it differ
        xs = [math.copysign(2.0 ** rng.uniform(-200.0, 400.0), rng.gauss(0, 1)) for _ in xs]
    return xs


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", MACHINE)
def test_every_machine_operation_on_numbers_from_all_over_the_range(name, lanes):
    primitive = MACHINE[name]
    allowed = ROUNDED_OTHERWISE.get(name, 0)
    if lanes > 1 and name in WITHIN_4_ULP_ON_VECTORS:
        allowed = 4
    for arity in (2, 4, 6) if primitive.variadic else (primitive.arity,):
        rng = random.Random(f"{name} {arity}")
        call = compiled(primitive, arity, lanes)
        for _ in range(1200 // lanes):
            rows = [operands_for(name, arity, rng) for _ in range(lanes)]
            for xs, found in zip(rows, call(*zip(*rows, strict=True)), strict=True):
                expected = primitive.function(*xs)
                if name == "product_error" and expected == found:
                    continue  # the sign of zero
                assert apart(found, expected) <= allowed, (xs, found, expected)


@pytest.mark.parametrize("lanes", LANES)
def test_operations_on_many_operands_for_few_and_none(lanes):
    for arity, name, expected in (
        (0, "dot", -0.0), (0, "fsum", 0.0), (1, "fsum", 3.0), (1, "pick", math.nan),
    ):  # fmt: skip
        found = compiled(MACHINE[name], arity, lanes)(*[[3.0] * lanes] * arity)
        assert all(apart(y, expected) == 0 for y in found)


def test_a_sum_that_loses_everything_in_plain_arithmetic():
    call = compiled(rules.fsum, 6, 1)
    assert call([1e16], [1.0], [-1e16], [2.0**-60], [1e-30], [-1.0]) == [2.0**-60 + 1e-30]
    assert call([math.inf], *[[1.0]] * 5) == [math.inf]
    assert call([1.7e308], [1.7e308], [-1.7e308], *[[1.0]] * 3) == [1.7e308]
    assert call([1.7e308], [1.7e308], [-math.inf], *[[1.0]] * 3) == [-math.inf]
    assert call(*[[1.7e308]] * 6) == [math.inf]
    assert math.isnan(call([math.inf], [-math.inf], *[[1.0]] * 4)[0])


@pytest.mark.parametrize("lanes", LANES)
def test_fused_only_where_it_is_allowed(lanes):
    a, b = 1.0 + 2.0**-30, 1.0 - 2.0**-30
    for contract, expected in ((False, 0.0), (True, -(2.0**-60))):
        module = emit.Module()
        code = emit.Code(module, lanes, contract=contract)
        x, y, z = (code.load(code.at("%x", i * lanes)) for i in range(3))
        product = code.operation(rules.multiply, [x, y])
        code.store(code.operation(rules.subtract, [product, z]), "%x")
        code.do("ret void")
        module.define("void @f(ptr %x)", code.lines)
        numbers = (ctypes.c_double * (3 * lanes))(*[a] * lanes, *[b] * lanes, *[1.0] * lanes)
        module.build(["f"]).function("f", None, ctypes.c_void_p)(ctypes.addressof(numbers))
        assert list(numbers[:lanes]) == [expected] * lanes


def shifted(x: float) -> float:
    return x + 0.25


def failing(x: float) -> float:
    raise LookupError(f"no {x}")


@pytest.mark.parametrize("lanes", LANES)
def test_a_primitive_without_machine_operation_is_called_in_python(lanes):
    primitive = Primitive("shifted", shifted, (lambda g, y, x: g,))
    xs = [float(k) for k in range(lanes)]
    assert compiled(primitive, 1, lanes)(xs) == [x + 0.25 for x in xs]


def test_a_name_alone_makes_no_machine_operation():
    impostor = Primitive("exp", shifted, (lambda g, y, x: g,))
    assert compiled(impostor, 1, 1)([1.0]) == [1.25]


def test_what_python_raises_comes_out_once():
    call = compiled(Primitive("failing", failing, (lambda g, y, x: g,)), 1, 1)
    for x in (1.0, 2.0):
        with pytest.raises(LookupError, match=f"no {x}"):
            call([x])


@pytest.mark.parametrize("lanes", LANES[1:])
def test_vector_functions_are_used_where_there_are_some(lanes):
    known = [name for name in emit._C_FUNCTIONS.values() if emit.vector_function(name, 1, lanes)]
    if engine.vector_library() is None:
        assert not known
    elif "x86_64" in engine.host().triple:
        assert {"exp", "log", "sin", "cos"} <= set(known)
    assert emit.vector_function("fmod", 2, lanes) is None


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("constant", [True, False])
def test_a_loop_hands_its_state_from_round_to_round(count, constant):
    module = emit.Module()
    code = emit.Code(module)
    state = [("double", code.constant(1.0)), ("double", "%x")]
    with code.loop(count if constant else "%n", state, 3 if constant else 1) as (k, now, go_on):
        a, b = now
        go_on(b, code.add(code.add(a, b), code.value(f"uitofp i64 {k} to double")))
    code.do(f"ret double {now[1]}")
    module.define("double @f(double %x, i64 %n)", code.lines)
    f = module.build(["f"]).function("f", ctypes.c_double, ctypes.c_double, ctypes.c_int64)
    a, b = 1.0, 0.5
    for k in range(count):
        a, b = b, a + b + k * (3 if constant else 1)
    assert f(0.5, count) == b


def test_tables_are_kept_once():
    module = emit.Module()
    assert module.table([1, -2]) == module.table([1, -2]) != module.table([1, 2])
    assert module.text.count("i32 -2") == 1
