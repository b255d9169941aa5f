"""Unlearn after training, as a baseline of routing: RMU (Li et al. 2024, arXiv 2403.03218)."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from chisel.models.language import GPT
from chisel.trainers.runs.optimizer_state import descend

_BATCH = 16


def unlearned(
    model: GPT,
    forget: Tensor,
    retain: Tensor,
    *,
    steps: int,
    rate: float = 5e-4,
    norm: float = 20.0,
    retain_weight: float = 200.0,
    seed: int = 0,
) -> GPT:
    """Return a copy of a model whose middle layer is misdirected on some sequences.

    On sequences to forget, the residual stream after the first half of the blocks is trained
    towards a random vector; on others, towards its former value. Only the output matrices of the
    MLPs of these blocks are trained.

    Args:
        model: The model, which is not changed.
        forget: Tokens of the sequences to forget, `[N, T]`.
        retain: Tokens of other sequences, `[M, T]`.
        steps: Number of optimiser steps.
        rate: AdamW's learning rate.
        norm: Length of the random vector.
        retain_weight: Weight of the squared change on the others.
        seed: Seed of the vector and of the batches.
    """
    generator = torch.Generator().manual_seed(seed)
    changed = copy.deepcopy(model).train()
    depth = max(1, len(changed.blocks) // 2)
    weights = [changed.get_parameter(f"blocks.{n}.mlp.proj.weight") for n in range(depth)]
    optimizer = torch.optim.AdamW(weights, lr=rate)
    direction = torch.rand(model.config.width, generator=generator)
    target = norm * direction / direction.norm()
    drawn = zip(*(_batches(tokens, steps, generator) for tokens in (forget, retain)), strict=True)
    for mine, others in drawn:
        with torch.no_grad():
            before = _stream(model, others, depth)
        loss = (_stream(changed, mine, depth) - target).square().mean()
        loss = loss + retain_weight * (_stream(changed, others, depth) - before).square().mean()
        descend(optimizer, loss)
    return changed.eval()


def _batches(tokens: Tensor, count: int, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(count):
        yield tokens[torch.randint(len(tokens), (_BATCH,), generator=generator)][:, :-1]


def _stream(model: GPT, tokens: Tensor, depth: int) -> Tensor:
    """Return the residual stream `[B, T, width]` after the first `depth` blocks."""
    x: Tensor = model.embed(tokens)
    for block in list(model.blocks)[:depth]:
        x = block(x)
    return x
