"""Every layer beside PyTorch's: one table of cases, and the numbers that PyTorch gives for them.

`python -m tests.torch_layers --write` records them in data/torch_layers.json, for tests that run
without PyTorch. Parameters and inputs are drawn here, so only outputs and gradients are kept.
"""

import json
import math
import random
import sys
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from autograd_scalar import Value, dot
from nn import activations, attention, convolution, layers, normalization, recurrent
from nn.tensors import filled, map_numbers, numbers, shape

RECORD = Path(__file__).parent / "data" / "torch_layers.json"
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Case:
    """A layer with its arguments, and the shapes of what it is called with."""

    module: Any
    layer: str
    arguments: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    torch: str = ""  # PyTorch's name, if it is another
    below: int = 0  # inputs are whole numbers below this
    before: tuple[tuple[int, ...], ...] = ()  # shapes of batches that it is trained on before
    training: bool = True
    mask: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        sizes = ", ".join("x".join(map(str, s)) for s in (*self.before, *self.shapes))
        more = "" if self.training else ", eval"
        more += "" if self.mask is None else f", mask {type(self.mask[0][0]).__name__}"
        more += "".join(f", {name}={value}" for name, value in self.options.items())
        return f"{self.layer}({arguments}) of {sizes}{more}"

    def draw(self, sizes, source):
        if self.below:
            return filled(sizes, lambda: source.randrange(self.below))
        return filled(sizes, lambda: source.uniform(-2, 2))

    def numbers(self, state_shapes):
        """The state, the batches before, the inputs; what the outputs are weighted with follows."""
        source = random.Random(self.name)
        state = {
            path: filled(sizes, lambda: source.uniform(-1, 1))
            for path, sizes in state_shapes.items()
        }
        before = [self.draw(sizes, source) for sizes in self.before]
        return state, before, [self.draw(sizes, source) for sizes in self.shapes], source


