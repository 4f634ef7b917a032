"""What PyTorch makes of losses, optimizers, schedules and clipping: the numbers the tests expect.

`python -m tests.torch_training --write` writes them to tests/data, in float64. The tables of cases
are here; the tests read them from the files, and need no PyTorch.

The files are written with ATEN_CPU_CAPABILITY=default in the environment: PyTorch then multiplies
and adds in two roundings, as Python does. Else it does both in one where the processor can, and the
optimizers' last bits are other ones. Square roots of PyTorch (which come from MKL) are not always
the nearest float, so only optimizers without roots can be expected to agree to the last bit.
"""

import json
import math
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
LOSSES_FILE = DATA / "torch_losses.json"
OPTIM_FILE = DATA / "torch_optim.json"

# --- Losses: name in torch.nn.functional, kind of the target, options -----------------------------

REDUCTIONS = ("mean", "sum", "none")
CLASS_WEIGHT = [0.5, 2.0, 1.25, 0.0]
LOSS_TABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("mse_loss", "number", {}),
    ("l1_loss", "number", {}),
    ("huber_loss", "number", {}),
    ("huber_loss", "number", {"delta": 0.3}),
    ("huber_loss", "number", {"delta": 3.0}),
    ("smooth_l1_loss", "number", {}),
    ("smooth_l1_loss", "number", {"beta": 0.3}),
    ("smooth_l1_loss", "number", {"beta": 0.0}),
    ("binary_cross_entropy_with_logits", "bit", {}),
    ("binary_cross_entropy_with_logits", "share", {}),
    ("binary_cross_entropy_with_logits", "share", {"pos_weight": [2.0, 0.5, 1.0, 3.0]}),
    ("binary_cross_entropy_with_logits", "bit", {"weight": [0.1, 0.5, 0.0, 3.0]}),
    (
        "binary_cross_entropy_with_logits",
        "share",
        {"weight": [0.1, 0.5, 0.0, 3.0], "pos_weight": [2.0, 0.5, 1.0, 3.0]},
    ),
    ("kl_div", "distribution", {}),
    ("kl_div", "log_distribution", {"log_target": True}),
    ("cross_entropy", "class", {}),
    ("cross_entropy", "class", {"weight": CLASS_WEIGHT}),
    ("cross_entropy", "class", {"label_smoothing": 0.1}),
    ("cross_entropy", "class", {"label_smoothing": 1.0}),
    ("cross_entropy", "class", {"weight": CLASS_WEIGHT, "label_smoothing": 0.25}),
    ("cross_entropy", "class", {"ignore_index": 1}),
    ("cross_entropy", "class", {"ignore_index": 1, "label_smoothing": 0.1, "weight": CLASS_WEIGHT}),
    ("cross_entropy", "distribution", {}),
    ("cross_entropy", "distribution", {"weight": CLASS_WEIGHT}),
    ("cross_entropy", "distribution", {"weight": CLASS_WEIGHT, "label_smoothing": 0.25}),
    ("nll_loss", "class", {}),
    ("nll_loss", "class", {"weight": CLASS_WEIGHT}),
    ("nll_loss", "class", {"weight": CLASS_WEIGHT, "ignore_index": 2}),
    ("multi_margin_loss", "class", {}),
    ("multi_margin_loss", "class", {"p": 2}),
    ("multi_margin_loss", "class", {"margin": 0.3, "weight": CLASS_WEIGHT}),
]
CLASSES = 4
SHAPES = {  # of the input; one example, a batch, a batch of examples at several places
    "number": [(), (3,), (2, 3), (2, 2, 2)],
    "bit": [(4,), (3, 4)],
    "share": [(4,), (3, 4)],
    "distribution": [(CLASSES,), (3, CLASSES)],
    "log_distribution": [(CLASSES,), (3, CLASSES)],
    "class": [(CLASSES,), (5, CLASSES), (2, CLASSES, 3)],
}


