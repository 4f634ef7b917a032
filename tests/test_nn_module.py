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
    assert list(module.state_dict()) == expected


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
    ({"a": 2.0}, ValueError, "Bag: missing 'b.0'$"),
    ({}, ValueError, "missing 'a', 'b.0'$"),
    ({"a": 2.0, "b.0": 2.0, "c": 1.0}, ValueError, "unexpected 'c'$"),
    ({"a": 2.0, "b": [2.0]}, ValueError, "missing 'b.0'; unexpected 'b'$"),
    ({"a": 2.0, "b.0": "2.0"}, TypeError, "not a number at 'b.0'$"),
    ({"a": [2.0], "b.0": None}, TypeError, "not a number at 'a', 'b.0'$"),
    ({"a": Value(2.0), "b.0": 2.0}, TypeError, "not a number at 'a'$"),
    ({"a": 2.0, "x": None}, ValueError, "missing 'b.0'; unexpected 'x'$"),
    ({"a": "2", "c": 1.0}, ValueError, "missing 'b.0'; unexpected 'c'; not a number at 'a'$"),
    ({"a": 2.0, "b.0": 10**400}, OverflowError, "too large"),
    ([("a", 2.0), ("b.0", 2.0)], TypeError, "state must map paths to numbers, got list"),
    (None, TypeError, "got NoneType"),
]


@pytest.mark.parametrize(("state", "error", "message"), BAD_STATES)
def test_a_state_that_does_not_fit_is_reported_whole_and_nothing_is_loaded(state, error, message):
    module = Bag(a=v(), b=[v()])
    with pytest.raises(error, match=message):
        module.load_state_dict(state)
    assert module.state_dict() == {"a": 1.0, "b.0": 1.0}


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
