"""Tapes as functions of JAX and of PyTorch, on arrays, with the derivatives of this package.

A tape becomes the frameworks' own operations, so that they compile it, run it on their devices and
map it over batches. But they don't differentiate it. The derivatives that they are given are the
tape's, which are tapes again and become functions in the same way: so they are right where those of
the frameworks are not, in the branch that ``where`` does not take, at kinks, in the tails; and they
have derivatives of any order.
"""

from __future__ import annotations

import importlib
import math
import operator
from functools import cache, cached_property, reduce

from autograd_scalar import special
from autograd_scalar.primitives import Primitive, described
from autograd_scalar.tape.derivatives import tangent, value_and_gradient
from autograd_scalar.tape.kernels import MACHINE, lower
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.variables import Builder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Operations = dict[str, Callable[..., Any]]


def to_jax(tape: Tape) -> Callable[..., Any]:
    """The tape as a function of JAX arrays, one per input, element by element.

    Shapes are broadcast. What comes back is an array, or a tuple of arrays for several outputs,
    nan where a guard of the tape does not hold. ``jit``, ``vmap``, ``grad``, ``jvp`` and all that
    is made of them work, to any order. A primitive that has no kernel is called back in Python.

        >>> f = to_jax(tape)                                            # doctest: +SKIP
        >>> jax.jit(jax.grad(f))(2.0)                                   # doctest: +SKIP
        Array(12., dtype=float64)

    Raises ImportError, with the line that installs it, if there is no JAX; ValueError unless its
    64-bit numbers are enabled, here and in calls; TypeError for another number of arguments.
    """
    return _function(tape, "to_jax", _Jax)


def to_torch(tape: Tape) -> Callable[..., Any]:
    """The tape as a function of PyTorch tensors, one per input, element by element.

    Shapes are broadcast, and whatever comes is made float64. What comes back is a tensor, or a
    tuple of tensors for several outputs, nan where a guard of the tape does not hold. ``backward``,
    ``torch.func.grad``, ``jvp``, ``vmap`` and what is made of them work, to any order. A primitive
    that has no kernel is called back in Python.

        >>> f = to_torch(tape)                                          # doctest: +SKIP
        >>> x = torch.tensor(2.0, requires_grad=True)                   # doctest: +SKIP
        >>> f(x).backward()                                             # doctest: +SKIP

    Raises ImportError, with the line that installs it, if there is no PyTorch; TypeError for
    another number of arguments.
    """
    return _function(tape, "to_torch", _Torch)


def _function(tape: Tape, what: str, framework: Callable[[], _Framework]) -> Callable[..., Any]:
    if not isinstance(tape, Tape):
        raise TypeError(f"{what}: tape must be a Tape, not {described(tape)}")
    chosen = framework()
    program = _Program(lambda strict: tape, tape.inputs, len(tape.outputs))

    def function(*xs: Any) -> Any:
        if len(xs) != program.inputs:
            raise TypeError(f"the tape has {program.inputs} input(s), got {len(xs)} argument(s)")
        found = chosen.call(program, chosen.arrays(xs))
        return found[0] if len(found) == 1 else tuple(found)

    names = [tape.labels.get(slot) or f"x{slot}" for slot in range(tape.inputs)]
    function.__doc__ = f"{tape!r} of ({', '.join(names)})."
    return function


# --- Programs and their derivatives ---------------------------------------------------------------


class _Program:
    """A tape, made when it is needed, and the programs that are its derivatives.

    Attributes:
        inputs, outputs: how many.
        base, wrt: of a program that ``push`` made, from which, and by which of its inputs.
    """

    def __init__(
        self,
        make: Callable[[bool], Tape],
        inputs: int,
        outputs: int,
        base: _Program | None = None,
        wrt: tuple[int, ...] = (),
    ) -> None:
        self._make = make
        self.inputs = inputs
        self.outputs = outputs
        self.base = base
        self.wrt = wrt
        self._pushed: dict[tuple[int, ...], _Program] = {}
        self._pulled: dict[tuple[int, ...], _Program] = {}

    @cached_property
    def tape(self) -> Tape:
        """What is differentiated: not the strict one, whose choices are no part of the function."""
        return self._make(False)

    @cached_property
    def lowered(self) -> Tape:
        """What is run."""
        return optimize(lower(optimize(self._make(True))))

    def push(self, wrt: tuple[int, ...]) -> _Program:
        """(inputs, how fast those of ``wrt`` change) -> how fast the outputs change."""
        if wrt not in self._pushed:
            self._pushed[wrt] = _Program(
                lambda strict: _pushforward(self.tape, wrt),
                self.inputs + len(wrt),
                self.outputs,
                self,
                wrt,
            )
        return self._pushed[wrt]

    def pull(self, wrt: tuple[int, ...]) -> _Program:
        """(inputs, gradients by the outputs) -> gradients by the inputs of ``wrt``."""
        if wrt not in self._pulled:
            self._pulled[wrt] = _Program(
                lambda strict: _pullback(self.tape, wrt, strict),
                self.inputs + self.outputs,
                len(wrt),
            )
        return self._pulled[wrt]

    def run(self, xs: Sequence[Any], framework: _Framework) -> list[Any]:
        """The outputs for arrays of one shape, in the framework's operations."""
        tape, where = self.lowered, framework.operations["where"]
        constants = [framework.constant(number, xs) for number in tape.constants]
        numbers = list(xs)
        for _, primitive, operands in tape.nodes():
            chosen = [numbers[o] if o >= 0 else constants[~o] for o in operands]
            numbers.append(framework.apply(primitive, chosen))
        outputs = [numbers[o] if o >= 0 else constants[~o] for o in tape.outputs]
        nan = framework.constant(math.nan, xs)
        for guard in tape.guards:
            asked = numbers[guard.slot] if guard.slot >= 0 else constants[~guard.slot]
            holds = (asked != 0) == guard.outcome
            outputs = [where(holds, y, nan) for y in outputs]
        return [framework.shaped(y, xs) for y in outputs]


