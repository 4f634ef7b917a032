"""Which modules the parameters of a graph are in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autograd_scalar.value import Value


class Owners:
    """The modules that have parameters, each a number; 0 is none of them.

    Attributes:
        titles: of each module its path below the one around it.
        kinds: of each its class.
        outer: of each the one around it.
    """

    def __init__(self, places: Mapping[Value, int]) -> None:
        self.titles = [""]
        self.kinds = [""]
        self.outer = [0]
        self._depths = [0]
        self._places = places
        self._known: dict[int, dict[int, int]] = {}

    def below(self, module: Any) -> dict[int, int]:
        """Of each parameter, by its place, the innermost module below this one that has it."""
        if module is None:
            return {}
        if id(module) not in self._known:
            self._known[id(module)] = self._found(module)
        return self._known[id(module)]

    def _found(self, module: Any) -> dict[int, int]:
        owners: dict[int, int] = {}
        numbers = {"": 0}
        for path, member in module.named_modules():
            if not path:
                continue
            above = path.rpartition(".")[0]
            while above not in numbers:
                above = above.rpartition(".")[0]
            numbers[path] = len(self.titles)
            self.titles.append(path.removeprefix(f"{above}.") if above else path)
            self.kinds.append(type(member).__name__)
            self.outer.append(numbers[above])
            self._depths.append(self._depths[numbers[above]] + 1)
            for parameter in member.parameters():
                if parameter in self._places:
                    owners[self._places[parameter]] = numbers[path]
        return owners

    def common(self, modules: set[Any]) -> int:
        """The innermost module that has all of these in it."""
        found, *others = modules
        for other in others:
            while found != other:
                if self._depths[found] >= self._depths[other]:
                    found = self.outer[found]
                else:
                    other = self.outer[other]
        return int(found)

    def outermost(self, module: int) -> str:
        """The title of the outermost module around this one."""
        while self.outer[module]:
            module = self.outer[module]
        return self.titles[module]
