"""Neuron, Layer and MLP: micrograd's weights and numbers, one node per sum, clear errors."""

import math
import random

import numpy as np
import pytest

import autograd_scalar
from autograd_scalar import Value
from nn import ACTIVATIONS, MLP, Layer, Neuron

# random.seed(1337); MLP(2, [16, 16, 1])([1.0, -2.0]).backward() in micrograd 0.1.0
RECORDED_WEIGHTS = [0.23550571390294128, 0.06653114721000164]
RECORDED_OUTPUT = -1.3324313779586294
RECORDED_GRADIENTS = [-0.7444599569696363, 1.4889199139392726]


def graph(root):
    nodes, ahead = {}, [root]
    while ahead:
        node = ahead.pop()
        if id(node) not in nodes:
            nodes[id(node)] = node
            ahead.extend(node.parents)
    return list(nodes.values())


def inner(root):
    return [node.op for node in graph(root) if node.parents]


# --- micrograd ---

SHAPES = [(1, [1]), (2, [1]), (3, [4, 4, 1]), (2, [16, 16, 1]), (4, [3, 2])]


@pytest.mark.parametrize(("nin", "nouts"), SHAPES)
def test_after_random_seed_the_model_is_that_of_micrograd(nin, nouts):
    micrograd_nn = pytest.importorskip("micrograd.nn")
    random.seed(1337)
    theirs = micrograd_nn.MLP(nin, nouts)
    random.seed(1337)
    ours = MLP(nin, nouts)
    assert [p.data for p in ours.parameters()] == [p.data for p in theirs.parameters()]

    x = [random.uniform(-2, 2) for _ in range(nin)]
    outs = [out if isinstance(out, list) else [out] for out in (ours(x), theirs(x))]
    for our, their in zip(*outs, strict=True):
        assert our.data == pytest.approx(their.data, rel=1e-14, abs=1e-14)
    for out in outs:
        sum(out).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert p.grad == pytest.approx(q.grad, rel=1e-13, abs=1e-13)


def test_the_numbers_that_micrograd_gave_once():
    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 337
    first = model.layers[0].neurons[0].w
    assert [w.data for w in first] == RECORDED_WEIGHTS
    out = model([1.0, -2.0])
    out.backward()
    assert out.data == pytest.approx(RECORDED_OUTPUT, rel=1e-14)
    assert [w.grad for w in first] == pytest.approx(RECORDED_GRADIENTS, rel=1e-13)


@pytest.mark.parametrize("make", [Neuron, lambda n, **k: Layer(n, 2, **k), lambda n: MLP(n, [2])])
def test_micrograd_attributes_are_there(make):
    module = make(3)
    layer = module.layers[0] if isinstance(module, MLP) else module
    neuron = layer.neurons[0] if isinstance(layer, Layer) else layer
    assert len(neuron.w) == 3
    assert neuron.b.data == 0.0
    assert neuron.nonlin is not isinstance(module, MLP)


def test_nonlin_reaches_the_neurons_and_may_be_changed_later():
    layer = Layer(1, 1, nonlin=False, rng=0)
    neuron = layer.neurons[0]
    neuron.w[0].data = -1.0
    assert layer([2.0]).data == -2.0
    neuron.nonlin = True
    assert layer([2.0]).data == 0.0


# --- the computation ---


@pytest.mark.parametrize("nonlin", [True, False])
@pytest.mark.parametrize("nin", [1, 2, 5])
def test_a_neuron_is_a_dot_an_addition_and_an_activation(nin, nonlin):
    out = Neuron(nin, nonlin, activation="tanh", rng=0)([0.5] * nin)
    assert sorted(inner(out)) == sorted(["dot", "+", "tanh"] if nonlin else ["dot", "+"])


@pytest.mark.parametrize("nin", [1, 2, 5])
def test_an_unfused_neuron_has_a_node_for_every_product_and_every_sum(nin):
    out = Neuron(nin, activation="tanh", fused=False, rng=0)([0.5] * nin)
    assert sorted(inner(out)) == sorted(["*"] * nin + ["+"] * nin + ["tanh"])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_fused_and_unfused_give_equal_bits(activation, seed):
    rng = random.Random(seed)
    fused = MLP(3, [4, 2], activation=activation, rng=seed)
    unfused = MLP(3, [4, 2], activation=activation, fused=False, rng=seed)
    for p, q in zip(fused.parameters(), unfused.parameters(), strict=True):
        p.data = q.data = rng.uniform(-2, 2)
    x = [rng.uniform(-2, 2) for _ in range(3)]
    for a, b in zip(fused(x), unfused(x), strict=True):
        assert a.data == b.data
        fused.zero_grad()
        unfused.zero_grad()
        a.backward()
        b.backward()
        for p, q in zip(fused.parameters(), unfused.parameters(), strict=True):
            assert p.grad == pytest.approx(q.grad, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"linear"}))
def test_an_activation_by_name_is_the_function_of_the_engine(name):
    function = getattr(autograd_scalar, name)
    for x in (-3.0, -0.5, 0.0, 0.5, 3.0):
        assert ACTIVATIONS[name](Value(x)).data == function(x)
    by_name, by_function = (
        MLP(2, [3, 1], activation=activation, rng=0) for activation in (name, function)
    )
    assert by_name([1.0, -1.0]).data == by_function([1.0, -1.0]).data
    assert repr(by_name) == repr(by_function)


