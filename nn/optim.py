"""Optimizers: they move parameters against their gradients.

Names, arguments and rules are PyTorch's, down to the order of operations. A rule is written once,
for one number or an array of them; `Optimizer` has the loop, the groups, and what is saved.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from autograd_scalar import Value
from autograd_scalar.primitives import described
from nn.arguments import known, whole_number
from nn.array_parameters import (
    ByIdentity,
    array_gradients,
    array_state,
    is_array,
    overlap,
    require_movable,
    state_like,
)
from nn.hyperparameters import below_one, flag, not_negative, number, plain, positive
from nn.module import Module

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Array = NDArray[numpy.float64]

Parameters: TypeAlias = "Iterable[Value] | Iterable[Mapping[str, Any]] | Array | Iterable[Array]"
State = dict[str, Any]
Rule = Callable[[Any, Any, State], Any]
"""Of a parameter's number, its gradient, and its state, which it updates: the new number."""


class Floats:
    """What a rule needs besides arithmetic; NumPy has both, by these names, for arrays."""

    sqrt = staticmethod(math.sqrt)
    maximum = staticmethod(max)


class Optimizer:
    """Base of optimizers: a subclass says in `rule` what becomes of one parameter.

    params: the parameters, as `model.parameters()`; or dicts, each with a list of them under
    "params" and with options of their own: `[{"params": a}, {"params": b, "lr": 0.1}]`. In place of
    Values there may be NumPy arrays of float64, one or several, of any shapes: they are changed in
    place, and `step` is given their gradients; then `moves_arrays` is true.
    defaults: the options of groups that have none of their own.

    `param_groups` are those dicts, one if no groups were given. Options may be changed there at any
    time, and schedules do. `state` maps a parameter to what the optimizer remembers of it.

    A gradient of 0 is a gradient: every parameter moves at each step. (PyTorch leaves out those
    whose grad is None. Here grad is a number from the start.)

    Raises ValueError if there are no parameters, one comes twice or was computed from others, an
    array is read-only, an option is unknown or out of range; TypeError for a parameter that is
    neither `Value` nor array of float64, for both kinds together, or an option that is no number.

    >>> import numpy
    >>> weights, bias = numpy.array([[4.0, 3.0]]), numpy.array(1.0)
    >>> optimizer = SGD([weights, bias], lr=0.5)
    >>> optimizer.step([[[8.0, -2.0]], 2.0])
    >>> weights, bias
    (array([[0., 4.]]), array(0.))
    """

    needs_gradients: ClassVar[bool] = True
    """Whether `backward()` has to come before `step()`."""

    decoupled: ClassVar[bool] = False
    """Whether the rule sees to weight decay itself, in place of a term of the gradient."""

    param_groups: list[dict[str, Any]]

    def __init__(self, params: Parameters, defaults: Mapping[str, Any]) -> None:
        """See the class."""
        self.defaults = _checked(defaults)
        self.param_groups = []
        self.moves_arrays = False
        self._state: MutableMapping[Any, State] = {}
        self._in_arrays: list[State] | None = None  # of the groups, while steps are of arrays
        for group in _groups(params):
            self.add_param_group(group)

    def initial_state(self, group: Mapping[str, Any]) -> State:
        """Return what is remembered of each parameter of that group before the first step."""
        raise NotImplementedError(f"{type(self).__name__} has no initial_state() of its own")

    def rule(self, group: Mapping[str, Any], step: int, functions: Any = Floats) -> Rule:
        """Return what moves a parameter of that group, as of its step of that number (from 1).

        functions: has `sqrt` and `maximum` for what the rule will be called on: floats or, with
            `numpy`, arrays of a number for each parameter. A rule without this argument is for
            floats only.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule() of its own")

    @property
    def state(self) -> MutableMapping[Any, State]:
        """What is remembered of each parameter."""
        if self._in_arrays is not None:
            in_arrays, self._in_arrays = self._in_arrays, None
            for group, remembered in zip(self.param_groups, in_arrays, strict=True):
                self._spread(group["params"], remembered)
        return self._state

    @state.setter
    def state(self, state: MutableMapping[Any, State]) -> None:
        self._in_arrays = None
        self._state = state

    @property
    def params(self) -> list[Any]:
        """The parameters of all groups."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    @property
    def lr(self) -> float:
        """The learning rate: that of the first group; set, that of all groups."""
        self._require_lr()
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, lr: float) -> None:
        self._require_lr()
        lr = not_negative("lr", lr)
        for group in self.param_groups:
            group["lr"] = lr

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, with options of their own: `{"params": parameters, "lr": 0.1}`.

        Raises ValueError and TypeError as the constructor; the optimizer is then as it was.
        """
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f"a group must be a dict with 'params', got {group!r}")
        place = len(self.param_groups)
        prefix = f"param_groups[{place}]['params']" if place else "params"
        params = _parameters(group["params"], prefix, self.params)
        options = {name: option for name, option in group.items() if name != "params"}
        for name in options:
            known(f"option of {type(self).__name__}", name, (*self.defaults, "initial_lr"))
        added = {"params": params, **_checked({**self.defaults, **options})}
        if not place and is_array(params[0]):
            self._require_rule_for_arrays()
            self.moves_arrays, self._state = True, ByIdentity()
        state = self.state
        self.param_groups.append(added)
        for parameter in params:
            initial = self.initial_state(added)
            state[parameter] = state_like(parameter, initial) if self.moves_arrays else initial

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, for the next `backward()` to add to.

        Arrays have none, so with them there is nothing to do.
        """
        if self.moves_arrays:
            return
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = 0.0

    def step(self, gradients: Any = None, *, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter by its gradient.

        gradients: one for each of `params`, in place of their `.grad`, which arrays don't have:
            numbers or, for arrays, arrays of their shapes; of a single array its gradient itself.
        closure: if given, here or as the first argument, it is called first, to compute loss and
            gradients; the loss it returns is returned.

        Raises TypeError and ValueError for gradients that don't fit, before anything is moved.

        >>> from autograd_scalar import Value
        >>> x, y = Value(4.0), Value(3.0)
        >>> SGD([x, y], lr=0.5).step([8.0, -2.0])
        >>> x.data, y.data
        (0.0, 4.0)
        """
        if callable(gradients):
            gradients, closure = None, gradients
        loss = None if closure is None else closure()
        who = f"{type(self).__name__}.step"
        if self.moves_arrays:
            self._step_in_place(array_gradients(who, self.params, gradients))
            return loss
        state = self.state
        given = None if gradients is None else iter(_slopes(who, self.params, gradients))
        for group in self.param_groups:
            move = self._move(group, state[group["params"][0]])
            for parameter in group["params"]:
                grad = parameter.grad if given is None else next(given)
                if grad.__class__ is not float:
                    grad = plain(grad)
                parameter.data = move(parameter.data, grad, state[parameter])
        return loss

    def _step_in_place(self, gradients: "list[Array]") -> None:
        import numpy

        slopes = iter(gradients)
        with numpy.errstate(all="ignore"):
            for group in self.param_groups:
                move = self._move(group, self._state[group["params"][0]], numpy)
                for parameter in group["params"]:
                    numbers = numpy.asarray(parameter)  # a matrix would multiply as one
                    numbers[...] = move(numbers, next(slopes), self._state[parameter])

    @property
    def takes_arrays(self) -> bool:
        """Whether there is a `step_arrays`: for Values, if the rule is one for arrays."""
        ordinary = type(self).step is Optimizer.step and not self.moves_arrays
        return ordinary and self._has_rule_for_arrays()

    def step_arrays(self, data: "Array", grad: "Array") -> "Array":
        """Return the numbers of all parameters after a step, as `step` would leave them.

        To the last bit: the rules are the same. What is remembered stays in arrays, too, until
        `state` is looked at.

        data, grad: the numbers of the parameters and their gradients, in the order of `params`.

        >>> import numpy
        >>> from autograd_scalar import Value
        >>> optimizer = SGD([Value(4.0), Value(3.0)], lr=0.5)
        >>> optimizer.step_arrays(numpy.array([4.0, 3.0]), numpy.array([8.0, -2.0]))
        array([0., 4.])
        """
        import numpy

        if self._in_arrays is None:
            self._in_arrays = [self._gathered(group) for group in self.param_groups]
        grad = grad.copy()  # a rule may keep it
        moved = numpy.empty_like(data)
        start = 0
        with numpy.errstate(all="ignore"):
            for group, state in zip(self.param_groups, self._in_arrays, strict=True):
                part = slice(start, start + len(group["params"]))
                move = self._move(group, state, numpy)
                moved[part] = move(data[part], grad[part], state)
                start = part.stop
        return moved

    def _move(self, group: Mapping[str, Any], state: Mapping[str, Any], *functions: Any) -> Rule:
        """The rule, of a gradient that has yet to get its sign and decay."""
        move = self.rule(group, state.get("step", 0) + 1, *functions)
        maximize = group["maximize"]
        decay = 0.0 if self.decoupled else group["weight_decay"]
        if not (maximize or decay):
            return move

        def decaying(x: Any, grad: Any, state: State) -> Any:
            if maximize:
                grad = -grad
            return move(x, grad + decay * x if decay else grad, state)

        return decaying

    def _gathered(self, group: Mapping[str, Any]) -> State:
        """What is remembered of the parameters of a group, each entry as one array."""
        import numpy

        states = [self._state[parameter] for parameter in group["params"]]
        gathered: State = {}
        for name, first in states[0].items():
            entries = [state[name] for state in states]
            # A step is the same for all of a group. So is None, before there is a buffer.
            gathered[name] = numpy.array(entries) if first.__class__ is float else first
        return gathered

    def _spread(self, params: Iterable[Value], gathered: State) -> None:
        """Give each parameter its own of what was gathered."""
        for name, entry in gathered.items():
            if hasattr(entry, "tolist"):
                for parameter, number in zip(params, entry.tolist(), strict=True):
                    self._state[parameter][name] = number
            else:
                for parameter in params:
                    self._state[parameter][name] = entry

    def state_dict(self) -> dict[str, Any]:
        """Return all that the optimizer remembers, ready for JSON: PyTorch's layout, with floats.

        Parameters go by their numbers, in the order of the groups. What is remembered of an array
        is in nested lists.

        >>> from autograd_scalar import Value
        >>> optimizer = SGD([Value(1.0)], lr=0.5, momentum=0.9)
        >>> optimizer.step()
        >>> optimizer.state_dict()["state"]
        {0: {'momentum_buffer': 0.0}}
        """
        state, groups, first = self.state, [], 0
        for group in self.param_groups:
            end = first + len(group["params"])
            groups.append({**_plain(group), "params": list(range(first, end))})
            first = end
        return {
            "optimizer": type(self).__name__,
            "state": {i: _as_lists(state[parameter]) for i, parameter in enumerate(self.params)},
            "param_groups": groups,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave, also by way of JSON, which makes strings of numbers.

        The parameters themselves stay as they are; the model has them. Either all is taken or,
        when anything is wrong with `state`, nothing.

        Raises ValueError if it is of another optimizer, of other numbers of groups or parameters,
        or has unknown or missing entries; TypeError if something in it is of another type.
        """
        self._require_keys("the state", state, ("optimizer", "state", "param_groups"))
        name = type(self).__name__
        if state["optimizer"] != name:
            raise ValueError(f"this is the state of {state['optimizer']}, not of {name}")
        saved = state["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"the state has {len(saved)} parameter groups, {name} has {len(self.param_groups)}"
            )
        first = 0
        groups = []
        for place, (group, mine) in enumerate(zip(saved, self.param_groups, strict=True)):
            keys = ("params", *self.defaults)
            self._require_keys(f"group {place}", group, keys, optional="initial_lr")
            indices = list(range(first, first + len(mine["params"])))
            if list(group["params"]) != indices:
                raise ValueError(
                    f"group {place} has {len(mine['params'])} parameters, numbers {first} to "
                    f"{indices[-1]}; in the state it has {_short(group['params'])}"
                )
            first += len(indices)
            options = {key: option for key, option in group.items() if key != "params"}
            groups.append({**_checked(options, lr=not_negative), "params": mine["params"]})
        states = self._states(groups, state["state"])

        for mine, group in zip(self.param_groups, groups, strict=True):
            mine.clear()
            mine.update(group)
        self.state = states

    def _has_rule_for_arrays(self) -> bool:
        return "functions" in inspect.signature(self.rule).parameters

    def _require_rule_for_arrays(self) -> None:
        if not self._has_rule_for_arrays():
            raise TypeError(f"{type(self).__name__} has a rule for numbers only, not for arrays")

    def _require_lr(self) -> None:
        if "lr" not in self.defaults:
            raise AttributeError(f"{type(self).__name__} has no learning rate")

    def _states(
        self, groups: Iterable[Mapping[str, Any]], saved: Any
    ) -> MutableMapping[Any, State]:
        """What `saved` has of each parameter."""
        if not isinstance(saved, Mapping):
            raise TypeError(f"'state' must map numbers to states, got {saved!r}")
        by_number = {str(key): state for key, state in saved.items()}
        states: MutableMapping[Any, State] = ByIdentity() if self.moves_arrays else {}
        for group in groups:
            initial = self.initial_state(group)
            steps = set()
            for parameter in group["params"]:
                key = str(len(states))
                if key not in by_number:
                    raise ValueError(f"the state lacks parameter {key}")
                state = by_number[key]
                self._require_keys(f"the state of parameter {key}", state, tuple(initial))
                states[parameter] = {
                    name: _state_entry(
                        f"{name} of parameter {key}", entry, initial[name], parameter
                    )
                    for name, entry in state.items()
                }
                steps.add((state.get("step"), any(entry is None for entry in state.values())))
            if len(steps) > 1:
                raise ValueError("the parameters of a group must have made equally many steps")
        if len(by_number) > len(states):
            raise ValueError(f"the state has {len(by_number)} parameters, not {len(states)}")
        return states

    def _require_keys(
        self, what: str, mapping: Any, keys: tuple[str, ...], optional: str | None = None
    ) -> None:
        if not isinstance(mapping, Mapping):
            raise TypeError(f"{what} of {type(self).__name__} must be a dict, got {mapping!r}")
        problems = [
            f"{kind} {', '.join(map(repr, names))}"
            for kind, names in (
                ("missing", [key for key in keys if key not in mapping]),
                ("unexpected", [key for key in mapping if key not in (*keys, optional)]),
            )
            if names
        ]
        if problems:
            raise ValueError(f"{what} does not fit {type(self).__name__}: {'; '.join(problems)}")

    def __repr__(self) -> str:
        """Return the class, the number of parameters, and the options of each group."""
        kind = "arrays" if self.moves_arrays else "parameters"
        groups = [
            f"{len(group['params'])} {kind}, "
            + ", ".join(f"{k}={v!r}" for k, v in group.items() if k != "params")
            for group in self.param_groups
        ]
        return f"{type(self).__name__}({'; '.join(groups)})"


class SGD(Optimizer):
    """Gradient descent, plain or with momentum: p = p - lr * b, b = momentum * b + dloss/dp.

    params: the parameters, or groups of them, as of `Optimizer`.
    lr: the learning rate, above 0.
    momentum: how much of b is kept from one step to the next. dampening: 1 - dampening is how much
    of the gradient is added to it, after the first step.
    weight_decay: this times p is added to the gradient.
    nesterov: move by the gradient and momentum * b, which looks one step ahead.
    maximize: move with the gradient, not against it.

    Raises ValueError and TypeError as `Optimizer`; ValueError for nesterov without momentum or with
    dampening.

    Source: H. Robbins, S. Monro, "A stochastic approximation method", Annals of Mathematical
    Statistics 22 (1951); B. Polyak, "Some methods of speeding up the convergence of iteration
    methods", USSR Computational Mathematics and Mathematical Physics 4 (1964); Y. Nesterov, "A
    method of solving a convex programming problem with convergence rate O(1/k**2)", Soviet
    Mathematics Doklady 27 (1983); in this form I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On
    the importance of initialization and momentum in deep learning", ICML (2013).

    >>> from autograd_scalar import Value
    >>> x = Value(4.0)
    >>> optimizer = SGD([x], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (x * x).backward()
    ...     optimizer.step()
    >>> x.data
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def initial_state(self, group: Mapping[str, Any]) -> State:
        """Return b, None until the first step makes it the gradient."""
        return {"momentum_buffer": None}

    def rule(self, group: Mapping[str, Any], step: int, functions: Any = Floats) -> Rule:
        """See `Optimizer.rule`."""
        lr: float = group["lr"]
        momentum: float = group["momentum"]
        share = 1 - group["dampening"]
        nesterov = group["nesterov"]

        def move(x: Any, grad: Any, state: State) -> Any:
            if momentum:
                buffer = state["momentum_buffer"]
                buffer = grad if buffer is None else momentum * buffer + share * grad
                state["momentum_buffer"] = buffer
                grad = grad + momentum * buffer if nesterov else buffer
            return x - lr * grad

        return move


class RMSprop(Optimizer):
    """Gradients over the root of their mean square: p = p - lr * g / (sqrt(mean(g**2)) + eps).

    params, lr, weight_decay, maximize: as of `SGD`.
    alpha: how much of the mean is kept from one step to the next. eps: above 0, keeps the steps
    finite.
    momentum: how much of a step is repeated in the next.
    centered: divide by the standard deviation of g instead.

    Raises ValueError and TypeError as `Optimizer`.

    Source: T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", Neural Networks for Machine Learning
    (2012); centered: A. Graves, "Generating sequences with recurrent neural networks",
    arXiv:1308.0850 (2013).

    >>> from autograd_scalar import Value
    >>> x = Value(1.0)
    >>> x.grad = 1000.0
    >>> RMSprop([x], lr=0.01).step()
    >>> round(x.data, 9)
    0.9
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
        )

    def initial_state(self, group: Mapping[str, Any]) -> State:
        """Return the step, the means of g**2 and of g, and the last move, all 0."""
        return {"step": 0, "square_avg": 0.0, "momentum_buffer": 0.0, "grad_avg": 0.0}

    def rule(self, group: Mapping[str, Any], step: int, functions: Any = Floats) -> Rule:
        """See `Optimizer.rule`."""
        lr: float = group["lr"]
        alpha: float = group["alpha"]
        eps: float = group["eps"]
        momentum: float = group["momentum"]
        centered = group["centered"]
        rest = 1 - alpha
        sqrt, maximum = functions.sqrt, functions.maximum

        def move(x: Any, grad: Any, state: State) -> Any:
            state["step"] = step
            square = alpha * state["square_avg"] + rest * grad * grad
            state["square_avg"] = square
            if centered:
                average = state["grad_avg"] = _towards(state["grad_avg"], grad, rest)
                # Below 0 it could only be rounding.
                square = maximum(square - average * average, 0.0)
            root = sqrt(square) + eps
            if not momentum:
                return x - lr * grad / root
            buffer = momentum * state["momentum_buffer"] + grad / root
            state["momentum_buffer"] = buffer
            return x - lr * buffer

        return move


