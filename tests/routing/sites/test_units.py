"""Units are replaced without a change of anything else, the layout in memory included."""

import pytest
import torch

from chisel.routing.sites import replaced


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 3, 4, 4), (1, 3, 1, 1)])
def test_the_result_has_the_activations_layout_which_decides_the_last_bits_behind_it(layout, shape):
    other = torch.channels_last if layout is torch.contiguous_format else torch.contiguous_format
    values = torch.randn(2, 3, 4, 4).contiguous(memory_format=layout)
    put = torch.randn(shape).contiguous(memory_format=other)
    found = replaced(values, [1], 1, put)
    assert found.stride() == values.stride()
    assert torch.equal(found[:, [0, 2]], values[:, [0, 2]])
    assert torch.equal(found[:, 1], put.expand_as(values)[:, 1])
