"""Modules: whatever way parameters are kept, they are found, named, cleared, saved and loaded."""

import copy
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

from autograd_scalar import Value
from nn import MLP, Layer, Module, Neuron
from nn.tensors import elements


class Bag(Module):
    """A module whose attributes are the keyword arguments."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def paths(module):
    return [path for path, _ in module.named_parameters()]


def v():
    return Value(1.0)


# --- finding ---

KEPT = [
    (lambda: Bag(), []),
    (lambda: Bag(a=v()), ["a"]),
    (lambda: Bag(a=[v(), v()]), ["a.0", "a.1"]),
    (lambda: Bag(a=(v(), [v()])), ["a.0", "a.1.0"]),
    (lambda: Bag(a={"x": v(), 3: [v()]}), ["a.x", "a.3.0"]),
    (lambda: Bag(a=np.array([[v(), v()]])), ["a.0.0", "a.0.1"]),
    (lambda: Bag(a=np.zeros(3), b="text", c=None, d=2.0, e={1.0}), []),
    (lambda: Bag(_hidden=v()), ["_hidden"]),
    (lambda: Bag(a=Bag(b=Bag(c=v()))), ["a.b.c"]),
    (lambda: Bag(a=[{"k": (Bag(b=v()),)}]), ["a.0.k.0.b"]),
    (lambda: Bag(a=v(), b=v() * v()), ["a"]),
    (lambda: Neuron(2), ["w.0", "w.1", "b"]),
    (lambda: Layer(1, 2), ["neurons.0.w.0", "neurons.0.b", "neurons.1.w.0", "neurons.1.b"]),
]


@pytest.mark.parametrize(("make", "expected"), KEPT)
def test_parameters_are_found_wherever_they_are_kept(make, expected):
    module = make()
    assert paths(module) == expected
    assert [p for _, p in module.named_parameters()] == module.parameters()
    state = module.state_dict()
    assert [place for path in state for place, _ in elements(state[path], path)] == expected


def test_a_shared_parameter_comes_once_under_its_first_path():
    shared = v()
    inner = Bag(w=shared)
    module = Bag(a=shared, b=[shared], c=inner, d=inner, e={"x": inner})
    assert module.named_parameters() == [("a", shared)]
    assert paths(Bag(c=inner, d=inner)) == ["c.w"]


def test_modules_that_refer_to_each_other_are_walked_once():
    outer, inner = Bag(a=v()), Bag(b=v())
    outer.inner, inner.outer = inner, outer
    assert paths(outer) == ["a", "inner.b"]
    assert paths(inner) == ["b", "outer.a"]
    assert "..." in repr(outer)


class Closed(Module):
    """A module in micrograd's way: it only says what its parameters are."""

    def __init__(self, *kept):
        self.secret = lambda: list(kept)

    def parameters(self):
        return self.secret()


def test_a_module_that_defines_parameters_is_believed():
    a, b = v(), v()
    module = Closed(a, b, a)
    assert module.named_parameters() == [("parameters.0", a), ("parameters.1", b)]
    a.grad = b.grad = 5.0
    module.zero_grad()
    assert a.grad == b.grad == 0.0


def test_a_module_around_one_that_defines_parameters_agrees_with_it():
    a, b = v(), v()
    inner = Closed(a, b)
    outer = Bag(b=b, inner=inner)
    assert outer.named_parameters() == [("b", b), ("inner.parameters.0", a)]
    frozen = Bag(w=v())
    frozen.parameters = None  # an instance attribute changes nothing
    assert paths(Bag(inner=frozen)) == ["inner.w"]


def test_frozen_parameters_stay_out_of_the_module_around():
    class Frozen(Neuron):
        def parameters(self):
            return []

    assert Bag(a=Frozen(2), b=v()).state_dict() == {"b": 1.0}


# --- labels ---


def test_paths_become_labels_and_a_label_of_ones_own_stays():
    mine = Value(1.0, label="mine")
    module = Bag(a=mine, b=v())
    module.named_parameters()
    assert (module.a.label, module.b.label) == ("mine", "b")


def test_a_label_grows_with_the_module_around_and_never_shrinks():
    model = MLP(1, [1, 1])
    weight = model.layers[1].neurons[0].w[0]
    assert weight.label == "layers.1.neurons.0.w.0"
    outer = Bag(policy=model)
    outer.named_parameters()
    assert weight.label == "policy.layers.1.neurons.0.w.0"
    model.named_parameters()
    assert weight.label == "policy.layers.1.neurons.0.w.0"


def test_a_users_label_stays_even_where_it_ends_the_path():
    inner = Bag(w=Value(1.0, label="w"))
    Bag(net=inner).named_parameters()
    assert inner.w.label == "w"