class Adagrad(Optimizer):
    """Gradients over the root of the sum of their squares: p = p - lr * g / (sqrt(sum) + eps).

    params, lr, weight_decay, maximize: as of `SGD`.
    lr_decay: the rate of the n-th step is lr / (1 + (n - 1) * lr_decay).
    initial_accumulator_value: what the sum starts from. eps: above 0, keeps the steps finite.

    Raises ValueError and TypeError as `Optimizer`.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", Journal of Machine Learning Research 12 (2011).

    >>> from autograd_scalar import Value
    >>> x = Value(1.0)
    >>> x.grad = 1000.0
    >>> Adagrad([x], lr=0.5).step()
    >>> round(x.data, 9)
    0.5
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
                "maximize": maximize,
            },
        )

    def initial_state(self, group: Mapping[str, Any]) -> State:
        """Return the step and the sum."""
        return {"step": 0, "sum": group["initial_accumulator_value"]}

    def rule(self, group: Mapping[str, Any], step: int, functions: Any = Floats) -> Rule:
        """See `Optimizer.rule`."""
        rate: float = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        eps: float = group["eps"]
        sqrt = functions.sqrt

        def move(x: Any, grad: Any, state: State) -> Any:
            state["step"] = step
            total = state["sum"] = state["sum"] + grad * grad
            return x - rate * grad / (sqrt(total) + eps)

        return move


class Adam(Optimizer):
    """Mean gradients over the root of their mean square, both corrected for their start at 0.

    p = p - lr * m / (sqrt(v) + eps), m the mean of the gradients, v that of their squares.

    params, lr, weight_decay, maximize: as of `SGD`.
    betas: how much of m and of v is kept from one step to the next. eps: above 0, keeps the steps
    finite.
    amsgrad: divide by the root of the largest v so far, so that steps never grow again.

    Raises ValueError and TypeError as `Optimizer`.

    Source: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015); amsgrad:
    S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR (2018).

    >>> from autograd_scalar import Value
    >>> x = Value(1.0)
    >>> x.grad = 1000.0
    >>> Adam([x], lr=0.25).step()
    >>> round(x.data, 9)
    0.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def initial_state(self, group: Mapping[str, Any]) -> State:
        """Return the step, the means, and the largest mean of squares, all 0."""
        return {"step": 0, "exp_avg": 0.0, "exp_avg_sq": 0.0, "max_exp_avg_sq": 0.0}

    def rule(self, group: Mapping[str, Any], step: int, functions: Any = Floats) -> Rule:
        """See `Optimizer.rule`."""
        lr: float = group["lr"]
        eps: float = group["eps"]
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        rest1, rest2 = 1 - beta1, 1 - beta2
        size: float = lr / (1 - beta1**step)
        correction: float = (1 - beta2**step) ** 0.5
        kept: float = 1 - lr * group["weight_decay"] if self.decoupled else 1.0
        sqrt, maximum = functions.sqrt, functions.maximum

        def move(x: Any, grad: Any, state: State) -> Any:
            state["step"] = step
            mean = state["exp_avg"] = _towards(state["exp_avg"], grad, rest1)
            square = beta2 * state["exp_avg_sq"] + rest2 * grad * grad
            state["exp_avg_sq"] = square
            if amsgrad:
                square = state["max_exp_avg_sq"] = maximum(square, state["max_exp_avg_sq"])
            return kept * x - size * mean / (sqrt(square) / correction + eps)

        return move


