"""The PPO losses as pure functions of tensors. Names and formulas are CleanRL's."""

from __future__ import annotations

import torch
from torch import Tensor


def action_log_prob(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability of actions `[B]` and entropy `[B]` (nats) under logits `[B, A]`, float32."""
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    chosen = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    return chosen, -(log_probs.exp() * log_probs).sum(-1)


def policy_loss(log_ratio: Tensor, advantages: Tensor, clip_coef: float) -> Tensor:
    """Clipped surrogate per example `[B]` (Schulman et al. 2017, eq. 7), to be minimised."""
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)
    return torch.max(-advantages * ratio, -advantages * clipped)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Half squared error per example `[B]`; with `clip` the larger of plain and clipped error."""
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.max(error, (clipped - returns).square())
    return 0.5 * error


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of values `[B]`; with weights `[B]` of their products, so that 0 leaves an example out
    and the loss shrinks by the share left out.
    """
    return values.mean() if weights is None else (values * weights).mean()


def divergence(log_ratio: Tensor, clip_coef: float) -> dict[str, Tensor]:
    """How far the policy moved: CleanRL's `old_approx_kl` (k1), `approx_kl` (k3) and `clipfrac`.

    Source of the estimators: J. Schulman, "Approximating KL Divergence" (2020).
    """
    ratio = log_ratio.exp()
    return {
        "old_approx_kl": (-log_ratio).mean(),
        "approx_kl": ((ratio - 1) - log_ratio).mean(),
        "clipfrac": ((ratio - 1).abs() > clip_coef).float().mean(),
    }


def explained_variance(predicted: Tensor, target: Tensor) -> Tensor:
    """1 - Var[target - predicted] / Var[target]; NaN when the target does not vary."""
    variance = target.var(correction=0)
    residual = (target - predicted).var(correction=0)
    return torch.where(variance > 0, 1 - residual / variance, torch.full_like(variance, torch.nan))