def _pushforward(tape: Tape, wrt: tuple[int, ...]) -> Tape:
    joint = tangent(tape, wrt)
    return joint.replaced(outputs=joint.outputs[len(tape.outputs) :])


def _pullback(tape: Tape, wrt: tuple[int, ...], strict: bool) -> Tape:
    """The gradient of the sum of outputs times gradients by them, which are further inputs."""
    first, more = tape.inputs, len(tape.outputs)
    builder = Builder(first + more)
    constants = [builder.constant(number) for number in tape.constants]

    def moved(operand: int) -> int:
        if operand < 0:
            return constants[~operand]
        return operand if operand < first else operand + more

    for _, primitive, operands in tape.nodes():
        builder.node(primitive, list(map(moved, operands)))
    weights = range(first, first + more)
    total = builder.node(MACHINE["dot"], [*weights, *map(moved, tape.outputs)])
    guards = [type(g)(moved(g.slot), g.outcome, g.line) for g in tape.guards]
    weighted = builder.tape_of([total], guards)
    joint = value_and_gradient(weighted, wrt, strict=strict)
    return joint.replaced(outputs=joint.outputs[1:])


# --- Operations -----------------------------------------------------------------------------------


class _Framework:
    """What JAX and PyTorch have in common, and are asked for.

    Attributes:
        operations: machine operations by name, on arrays.
    """

    operations: Operations

    def arrays(self, xs: Sequence[Any]) -> list[Any]:
        """The arguments as arrays of float64 of one shape."""
        raise NotImplementedError

    def call(self, program: _Program, xs: Sequence[Any]) -> Sequence[Any]:
        """The outputs, such that the framework finds the derivatives of the program."""
        raise NotImplementedError

    def constant(self, number: float, xs: Sequence[Any]) -> Any:
        """A number as an array that goes with others."""
        raise NotImplementedError

    def shaped(self, y: Any, xs: Sequence[Any]) -> Any:
        """A result, broadcast to the shape of the arguments."""
        raise NotImplementedError

    def called_back(self, primitive: Primitive, xs: Sequence[Any]) -> Any:
        """A primitive's float function on each element."""
        raise NotImplementedError

    def apply(self, primitive: Primitive, xs: Sequence[Any]) -> Any:
        """A primitive of a lowered tape."""
        if MACHINE.get(primitive.name) is primitive:
            return self.operations[primitive.name](*xs)
        return self.called_back(primitive, xs)


_SAME_NAME = (
    "sqrt", "floor", "ceil", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin", "cos",
    "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "hypot", "fmod", "copysign", "abs",
)  # fmt: skip


