"""Layers computed in small boxes give what whole passes give, wherever a box lies."""

import pytest
import torch
from torch import nn

from chisel.analysis.interventions import Patches, Stages
from chisel.models import Spaces
from chisel.models.impala import ResidualUnit
from tests.analysis.interventions.test_stages import network

SIZES = [(9, 1), (16, 2), (23, 1), (23, 3), (32, 4)]
"""Side of the image and of the box."""


def images(side, box, seed=0):
    """One image, with a box of noise at the corners, at edges and in the middle."""
    generator = torch.Generator().manual_seed(seed)
    most = side - box
    middle = most // 2
    places = [(0, 0), (most, 0), (middle, middle + 1), (1, most), (middle, 0), (most, most)]
    found = torch.rand(1, side, side, 3, generator=generator).repeat(len(places), 1, 1, 1)
    for image, (row, col) in zip(found, places, strict=True):
        noise = torch.rand(box, box, 3, generator=generator)
        image[row : row + box, col : col + box] = noise
    return found.movedim(3, 1)


@pytest.mark.parametrize(("side", "box"), SIZES)
def test_boxes_hold_all_that_differs_and_no_more(side, box):
    whole = images(side, box)
    found = Patches.of(whole)
    assert found.inside.shape[2:] == (box, box)
    assert torch.equal(found.whole(), whole)
    assert torch.equal(found.take(torch.tensor([4, 1])).whole(), whole[[4, 1]])


def test_images_without_a_common_part_are_boxes_of_their_own_size():
    whole = torch.rand(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    found = Patches.of(whole)
    assert torch.equal(found.whole(), whole)
    assert found.reach([nn.ReLU()]) == 0


@pytest.mark.parametrize("layer", [nn.ReLU, nn.Conv2d, nn.MaxPool2d, ResidualUnit])
@pytest.mark.parametrize(("side", "box"), SIZES)
def test_a_layer_computed_in_boxes_is_the_layer(layer, side, box):
    torch.manual_seed(0)
    arguments = {nn.Conv2d: (3, 5, 3, 1, 1), nn.MaxPool2d: (3, 2, 1), ResidualUnit: (3,)}
    module = layer(*arguments.get(layer, ()))
    whole = images(side, box) - 0.5
    with torch.no_grad():
        torch.testing.assert_close(Patches.of(whole).after(module).whole(), module(whole))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 3, 3, padding=1, stride=2),
        nn.Conv2d(3, 3, 5, padding=2),
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"),
        nn.MaxPool2d(2),
        nn.Flatten(),
    ],
    ids=str,
)
def test_other_layers_are_not_followed(layer):
    assert Patches.of(images(32, 1)).reach([nn.ReLU(), layer]) == 1


@pytest.mark.parametrize(("side", "box"), [(32, 2), (64, 4)])
def test_what_enters_any_stage_is_what_a_whole_pass_gives(side, box):
    model = network(spaces=Spaces((side, side, 3), "uint8", 255.0, 15))
    stages, obs = Stages(model), (255 * images(side, box)).to(torch.uint8)
    found = Patches.of(obs)
    assert stages.reach(found) > 3
    for stage in range(1, len(stages.layers) + 1):
        entering = stages.before_patches(stage, found)
        torch.testing.assert_close(entering, stages.before(stage, obs))