def test_the_activation_is_on_every_layer_but_the_last():
    model = MLP(1, [2, 2, 2], activation="tanh", rng=0)
    outs = model([0.5])
    assert [out.op for out in outs] == ["+", "+"]
    assert inner(outs[0]).count("tanh") == 4
    assert [layer.neurons[0].nonlin for layer in model.layers] == [True, True, False]


def test_an_activation_of_ones_own():
    def double(x):
        return 2 * x

    neuron = Neuron(1, activation=double, rng=0)
    assert neuron([1.0]).data == 2 * neuron.w[0].data
    assert repr(neuron) == "Neuron(1, double), 2 parameters"


@pytest.mark.parametrize("x", [[1, 2], (1.0, 2.0), [Value(1.0), 2], np.array([1.0, 2.0])])
@pytest.mark.parametrize("fused", [True, False])
def test_inputs_are_any_sequence_of_numbers_and_values(x, fused):
    model = MLP(2, [3, 1], fused=fused, rng=0)
    assert model(x).data == model([1.0, 2.0]).data


def test_one_neuron_gives_its_output_bare_and_more_give_a_list():
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert isinstance(MLP(2, [3, 1])([1.0, 2.0]), Value)
    assert [type(out) for out in Layer(2, 3)([1.0, 2.0])] == [Value] * 3


def test_a_hidden_layer_may_have_one_neuron():
    model = MLP(2, [1, 3], activation="tanh", rng=0)
    hidden = model.layers[0]([0.5, 0.25])
    assert [out.data for out in model([0.5, 0.25])] == [
        out.data for out in model.layers[1]([hidden])
    ]


# --- randomness ---


def drawn(model):
    return [p.data for p in model.parameters()]


@pytest.mark.parametrize(
    "make", [lambda r: Neuron(3, rng=r), lambda r: Layer(3, 2, rng=r), lambda r: MLP(3, [2], rng=r)]
)
def test_a_seed_a_generator_and_the_shared_generator_draw_the_same(make):
    state = random.getstate()
    random.seed(7)
    shared = drawn(make(None))
    random.setstate(state)
    assert drawn(make(7)) == drawn(make(random.Random(7))) == shared
    assert drawn(make(8)) != shared
    assert random.getstate() == state


def test_a_seed_draws_different_weights_for_each_neuron():
    weights = [w.data for n in Layer(3, 4, rng=0).neurons for w in n.w]
    assert len(set(weights)) == 12
    assert all(-1 < w < 1 for w in weights)


# --- errors ---

BAD = [
    (lambda: MLP(0, [1]), ValueError, "nin must be at least 1, got 0"),
    (lambda: MLP(-1, [1]), ValueError, "nin must be at least 1, got -1"),
    (lambda: MLP(2, []), ValueError, "nouts must hold at least one layer size"),
    (lambda: MLP(2, [0]), ValueError, r"nouts\[0\] must be at least 1, got 0"),
    (lambda: MLP(2, [3, -1]), ValueError, r"nouts\[1\] must be at least 1, got -1"),
    (lambda: MLP(2, 3), TypeError, "nouts must be a list of layer sizes, got 3"),
    (lambda: MLP(2, "3"), TypeError, r"nouts\[0\] must be an int, got '3'"),
    (lambda: MLP(2, [3.0]), TypeError, r"nouts\[0\] must be an int, got 3\.0 \(float\)"),
    (lambda: MLP("2", [3]), TypeError, "nin must be an int, got '2'"),
    (lambda: MLP(True, [3]), TypeError, "nin must be an int, got True"),
    (lambda: MLP(2, [1], rng="x"), TypeError, "rng must be"),
    (lambda: Layer(2, 0), ValueError, "nout must be at least 1, got 0"),
    (lambda: Layer(2, 1.5), TypeError, r"nout must be an int, got 1\.5"),
    (lambda: Layer(0, 1), ValueError, "nin must be at least 1"),
    (lambda: Neuron(0), ValueError, "nin must be at least 1"),
    (lambda: Neuron(2.0), TypeError, "nin must be an int"),
    (lambda: Neuron(2, activation="rleu"), ValueError, "unknown activation 'rleu', .* 'relu'?"),
    (lambda: MLP(2, [1], activation="TANH"), ValueError, "did you mean 'tanh'"),
    (lambda: Layer(2, 1, activation=None), TypeError, "activation must be a name or a function"),
    (lambda: Neuron(2)([1.0]), ValueError, "inputs must be 2 numbers, got 1"),
    (lambda: Neuron(1)([]), ValueError, "inputs must be 1 number, got 0"),
    (lambda: Layer(2, 2)([1.0] * 3), ValueError, "inputs must be 2 numbers, got 3"),
    (lambda: MLP(3, [2, 1])([1.0] * 2), ValueError, "inputs must be 3 numbers, got 2"),
    (lambda: MLP(1, [1])(1.0), TypeError, "inputs must be a sequence of 1 number, got float"),
    (lambda: MLP(2, [1])(Value(1.0)), TypeError, "a sequence of 2 numbers, got Value"),
    (lambda: Neuron(1, activation=math.tanh)([1.0]), TypeError, "drop the gradient"),
]


@pytest.mark.parametrize(("act", "error", "message"), BAD)
def test_bad_arguments(act, error, message):
    with pytest.raises(error, match=message):
        act()