def _table():
    for arguments, sizes in [
        ((5, 3), (5,)),
        ((5, 3), (4, 5)),
        ((5, 3), (2, 3, 5)),
        ((1, 1), (1, 1)),
    ]:
        for bias in (True, False):
            sized = {"in_features": arguments[0], "out_features": arguments[1], "bias": bias}
            yield Case(layers, "Linear", sized, (sizes,))
    for padding in (None, 2, -1):
        sized = {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": padding}
        yield Case(layers, "Embedding", sized, ((6,),), below=5)
        yield Case(layers, "Embedding", sized, ((2, 4),), below=5)
    for start, end in [(1, -1), (0, -1), (0, 1), (2, 3), (-2, -1)]:
        yield Case(layers, "Flatten", {"start_dim": start, "end_dim": end}, ((2, 3, 2, 2),))
    yield Case(layers, "Dropout", {"p": 0.5}, ((3, 4),), training=False)

    for name in ("ReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "ELU", "LeakyReLU", "Identity"):
        for sizes in [(7,), (2, 3), (2, 2, 2)]:
            yield Case(activations, name, {}, (sizes,))
    yield Case(activations, "Softplus", {}, ((7,),))
    yield Case(activations, "Softplus", {"beta": 3.0}, ((2, 3),))
    yield Case(activations, "GELU", {"approximate": "tanh"}, ((2, 5),))
    yield Case(activations, "ELU", {"alpha": 0.3}, ((2, 5),))
    yield Case(activations, "LeakyReLU", {"negative_slope": 0.3}, ((2, 5),))
    for name in ("Softmax", "LogSoftmax"):
        for dim, sizes in [(-1, (4,)), (-1, (2, 3)), (0, (2, 3)), (1, (2, 3, 2)), (-3, (2, 3, 2))]:
            yield Case(activations, name, {"dim": dim}, (sizes,))

    for sizes, name in [((4, 3), "1d"), ((2, 3, 4), "1d"), ((2, 3, 2, 2), "2d"), ((1, 3, 4), "1d")]:
        for arguments in [
            {},
            {"affine": False, "eps": 0.01},
            {"momentum": None},
            {"momentum": 0.4, "track_running_stats": False},
            {"momentum": 0.7},
        ]:
            for training in (True, False):
                yield Case(
                    normalization,
                    "BatchNorm",
                    {"num_features": 3} | arguments,
                    (sizes,),
                    torch=f"BatchNorm{name}",
                    before=(sizes, (sizes[0] + 1, *sizes[1:]), sizes),
                    training=training,
                )
    for last, sizes in [(4, (4,)), (4, (3, 4)), ((3, 2), (3, 2)), ((3, 2), (2, 2, 3, 2))]:
        for arguments in [{}, {"elementwise_affine": False}, {"eps": 0.1}]:
            sized = {"normalized_shape": last} | arguments
            yield Case(normalization, "LayerNorm", sized, (sizes,))
            yield Case(normalization, "RMSNorm", sized, (sizes,))
        sized = {"normalized_shape": last, "bias": False}
        yield Case(normalization, "LayerNorm", sized, (sizes,))

    for batch in ((), (1,), (3,)):
        for bias in (True, False):
            sized = {"input_size": 3, "hidden_size": 4, "bias": bias}
            x, h = (*batch, 3), (*batch, 4)
            for cell in ({**sized, "nonlinearity": "tanh"}, {**sized, "nonlinearity": "relu"}):
                yield Case(recurrent, "RNNCell", cell, (x, h))
            yield Case(recurrent, "GRUCell", sized, (x, h))
            yield Case(recurrent, "GRUCell", sized, (x,))
            yield Case(recurrent, "LSTMCell", sized, (x, h, h))
            yield Case(recurrent, "LSTMCell", sized, (x,))
    for cell in ("RNN", "LSTM", "GRU"):
        for sizes in [(6, 2), (5, 3, 2), (1, 2)]:
            sized = {"input_size": 2, "hidden_size": 3}
            yield Case(recurrent, f"{cell}Cell", sized, (sizes,), torch=cell)

    one_dimensional = [
        ({"kernel_size": 3}, (3, 5)),
        ({"kernel_size": 1}, (2, 3, 1)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 3, 6)),
        ({"kernel_size": 2, "stride": 3, "padding": 2}, (3, 4)),
        ({"kernel_size": 3, "dilation": 2, "padding": 3}, (2, 3, 4)),
        ({"kernel_size": 2, "groups": 3}, (2, 3, 4)),
        ({"kernel_size": 3, "stride": 2, "groups": 3, "bias": False}, (3, 7)),
    ]
    two_dimensional = [
        ({"kernel_size": 2}, (3, 3, 4)),
        ({"kernel_size": (3, 2)}, (2, 3, 4, 3)),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 3, 4, 5)),
        ({"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)}, (3, 3, 5)),
        ({"kernel_size": 2, "dilation": (2, 1), "padding": 2}, (3, 3, 4)),
        ({"kernel_size": 2, "groups": 3}, (2, 3, 3, 3)),
        ({"kernel_size": (1, 3), "stride": 2, "groups": 3, "bias": False}, (3, 3, 4)),
    ]
    for d, configurations in [("1d", one_dimensional), ("2d", two_dimensional)]:
        for arguments, sizes in configurations:
            sized = {"in_channels": 3, "out_channels": 6 if "groups" in arguments else 2}
            for name in (f"Conv{d}", f"ConvTranspose{d}"):
                yield Case(convolution, name, sized | arguments, (sizes,))
    sized = {"in_channels": 2, "out_channels": 2}
    for kernel in (2, 3, 4):
        for mode in ("zeros", "reflect", "replicate", "circular"):
            same = {"kernel_size": kernel, "padding": "same", "padding_mode": mode}
            yield Case(convolution, "Conv1d", sized | same, ((2, 5),))
            wide = {"kernel_size": kernel, "padding": 2, "padding_mode": mode, "stride": 2}
            yield Case(convolution, "Conv1d", sized | wide, ((2, 2, 4),))
    yield Case(convolution, "Conv1d", sized | {"kernel_size": 2, "padding": "valid"}, ((2, 5),))
    same = {"kernel_size": (2, 3), "padding": "same", "dilation": (1, 2)}
    yield Case(convolution, "Conv2d", sized | same, ((2, 3, 4),))
    mixed = {"kernel_size": 3, "padding": (1, 2), "padding_mode": "reflect"}
    yield Case(convolution, "Conv2d", sized | mixed, ((2, 3, 4),))
    for more in (0, 1, 2):
        strided = {"kernel_size": 2, "stride": 3, "output_padding": more}
        yield Case(convolution, "ConvTranspose1d", sized | strided, ((2, 4),))
    dilated = {"kernel_size": 3, "dilation": 3, "padding": 1, "output_padding": 2}
    yield Case(convolution, "ConvTranspose1d", sized | dilated, ((2, 2, 3),))
    mixed = {"kernel_size": (2, 3), "stride": (2, 3), "output_padding": (1, 2), "padding": (0, 1)}
    yield Case(convolution, "ConvTranspose2d", sized | mixed, ((2, 2, 3),))

    for arguments in [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2, "stride": 2, "ceil_mode": True},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    ]:
        for kind in ("Max", "Avg"):
            yield Case(convolution, f"{kind}Pool1d", arguments, ((2, 6),))
            yield Case(convolution, f"{kind}Pool1d", arguments, ((2, 1, 5),))
            yield Case(convolution, f"{kind}Pool2d", arguments, ((2, 5, 4),))
        alone = {**arguments, "count_include_pad": False}
        yield Case(convolution, "AvgPool2d", alone, ((2, 2, 4, 5),))
    dilated = {"kernel_size": (2, 3), "stride": 1, "padding": (0, 1), "dilation": (3, 1)}
    yield Case(convolution, "MaxPool2d", dilated, ((1, 5, 3),))

    source = random.Random(0)
    forbidden = [[s != t and source.random() < 0.5 for s in range(4)] for t in range(3)]
    added = [[source.uniform(-1, 1) for _ in range(4)] for _ in range(3)]
    added[1][2] = -math.inf
    for heads, bias in [(1, True), (2, True), (4, False)]:
        sized = {"embed_dim": 4, "num_heads": heads, "bias": bias}
        weights = {"need_weights": True}
        yield Case(attention, "Attention", sized, ((2, 3, 4),))
        yield Case(attention, "Attention", sized, ((1, 4),), options=weights)
        yield Case(attention, "Attention", sized, ((3, 4), (4, 4)), options=weights)
        for mask in (forbidden, added):
            for batch in [((3, 4), (4, 4)), ((2, 3, 4), (2, 4, 4), (2, 4, 4))]:
                yield Case(attention, "Attention", sized, batch, mask=mask, options=weights)
        causal = sized | {"causal": True}
        yield Case(attention, "Attention", causal, ((5, 4),), options=weights)
        yield Case(attention, "Attention", causal, ((2, 3, 4),))