def _operations(library: Any, number: Callable[[Any], Any], power_of_2: Any) -> Operations:
    """Those that both libraries have under one name; ``number`` makes 1.0 and 0.0 of truths."""

    def where(condition: Any, a: Any, b: Any) -> Any:
        return library.where(condition != 0, a, b)

    def exponent(x: Any) -> Any:
        whole = number(library.frexp(x)[1])
        return library.where(abs(x) < math.inf, whole, whole * 0.0)

    def ldexp(x: Any, n: Any) -> Any:
        """In four steps, since 2**n may be out of the range where the result is not."""
        near = library.clip(n, -4400, 4400)
        quarter = library.floor(near * 0.25)
        small = power_of_2(quarter)
        result = x * small * small * small * power_of_2(near - 3 * quarter)
        return library.where((library.floor(n) == n) & (abs(n) < 2.0**31), result, math.nan)

    def pick(index: Any, *xs: Any) -> Any:
        found = xs[0] * math.nan if xs else index * math.nan
        for i, x in enumerate(xs):
            found = library.where(index == i, x, found)
        return found

    def fsum(*xs: Any) -> Any:
        """With the errors of all additions added up too, where they are not nan."""
        total = number(library.zeros(()))
        errors = total
        for x in xs:
            before, total = total, total + x
            of_x = total - before
            errors = errors + ((before - (total - of_x)) + (x - of_x))
        return library.where(abs(errors) < math.inf, total + errors, total)

    def dot(*operands: Any) -> Any:
        half = len(operands) // 2
        products = list(map(operator.mul, operands[:half], operands[half:]))
        return reduce(operator.add, products) if products else -number(library.zeros(()))

    return {
        **{name: getattr(library, name) for name in _SAME_NAME},
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "neg": operator.neg,
        "<": lambda a, b: number(a < b),
        "<=": lambda a, b: number(a <= b),
        "**": operator.pow,
        "product_error": special.product_error,
        "where": where,
        "exponent": exponent,
        "ldexp": ldexp,
        "pick": pick,
        "fsum": fsum,
        "dot": dot,
    }


def _imported(name: str, hint: str = "") -> Any:
    """A library that is imported only here; untyped, as it need not be there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(hint or str(error)) from None


def _on_each(primitive: Primitive, xs: Sequence[Any]) -> Any:
    """The float function on NumPy arrays."""
    import numpy

    shape = numpy.broadcast_shapes(*[numpy.shape(x) for x in xs])
    columns = [numpy.broadcast_to(x, shape).ravel().tolist() for x in xs]
    found = [primitive.function(*row) for row in zip(*columns, strict=True)]
    return numpy.array(found, numpy.float64).reshape(shape)


# --- JAX ------------------------------------------------------------------------------------------


class _Jax(_Framework):
    def __init__(self) -> None:
        self._jax = _imported("jax", "to_jax needs JAX: pip install jax")
        self._numpy = self._jax.numpy
        self._check_precision()
        self.operations = _jax_operations()

    def _check_precision(self) -> None:
        if not self._jax.config.jax_enable_x64:
            raise ValueError(
                'to_jax needs numbers of 64 bits: jax.config.update("jax_enable_x64", True)'
            )

    def arrays(self, xs: Sequence[Any]) -> list[Any]:
        self._check_precision()
        return list(self._numpy.broadcast_arrays(*[self._numpy.asarray(x, "float64") for x in xs]))

    def call(self, program: _Program, xs: Sequence[Any]) -> Sequence[Any]:
        found: Sequence[Any] = _jax_primitive().bind(*xs, program=program)
        return found

    def constant(self, number: float, xs: Sequence[Any]) -> Any:
        return self._numpy.float64(number)

    def shaped(self, y: Any, xs: Sequence[Any]) -> Any:
        return self._numpy.broadcast_to(y, xs[0].shape if xs else ())

    def called_back(self, primitive: Primitive, xs: Sequence[Any]) -> Any:
        arrays = self._numpy.broadcast_arrays(*xs)
        kind = self._jax.ShapeDtypeStruct(arrays[0].shape, "float64")
        return self._jax.pure_callback(
            lambda *xs: _on_each(primitive, xs), kind, *arrays, vmap_method="broadcast_all"
        )


@cache
def _jax_operations() -> Operations:
    jax = _imported("jax")
    numpy = jax.numpy
    found = _operations(
        numpy, lambda x: x.astype("float64"), lambda n: numpy.ldexp(1.0, n.astype("int32"))
    )
    found["c_cbrt"] = numpy.cbrt
    found["erf"] = jax.scipy.special.erf
    found["erfc"] = jax.scipy.special.erfc
    return found


@cache
def _jax_primitive() -> Any:
    """The one operation that JAX learns: to run a program, which is a parameter."""
    jax = _imported("jax")
    ad, batching, mlir = (
        _imported(f"jax.interpreters.{name}") for name in ("ad", "batching", "mlir")
    )
    numpy = jax.numpy
    primitive = _imported("jax.extend.core").Primitive("autograd_scalar_tape")
    primitive.multiple_results = True
    framework = _Jax()

    def run(*xs: Any, program: _Program) -> list[Any]:
        return program.run(xs, framework)

    def kinds(*xs: Any, program: _Program) -> list[Any]:
        shape = xs[0].shape if xs else ()
        return [jax.core.ShapedArray(shape, numpy.dtype("float64"))] * program.outputs

    def push(xs: Any, changes: Any, program: _Program) -> tuple[Any, Any]:
        ys = primitive.bind(*xs, program=program)
        wrt = tuple([i for i, change in enumerate(changes) if type(change) is not ad.Zero])
        moving = [changes[i] for i in wrt]
        return ys, primitive.bind(*xs, *moving, program=program.push(wrt))

    def pull(gs: Any, *xs: Any, program: _Program) -> list[Any]:
        """Only what ``push`` made is linear, and only in what it appended."""
        base = program.base
        assert base is not None
        known, found = xs[: base.inputs], [None] * base.inputs
        gradients = map(ad.instantiate_zeros, gs)
        return [
            *found,
            *primitive.bind(*known, *gradients, program=base.pull(program.wrt)),
        ]

    def over_batch(xs: Any, axes: Any, program: _Program) -> tuple[Any, Any]:
        size = next(x.shape[d] for x, d in zip(xs, axes, strict=True) if d is not None)
        front = [
            numpy.broadcast_to(x, (size, *x.shape)) if d is None else numpy.moveaxis(x, d, 0)
            for x, d in zip(xs, axes, strict=True)
        ]
        ys = primitive.bind(*front, program=program)
        return ys, (0,) * len(ys)

    primitive.def_impl(jax.jit(run, static_argnames="program"))
    primitive.def_abstract_eval(kinds)
    ad.primitive_jvps[primitive] = push
    ad.primitive_transposes[primitive] = pull
    batching.primitive_batchers[primitive] = over_batch
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=True))
    return primitive


# --- PyTorch --------------------------------------------------------------------------------------


class _Torch(_Framework):
    def __init__(self) -> None:
        self._torch = _imported("torch", "to_torch needs PyTorch: pip install torch")
        self.operations = _torch_operations()

    def arrays(self, xs: Sequence[Any]) -> list[Any]:
        torch = self._torch
        tensors = [torch.as_tensor(x, dtype=torch.float64) for x in xs]
        return list(torch.broadcast_tensors(*tensors)) if tensors else []

    def call(self, program: _Program, xs: Sequence[Any]) -> Sequence[Any]:
        found: Sequence[Any] = _torch_function().apply(program, *xs)
        return found

    def constant(self, number: float, xs: Sequence[Any]) -> Any:
        torch = self._torch
        return torch.tensor(number, dtype=torch.float64, device=xs[0].device if xs else None)

    def shaped(self, y: Any, xs: Sequence[Any]) -> Any:
        # A copy, since a result of an autograd.Function may be none of its arguments.
        return y.expand(xs[0].shape if xs else ()).clone()

    def called_back(self, primitive: Primitive, xs: Sequence[Any]) -> Any:
        found = _on_each(primitive, [x.detach().cpu().numpy() for x in xs])
        return self._torch.as_tensor(found, device=xs[0].device)


@cache
def _torch_operations() -> Operations:
    torch = _imported("torch")

    def cube_root(x: Any) -> Any:
        """By a power, and one step of Newton's for the digits that 1/3 has not."""
        root = torch.copysign(torch.abs(x) ** (1.0 / 3.0), x)
        better = root - (root - x / (root * root)) / 3.0
        return torch.where((root != 0) & (torch.abs(root) < math.inf), better, root)

    found = _operations(
        torch, lambda x: x.to(torch.float64), lambda n: torch.ldexp(torch.ones_like(n), n)
    )
    return {**found, "c_cbrt": cube_root, "erf": torch.erf, "erfc": torch.erfc}


