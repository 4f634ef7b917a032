"""Neural networks on scalar `Value`s, under PyTorch's names.

>>> import nn
>>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 1, rng=1), nn.Flatten(0))
>>> moons = nn.data.two_moons(40, noise=0.1, rng=0)
>>> optimizer = nn.Adam(model.parameters(), lr=0.1)
>>> history = nn.fit(
...     model, moons, "binary_cross_entropy_with_logits", optimizer,
...     epochs=60, batch_size=10, metrics=["accuracy"], seed=0, progress=False,
... )
>>> history.last("accuracy")
1.0

`Neuron`, `Layer` and `MLP` take the place of those in micrograd's `nn`: the same arguments, the
same attributes and, after the same `random.seed`, the same weights.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nn import data, functional, init
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
from nn.attention import Attention
from nn.callbacks import Callback, EarlyStopping, SaveBest
from nn.clipping import clip_grad_norm, clip_grad_value
from nn.convolution import (
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    MaxPool1d,
    MaxPool2d,
)
from nn.diagnosis import TrainingWarning
from nn.discrete import Categorical, reinforce_loss, straight_through
from nn.fit import evaluate, fit, predict
from nn.gradient_free import SPSA, EvolutionStrategies, FiniteDifferences, RandomSearch
from nn.history import History
from nn.layers import Dropout, Embedding, Flatten, Linear, Residual, Sequential
from nn.losses import (
    LOSSES,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
    SmoothL1Loss,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    smooth_l1_loss,
)
from nn.metrics import METRICS, accuracy, confusion, mean_absolute_error, mean_squared_error, r2
from nn.mlp import MLP, Layer, Neuron
from nn.module import Module
from nn.normalization import BatchNorm, LayerNorm, RMSNorm
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from nn.precision import low_precision, round_to
from nn.recurrent import GRUCell, LSTMCell, RNNCell, unroll
from nn.saving import load, save
from nn.schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from nn.watch import Watcher, watch

if TYPE_CHECKING:
    from nn.compiled import compile_step
    from nn.estimators import MLPClassifier, MLPRegressor
    from nn.pictures.boundary import decision_boundary
    from nn.pictures.curves import learning_curves
    from nn.pictures.directions import Trajectory, pca_directions, random_direction
    from nn.pictures.flow import gradient_flow
    from nn.pictures.landscape import loss_landscape
    from nn.pictures.live import Live

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "LOSSES",
    "METRICS",
    "MLP",
    "SGD",
    "SPSA",
    "Adagrad",
    "Adam",
    "AdamW",
    "Attention",
    "AvgPool1d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm",
    "Callback",
    "Categorical",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CosineAnnealingLR",
    "CrossEntropyLoss",
    "Dropout",
    "EarlyStopping",
    "Elementwise",
    "Embedding",
    "EvolutionStrategies",
    "ExponentialLR",
    "FiniteDifferences",
    "Flatten",
    "GRUCell",
    "HingeLoss",
    "History",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LSTMCell",
    "LambdaLR",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearLR",
    "Live",
    "LogSoftmax",
    "MLPClassifier",
    "MLPRegressor",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "MultiMarginLoss",
    "MultiStepLR",
    "NLLLoss",
    "Neuron",
    "Optimizer",
    "RMSNorm",
    "RMSprop",
    "RNNCell",
    "RandomSearch",
    "ReLU",
    "ReduceLROnPlateau",
    "Residual",
    "SaveBest",
    "Sequential",
    "SequentialLR",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "StepLR",
    "Tanh",
    "TrainingWarning",
    "Trajectory",
    "Watcher",
    "accuracy",
    "binary_cross_entropy_with_logits",
    "clip_grad_norm",
    "clip_grad_value",
    "compile_step",
    "confusion",
    "cross_entropy",
    "data",
    "decision_boundary",
    "evaluate",
    "fit",
    "functional",
    "gradient_flow",
    "hinge_loss",
    "huber_loss",
    "init",
    "kl_div",
    "l1_loss",
    "l1_penalty",
    "l2_penalty",
    "learning_curves",
    "load",
    "loss_landscape",
    "low_precision",
    "mean_absolute_error",
    "mean_squared_error",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "pca_directions",
    "predict",
    "r2",
    "random_direction",
    "reinforce_loss",
    "round_to",
    "save",
    "smooth_l1_loss",
    "straight_through",
    "unroll",
    "watch",
]


LAZY = {
    "Live": "nn.pictures.live",
    "MLPClassifier": "nn.estimators",
    "MLPRegressor": "nn.estimators",
    "Trajectory": "nn.pictures.directions",
    "compile_step": "nn.compiled",
    "decision_boundary": "nn.pictures.boundary",
    "gradient_flow": "nn.pictures.flow",
    "learning_curves": "nn.pictures.curves",
    "loss_landscape": "nn.pictures.landscape",
    "pca_directions": "nn.pictures.directions",
    "random_direction": "nn.pictures.directions",
}
"""What imports a lot (NumPy, scikit-learn), and so is imported when it is asked for."""


def __getattr__(name: str) -> Any:
    """Import what is imported only when it is asked for."""
    if name in LAZY:
        return getattr(import_module(LAZY[name]), name)
    raise AttributeError(f"module 'nn' has no attribute {name!r}")
