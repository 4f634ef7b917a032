"""What one node of a contender's graph takes, in a process of its own; prints JSON.

    python memory.py CONTENDER

The graph is a chain ``y = operation(y, x)`` after ``backward``: every node holds a number and a
gradient that no other node does, and the one leaf counts for nothing. Of each operation:

- bytes: what a node takes, all told, by tracemalloc;
- by_size: a check of the first, the sum of ``sys.getsizeof`` over what one node alone refers to;
  it is larger where objects have a ``__dict__``, as asking for that makes it;
- tracked: the objects of a node that the cyclic collector walks through, as they are born. It is
  these that cost time, again and again while the graph grows.
"""

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from contenders import CONTENDERS

NODES = 20_000

Operation = Callable[[Any, Any], Any]

OPERATIONS: dict[str, Operation] = {
    "value * value": lambda y, x: y * x,
    "value + value": lambda y, x: y + x,
    "value * constant": lambda y, x: y * 1.001,
}


def chain(operation: Operation, x: Any) -> Any:
    y = x
    for _ in range(NODES - 1):
        y = operation(y, x)
    return y * 0.999  # so that gradients are floats; some engines begin with the integer 1


def bytes_per_node(operation: Operation, x: Any) -> float:
    gc.collect()  # empties the lists of freed floats and tuples, which would be reused uncounted
    tracemalloc.start()
    y = chain(operation, x)
    y.backward()
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / NODES


def size_of_one_node(operation: Operation, x: Any) -> int:
    parent = operation(x, x)
    node = operation(parent, x)
    (node * 0.999).backward()
    shared = reachable(parent).keys() | reachable(x).keys()
    return sum(sys.getsizeof(item) for key, item in reachable(node).items() if key not in shared)


def reachable(node: Any) -> dict[int, Any]:
    """By identity all that ``node`` refers to, as far as classes, modules and their names."""
    found: dict[int, Any] = {}
    stack = [node]
    while stack:
        item = stack.pop()
        is_code = isinstance(item, (type, type(sys))) or (
            isinstance(item, dict) and "__name__" in item
        )
        if id(item) in found or is_code:
            continue
        if hasattr(item, "__dict__"):
            vars(item)  # Python makes the dictionary only now, and would not show what is in it
        found[id(item)] = item
        stack.extend(gc.get_referents(item))
    return found


def tracked_per_node(operation: Operation, x: Any) -> float:
    gc.collect()
    gc.disable()
    before = len(gc.get_objects())
    y = chain(operation, x)
    tracked = len(gc.get_objects()) - before
    gc.enable()
    del y
    return round(tracked / NODES, 2)


def measure(name: str) -> dict[str, dict[str, float]]:
    engine = CONTENDERS[name]()
    sys.setrecursionlimit(NODES * 3)  # for the engines that sort recursively
    result = {}
    for what, operation in OPERATIONS.items():
        result[what] = {
            "bytes": bytes_per_node(operation, engine.value(1.001)),
            "by_size": size_of_one_node(operation, engine.value(1.001)),
            "tracked": tracked_per_node(operation, engine.value(1.001)),
        }
    return result


if __name__ == "__main__":
    json.dump(measure(sys.argv[1]), sys.stdout)
