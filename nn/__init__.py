"""Neural networks on scalar `Value`s: modules, losses, an optimizer.

>>> import nn
>>> model = nn.MLP(2, [16, 16, 1], rng=0)
>>> loss = nn.hinge_loss([model([1.0, -2.0]), model([0.5, 2.0])], [1, -1])
>>> optimizer = nn.SGD(model.parameters(), lr=0.1)
>>> loss.backward()
>>> optimizer.step()

`Neuron`, `Layer` and `MLP` take the place of those in micrograd's `nn`: the same arguments, the
same attributes and, after the same `random.seed`, the same weights.
"""

from nn import init
from nn.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Elementwise,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.layers import Dropout, Embedding, Flatten, Linear, Residual, Sequential
from nn.losses import cross_entropy, hinge_loss, mse_loss
from nn.mlp import MLP, Layer, Neuron
from nn.module import Module
from nn.optim import SGD

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "MLP",
    "SGD",
    "Dropout",
    "Elementwise",
    "Embedding",
    "Flatten",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Module",
    "Neuron",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "cross_entropy",
    "hinge_loss",
    "init",
    "mse_loss",
]
