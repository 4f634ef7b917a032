"""Convolutions and pooling, in one and in two dimensions, by one description of what meets what.

Along each dimension a list of taps says which place of the kernel meets which place of the input at
each place of the output. All layers here are made from that: a convolution takes a `dot` over its
taps, pooling a maximum or a mean, and a transposed convolution has the taps of a convolution turned
around. Places in several dimensions are the product of those in each.

The padding's zeros are never multiplied: a tap outside of the input is left out.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial, reduce
from itertools import product
from typing import Any, ClassVar

from autograd_scalar import fsum, modes
from autograd_scalar.cases import is_open
from autograd_scalar.primitives import detached
from autograd_scalar.rules import choose, dot
from nn import init
from nn.arguments import generator, known, size, whole_number
from nn.module import Module, label_by_path
from nn.tensors import Tensor, by, map_examples, numbers, on_lists, reshaped, shape
from nn.tensors import parameters as new_parameters

Sizes = tuple[int, ...]

Taps = list[list[tuple[int, int]]]
"""For each place of the output, pairs (k, i): place k of the kernel meets place i of the input."""

Window = tuple[Sizes, Sizes]
"""The places in the kernel and in the input that meet at one place of the output.

In more than one dimension too each is one number, counted through row by row.
"""

PADDING_MODES: dict[str, Callable[[int, int], int | None]] = {
    "circular": lambda i, length: i % length,
    "reflect": lambda i, length: length - 1 - abs(length - 1 - abs(i)),
    "replicate": lambda i, length: min(max(i, 0), length - 1),
    "zeros": lambda i, length: None,
}
"""The place of an input of that length that stands for place i outside of it; None for a zero."""


# --- What meets what ------------------------------------------------------------------------------


def taps(
    length: int,
    outputs: int,
    kernel: int,
    stride: int,
    padding: int = 0,
    dilation: int = 1,
    mode: str = "zeros",
) -> Taps:
    """Return the taps along one dimension of an input of that length, for so many outputs.

    padding: how many places stand before the input. mode: what they are, see PADDING_MODES.

    >>> taps(3, 3, kernel=3, stride=1, padding=1)
    [[(1, 0), (2, 1)], [(0, 0), (1, 1), (2, 2)], [(0, 1), (1, 2)]]
    """
    outside = PADDING_MODES[mode]

    def of_one(start: int) -> Iterator[tuple[int, int]]:
        for k in range(kernel):
            i = start + k * dilation
            place = i if 0 <= i < length else outside(i, length)
            if place is not None:
                yield k, place

    return [list(of_one(p * stride - padding)) for p in range(outputs)]


def turned(taps: Taps, length: int) -> Taps:
    """Return the taps turned around: what was the input, of that length, is the output.

    >>> turned([[(0, 0), (1, 1)], [(0, 2)]], 3)
    [[(0, 0)], [(1, 0)], [(0, 1)]]
    """
    other: Taps = [[] for _ in range(length)]
    for p, pairs in enumerate(taps):
        for k, i in pairs:
            other[i].append((k, p))
    return other


def windows(along: Sequence[Taps], kernel: Sizes, lengths: Sizes) -> list[Window]:
    """Return the windows of an input of these lengths, from the taps along each dimension.

    >>> windows([[[(0, 0), (1, 1)]], [[(0, 2)]]], (2, 1), (2, 3))
    [((0, 1), (2, 5))]
    """
    found = []
    for at_one_place in product(*along):
        pairs = list(product(*at_one_place))
        of_kernel = tuple(_counted([k for k, _ in pair], kernel) for pair in pairs)
        of_input = tuple(_counted([i for _, i in pair], lengths) for pair in pairs)
        found.append((of_kernel, of_input))
    return found


def _counted(places: Sequence[int], lengths: Sizes) -> int:
    """A place in a tensor of these lengths as one number, counted through row by row."""
    count = 0
    for place, length in zip(places, lengths, strict=True):
        count = count * length + place
    return count


# Kept, as they are the same for each example and each step of a training: to find those of a 3 x 3
# kernel on 12 x 12 takes half as long again as to convolve one channel with it.
@lru_cache(maxsize=64)
def _convolution_windows(
    lengths: Sizes,
    outputs: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    mode: str = "zeros",
) -> list[Window]:
    along = map(partial(taps, mode=mode), lengths, outputs, kernel, stride, padding, dilation)
    return windows(list(along), kernel, lengths)


@lru_cache(maxsize=64)
def _transposed_windows(
    lengths: Sizes,
    outputs: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
) -> list[Window]:
    """The windows of the convolution that maps the outputs to the lengths, turned around."""
    along = map(taps, outputs, lengths, kernel, stride, padding, dilation)
    turned_along = [turned(found, length) for found, length in zip(along, outputs, strict=True)]
    return windows(turned_along, kernel, lengths)


# --- Convolutions ---------------------------------------------------------------------------------


class Spatial(Module):
    """Base of layers whose inputs have, after the channels, one or two dimensions of space."""

    dimensions: ClassVar[int]

    def _per_dimension(self, name: str, value: Any, smallest: int = 1) -> Sizes:
        """The argument as an int for each dimension; a single one stands for all."""
        values = value if isinstance(value, (tuple, list)) else (value,) * self.dimensions
        if len(values) != self.dimensions:
            raise ValueError(
                f"{name} of {type(self).__name__} must be an int or {self.dimensions} of them, "
                f"got {value!r}"
            )
        sizes = tuple(whole_number(name, item) for item in values)
        if min(sizes) < smallest:
            raise ValueError(f"{name} must be at least {smallest}, got {value!r}")
        return sizes

    def _map_examples(
        self, function: Callable[[Tensor], Tensor], x: Tensor, channels: int | str
    ) -> Tensor:
        space = ("L",) if self.dimensions == 1 else ("H", "W")
        return map_examples(function, x, (channels, *space), self)

    def _require_outputs(self, outputs: Sizes, lengths: Sizes) -> None:
        if min(outputs) < 1 or min(lengths) < 1:
            raise ValueError(
                f"an input of space {by(lengths)} is too small for {self.summary()}: "
                f"the output would be of space {by(outputs)}"
            )

    def _unusual(self, **usual: Any) -> str:
        """The arguments that are not as usual, for `extra_repr`."""
        have = {name: getattr(self, name) for name in usual}
        return "".join(f", {name}={have[name]}" for name in usual if have[name] != usual[name])


class Convolution(Spatial):
    """Base of all convolutions: the arguments, the parameters, and one `dot` for each output."""

    transposed: ClassVar[bool] = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        bias: bool,
        rng: random.Random | int | None,
    ) -> None:
        """See the classes."""
        self.in_channels = size("in_channels", in_channels)
        self.out_channels = size("out_channels", out_channels)
        self.kernel_size = self._per_dimension("kernel_size", kernel_size)
        self.stride = self._per_dimension("stride", stride)
        self.dilation = self._per_dimension("dilation", dilation)
        self.groups = size("groups", groups)
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % groups:
                raise ValueError(
                    f"{name} must be a multiple of groups, got {getattr(self, name)} and {groups}"
                )
        channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameters(channels[0], channels[1] // groups, *self.kernel_size)
        self.bias = new_parameters(out_channels) if bias else None
        rng = generator(rng)
        bound = 1 / math.sqrt(init.fans(self.weight)[0])
        for tensor in filter(None, (self.weight, self.bias)):
            init.uniform(tensor, -bound, bound, rng=rng)
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the output of an example, or of each example of a batch."""
        kernels = self._kernels()
        return self._map_examples(lambda example: self._one(example, kernels), x, self.in_channels)

    def _kernels(self) -> list[list[list[list[Any]]]]:
        """The kernel between each output and each input channel, as flat lists, by groups."""
        flat = [[list(numbers(kernel)) for kernel in row] for row in self.weight]
        each = len(flat) // self.groups
        groups = [flat[start : start + each] for start in range(0, len(flat), each)]
        if self.transposed:
            return [[list(column) for column in zip(*group, strict=True)] for group in groups]
        return groups

    def _one(self, x: Tensor, kernels: list[list[list[list[Any]]]]) -> Tensor:
        lengths = shape(x)[1:]
        outputs = self._output_lengths(lengths)
        self._require_outputs(outputs, lengths)
        channels = [list(numbers(channel)) for channel in x]
        found = self._windows(lengths, outputs)
        each = self.in_channels // self.groups
        maps: list[list[Any]] = []
        for group, of_group in enumerate(kernels):
            maps += _dots(found, channels[group * each : (group + 1) * each], of_group)
        if self.bias is not None:
            maps = [[y + b for y in ys] for ys, b in zip(maps, self.bias, strict=True)]
        return [reshaped(ys, outputs) for ys in maps]

    def _output_lengths(self, lengths: Sizes) -> Sizes:
        raise NotImplementedError

    def _windows(self, lengths: Sizes, outputs: Sizes) -> list[Window]:
        raise NotImplementedError

    def _extent(self) -> Sizes:
        """How many places a kernel spans, those that dilation leaves out among them."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))

    def extra_repr(self) -> str:
        """Return the channels, the kernel, and what is not as usual."""
        ones, zeros = (1,) * self.dimensions, (0,) * self.dimensions
        unusual = self._unusual(
            stride=ones,
            padding=zeros,
            **({"output_padding": zeros} if self.transposed else {}),
            dilation=ones,
            groups=1,
            **({} if self.transposed else {"padding_mode": "zeros"}),
        )
        without = "" if self.bias else ", bias=False"
        return (
            f"{self.in_channels} -> {self.out_channels}, kernel_size={self.kernel_size}"
            f"{unusual}{without}"
        )


def _dots(
    found: list[Window], channels: list[list[Any]], kernels: list[list[list[Any]]]
) -> list[list[Any]]:
    """For each output channel the dot at each window; a window in the padding alone gives 0."""
    maps: list[list[Any]] = [[] for _ in kernels]
    weights: dict[Sizes, list[list[Any]]] = {}  # most windows have all places of the kernel
    for of_kernel, of_input in found:
        if of_kernel not in weights:
            weights[of_kernel] = [
                [kernel[k] for kernel in of_output for k in of_kernel] for of_output in kernels
            ]
        inputs = [channel[i] for channel in channels for i in of_input]
        for ys, row in zip(maps, weights[of_kernel], strict=True):
            ys.append(dot(*row, *inputs) if row else 0.0)
    return maps


class Conv(Convolution):
    """Base of the convolutions proper, in any number of dimensions; see `Conv2d`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(
            in_channels, out_channels, kernel_size, stride, dilation, groups, bias, rng
        )
        self.padding_mode = known("padding_mode", padding_mode, PADDING_MODES)
        self.padding: Sizes | str
        if isinstance(padding, str):
            self.padding = known("padding", padding, ("same", "valid"))
            if padding == "same" and max(self.stride) > 1:
                raise ValueError(f"padding 'same' needs the stride 1, got {stride!r}")
        else:
            self.padding = self._per_dimension("padding", padding, smallest=0)

    def _before_and_after(self) -> tuple[Sizes, Sizes]:
        """How many places the padding has on both sides."""
        if self.padding == "same":  # an odd one comes after
            before = tuple((extent - 1) // 2 for extent in self._extent())
            return before, tuple(extent // 2 for extent in self._extent())
        if isinstance(self.padding, str):
            return (0,) * self.dimensions, (0,) * self.dimensions
        return self.padding, self.padding

    def _output_lengths(self, lengths: Sizes) -> Sizes:
        before, after = self._before_and_after()
        if self.padding_mode == "reflect" and any(
            a >= length for a, length in zip(after, lengths, strict=True)
        ):
            raise ValueError(
                f"{self.summary()} reflects {by(after)} places, more than an input of space "
                f"{by(lengths)} has beside its edge"
            )
        return tuple(
            (length + b + a - extent) // stride + 1
            for length, b, a, extent, stride in zip(
                lengths, before, after, self._extent(), self.stride, strict=True
            )
        )

    def _windows(self, lengths: Sizes, outputs: Sizes) -> list[Window]:
        before, _ = self._before_and_after()
        return _convolution_windows(
            lengths,
            outputs,
            self.kernel_size,
            self.stride,
            before,
            self.dilation,
            self.padding_mode,
        )


class Conv1d(Conv):
    """y[o][p] = sum of weight[o][c][k] * x[c][p * stride - padding + k * dilation] + bias[o].

    Arguments, initial numbers and errors as of `Conv2d`; `weight` is of shape
    (out_channels, in_channels / groups, kernel_size).

    Shapes: (in_channels, L) or (N, in_channels, L) to the same with out_channels and the length
    (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1.

    >>> layer = Conv1d(1, 1, 2, bias=False)
    >>> layer.load_state_dict({"weight": [[[1.0, -1.0]]]})
    >>> [[y.data for y in channel] for channel in layer([[1.0, 4.0, 9.0]])]
    [[-3.0, -5.0]]
    """

    dimensions = 1


class Conv2d(Conv):
    """y[o][p][q] = the sum of weight[o][c] * a window of x[c], over c and the window, + bias[o].

    Each output number is one `dot`, over the places of the kernel that lie on the input.

    in_channels, out_channels: how many planes go in and come out.
    kernel_size, stride, padding, dilation: an int for both dimensions, or two. The padding may be
        "same", by which the output is as large as the input, or "valid", which is none.
    groups: into how many parts the channels are divided, each of which sees only itself.
    bias: False leaves it out.
    padding_mode: "zeros", "reflect", "replicate" or "circular".
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    `weight` is of shape (out_channels, in_channels / groups, *kernel_size), `bias` of
    (out_channels,) or None. Both are drawn from U(-k, k), k = 1 / sqrt(fan_in), as in PyTorch.

    Shapes: (in_channels, H, W) or (N, in_channels, H, W) to the same with out_channels and, for H
    and W, (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1.

    Raises ValueError or TypeError for arguments that fit no convolution, ValueError for an input of
    another shape or too small for the kernel.

    Source: Y. LeCun et al., "Backpropagation applied to handwritten zip code recognition", Neural
    Computation 1 (1989).

    >>> layer = Conv2d(1, 1, 2, bias=False)
    >>> layer.load_state_dict({"weight": [[[[1.0, 0.0], [0.0, -1.0]]]]})
    >>> [[y.data for y in row] for row in layer([[[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]])[0]]
    [[-4.0, -5.0]]
    """

    dimensions = 2


class ConvTranspose(Convolution):
    """Base of the transposed convolutions, in any number of dimensions; see `ConvTranspose2d`."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(
            in_channels, out_channels, kernel_size, stride, dilation, groups, bias, rng
        )
        self.padding = self._per_dimension("padding", padding, smallest=0)
        self.output_padding = self._per_dimension("output_padding", output_padding, smallest=0)
        limits = map(max, self.stride, self.dilation)
        if any(o >= limit for o, limit in zip(self.output_padding, limits, strict=True)):
            raise ValueError(
                f"output_padding must be below stride or dilation, got {output_padding!r}"
            )

    def _output_lengths(self, lengths: Sizes) -> Sizes:
        return tuple(
            (length - 1) * stride - 2 * padding + extent + more
            for length, stride, padding, extent, more in zip(
                lengths,
                self.stride,
                self.padding,
                self._extent(),
                self.output_padding,
                strict=True,
            )
        )

    def _windows(self, lengths: Sizes, outputs: Sizes) -> list[Window]:
        return _transposed_windows(
            lengths, outputs, self.kernel_size, self.stride, self.padding, self.dilation
        )


class ConvTranspose1d(ConvTranspose):
    """What `Conv1d` with the same weight does to a gradient on its way back, plus a bias.

    Arguments, initial numbers and errors as of `ConvTranspose2d`; `weight` is of shape
    (in_channels, out_channels / groups, kernel_size).

    Shapes: (in_channels, L) or (N, in_channels, L) to the same with out_channels and the length
    (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1.

    >>> layer = ConvTranspose1d(1, 1, 2, stride=2, bias=False)
    >>> layer.load_state_dict({"weight": [[[1.0, -1.0]]]})
    >>> [[y.data for y in channel] for channel in layer([[2.0, 3.0]])]
    [[2.0, -2.0, 3.0, -3.0]]
    """

    dimensions = 1


class ConvTranspose2d(ConvTranspose):
    """What `Conv2d` with the same weight does to a gradient on its way back, plus a bias.

    Each input number puts a multiple of the kernel into the output, `stride` places from that of
    its neighbour. Each output number is one `dot`.

    output_padding: how many places longer the output is: with a stride, several lengths of a
        convolution's input lead to one of its output. Below stride or dilation.
    The other arguments as of `Conv2d`; the padding is the convolution's, and makes the output
    smaller.

    `weight` is of shape (in_channels, out_channels / groups, *kernel_size), `bias` of
    (out_channels,) or None, drawn as in PyTorch.

    Shapes: (in_channels, H, W) or (N, in_channels, H, W) to the same with out_channels and, for H
    and W, (H - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1.

    Raises ValueError or TypeError as `Conv2d`.

    Source: M. Zeiler, D. Krishnan, G. Taylor, R. Fergus, "Deconvolutional networks", CVPR (2010).

    >>> layer = ConvTranspose2d(1, 1, (1, 2), bias=False)
    >>> layer.load_state_dict({"weight": [[[[1.0, 10.0]]]]})
    >>> [[y.data for y in row] for row in layer([[[2.0, 3.0]]])[0]]
    [[2.0, 23.0, 30.0]]
    """

    dimensions = 2


# --- Pooling --------------------------------------------------------------------------------------


class Pool(Spatial):
    """Base of the pooling layers: what becomes of each window is up to `_of_window`."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None,
        padding: int | Sequence[int],
        dilation: int | Sequence[int],
        ceil_mode: bool,
    ) -> None:
        """See the classes."""
        self.kernel_size = self._per_dimension("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else self._per_dimension("stride", stride)
        self.padding = self._per_dimension("padding", padding, smallest=0)
        self.dilation = self._per_dimension("dilation", dilation)
        self.ceil_mode = ceil_mode
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding must be at most half of kernel_size {kernel_size!r}, got {padding!r}"
            )

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the output of an example, or of each example of a batch."""
        return self._map_examples(self._one, x, "C")

    def _one(self, x: Tensor) -> Tensor:
        lengths = shape(x)[1:]
        outputs = tuple(map(self._output_length, range(self.dimensions), lengths))
        self._require_outputs(outputs, lengths)
        found = _convolution_windows(
            lengths, outputs, self.kernel_size, self.stride, self.padding, self.dilation
        )
        sizes = self._window_sizes(lengths, outputs)
        maps = []
        for channel in map(list, map(numbers, x)):
            windows = ([channel[i] for i in places] for _, places in found)
            maps.append(reshaped(list(map(self._of_window, windows, sizes)), outputs))
        return maps

    def _output_length(self, d: int, length: int) -> int:
        stride, padding = self.stride[d], self.padding[d]
        free = length + 2 * padding - self.dilation[d] * (self.kernel_size[d] - 1) - 1
        if not self.ceil_mode:
            return free // stride + 1
        count = -(-free // stride) + 1
        # The last window must begin on the input or before it, not on the padding behind it.
        return count - 1 if (count - 1) * stride >= length + padding else count

    def _window_sizes(self, lengths: Sizes, outputs: Sizes) -> list[int]:
        """How many places each window has on the input and on the padding on both sides."""
        along = [
            [min(k, length + 2 * padding - p * stride) for p in range(count)]
            for k, length, padding, stride, count in zip(
                self.kernel_size, lengths, self.padding, self.stride, outputs, strict=True
            )
        ]
        return [math.prod(sizes) for sizes in product(*along)]

    def _of_window(self, window: list[Any], places: int) -> Any:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return the kernel, and what is not as usual."""
        unusual = self._unusual(
            stride=self.kernel_size,
            padding=(0,) * self.dimensions,
            dilation=(1,) * self.dimensions,
            ceil_mode=False,
        )
        return f"kernel_size={self.kernel_size}{unusual}"


class MaxPool(Pool):
    """Base of the maximum pooling layers, in any number of dimensions; see `MaxPool2d`."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        *,
        ceil_mode: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)

    def _of_window(self, window: list[Any], places: int) -> Any:
        if modes.recorder is not None and any(map(is_open, window)):
            return reduce(_open_larger, window)
        largest, top = -math.inf, -math.inf
        for i, item in enumerate(window):
            number = detached(item)
            if i == 0 or number > top or number != number:  # nan is the result of any window
                largest, top = item, number
        return largest


def _open_larger(a: Any, b: Any) -> Any:
    """a, if it is nan or at least b, else b: which one, a recording leaves open."""
    return choose(b <= a, a, choose(a <= math.inf, b, a))


class MaxPool1d(MaxPool):
    """The largest number of each window; arguments and errors as of `MaxPool2d`.

    Shapes: (C, L) or (N, C, L) to the same with the length
    (L + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1.

    >>> MaxPool1d(2)([[1.0, 2.0, 4.0, 3.0]])
    [[2.0, 4.0]]
    """

    dimensions = 1


class MaxPool2d(MaxPool):
    """The largest number of each window, itself and no copy: it gets the whole gradient.

    If there are several, the first of them is taken.

    kernel_size, stride, padding, dilation: an int for both dimensions, or two. The stride is by
        default the kernel_size. The padding never is the largest.
    ceil_mode: whether a window may reach over the end of the padded input.

    Shapes: (C, H, W) or (N, C, H, W) to the same with, for H and W,
    (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1, rounded up in ceil_mode.

    Raises ValueError or TypeError for arguments that fit no pooling, ValueError for an input of
    another shape or too small for the kernel.

    >>> MaxPool2d(2)([[[1.0, 2.0], [4.0, 3.0]]])
    [[[4.0]]]
    """

    dimensions = 2


class AvgPool(Pool):
    """Base of the average pooling layers, in any number of dimensions; see `AvgPool2d`."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        """See the class."""
        super().__init__(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = count_include_pad

    def extra_repr(self) -> str:
        """Return the kernel, and what is not as usual."""
        return super().extra_repr() + self._unusual(count_include_pad=True)

    def _of_window(self, window: list[Any], places: int) -> Any:
        return fsum(window) / (places if self.count_include_pad else len(window))


class AvgPool1d(AvgPool):
    """The mean of each window; arguments and errors as of `AvgPool2d`.

    Shapes: (C, L) or (N, C, L) to the same with the length
    (L + 2 * padding - kernel_size) // stride + 1.

    >>> AvgPool1d(2)([[1.0, 2.0, 4.0, 3.0]])
    [[1.5, 3.5]]
    """

    dimensions = 1


class AvgPool2d(AvgPool):
    """The mean of each window.

    kernel_size, stride, padding, ceil_mode: as of `MaxPool2d`; the padding counts as zeros.
    count_include_pad: False takes the mean of the numbers of the input alone.

    Shapes: (C, H, W) or (N, C, H, W) to the same with, for H and W,
    (H + 2 * padding - kernel_size) // stride + 1, rounded up in ceil_mode.

    Raises ValueError or TypeError as `MaxPool2d`.

    >>> AvgPool2d(2)([[[1.0, 2.0], [4.0, 3.0]]])
    [[[2.5]]]
    """

    dimensions = 2