@cache
def _torch_function() -> Any:
    """What PyTorch is told: to run a program, and what its derivatives are."""
    torch = _imported("torch")
    framework = _Torch()
    function: Any = torch.autograd.Function

    class Run(function):  # type: ignore[misc]
        """A program on tensors of one shape."""

        generate_vmap_rule = True

        @staticmethod
        def forward(program: _Program, *xs: Any) -> Any:
            return tuple(program.run(xs, framework))

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.program, *xs = inputs
            ctx.set_materialize_grads(False)  # what does not change is None, and no 0 of many
            ctx.save_for_backward(*xs)
            ctx.save_for_forward(*xs)

        @staticmethod
        def backward(ctx: Any, *received: Any) -> Any:
            wrt = tuple([i for i, needed in enumerate(ctx.needs_input_grad[1:]) if needed])
            xs = ctx.saved_tensors
            gradients = [torch.zeros_like(xs[0]) if g is None else g for g in received]
            found = Run.apply(ctx.program.pull(wrt), *xs, *gradients)
            by_place = dict(zip(wrt, found, strict=True))
            return None, *[by_place.get(i) for i in range(ctx.program.inputs)]

        @staticmethod
        def jvp(ctx: Any, _: Any, *changes: Any) -> Any:
            wrt = tuple([i for i, change in enumerate(changes) if change is not None])
            moving = [changes[i] for i in wrt]
            return Run.apply(ctx.program.push(wrt), *ctx.saved_tensors, *moving)

    return Run