# --- zero_grad ---


def test_zero_grad_clears_every_parameter():
    model = MLP(2, [3, 1], rng=0)
    model([1.0, 2.0]).backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert all(p.grad == 0.0 for p in model.parameters())


# --- state ---


def test_a_saved_state_loads_into_an_equal_model():
    model, other = MLP(2, [3, 2], rng=0), MLP(2, [3, 2], rng=1)
    state = json.loads(json.dumps(model.state_dict()))
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert [o.data for o in other([1.0, 2.0])] == [o.data for o in model([1.0, 2.0])]


@pytest.mark.parametrize("number", [2, True, 2.5, Fraction(1, 4), np.float32(0.5), math.inf])
def test_every_real_number_loads_as_a_float(number):
    module = Bag(a=v())
    module.load_state_dict({"a": number})
    assert module.a.data == number
    assert type(module.a.data) is float


BAD_STATES = [
    ({"a": 2.0}, ValueError, "Bag: missing 'b'$"),
    ({}, ValueError, "missing 'a', 'b'$"),
    ({"a": 2.0, "b": [2.0], "c": 1.0}, ValueError, "unexpected 'c'$"),
    ({"a": 2.0, "b.0": 2.0}, ValueError, "missing 'b'; unexpected 'b.0'$"),
    ({"a": 2.0, "b": "2.0"}, TypeError, "not a number at 'b'$"),
    ({"a": ["2"], "b": [None]}, TypeError, "not a number at 'a', 'b'$"),
    ({"a": Value(2.0), "b": [2.0]}, TypeError, "not a number at 'a'$"),
    ({"a": 2.0, "x": None}, ValueError, "missing 'b'; unexpected 'x'$"),
    ({"a": "2", "c": 1.0}, ValueError, "missing 'b'; unexpected 'c'; not a number at 'a'$"),
    ({"a": 2.0, "b": [10**400]}, OverflowError, "too large"),
    ({"a": [2.0], "b": [2.0]}, ValueError, "'a' is of shape 1, expected a number$"),
    ({"a": 2.0, "b": [2.0, 3.0]}, ValueError, "'b' is of shape 2, expected 1$"),
    ({"a": 2.0, "b": [[2.0], 3.0]}, ValueError, "'b' is ragged"),
    ([("a", 2.0), ("b", [2.0])], TypeError, "state must map paths to numbers, got list"),
    (None, TypeError, "got NoneType"),
]


@pytest.mark.parametrize(("state", "error", "message"), BAD_STATES)
def test_a_state_that_does_not_fit_is_reported_whole_and_nothing_is_loaded(state, error, message):
    module = Bag(a=v(), b=[v()])
    with pytest.raises(error, match=message):
        module.load_state_dict(state)
    assert module.state_dict() == {"a": 1.0, "b": [1.0]}


def test_a_state_may_be_of_arrays():
    module = Bag(a=[[v(), v()]], b=v())
    module.load_state_dict({"a": np.array([[2.0, 3.0]]), "b": np.float64(4.0)})
    assert module.state_dict() == {"a": [[2.0, 3.0]], "b": 4.0}


# --- tied tensors ---


def tied():
    """An encoder and a decoder with one weight, the second transposed."""
    weight = [[v(), v(), v()], [v(), v(), v()]]
    transposed = [list(column) for column in zip(*weight, strict=True)]
    return Bag(encoder=Bag(weight=weight), decoder=Bag(weight=transposed, bias=v()))


def test_a_tied_tensor_is_counted_and_saved_once():
    module = tied()
    assert len(module.parameters()) == 7
    assert list(module.state_dict()) == ["encoder.weight", "decoder.bias"]
    same = [v()]
    assert Bag(a=same, b=same).state_dict() == {"a": [1.0]}
    assert Bag(a=same, b=same[0]).state_dict() == {"a": [1.0]}


def test_a_tied_tensor_loads_from_any_of_its_paths():
    rows, columns = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    for state in (
        {"encoder.weight": rows},
        {"decoder.weight": columns},
        {"decoder.weight": columns, "encoder.weight": rows},
    ):
        module = tied()
        module.load_state_dict({**state, "decoder.bias": 0.5})
        assert module.state_dict() == {"encoder.weight": rows, "decoder.bias": 0.5}


def test_unequal_numbers_for_one_parameter_are_refused():
    module = tied()
    with pytest.raises(ValueError, match=r"unequal to what it shares.*'decoder\.weight'"):
        module.load_state_dict(
            {
                "encoder.weight": [[1.0] * 3] * 2,
                "decoder.weight": [[2.0] * 2] * 3,
                "decoder.bias": 0.0,
            }
        )
    same = v()
    both = Bag(a=same, b=[same])
    both.load_state_dict({"a": math.nan, "b": [math.nan]})
    assert math.isnan(same.data)