def loss_cases() -> list[dict[str, Any]]:
    """Each row of the table at each shape and reduction, with numbers drawn for it."""
    cases = []
    for place, (name, kind, options) in enumerate(LOSS_TABLE):
        for sizes in SHAPES[kind]:
            if name == "multi_margin_loss" and len(sizes) > 2:
                continue
            reductions = REDUCTIONS
            if len(sizes) == 1:
                reductions = ("mean", "none")
            elif name == "kl_div":
                reductions = (*REDUCTIONS, "batchmean")
            for reduction in reductions:
                rng = random.Random(1000 * place + 10 * len(sizes))
                x = nest(sizes, lambda rng=rng: rng.gauss(0.0, 2.0))
                if name in ("nll_loss", "kl_div"):
                    x = nest(sizes, lambda rng=rng: -rng.expovariate(1.0))
                cases.append(
                    {
                        "loss": name,
                        "options": {**options, "reduction": reduction},
                        "input": x,
                        "target": target(kind, sizes, rng),
                    }
                )
    return cases


def nest(sizes: tuple[int, ...], draw: Any) -> Any:
    return draw() if not sizes else [nest(sizes[1:], draw) for _ in range(sizes[0])]


def target(kind: str, sizes: tuple[int, ...], rng: random.Random) -> Any:
    if kind == "class":
        places = (sizes[0], *sizes[2:]) if len(sizes) > 1 else ()
        # Not 1 for the single example, which would be ignored, nor 3, whose weight is 0.
        return nest(places, lambda: rng.randrange(CLASSES)) if places else 0
    if kind in ("distribution", "log_distribution"):
        rows = nest(sizes[:-1], lambda: distribution(rng))
        return rows if kind == "distribution" else apply(math.log, rows)
    draws = {
        "number": lambda: rng.gauss(0.0, 2.0),
        "bit": lambda: float(rng.randrange(2)),
        "share": rng.random,
    }
    return nest(sizes, draws[kind])


def distribution(rng: random.Random) -> list[float]:
    shares = [rng.random() for _ in range(CLASSES)]
    return [share / math.fsum(shares) for share in shares]


def apply(function: Any, x: Any) -> Any:
    return [apply(function, item) for item in x] if isinstance(x, list) else function(x)