class AdamW(Adam):
    """Adam with weight decay of its own: p is multiplied by 1 - lr * weight_decay at each step.

    In `Adam` the decay is a term of the gradient, and divided by its root mean square as well.

    Arguments and errors are as of `Adam`.

    Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR (2019).

    >>> from autograd_scalar import Value
    >>> x = Value(1.0)
    >>> AdamW([x], lr=0.5, weight_decay=0.5).step()
    >>> x.data
    0.75
    """

    decoupled = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


def _towards(a: Any, b: Any, weight: float) -> Any:
    """The point between a and b at that share of the way, computed from the nearer end."""
    return a + weight * (b - a) if weight < 0.5 else b - (b - a) * (1 - weight)


# --- Checks ---------------------------------------------------------------------------------------


def _betas(name: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, got {value!r}")
    return tuple(below_one(f"{name}[{place}]", beta) for place, beta in enumerate(value))


CHECKS: dict[str, Callable[[str, object], Any]] = {
    "alpha": below_one,
    "amsgrad": flag,
    "betas": _betas,
    "centered": flag,
    "dampening": number,
    "eps": positive,
    "initial_accumulator_value": not_negative,
    "initial_lr": not_negative,
    "lr": positive,
    "lr_decay": not_negative,
    "maximize": flag,
    "momentum": not_negative,
    "nesterov": flag,
    "sigma": positive,
    "weight_decay": not_negative,
}
"""What each option of an optimizer has to be."""


def _checked(
    options: Mapping[str, Any], **other_checks: Callable[[str, object], Any]
) -> dict[str, Any]:
    checks = CHECKS | other_checks
    checked = {name: checks[name](name, option) for name, option in options.items()}
    if checked.get("nesterov") and not (checked["momentum"] > 0 and checked["dampening"] == 0):
        raise ValueError("nesterov needs a momentum above 0 and no dampening")
    return checked


def _groups(params: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(params, Module):  # a Sequential is iterable
        raise TypeError(f"params must be the parameters of {params.summary()}: its .parameters()")
    if is_array(params):
        params = [params]
    if not isinstance(params, Iterable):
        raise TypeError(f"params must be parameters to optimise, got {params!r}")
    items = list(params)
    if not items:
        raise ValueError("params must hold at least one parameter, got none")
    if isinstance(items[0], Mapping):
        yield from items
    else:
        yield {"params": items}


def _parameters(params: Any, name: str, others: Sequence[Any]) -> list[Any]:
    """The parameters of a group, after those `others`."""
    if isinstance(params, Value) or is_array(params):
        params = [params]
    if not isinstance(params, Iterable):
        raise TypeError(f"{name} must be parameters to optimise, got {params!r}")
    parameters = list(params)
    if not parameters:
        raise ValueError(f"{name} must hold at least one parameter, got none")
    first: dict[int, int] = {}
    elsewhere = {id(parameter) for parameter in others}
    for place, parameter in enumerate(parameters):
        if is_array(parameter):
            require_movable(f"{name}[{place}]", parameter)
        elif not isinstance(parameter, Value):
            raise TypeError(f"{name}[{place}] must be a Value or an array, got {parameter!r}")
        elif parameter.parents:
            raise ValueError(
                f"{name}[{place}] is no parameter: it was computed from others, by {parameter.op!r}"
            )
        if first.setdefault(id(parameter), place) != place:
            raise ValueError(f"{name}[{place}] is {name}[{first[id(parameter)]}] once more")
        if id(parameter) in elsewhere:
            raise ValueError(f"{name}[{place}] is in another group already")
    together = [*others, *parameters]
    if any(map(is_array, together)):
        _require_separate(together)
    return parameters


def _require_separate(params: Sequence[Any]) -> None:
    if not all(map(is_array, params)):
        raise TypeError("params must be all Values or all arrays, got both")
    for place, array in enumerate(params):
        for other in params[:place]:
            if overlap(array, other):
                raise ValueError(f"array {place} of params overlaps with one before it")


def _slopes(who: str, params: Sequence[Value], given: Any) -> list[float]:
    """The gradients of Values that were given."""
    if isinstance(given, (Mapping, str)) or not isinstance(given, Iterable):
        raise TypeError(
            f"{who}: gradients must be numbers, one a parameter, not {described(given)}"
        )
    slopes = list(given)
    if len(slopes) != len(params):
        raise ValueError(
            f"{who}: gradients must be {len(params)}, one a parameter, not {len(slopes)}"
        )
    return [plain(slope, f"{who}: gradients[{i}]") for i, slope in enumerate(slopes)]


# --- What is remembered ---------------------------------------------------------------------------


def _as_lists(state: State) -> State:
    return {
        name: entry.tolist() if hasattr(entry, "tolist") else entry for name, entry in state.items()
    }


def _state_entry(name: str, entry: object, initial: object, parameter: Any) -> Any:
    if isinstance(initial, int):
        return whole_number(name, entry)
    if initial is None and entry is None:
        return None
    if is_array(parameter):
        return array_state(name, entry, parameter.shape)
    if isinstance(entry, bool) or not isinstance(entry, (int, float)):
        raise TypeError(f"{name} must be a number, got {entry!r}")
    return float(entry)


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in group.items()}


def _short(indices: Any) -> str:
    text = repr(indices)
    return text if len(text) < 60 else text[:57] + "..."
