"""Compute layers of a network for many images that differ from a common one in a small box each.

A maze with its mouse on any of 300 squares gives 300 images that differ in a few pixels. A
convolution reaches one pixel further, so the outputs of the first layers differ only in small
boxes, too. The common image goes through these layers once, and of each other image only its box.
The numbers are those of a whole pass up to rounding; see `Stages.before_patches`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from chisel.models import ResidualAdd, ResidualUnit

LARGEST = 2 / 3
"""Largest share of an image for which boxes are computed alone; larger boxes cost as much as the
whole image."""


@dataclass(frozen=True, eq=False)
class Patches:
    """Images that are equal outside a box, which has the same size in all of them.

    Attributes:
        common: Image that all are equal to outside of the boxes, `[1, C, H, W]`.
        corners: Row and column of each box's first pixel, int64 `[N, 2]`. Boxes may reach over an
            edge of the image; their pixels there have no meaning.
        inside: Pixels inside the boxes, `[N, C, h, w]`.
    """

    common: Tensor
    corners: Tensor
    inside: Tensor

    @classmethod
    def of(cls, images: Tensor) -> Patches:
        """Find the boxes in which images `[N, C, H, W]` differ from a common image.

        A pixel of the common image is one that two of three images have there. If it were wrong,
        boxes would only be larger.
        """
        first, middle, last = images[0], images[len(images) // 2], images[-1]
        common = torch.where(first == middle, first, last)[None]
        differs = (images != common).movedim(1, 3).numpy()
        rows, height = _spans(differs.reshape(*differs.shape[:2], -1).any(2))
        cols, width = _spans(differs.any(1).any(2))
        corners = torch.from_numpy(np.stack([rows, cols], 1))
        as_boxes = cls(common, torch.zeros_like(corners), images)
        return cls(common, corners, as_boxes._window(corners, [height, width], 0.0))

    def take(self, numbers: Tensor) -> Patches:
        """Return some of the images, by their numbers."""
        return Patches(self.common, self.corners[numbers], self.inside[numbers])

    def map(self, function: Callable[[Tensor], Tensor]) -> Patches:
        """Apply a function that treats each pixel by itself."""
        return Patches(function(self.common), self.corners, function(self.inside))

    def whole(self) -> Tensor:
        """Return the images themselves, `[N, C, H, W]`."""
        return self._window(torch.zeros_like(self.corners), _sides(self.common), 0.0)

    def reach(self, layers: Sequence[nn.Module]) -> int:
        """Return the number of these layers, from the first on, in which boxes stay small.

        The layers must be those of Impala's blocks.
        """
        sides, edges = _sides(self.inside), _sides(self.common)
        for number, layer in enumerate(layers):
            if (grown := _grown(layer, sides, edges)) is None:
                return number
            sides, edges = grown
            if math.prod(sides) > LARGEST * math.prod(edges):
                return number
        return len(layers)

    def after(self, layer: nn.Module) -> Patches:
        """Compute a layer that `reach` counts.

        Hooks of a layer see only the common image, or nothing.
        """
        if isinstance(layer, nn.ReLU):
            return self.map(layer)
        if isinstance(layer, nn.Conv2d):
            return self._convolved(layer, self._around())
        if isinstance(layer, nn.MaxPool2d):
            corners = self.corners // 2
            sides = [2 * ((side + 1) // 2) + 3 for side in _sides(self.inside)]
            seen = self._window(2 * corners - 1, sides, -torch.inf)
            return Patches(layer(self.common), corners, functional.max_pool2d(seen, 3, 2))
        if isinstance(layer, ResidualUnit):
            skip = self._around()
            first = self.map(layer.relu1)._convolved(layer.conv1, layer.relu1(skip))
            second = first.map(layer.relu2)
            branch = second._convolved(layer.conv2, second._around())
            common = layer.resadd(self.common, branch.common)
            return Patches(common, branch.corners, layer.resadd(skip, branch.inside))
        assert isinstance(layer, ResidualAdd)  # its unit has made the sum
        return self

    def _convolved(self, layer: nn.Conv2d, around: Tensor) -> Patches:
        inside = functional.conv2d(around, layer.weight, layer.bias)
        return Patches(layer(self.common), self.corners - 1, inside)

    def _around(self) -> Tensor:
        """Return the boxes with two more pixels on each side, 0 beyond the image's edge."""
        return self._window(self.corners - 2, [side + 4 for side in _sides(self.inside)], 0.0)

    def _window(self, corners: Tensor, sides: list[int], beyond: float) -> Tensor:
        """Cut a window out of each image, `[N, C, h, w]`, with the value `beyond` outside of it."""
        count, channels, *own = self.inside.shape
        edges = _sides(self.common)
        places = [corners[:, axis, None] + torch.arange(sides[axis]) for axis in (0, 1)]
        in_box = [places[axis] - self.corners[:, axis, None] for axis in (0, 1)]
        end = edges[0] * edges[1]
        first = end + 1 + own[0] * own[1] * torch.arange(count)[:, None, None]
        index = torch.where(
            _inside(in_box, own), first + _number(in_box, own), _number(places, edges)
        )
        index = torch.where(_inside(places, edges), index, end)
        pixels = [self.common, self.common.new_full((1, channels, 1, 1), beyond), self.inside]
        table = torch.cat([one.movedim(1, 3).reshape(-1, channels) for one in pixels])
        return table.index_select(0, index.flatten()).view(count, *sides, channels).movedim(3, 1)


def _grown(
    layer: nn.Module, sides: list[int], edges: list[int]
) -> tuple[list[int], list[int]] | None:
    """Return the sides of a box and of the image after a layer, None if Impala has none such."""
    if isinstance(layer, nn.ReLU | ResidualAdd):
        return sides, edges
    if isinstance(layer, nn.Conv2d) and _is_3_by_3(layer):
        return [side + 2 for side in sides], edges
    if isinstance(layer, nn.MaxPool2d) and _halves(layer):
        return [(side + 1) // 2 + 1 for side in sides], [(edge + 1) // 2 for edge in edges]
    if isinstance(layer, ResidualUnit):
        return [side + 4 for side in sides], edges
    return None


def _is_3_by_3(layer: nn.Conv2d) -> bool:
    moves = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    plain = layer.groups == 1 and layer.padding_mode == "zeros"
    return plain and moves == ((3, 3), (1, 1), (1, 1), (1, 1))


def _halves(layer: nn.MaxPool2d) -> bool:
    moves = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    return moves == (3, 2, 1, 1) and not layer.ceil_mode


def _spans(found: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Return the start of each row's span of true values, `[N]`, and the largest length."""
    begin, end = found.argmax(1), found.shape[1] - found[:, ::-1].argmax(1)
    return begin.astype(np.int64), max(1, int(np.where(found.any(1), end - begin, 0).max()))


def _sides(images: Tensor) -> list[int]:
    return list(images.shape[2:])


def _inside(places: list[Tensor], sides: list[int]) -> Tensor:
    """Return whether rows `[N, h]` and columns `[N, w]` are in an image, `[N, h, w]`."""
    rows, cols = ((one >= 0) & (one < side) for one, side in zip(places, sides, strict=True))
    return rows[:, :, None] & cols[:, None, :]


def _number(places: list[Tensor], sides: list[int]) -> Tensor:
    """Return the numbers of an image's pixels in rows `[N, h]` and columns `[N, w]`."""
    return places[0][:, :, None] * sides[1] + places[1][:, None, :]