def torch_losses() -> list[dict[str, Any]]:
    """The cases with PyTorch's loss and its gradients by input and, where it has one, target."""
    import torch
    import torch.nn.functional as F

    results = []
    for case in loss_cases():
        x = torch.tensor(case["input"], dtype=torch.float64, requires_grad=True)
        by_class = isinstance(flat(case["target"])[0], int)
        t = torch.tensor(
            case["target"],
            dtype=torch.int64 if by_class else torch.float64,
            requires_grad=not by_class,
        )
        options = {
            key: torch.tensor(option, dtype=torch.float64) if isinstance(option, list) else option
            for key, option in case["options"].items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what "mean" means to kl_div
            loss = getattr(F, case["loss"])(x, t, **options)
        upstream = upstream_of(loss.numel())
        (loss.reshape(-1) * torch.tensor(upstream, dtype=torch.float64)).sum().backward()
        results.append(
            {
                **case,
                "result": loss.tolist(),
                "input_grad": x.grad.tolist(),
                "target_grad": None if by_class else t.grad.tolist(),
            }
        )
    return results


def upstream_of(count: int) -> list[float]:
    """Gradients to begin the backward pass with, no two the same."""
    return [1.0] if count == 1 else [0.25 * place - 1.0 for place in range(count)]


def flat(x: Any) -> list[Any]:
    return [number for item in x for number in flat(item)] if isinstance(x, list) else [x]


# --- Optimizers: 50 steps on gradients of plain floats, the same for both ------------------------

STEPS = 50
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.005, "momentum": 0.9}),
    ("SGD", {"lr": 0.005, "momentum": 0.8, "dampening": 0.5}),
    ("SGD", {"lr": 0.005, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.01, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.0001, "momentum": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.9, "lr": 0.002}),
    (
        "RMSprop",
        {"momentum": 0.5, "centered": True, "weight_decay": 0.1, "alpha": 0.4, "maximize": True},
    ),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.1}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "eps": 1e-3, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-4}),
    ("Adam", {"lr": 0.05, "betas": (0.3, 0.99), "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.7)}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2, "amsgrad": True, "betas": (0.9, 0.8)}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2, "maximize": True}),
]

_RNG = random.Random(7)
_ROOT = [[_RNG.gauss(0.0, 1.0) for _ in range(6)] for _ in range(6)]
_CENTER = [_RNG.gauss(0.0, 1.0) for _ in range(6)]
_POINTS = [[_RNG.gauss(0.0, 1.0) for _ in range(4)] for _ in range(10)]
_LABELS = [_RNG.randrange(2) for _ in range(10)]


def rosenbrock(p: list[float]) -> list[float]:
    """The gradient of (1 - x)**2 + 100 (y - x**2)**2, made milder."""
    x, y = p
    return [-2 * (1 - x) - 8 * x * (y - x * x), 4 * (y - x * x)]


def quadratic(p: list[float]) -> list[float]:
    """The gradient of |R (p - c)|**2 / 2."""
    off = [x - c for x, c in zip(p, _CENTER, strict=True)]
    image = [math.fsum(r * o for r, o in zip(row, off, strict=True)) for row in _ROOT]
    return [math.fsum(row[i] * y for row, y in zip(_ROOT, image, strict=True)) for i in range(6)]


def logistic(p: list[float]) -> list[float]:
    """The gradient of the mean log-loss of a linear model."""
    gradient = [0.0] * 4
    for point, label in zip(_POINTS, _LABELS, strict=True):
        score = math.fsum(w * x for w, x in zip(p, point, strict=True))
        error = 1 / (1 + math.exp(-score)) - label
        gradient = [g + error * x / 10 for g, x in zip(gradient, point, strict=True)]
    return gradient


PROBLEMS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0]),
    "quadratic": (quadratic, [0.5, -1.0, 2.0, 0.0, 1.5, -0.3]),
    "logistic": (logistic, [0.0, 0.1, -0.2, 1.0]),
}


def torch_optimizers() -> list[dict[str, Any]]:
    """Where 50 steps lead, on each problem; the parameters of the last problem in two groups."""
    import torch

    results = []
    for problem, (gradient, start) in PROBLEMS.items():
        for name, options in OPTIMIZERS:
            parts = [start] if problem != "logistic" else [start[:1], start[1:]]
            tensors = [torch.tensor(part, dtype=torch.float64) for part in parts]
            groups: list[dict[str, Any]] = [{"params": [tensor]} for tensor in tensors]
            groups[-1]["lr"] = 2 * options.get("lr", 0.01)
            optimizer = getattr(torch.optim, name)(groups, **options, foreach=False)
            path = []
            for _ in range(STEPS):
                slopes = gradient([x for tensor in tensors for x in tensor.tolist()])
                for tensor in tensors:
                    tensor.grad = torch.tensor(slopes[: len(tensor)], dtype=torch.float64)
                    slopes = slopes[len(tensor) :]
                optimizer.step()
                path.append([x for tensor in tensors for x in tensor.tolist()])
            results.append(
                {"optimizer": name, "options": options, "problem": problem, "path": path[4::5]}
            )
    return results


# --- Schedules: rates over 50 epochs --------------------------------------------------------------

