"""Losses as pure functions of tensors. Names and formulas are CleanRL's."""

from __future__ import annotations

import torch
from torch import Tensor


def action_log_prob(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Compute log-probabilities of actions `[B]`, and entropies, of a policy's logits `[B, A]`.

    Returns:
        Log-probabilities and entropies in nats, both float32 `[B]`.
    """
    log_probs = torch.log_softmax(logits.float(), dim=-1)
    chosen = log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    return chosen, -(log_probs.exp() * log_probs).sum(-1)


def policy_loss(log_ratio: Tensor, advantages: Tensor, clip_coef: float) -> Tensor:
    """Compute PPO's negative clipped surrogate per example (Schulman et al. 2017, equation 7).

    Args:
        log_ratio: New minus old log-probabilities of the actions, `[B]`.
        advantages: Advantages, `[B]`.
        clip_coef: The ratio is clipped to 1 ± this.

    Returns:
        Losses, `[B]`.
    """
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_coef, 1 + clip_coef)
    return torch.max(-advantages * ratio, -advantages * clipped)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Compute half the squared error per example.

    Args:
        values: Predicted values, `[B]`.
        old_values: Values at the time of the rollout, `[B]`.
        returns: Targets, `[B]`.
        clip: If given, the loss is the larger one of the plain error and the error of a value that
            moved at most this far from its old one.

    Returns:
        Losses, `[B]`.
    """
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.max(error, (clipped - returns).square())
    return 0.5 * error


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Average values `[B]`, or their products with weights `[B]`, over B examples.

    So leaving examples out by weight 0 makes the loss smaller.
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
        policy_losses: Losses of the policy, `[B]`.
        value_errors: Losses of the values, `[B]`.
        entropy: Entropies of the policy, `[B]`.
        weights: Weights of the examples, `[B]`, or `None`; see `weighted_mean`.
        vf_coef: Factor of the value error.
        ent_coef: Factor of the entropy.

    Returns:
        The loss, and its terms by the names under which they are logged.
    """
    terms = {
        "policy_loss": weighted_mean(policy_losses, weights),
        "value_loss": weighted_mean(value_errors, weights),
        "entropy": weighted_mean(entropy, weights),
    }
    loss = terms["policy_loss"] + vf_coef * terms["value_loss"] - ent_coef * terms["entropy"]
    return loss, terms


def divergence(log_ratio: Tensor, clip_coef: float) -> dict[str, Tensor]:
    """Measure how far the policy moved since the rollout.

    The estimators are those of J. Schulman, "Approximating KL Divergence" (2020).

    Args:
        log_ratio: New minus old log-probabilities of the actions, `[B]`.
        clip_coef: Bound of the ratio's distance from 1, for `clipfrac`.

    Returns:
        Metrics with CleanRL's names: `old_approx_kl` (estimator k1), `approx_kl` (k3), both in
        nats, and `clipfrac`, the share of ratios beyond the bound.
    """
    ratio = log_ratio.exp()
    return {
        "old_approx_kl": (-log_ratio).mean(),
        "approx_kl": ((ratio - 1) - log_ratio).mean(),
        "clipfrac": ((ratio - 1).abs() > clip_coef).float().mean(),
    }


def explained_variance(predicted: Tensor, target: Tensor) -> Tensor:
    """Compute `1 - Var[target - predicted] / Var[target]`; NaN if the target does not vary."""
    variance = target.var(correction=0)
    residual = (target - predicted).var(correction=0)
    return torch.where(variance > 0, 1 - residual / variance, torch.full_like(variance, torch.nan))
