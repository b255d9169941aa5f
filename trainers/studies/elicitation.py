"""Attack a language model: fine-tune it on what it was made to forget."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chisel.trainers.runs.optimizer_state import descend

POINTS = 4
"""Number of times at which the attacked model is measured."""
_BATCH = 16


def elicited(
    model: nn.Module,
    tokens: Tensor,
    lengths: Tensor,
    *,
    steps: int,
    rate: float,
    seed: int,
    measure: Callable[[nn.Module], Mapping[str, float]],
    context: Callable[[nn.Module], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> Mapping[str, float]:
    """Fine-tune a copy of a model, and return its best measurement on the way.

    This is the attack of Cloud et al. 2024, appendix C: AdamW on few stories. The least loss of all
    measured steps counts, as if the attacker had chosen the best number of steps.

    Args:
        model: The model, which is not changed.
        tokens: The attacker's stories, `[N, T]`.
        lengths: Number of tokens of each story, `[N]`.
        steps: Number of optimiser steps.
        rate: AdamW's learning rate.
        seed: Seed of the draws of stories.
        measure: Function that measures a model; its result has `forget`, the loss that the attacker
            wants to be low.
        context: Function from the copy to a context, such as an ablation, in which the copy learns
            and is measured.
    """
    attacked = copy.deepcopy(model).train()
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(attacked.parameters(), lr=rate)
    every = max(1, steps // POINTS)
    with context(attacked):
        found = [measure(attacked)]
        for step in range(1, steps + 1):
            rows = torch.randint(len(tokens), (_BATCH,), generator=generator)
            descend(optimizer, _loss(attacked, tokens[rows], lengths[rows]))
            if step % every == 0:
                found.append(measure(attacked))
    return min(found, key=lambda one: one["forget"])


def _loss(model: nn.Module, tokens: Tensor, lengths: Tensor) -> Tensor:
    predicted = torch.arange(1, tokens.shape[1]) < lengths[:, None]
    logits: Tensor = model(tokens[:, :-1])
    return F.cross_entropy(logits[predicted], tokens[:, 1:][predicted])
