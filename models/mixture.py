"""Experts side by side, mixed by a gate (Cloud et al. 2024, section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """Logits `[B, K]` to shares `[B, K]` that add up to 1; a module, so that they have a name."""

    def forward(self, logits: Tensor) -> Tensor:
        """Softmax over the experts."""
        return torch.softmax(logits, dim=-1)


class Mixture(nn.Module):
    """Images `[B, C, H, W]` to features `[B, F]`: `Σ g_k E_k / Σ g_k`.

    With all experts in place the denominator is 1. Ablating expert `k` means zeroing unit `k` of
    the output of `gate`: the mixture itself then shares the rest out, and if only one expert is
    left its features pass through whole.

    Children: `experts.NAME`, `gate_net` (whose output are the gate's logits) and `gate` (whose
    output are the shares `g`). A loss that teaches the gate labels reads the logits where they
    leave `gate_net`, so that routes at the input or the output of `gate` don't stop it.

    Args:
        experts: By name, networks from images to features `[B, F]`; the order is that of `g`.
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
        self.gate = Gate()

    def forward(self, image: Tensor) -> Tensor:
        """Features `[B, F]` of images `[B, C, H, W]`."""
        features = torch.stack([expert(image) for expert in self.experts.values()], dim=1)
        shares: Tensor = self.gate(self.gate_net(image))
        # With every expert ablated there is nothing to share out: features 0 rather than NaN.
        total = shares.sum(-1, keepdim=True).clamp_min(torch.finfo(shares.dtype).tiny)
        return torch.bmm((shares / total).unsqueeze(1).to(features.dtype), features).squeeze(1)
