from sklearn.utils.estimator_checks import parametrize_with_checks

from nn.estimators import MLPClassifier, MLPRegressor


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learn_takes_it_for_an_estimator_of_its_own(estimator, check):
    check(estimator)
