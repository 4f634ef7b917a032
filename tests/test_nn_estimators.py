"""The estimators: scikit-learn takes them for its own, and they are the networks they say."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from autograd_scalar import no_grad, softmax
from nn import estimators
from nn.data import digits, iris, sine, standardize, two_moons
from nn.estimators import ACTIVATIONS, SOLVERS, MLPClassifier, MLPRegressor
from nn.history import History
from nn.losses import cross_entropy, mse_loss
from nn.optim import SGD

BOTH = [MLPClassifier, MLPRegressor]
MOONS = two_moons(40, rng=0)
SINE = sine(40, noise=0.05, rng=0)


def data_for(estimator):
    return MOONS if estimator is MLPClassifier else SINE


# Few epochs, for the sake of time; the checks pass with the default as well.
@pytest.mark.slow
@parametrize_with_checks([MLPClassifier(max_iter=8), MLPRegressor(max_iter=8)])
def test_scikit_learn_takes_it_for_an_estimator_of_its_own(estimator, check):
    check(estimator)


def outputs_of(model, X):
    with no_grad():
        return [[output.data for output in model(list(row))] for row in X]


@pytest.mark.parametrize("hidden", [(), 3, (5, 4), [2]])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_predicts_what_its_network_returns(activation, hidden):
    X, y = MOONS
    options = {"hidden_layer_sizes": hidden, "activation": activation, "max_iter": 2}
    classifier = MLPClassifier(**options, random_state=0).fit(X, y)
    expected = np.array([softmax(row) for row in outputs_of(classifier.model_, X)])
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-13)
    np.testing.assert_allclose(classifier.predict_log_proba(X), np.log(expected), rtol=1e-12)
    np.testing.assert_array_equal(classifier.predict(X), expected.argmax(axis=1))
    assert classifier.score(X, y) == np.mean(expected.argmax(axis=1) == y)

    regressor = MLPRegressor(**options, random_state=0).fit(X, y)
    expected = [output for (output,) in outputs_of(regressor.model_, X)]
    np.testing.assert_allclose(regressor.predict(X), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("hidden", [(), 3, (5, 4)])
def test_weights_have_the_shapes_of_scikit_learn(hidden):
    X, y = iris()
    ours = MLPClassifier(hidden, max_iter=1, random_state=0).fit(X, y)
    sizes = [4, *np.atleast_1d(hidden).astype(int), 3]
    assert [w.shape for w in ours.coefs_] == list(pairwise(sizes))
    assert [b.shape for b in ours.intercepts_] == [(size,) for size in sizes[1:]]
    assert sum(w.size for w in ours.coefs_ + ours.intercepts_) == len(ours.model_.parameters())
    hidden_outputs = np.array(X)
    for weight, bias in zip(ours.coefs_[:-1], ours.intercepts_[:-1], strict=True):
        hidden_outputs = np.tanh(hidden_outputs @ weight + bias)
    scores = hidden_outputs @ ours.coefs_[-1] + ours.intercepts_[-1]
    np.testing.assert_array_equal(ours.predict(X), scores.argmax(axis=1))


def test_parameters_of_the_same_name_as_in_scikit_learn_come_in_the_same_places():
    theirs = list(TheirClassifier().get_params(deep=False))
    for estimator in BOTH:
        parameters = estimator().get_params(deep=False)
        assert set(parameters) <= set(theirs)
        assert parameters == estimator(**parameters).get_params(deep=False)


@pytest.mark.parametrize("estimator", BOTH)
def test_the_random_state_decides(estimator):
    X, y = data_for(estimator)

    def predictions(random_state):
        model = estimator(max_iter=2, random_state=random_state).fit(X, y)
        return outputs_of(model.model_, X)

    assert predictions(1) == predictions(1) == predictions(np.random.RandomState(1))
    assert predictions(1) != predictions(2)
    np.random.seed(3)
    shared = predictions(None)
    assert shared == predictions(3)


@pytest.mark.parametrize("estimator", BOTH)
def test_it_survives_pickle_and_is_cloned_untrained(estimator):
    X, y = data_for(estimator)
    model = estimator(hidden_layer_sizes=3, max_iter=2, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(X).tolist() == model.predict(X).tolist()
    assert again.fit(X, y).loss_curve_ == model.loss_curve_
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_classes_may_be_strings_and_columns_have_names():
    flowers = iris()
    frame = pd.DataFrame(flowers.features, columns=flowers.feature_names)
    species = np.array(flowers.target_names)[flowers.targets]
    classifier = make_pipeline(StandardScaler(), MLPClassifier(max_iter=10, random_state=0))
    classifier.set_output(transform="pandas").fit(frame, species)
    assert classifier[-1].classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert classifier[-1].feature_names_in_.tolist() == list(flowers.feature_names)
    assert classifier.score(frame, species) > 0.9


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", BOTH)
def test_training_ends_when_nothing_gets_better(estimator, early_stopping):
    X, y = data_for(estimator)
    model = estimator(
        tol=1e9, n_iter_no_change=3, early_stopping=early_stopping, random_state=0
    ).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 5  # the first, three, and one too many
    assert model.loss_ == model.loss_curve_[-1]
    assert estimator(max_iter=7, tol=0.0, random_state=0).fit(X, y).n_iter_ == 7


@pytest.mark.parametrize("estimator", BOTH)
def test_early_stopping_keeps_the_network_that_was_best_on_what_is_held_out(estimator):
    X, y = data_for(estimator)
    options = {"early_stopping": True, "validation_fraction": 0.25, "tol": 0.0}
    model = estimator(**options, n_iter_no_change=5, max_iter=60, random_state=1).fit(X, y)
    best = model.validation_scores_.index(model.best_validation_score_)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.n_iter_ == min(60, best + 7)
    assert estimator(max_iter=1).fit(X, y).validation_scores_ is None
    # Ended there, the same training leaves the same network.
    until_best = estimator(**options, n_iter_no_change=99, max_iter=best + 1, random_state=1)
    until_best.fit(X, y)
    assert outputs_of(model.model_, X) == pytest.approx(np.array(outputs_of(until_best.model_, X)))


@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("estimator", BOTH)
def test_the_loss_is_that_of_the_network_and_alpha_penalises_its_weights(estimator, alpha):
    X, y = data_for(estimator)
    options = {"solver": SGD, "batch_size": len(X), "learning_rate_init": 1e-300, "max_iter": 1}
    model = estimator(alpha=alpha, random_state=0, **options).fit(X, y)
    outputs = outputs_of(model.model_, X)
    if estimator is MLPClassifier:
        expected = cross_entropy(outputs, y)
        weights = np.concatenate([w.ravel() for w in model.coefs_])
    else:
        expected = mse_loss(outputs, [[target] for target in y]) / np.var(y)
        *rest, last = model.coefs_
        weights = np.concatenate([*(w.ravel() for w in rest), last.ravel() / np.std(y)])
    expected += alpha / 2 * (weights @ weights) / len(X)
    assert model.loss_ == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("estimator", BOTH)
def test_partial_fit_goes_on_where_it_was(estimator):
    X, y = data_for(estimator)
    options = {"shuffle": False, "random_state": 0, "tol": 0.0}
    whole = estimator(max_iter=4, **options).fit(X, y)
    bit_by_bit = estimator(**options)
    for epoch in range(4):
        first = {"classes": [0, 1]} if epoch == 0 and estimator is MLPClassifier else {}
        bit_by_bit.partial_fit(X, y, **first)
    assert bit_by_bit.n_iter_ == 4
    assert bit_by_bit.loss_curve_ == pytest.approx(whole.loss_curve_, rel=1e-9)
    np.testing.assert_allclose(bit_by_bit.predict(X), whole.predict(X), rtol=1e-9)
    assert bit_by_bit.fit(X, y).n_iter_ > 4  # a new network


def test_partial_fit_wants_the_classes_first_and_then_no_others():
    classifier = MLPClassifier(random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit([[0.0]], ["a"])
    classifier.partial_fit([[0.0]], ["a"], classes=["b", "a", "c"])
    assert classifier.classes_.tolist() == ["a", "b", "c"]
    classifier.partial_fit([[0.0]], ["c"], classes=["c", "b", "a"])
    with pytest.raises(ValueError, match=r"classes were .* before, now they are \['a' 'b'\]"):
        classifier.partial_fit([[0.0]], ["a"], classes=["a", "b"])
    with pytest.raises(ValueError, match=r"not named before: \['d'\]"):
        classifier.partial_fit([[0.0]], ["d"])


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_makes_the_loss_less(solver):
    model = MLPClassifier(solver=solver, max_iter=10, tol=0.0, random_state=0).fit(*MOONS)
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]


@pytest.mark.parametrize(("scale", "shift"), [(2.0**20, 0.0), (1e-6, 0.0), (3.0, 1e4), (-1.0, 0.0)])
def test_targets_may_be_of_any_size(scale, shift):
    X, y = SINE
    plain = MLPRegressor(max_iter=10, random_state=0).fit(X, y)
    scaled = MLPRegressor(max_iter=10, random_state=0)
    scaled.fit(X, [scale * target + shift for target in y])
    if scale > 0:
        assert scaled.loss_curve_ == pytest.approx(plain.loss_curve_, rel=1e-6)
        expected = scale * plain.predict(X) + shift
        np.testing.assert_allclose(scaled.predict(X), expected, rtol=1e-6, atol=1e-6 * scale)
    assert scaled.score(X, [scale * target + shift for target in y]) > 0.5


def test_a_constant_target_is_learnt():
    model = MLPRegressor(max_iter=30, random_state=0).fit([[0.0], [1.0], [2.0]], [7.0, 7.0, 7.0])
    np.testing.assert_allclose(model.predict([[0.0], [1.5]]), 7.0, atol=0.1)


def test_a_training_that_diverges_says_what_to_do():
    model = MLPRegressor(activation="linear", solver="sgd", learning_rate_init=1e10, max_iter=99)
    with (
        pytest.warns(UserWarning, match="the loss is"),
        pytest.raises(ValueError, match=r"the loss is .* scale the features .* or lower learning"),
    ):
        model.fit(*SINE)


def test_ctrl_c_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(estimators, "fit", lambda *_, **__: History(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier().fit(*MOONS)


@pytest.mark.parametrize("verbose", [False, True])
def test_verbose_shows_a_progress_bar(verbose, capsys):
    MLPClassifier(max_iter=2, verbose=verbose).fit(*MOONS)
    captured = capsys.readouterr()
    assert ("epoch 2/2" in captured.err) is verbose
    assert captured.out == ""


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"activation": "rulu"}, ValueError, "unknown activation 'rulu', did you mean 'relu'"),
        ({"solver": "adan"}, ValueError, "unknown solver 'adan', did you mean 'adam'"),
        ({"solver": "lbfgs"}, ValueError, "unknown solver 'lbfgs'"),
        ({"hidden_layer_sizes": (4, 0)}, ValueError, r"hidden_layer_sizes\[1\] must be at least 1"),
        ({"hidden_layer_sizes": (4.0,)}, TypeError, r"hidden_layer_sizes\[0\] must be an int"),
        ({"alpha": -1.0}, ValueError, "alpha must be finite and at least 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": "all"}, TypeError, "batch_size must be an int, got 'all'"),
        ({"learning_rate_init": math.nan}, ValueError, "lr must be"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
        ({"shuffle": "yes"}, TypeError, "shuffle must be True or False"),
        ({"tol": -1.0}, ValueError, "tol must be finite and at least 0"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be at least 1"),
        ({"early_stopping": 1}, TypeError, "early_stopping must be True or False"),
        (
            {"early_stopping": True, "validation_fraction": 1.5},
            ValueError,
            "held_out, a share, must be between 0 and 1",
        ),
        ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
    ],
)
def test_parameters_that_will_not_do_are_named_in_fit(estimator, parameters, error, message):
    with pytest.raises(error, match=message):
        estimator(**parameters).fit(*data_for(estimator))


def test_a_search_goes_through_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=8, random_state=0))
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(), (4,)]}, cv=2)
    search.fit(*MOONS)
    assert search.best_params_["mlpclassifier__hidden_layer_sizes"] in [(), (4,)]
    assert search.best_score_ > 0.7


@pytest.mark.slow
def test_five_folds_of_irises_are_told_right():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    assert cross_val_score(pipeline, *iris(), cv=folds).mean() >= 0.95


@pytest.mark.slow
def test_digits_that_were_held_out_are_read():
    train, held_out = standardize(*digits().split(0.2, rng=0))
    classifier = MLPClassifier((24,), learning_rate_init=0.005, max_iter=6, random_state=0)
    assert classifier.fit(*train).score(*held_out) >= 0.95