CASES = list(_table())
assert len({case.name for case in CASES}) == len(CASES)


# --- here ---


def run_here(case):
    """What this package gives for a case."""
    module = getattr(case.module, case.layer)(**case.arguments)
    module.train(case.training or bool(case.before))
    buffers = {name for _, _, name in module._buffers()}
    trained = {path: data for path, data in module.state_dict().items() if path not in buffers}
    shapes = {path: shape(data) for path, data in module.state_dict().items()}
    state, before, inputs, source = case.numbers({path: shapes[path] for path in trained})
    module.load_state_dict(module.state_dict() | state)

    for batch in before:
        module(batch)
    module.train(case.training)
    inputs = inputs if case.below else map_numbers(Value, inputs)
    outputs = list(numbers(_call_here(case, module, inputs)))
    weights = [source.uniform(-1, 1) for _ in outputs]
    dot(weights, outputs).backward()

    parameters = {path: _attribute(module, path) for path in trained}
    return {
        "shapes": {path: list(sizes) for path, sizes in shapes.items()},
        "outputs": [getattr(y, "data", y) for y in outputs],
        "gradients": {
            path: [getattr(p, "grad", 0.0) for p in numbers(tensor)]
            for path, tensor in [*parameters.items(), *_named(() if case.below else inputs)]
        },
        "buffers": {
            path: list(numbers(data))
            for path, data in module.state_dict().items()
            if path in buffers
        },
    }


def _call_here(case, module, inputs):
    if case.torch in ("RNN", "LSTM", "GRU"):
        return recurrent.unroll(module, *inputs)
    if len(inputs) == 3 and case.layer == "LSTMCell":
        return module(inputs[0], tuple(inputs[1:]))
    if case.mask is not None:
        return module(*inputs, mask=case.mask, **case.options)
    return module(*inputs, **case.options)


def _attribute(module, path):
    for name in path.split("."):
        module = getattr(module, name)
    return module


def _named(inputs):
    return [(f"inputs.{i}", x) for i, x in enumerate(inputs)]


# --- in PyTorch ---