def test_tensors_that_overlap_are_both_saved():
    a, b, c = v(), v(), v()
    module = Bag(first=[a, b], second=[b, c])
    assert list(module.state_dict()) == ["first", "second"]
    module.load_state_dict({"first": [1.0, 2.0], "second": [2.0, 3.0]})
    assert [p.data for p in (a, b, c)] == [1.0, 2.0, 3.0]


# --- buffers, modes and hooks ---


class Counting(Module):
    """A module that counts its calls and keeps a mean, as batch normalization does."""

    buffer_names = ("calls", "mean", "unused")

    def __init__(self):
        self.weight = v()
        self.calls, self.mean, self.unused = 0, [0.0, 0.0], None

    def forward(self, x):
        self.calls += 1
        return self.weight * x


def test_buffers_are_saved_and_no_parameters():
    module = Bag(inner=Counting())
    module.inner(2.0)
    assert paths(module) == ["inner.weight"]
    state = module.state_dict()
    assert state == {"inner.weight": 1.0, "inner.calls": 1, "inner.mean": [0.0, 0.0]}
    other = Bag(inner=Counting())
    other.load_state_dict(json.loads(json.dumps(state)) | {"inner.mean": [3.0, 4.0]})
    assert (other.inner.calls, other.inner.mean) == (1, [3.0, 4.0])
    assert type(other.inner.calls) is int
    with pytest.raises(ValueError, match=r"missing 'inner\.calls'"):
        other.load_state_dict({"inner.weight": 1.0, "inner.mean": [0.0, 0.0]})


def test_a_saved_buffer_is_a_copy():
    module = Counting()
    state = module.state_dict()
    module.mean[0] = 9.0
    assert state["mean"] == [0.0, 0.0]


def test_train_and_eval_reach_every_module_below():
    inner = Bag()
    module = Bag(a=[inner], b={"x": Bag()}, c=inner)
    assert [path for path, _ in module.named_modules()] == ["", "a.0", "b.x"]
    assert all(m.training for m in module.modules())
    assert module.eval() is module
    assert not any(m.training for m in module.modules())
    assert module.train() is module
    assert all(m.training for m in module.modules())


def test_hooks_see_every_call_until_they_are_removed():
    module, seen = Counting(), []
    first = module.register_forward_hook(lambda *call: seen.append(("first", *call)))
    second = module.register_forward_hook(lambda m, args, out: seen.append(("second", out.data)))
    out = module(3.0)
    assert seen == [("first", module, (3.0,), out), ("second", 3.0)]
    first()
    module(4.0)
    second()
    module(5.0)
    assert seen[2:] == [("second", 4.0)]


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Bag has no forward"):
        Bag()(1.0)


def test_two_parameters_at_one_path_can_not_be_saved():
    module = Bag(a={1: v(), "1": v()})
    assert len(module.parameters()) == 2
    with pytest.raises(ValueError, match=r"more than one parameter is at the path 'a\.1'"):
        module.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_equal_and_independent(copied):
    model = MLP(2, [3, 1], rng=0)
    other = copied(model)
    assert other.state_dict() == model.state_dict()
    assert repr(other) == repr(model)
    other.layers[0].neurons[0].b.data = 9.0
    assert model.layers[0].neurons[0].b.data == 0.0


# --- repr ---

TREES = [
    (lambda: Bag(), "Bag, 0 parameters"),
    (lambda: Bag(a=v()), "Bag, 1 parameter"),
    (
        lambda: Bag(a=Neuron(1), b=Neuron(1)),
        "Bag, 4 parameters\n  a: Neuron(1, relu), 2 parameters\n  b: Neuron(1, relu), 2 parameters",
    ),
    (
        lambda: Bag(a=[Neuron(1), Neuron(1), Neuron(2)], c={"x": Bag()}),
        "Bag, 7 parameters\n  a.0-1: 2 x Neuron(1, relu), 2 parameters\n"
        "  a.2: Neuron(2, relu), 3 parameters\n  c.x: Bag, 0 parameters",
    ),
    (
        lambda: Bag(a=[Bag(n=Neuron(1))] * 2),
        "Bag, 2 parameters\n  a.0-1: 2 x Bag, 2 parameters\n    n: Neuron(1, relu), 2 parameters",
    ),
]


@pytest.mark.parametrize(("make", "tree"), TREES)
def test_repr_is_an_indented_tree(make, tree):
    assert repr(make()) == tree
