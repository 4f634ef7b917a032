"""What a function reads besides its arguments: changes are seen, its own are not."""

import math
from functools import partial

from autograd_scalar import Value
from autograd_scalar.tape.environment import Environment

number, text, table = 1.0, "a", {"x": [1.0, (2.0, 3.0)]}


def of(f):
    return Environment(f)


def test_globals_closures_and_functions_that_are_called():
    local = 2.0

    def inner():
        return local

    def f(x, default=4.0):
        return x * number + inner() + table["x"][0] + default + math.pi

    environment = of(f)
    assert environment.changed() is None
    local = 3.0
    assert environment.changed() == "local"
    local = 2.0
    table["x"][0] = 5.0
    assert environment.changed() == "table"
    table["x"][0] = 1.0
    assert environment.changed() is None


def test_comprehensions_and_lambdas_inside():
    scale = 1.0
    environment = of(lambda xs: [scale * x for x in xs])
    scale = 2.0
    assert environment.changed() == "scale"


def test_zero_and_minus_zero_and_nan():
    x = 0.0
    environment = of(lambda: x)
    x = -0.0
    assert environment.changed() == "x"
    x = math.nan
    environment = of(lambda: x)
    x = float("nan")
    assert environment.changed() is None


def test_one_and_true_and_1_0_are_different():
    x = 1
    environment = of(lambda: x)
    x = 1.0
    assert environment.changed() == "x"


def test_a_value_is_itself_and_not_its_number():
    v = Value(1.0)
    environment = of(lambda: v)
    v.data = 2.0
    assert environment.changed() is None
    v = Value(2.0)
    assert environment.changed() == "v"


class Layer:
    def __init__(self) -> None:
        self.training = True

    def __call__(self, x):
        return x


def test_whether_a_module_is_training():
    layer = Layer()
    for f in (layer, lambda x: layer(x), layer.__call__):
        environment = of(f)
        layer.training = not layer.training
        assert environment.changed() == "training"


def test_what_the_function_changes_itself_is_not_watched():
    calls: list[float] = []
    environment = of(lambda x: calls.append(x))
    calls.append(1.0)
    assert environment.changed() == "calls"
    environment.forget_changed()
    calls.append(2.0)
    assert environment.changed() is None


def test_cells_that_are_empty_and_functions_without_code():
    def f():
        return later

    environment = of(f)
    assert environment.changed() is None
    later = 1.0
    assert of(math.sin).changed() is None
    assert f() == later


def test_functions_that_call_each_other():
    def f(n):
        return g(n) * number

    def g(n):
        return f(n)

    assert of(f).changed() is None


def test_a_partial_reads_what_its_function_reads():
    scale = 2.0

    def scaled(x, by):
        return scale * by(x)

    half = 0.5
    environment = of(partial(scaled, by=lambda x: half * x))
    assert environment.changed() is None
    half = 0.25
    assert environment.changed() == "half"
    environment = of(partial(partial(scaled), by=abs))
    scale = 3.0
    assert environment.changed() == "scale"


def test_objects_are_told_only_of_what_has_not_changed():
    scale, same = 2.0, 3.0
    environment = of(lambda x: scale * same * x)
    assert [thing for _, thing in environment.objects()] == [same, scale]
    same = float("3.0")
    assert environment.objects()[0][1] is same
    scale = 5.0
    assert environment.objects() is None
    assert environment.changed() == "scale"
