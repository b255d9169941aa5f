"""Losses as pure functions of tensors. Names and formulas are CleanRL's."""

from __future__ import annotations

import torch
from torch import Tensor


def action_log_prob(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Compute log-probabilities of actions `[B]`, and entropies (nats), under logits `[B, A]`.

    Both are float32 `[B]`.
    """
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    chosen = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    return chosen, -(log_probs.exp() * log_probs).sum(-1)


def policy_loss(log_ratio: Tensor, advantages: Tensor, clip_coef: float) -> Tensor:
    """Compute the negative clipped surrogate per example `[B]` (Schulman et al. 2017, eq. 7)."""
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)
    return torch.max(-advantages * ratio, -advantages * clipped)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Compute half the squared error per example `[B]`.

    With `clip`, which limits how far a value moves from its old one, it is the larger of plain and
    clipped error.
    """
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.max(error, (clipped - returns).square())
    return 0.5 * error


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Average values `[B]`, or their products with weights `[B]`.

    The divisor is B in both cases: leaving examples out by weight 0 makes the loss smaller.
    """
    return values.mean() if weights is None else (values * weights).mean()


def total_loss(
    policy_losses: Tensor,
    value_errors: Tensor,
    entropy: Tensor,
    weights: Tensor | None,
    *,
    vf_coef: float,
    ent_coef: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add up policy loss, value error and entropy bonus, each a weighted mean over examples.

    Args:
        policy_losses: `[B]`.
        value_errors: `[B]`.
        entropy: `[B]`, of the policy.
        weights: `[B]`, or `None`; see `weighted_mean`.
        vf_coef: Factor of the value error.
        ent_coef: Factor of the entropy.

    Returns:
        The loss, and its terms as they are logged.
    """
    terms = {
        "policy_loss": weighted_mean(policy_losses, weights),
        "value_loss": weighted_mean(value_errors, weights),
        "entropy": weighted_mean(entropy, weights),
    }
    loss = terms["policy_loss"] + vf_coef * terms["value_loss"] - ent_coef * terms["entropy"]
    return loss, terms


def divergence(log_ratio: Tensor, clip_coef: float) -> dict[str, Tensor]:
    """Measure how far the policy moved, under CleanRL's names.

    They are `old_approx_kl` (estimator k1), `approx_kl` (k3) and `clipfrac`.

    Source of the estimators: J. Schulman, "Approximating KL Divergence" (2020).
    """
    ratio = log_ratio.exp()
    return {
        "old_approx_kl": (-log_ratio).mean(),
        "approx_kl": ((ratio - 1) - log_ratio).mean(),
        "clipfrac": ((ratio - 1).abs() > clip_coef).float().mean(),
    }


def explained_variance(predicted: Tensor, target: Tensor) -> Tensor:
    """Compute 1 - Var[target - predicted] / Var[target]; NaN if the target does not vary."""
    variance = target.var(correction=0)
    residual = (target - predicted).var(correction=0)
    return torch.where(variance > 0, 1 - residual / variance, torch.full_like(variance, torch.nan))
