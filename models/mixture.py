"""Experts side by side, mixed by a gate (Cloud et al. 2024, section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Mixture(nn.Module):
    """Maps images `[B, C, H, W]` to features `[B, F]`: `Σ g_k E_k / Σ g_k`.

    `E_k` are the features of expert `k` and `g_k` its share. Without ablations the denominator is
    1. To ablate expert `k`, set unit `k` of the output of `gate` to 0; the shares of the other
    experts are then scaled to add up to 1. If only one expert is left, the output is its features.

    The children are `experts.NAME`, `gate_net`, which returns the gate's logits, and `gate`, which
    returns the shares `g`. A loss that trains the gate on labels uses the output of `gate_net`, so
    that routing at the input or output of `gate` does not stop its gradient.

    Args:
        experts: Networks from images to features `[B, F]` by name, in the order of `g`.
        gate_net: Network from images to logits `[B, K]`.

    Raises:
        ValueError: If there are fewer than two experts.
    """

    def __init__(self, experts: Mapping[str, nn.Module], gate_net: nn.Module) -> None:
        super().__init__()
        if len(experts) < 2:
            raise ValueError(f"a mixture needs at least two experts, not {list(experts)}")
        self.experts = nn.ModuleDict(dict(experts))
        self.gate_net = gate_net
        self.gate = nn.Softmax(dim=-1)  # a module, so that the shares have a name

    def forward(self, image: Tensor) -> Tensor:
        """Compute features `[B, F]` of images `[B, C, H, W]`."""
        features = torch.stack([expert(image) for expert in self.experts.values()], dim=1)
        shares: Tensor = self.gate(self.gate_net(image))
        # If all experts are ablated the features are 0, not NaN.
        total = shares.sum(-1, keepdim=True).clamp_min(torch.finfo(shares.dtype).tiny)
        return torch.bmm((shares / total).unsqueeze(1).to(features.dtype), features).squeeze(1)
