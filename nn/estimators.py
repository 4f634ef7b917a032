"""`MLPClassifier` and `MLPRegressor`: networks that scikit-learn takes for its own.

They go into pipelines, searches and cross-validation, and pass scikit-learn's `check_estimator`.
Their parameters and attributes have the names of scikit-learn's classes of the same name; where
numbers differ, it is because every number here is a `Value`: networks are smaller, batches too.

This module needs scikit-learn (the extra `sklearn`), `nn` without it does not.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import log_softmax, softmax  # type: ignore[import-untyped]
from sklearn.base import (  # type: ignore[import-untyped]
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
)
from sklearn.utils import check_random_state  # type: ignore[import-untyped]
from sklearn.utils.multiclass import (  # type: ignore[import-untyped]
    check_classification_targets,
)
from sklearn.utils.validation import (  # type: ignore[import-untyped]
    check_is_fitted,
    validate_data,
)

from autograd_scalar import Value
from nn import init
from nn.activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from nn.arguments import known, size
from nn.callbacks import EarlyStopping
from nn.data import Dataset
from nn.fit import fit
from nn.history import History
from nn.hyperparameters import flag, not_negative
from nn.layers import Linear, Sequential
from nn.losses import cross_entropy, l2_penalty, mse_loss
from nn.module import Module
from nn.optim import SGD, Adagrad, Adam, AdamW, RMSprop

ACTIVATIONS: dict[str, type[Module]] = {
    "elu": ELU,
    "gelu": GELU,
    "identity": Identity,
    "leaky_relu": LeakyReLU,
    "linear": Identity,
    "logistic": Sigmoid,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
}
"""The activations of hidden layers, by their names here and in scikit-learn."""

SOLVERS: dict[str, Callable[..., Any]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}
"""The optimizers that can be asked for by name."""

# These let about the same variance through as they get; the others are 0 for half of the numbers.
SYMMETRIC = ("identity", "linear", "logistic", "sigmoid", "tanh")


class _MLP(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor have in common: all but what the outputs mean."""

    _score_name: ClassVar[str]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (8,),
        activation: str = "tanh",
        *,
        solver: str | Callable[..., Any] = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.05,
        max_iter: int = 100,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-3,
        verbose: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
    ) -> None:
        """See the class."""
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on the examples and return this object.

        X: n examples of k features, as an array, a DataFrame or lists. y: n targets.

        Raises ValueError or TypeError for parameters and data that will not do, and ValueError if
        the training diverges.
        """
        features, targets = self._checked(X, y)
        rng = self._begin(features, targets)
        data = Dataset(features.tolist(), targets)
        validation = None
        monitor, mode = "loss", "min"
        if flag("early_stopping", self.early_stopping):
            data, validation = data.split(self.validation_fraction, rng=rng)
            monitor, mode = f"val_{self._score_name}", "max"
        stop = EarlyStopping(
            monitor,
            size("n_iter_no_change", self.n_iter_no_change),
            min_delta=not_negative("tol", self.tol),
            mode=mode,
            restore_best=validation is not None,
        )
        history = self._train(data, size("max_iter", self.max_iter), validation, [stop])
        self.validation_scores_ = history[monitor] if validation else None
        self.best_validation_score_ = max(history[monitor]) if validation else None
        self.loss_curve_ = history["loss"]
        self.n_iter_ = len(self.loss_curve_)
        return self

    @property
    def loss_(self) -> float:
        """The loss of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def coefs_(self) -> list[Any]:
        """The weights of each layer as an array, inputs by outputs."""
        return [weight.T for weight, _ in self._arrays()]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer as an array."""
        return [bias for _, bias in self._arrays()]

    def _partial_fit(self, features: Any, targets: list[Any], first: bool) -> Self:
        if first:
            self._begin(features, targets)
            self.loss_curve_, self.n_iter_ = [], 0
        data = Dataset(features.tolist(), targets)
        self.loss_curve_ = self.loss_curve_ + self._train(data, 1)["loss"]
        self.n_iter_ += 1
        return self

    def _checked(self, X: Any, y: Any, first: bool = True) -> tuple[Any, list[Any]]:
        """The features as an array, and the targets as the loss takes them."""
        raise NotImplementedError

    def _outputs_wanted(self) -> int:
        raise NotImplementedError

    def _loss(self, outputs: Any, targets: Any) -> Value:
        raise NotImplementedError

    def _begin(self, features: Any, targets: list[Any]) -> random.Random:
        """Make network and optimizer; return the generator that this training draws from."""
        rng = random.Random(int(check_random_state(self.random_state).randint(2**31 - 1)))
        self.model_ = self._network(features.shape[1], self._outputs_wanted(), rng)
        solver = self.solver
        if isinstance(solver, str):
            solver = SOLVERS[known("solver", solver, SOLVERS)]
        self._optimizer = solver(self.model_.parameters(), lr=self.learning_rate_init)
        self._rng = rng
        return rng

    def _network(self, ins: int, outs: int, rng: random.Random) -> Sequential:
        name = known("activation", self.activation, ACTIVATIONS)
        fill = init.xavier_uniform if name in SYMMETRIC else init.he_uniform
        hidden = self.hidden_layer_sizes
        sizes = [hidden] if isinstance(hidden, Integral) else list(hidden)  # type: ignore[arg-type]
        layers: list[Module] = []
        for place, units in enumerate(sizes):
            units = size(f"hidden_layer_sizes[{place}]", units)
            layers += [self._linear(ins, units, fill, rng), ACTIVATIONS[name]()]
            ins = units
        return Sequential(*layers, self._linear(ins, outs, init.xavier_uniform, rng))

    def _linear(self, ins: int, outs: int, fill: Callable[..., Any], rng: random.Random) -> Linear:
        layer = Linear(ins, outs, rng=rng)
        fill(layer.weight, rng=rng)
        init.zeros(layer.bias)
        return layer

    def _train(
        self,
        data: Dataset,
        epochs: int,
        validation: Dataset | None = None,
        callbacks: Sequence[EarlyStopping] = (),
    ) -> History:
        batch = min(16, len(data)) if self.batch_size == "auto" else self.batch_size
        history = fit(
            self.model_,
            data,
            self._penalised_loss(),
            self._optimizer,
            epochs,
            size("batch_size", batch),
            validation=validation,
            metrics=(self._score_name,) if validation else (),
            callbacks=callbacks,
            seed=self._rng.getrandbits(32),
            shuffle=flag("shuffle", self.shuffle),
            progress=bool(self.verbose),
        )
        if history.interrupted:
            raise KeyboardInterrupt
        if history.diverged:
            raise ValueError(
                f"{history.stopped}: scale the features (StandardScaler), or lower "
                f"learning_rate_init, which is {self.learning_rate_init}"
            )
        return history

    def _penalised_loss(self) -> Callable[[Any, Any], Value]:
        alpha = not_negative("alpha", self.alpha)
        if not alpha:
            return self._loss
        weights = [w for layer in self._linear_layers() for row in layer.weight for w in row]

        def loss(outputs: Any, targets: Any) -> Value:
            return self._loss(outputs, targets) + l2_penalty(weights, alpha / 2 / len(targets))

        return loss

    def _linear_layers(self) -> list[Linear]:
        return [layer for layer in self.model_.layers if isinstance(layer, Linear)]

    def _arrays(self) -> list[tuple[Any, Any]]:
        return [_arrays_of(layer) for layer in self._linear_layers()]

    def _outputs(self, X: Any) -> Any:
        """What the network returns, on arrays of floats: nine times as fast as on `Value`s."""
        check_is_fitted(self, "model_")
        outputs = validate_data(self, X, dtype=np.float64, reset=False)
        for layer in self.model_.layers:
            if isinstance(layer, Linear):
                weight, bias = _arrays_of(layer)
                outputs = outputs @ weight.T + bias
            else:
                outputs = np.asarray(layer(outputs), dtype=np.float64)
        return outputs


def _arrays_of(layer: Linear) -> tuple[Any, Any]:
    """The weight and the bias of a layer."""
    state = layer.state_dict()
    return np.array(state["weight"]), np.array(state["bias"])


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that tells classes apart, trained by cross-entropy.

    hidden_layer_sizes: how many neurons each hidden layer has; () for a linear model.
    activation: of the hidden layers, a name of `nn.ACTIVATIONS` or of scikit-learn.
    solver: "adam", "adamw", "sgd", "rmsprop", "adagrad", or a function that takes the parameters
        and `lr` and returns an optimizer.
    alpha: alpha / 2 times the sum of the squared weights is added to the loss of a batch, divided
        by its size.
    batch_size: how many examples there are to a step; "auto" is 16, or all if they are fewer.
    learning_rate_init: the learning rate.
    max_iter: how many epochs there are at most.
    shuffle: whether the order of the examples is drawn anew for each epoch.
    random_state: a seed, a `numpy.random.RandomState`, or None for NumPy's shared one.
    tol, n_iter_no_change: training ends after that many epochs without a loss that is lower than
        the lowest before by more than tol.
    verbose: whether there is a progress bar.
    early_stopping: whether a part of the examples, validation_fraction, is held out, and the
        score there ends the training in place of the loss. The best network is kept.

    After `fit`: `model_`, the network, an `nn.Sequential`; `classes_`; `loss_curve_`, the loss of
    each epoch; `loss_`, `n_iter_`, `coefs_`, `intercepts_`, `n_features_in_`; with early stopping
    `validation_scores_` and `best_validation_score_`, which are None without.

    Features are taken as they are. Networks want them of about the same size: put
    `sklearn.preprocessing.StandardScaler` before this one.

    >>> from nn.data import two_moons
    >>> X, y = two_moons(100, rng=0)
    >>> classifier = MLPClassifier(random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.9
    True
    >>> classifier.predict([[0.0, 1.0], [1.0, -0.5]])
    array([0, 1])
    """

    _score_name = "accuracy"
    classes_: Any

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train on these examples for one epoch more and return this object.

        classes: all that there are; needed in the first call, where no network is there yet.

        Raises what `fit` raises, and ValueError if the classes are not given when they are needed,
        or y has others.
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        if classes is not None:
            given = np.unique(classes)
            if not first and not np.array_equal(given, self.classes_):
                raise ValueError(f"classes were {self.classes_} before, now they are {given}")
            self.classes_ = given
        features, targets = self._checked(X, y, first)
        return self._partial_fit(features, targets, first)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each example."""
        places = np.argmax(self._outputs(X), axis=1)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, in the order of `classes_`, for each example."""
        return softmax(self._outputs(X), axis=1)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of the probabilities."""
        return log_softmax(self._outputs(X), axis=1)

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on the examples and return this object.

        X: n examples of k features, as an array, a DataFrame or lists. y: n classes, ints or
            strings.

        Raises ValueError or TypeError for parameters and data that will not do, such as a single
        class, and ValueError if the training diverges.
        """
        self.__dict__.pop("classes_", None)
        return super().fit(X, y)

    def _checked(self, X: Any, y: Any, first: bool = True) -> tuple[Any, list[Any]]:
        features, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        check_classification_targets(y)
        if not hasattr(self, "classes_"):
            self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs at least 2 classes, got 1 class")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has classes that were not named before: {unknown}")
        return features, np.searchsorted(self.classes_, y).tolist()

    def _outputs_wanted(self) -> int:
        return len(self.classes_)

    def _loss(self, outputs: Any, targets: Any) -> Value:
        loss: Value = cross_entropy(outputs, targets)
        return loss


