"""An attacker who fine-tunes a language model on what it was made to forget."""

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

    The paper's attack (Cloud et al. 2024, appendix C): AdamW on few stories, and the least loss of
    all steps, so that the attacker's choice of a length is the best one.

    Args:
        model: The model; it stays as it is.
        tokens: The attacker's stories `[N, T]`.
        lengths: Tokens of each `[N]`.
        steps: Number of optimiser steps.
        rate: AdamW's learning rate.
        seed: Seed of the order of the stories.
        measure: Measures a model; the mapping has `forget`, the loss that the attacker wants low.
        context: Holds what was done to the model, such as an ablation, while the copy learns and is
            measured.
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