EPOCHS = 50
SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [5, 20, 20, 30], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"T_max": 50}),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.5, "total_iters": 20}),
    ("LambdaLR", {}),
    ("SequentialLR", {}),
    ("ReduceLROnPlateau", {}),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 1, "cooldown": 2, "min_lr": 0.01}),
    ("ReduceLROnPlateau", {"patience": 1, "threshold": 0.3}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 3, "threshold": 0.05}),
    ("ReduceLROnPlateau", {"patience": 2, "threshold": 0.1, "threshold_mode": "abs"}),
    (
        "ReduceLROnPlateau",
        {"mode": "max", "patience": 0, "threshold": 0.1, "threshold_mode": "abs", "factor": 0.9},
    ),
]
RATES = (0.5, 0.02)
METRICS = [1 / (1 + epoch / 5) + 0.1 * math.sin(epoch) + 0.3 for epoch in range(EPOCHS)]


def falling(epoch: int) -> float:
    return 1 / (1 + epoch)


def make_schedule(module: Any, optimizer: Any, name: str, options: dict[str, Any]) -> Any:
    """The schedule of that name, of PyTorch's module or ours."""
    if name == "LambdaLR":
        return module.LambdaLR(optimizer, falling)
    if name == "SequentialLR":
        warm_up = module.LinearLR(optimizer, start_factor=0.1, total_iters=8)
        cosine = module.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.001)
        steps = module.ExponentialLR(optimizer, gamma=0.8)
        return module.SequentialLR(optimizer, [warm_up, cosine, steps], [8, 30])
    return getattr(module, name)(optimizer, **options)


def rates(schedule: Any, optimizer: Any) -> list[list[float]]:
    """The rates of the groups, epoch by epoch."""
    found = []
    for metric in METRICS:
        found.append([group["lr"] for group in optimizer.param_groups])
        if type(schedule).__name__ == "ReduceLROnPlateau":
            schedule.step(metric)
        else:
            schedule.step()
    return found


def torch_schedules() -> list[dict[str, Any]]:
    import torch

    results = []
    for name, options in SCHEDULES:
        groups = [{"params": [torch.zeros(1)], "lr": rate} for rate in RATES]
        optimizer = torch.optim.SGD(groups, lr=0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps before the optimizer's, and of arguments
            schedule = make_schedule(torch.optim.lr_scheduler, optimizer, name, options)
            found = rates(schedule, optimizer)
        results.append({"schedule": name, "options": options, "rates": found})
    return results


# --- Clipping -------------------------------------------------------------------------------------

GRADIENTS = [
    [3.0, -4.0],
    [0.3, -0.4, 0.0],
    [0.0, 0.0],
    [1e-3, 5.0, -2.0, 1e4],
    [math.inf, 1.0],
    [math.nan, 1.0],
    [1.0, math.nan],
]


def torch_clipping() -> list[dict[str, Any]]:
    import torch

    results = []
    for gradients in GRADIENTS:
        for norm_type in (2.0, 1.0, 3.5, math.inf):
            for max_norm in (1.0, 1e9, 0.0):
                tensor = torch.zeros(len(gradients), dtype=torch.float64)
                tensor.grad = torch.tensor(gradients, dtype=torch.float64)
                norm = torch.nn.utils.clip_grad_norm_([tensor], max_norm, norm_type, foreach=False)
                results.append(
                    {
                        "gradients": gradients,
                        "norm_type": norm_type,
                        "max_norm": max_norm,
                        "norm": norm.item(),
                        "clipped": tensor.grad.tolist(),
                    }
                )
    return results


def torch_training() -> dict[str, Any]:
    return {
        "optimizers": torch_optimizers(),
        "schedules": torch_schedules(),
        "clipping": torch_clipping(),
    }


def recorded(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    import torch

    torch.set_num_threads(1)
    if sys.argv[1:] != ["--write"] or os.environ.get("ATEN_CPU_CAPABILITY") != "default":
        sys.exit(__doc__)
    DATA.mkdir(exist_ok=True)
    for path, found in ((LOSSES_FILE, torch_losses()), (OPTIM_FILE, torch_training())):
        lines = ",\n".join(json.dumps(case) for case in found) if isinstance(found, list) else None
        if lines is not None:
            path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        else:
            parts = [
                f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, cases)) + "\n]"
                for key, cases in found.items()
            ]
            path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
        print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