class MLPRegressor(RegressorMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that predicts a number, trained by the mean squared error.

    Parameters and attributes are those of `MLPClassifier`, but for the classes; the score is R^2.
    It is trained on targets of mean 0 and deviation 1, so `loss_curve_` and `tol` are in units of
    their variance. Then the last layer is scaled back: `model_` returns what `predict` does.

    >>> from nn.data import sine
    >>> X, y = sine(100, noise=0.05, rng=0)
    >>> MLPRegressor(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    _score_name = "r2"

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train on these examples for one epoch more and return this object."""
        first = not hasattr(self, "model_")
        features, targets = self._checked(X, y, first)
        return self._partial_fit(features, targets, first)

    def predict(self, X: Any) -> Any:
        """Return a number for each example."""
        return self._outputs(X)[:, 0]

    def _checked(self, X: Any, y: Any, first: bool = True) -> tuple[Any, list[Any]]:
        features, y = validate_data(self, X, y, dtype=np.float64, reset=first, y_numeric=True)
        return features, [[target] for target in y.astype(np.float64).tolist()]

    def _begin(self, features: Any, targets: list[Any]) -> random.Random:
        rng = super()._begin(features, targets)
        numbers = [target for (target,) in targets]
        self._mean, self._deviation = statistics.fmean(numbers), statistics.pstdev(numbers) or 1.0
        self._rescale(self._mean, self._deviation)
        return rng

    def _train(
        self,
        data: Dataset,
        epochs: int,
        validation: Dataset | None = None,
        callbacks: Sequence[EarlyStopping] = (),
    ) -> History:
        data, validation = self._standardized(data), validation and self._standardized(validation)
        self._rescale(-self._mean / self._deviation, 1 / self._deviation)
        try:
            return super()._train(data, epochs, validation, callbacks)
        finally:
            self._rescale(self._mean, self._deviation)

    def _standardized(self, data: Dataset) -> Dataset:
        targets = [[(target - self._mean) / self._deviation] for (target,) in data.targets]
        return replace(data, targets=targets)

    def _rescale(self, mean: float, deviation: float) -> None:
        """Have the network return mean + deviation times what it returns."""
        last = self.model_[-1]
        for weight in last.weight[0]:
            weight.data *= deviation
        last.bias[0].data = mean + deviation * last.bias[0].data

    def _outputs_wanted(self) -> int:
        return 1

    def _loss(self, outputs: Any, targets: Any) -> Value:
        loss: Value = mse_loss(outputs, targets)
        return loss