def run_torch(case):
    """What PyTorch gives for a case."""
    import torch

    torch.set_num_threads(1)
    kind = "MultiheadAttention" if case.layer == "Attention" else case.torch or case.layer
    arguments = {name: value for name, value in case.arguments.items() if name != "causal"}
    if kind == "MultiheadAttention":
        arguments["batch_first"] = True
    module = getattr(torch.nn, kind)(**arguments).double()
    module.train(case.training or bool(case.before))
    parameters = dict(module.named_parameters())
    state, before, inputs, source = case.numbers({p: tuple(t.shape) for p, t in parameters.items()})
    with torch.no_grad():
        for path, parameter in parameters.items():
            parameter.copy_(torch.tensor(state[path], dtype=torch.float64))

    def tensor(x):
        if case.below:
            return torch.tensor(x)
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    for batch in before:
        module(tensor(batch))
    module.train(case.training)
    inputs = [tensor(x) for x in inputs]
    with warnings.catch_warnings():  # an even kernel with padding "same" is slow, it says
        warnings.simplefilter("ignore", UserWarning)
        outputs = torch.cat([y.reshape(-1) for y in _flat(_call_torch(case, kind, module, inputs))])
    weights = [source.uniform(-1, 1) for _ in range(len(outputs))]
    (outputs * torch.tensor(weights, dtype=torch.float64)).sum().backward()
    return {
        "shapes": {_here(p): list(t.shape) for p, t in module.state_dict().items()},
        "outputs": outputs.tolist(),
        "gradients": {
            _here(path): (torch.zeros_like(t) if t.grad is None else t.grad).reshape(-1).tolist()
            for path, t in [*parameters.items(), *_named([] if case.below else inputs)]
        },
        "buffers": {p: b.reshape(-1).tolist() for p, b in module.named_buffers()},
    }


def _here(path):
    return path.removesuffix("_l0")  # of torch.nn.LSTM, which has layers


def _flat(outputs):
    if isinstance(outputs, tuple):
        return [y for output in outputs for y in _flat(output)]
    return [] if outputs is None else [outputs]


def _call_torch(case, kind, module, inputs):
    import torch

    if kind == "MultiheadAttention":
        query, key, value = (inputs + inputs[-1:] * 2)[:3]
        mask = case.mask
        if case.arguments.get("causal"):
            n = query.shape[-2]
            mask = torch.ones(n, n, dtype=torch.bool).triu(1)
        elif mask is not None:
            of_bools = isinstance(mask[0][0], bool)
            mask = torch.tensor(mask, dtype=torch.bool if of_bools else torch.float64)
        need_weights = case.options.get("need_weights", False)
        return module(query, key, value, attn_mask=mask, need_weights=need_weights)
    if len(inputs) == 3 and kind == "LSTMCell":
        return module(inputs[0], tuple(inputs[1:]))
    if case.torch in ("RNN", "LSTM", "GRU"):
        outputs, state = module(*inputs)
        return outputs, state
    return module(*inputs)


# --- comparing ---


def check_against_record(case):
    """A law for every case: this package gives what PyTorch gave when it was recorded."""
    assert_equal(run_here(case), recorded()[case.name])


def check_against_torch(case):
    """A law for every case: what is recorded is what PyTorch gives."""
    assert_equal(run_torch(case), recorded()[case.name])


@cache
def recorded():
    return json.loads(RECORD.read_text())


def assert_equal(found, expected):
    """Equal names and shapes, and numbers to `TOLERANCE` times the largest of their tensor."""
    assert found["shapes"] == expected["shapes"]
    assert list(found["shapes"]) == list(expected["shapes"])
    assert worst(found, expected) <= TOLERANCE


def worst(found, expected):
    """The largest difference of two results, in units of the largest number of its tensor."""
    return max(
        _worst(found["outputs"], expected["outputs"]),
        *(
            _worst(found[kind][path], expected[kind][path])
            for kind in ("gradients", "buffers")
            for path in found[kind].keys() | expected[kind].keys()
        ),
        0.0,
    )


def _worst(found, expected):
    assert len(found) == len(expected)
    differences = [abs(a - b) for a, b in zip(found, expected, strict=True)]
    largest = max(map(abs, expected), default=0.0)
    return max(differences, default=0.0) / (largest or 1.0)


def main():
    results = {case.name: run_torch(case) for case in CASES}
    if "--write" in sys.argv:
        lines = ",\n".join(f"{json.dumps(n)}: {json.dumps(r)}" for n, r in results.items())
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(f"{{\n{lines}\n}}\n")
    by_layer = {}
    for case in CASES:
        off = worst(run_here(case), results[case.name])
        by_layer[case.layer] = max(off, by_layer.get(case.layer, 0.0))
    for layer, off in by_layer.items():
        print(f"{layer:16} {off:.1e}")


if __name__ == "__main__":
    main()
