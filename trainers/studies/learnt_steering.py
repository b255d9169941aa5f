"""Learn to steer by gradient descent: a vector in the residual stream, or a low-rank adapter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chisel.analysis.interventions import intervene
from chisel.analysis.language import ConceptTexts, add_at_tokens
from chisel.routing import Site

_BATCH = 16


def learnt_vector(
    model: nn.Module,
    site: Site,
    texts: ConceptTexts,
    width: int,
    norm: float,
    *,
    steps: int,
    seed: int,
) -> Tensor:
    """Learn a vector `[units]` that makes texts likely when it is added at all but token 0.

    Args:
        model: The network, which is not changed.
        site: Site at which the vector is added.
        texts: The texts; words of the prompts are not in the loss.
        width: Number of units of the activation.
        norm: Mean norm of the activation, which scales the learning rate: ten steps can go as far.
        steps: Number of Adam's steps, of 16 texts each.
        seed: Seed of the minibatches.
    """
    vector = torch.zeros(width, requires_grad=True)

    def predict(tokens: Tensor) -> Tensor:
        with intervene(model, {site: add_at_tokens(vector)}):
            logits: Tensor = model(tokens)
        return logits

    _fit([vector], predict, texts, rate=0.1 * norm / math.sqrt(width), steps=steps, seed=seed)
    return vector.detach()


class LowRankAdapter:
    """Adds a product of two thin matrices to each weight of linear layers (LoRA, Hu et al. 2021).

    Args:
        model: The network, which is not changed.
        rank: Rank of the products.
        generator: Source of the initial values.
    """

    def __init__(self, model: nn.Module, rank: int, generator: torch.Generator) -> None:
        self.model = model
        self.thin: dict[str, tuple[Tensor, Tensor]] = {}
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                rows, columns = module.weight.shape
                down = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
                up = torch.zeros(rows, rank, requires_grad=True)
                self.thin[f"{name}.weight"] = up, down.requires_grad_()

    def fit(self, texts: ConceptTexts, *, steps: int, seed: int) -> None:
        """Learn to make texts likely, as `learnt_vector` does."""
        parameters = [one for both in self.thin.values() for one in both]
        _fit(parameters, self.predict, texts, rate=5e-3, steps=steps, seed=seed)

    def predict(self, tokens: Tensor, factor: float = 1.0) -> Tensor:
        """Return the logits `[B, T, V]` with `factor` times the learnt products."""
        weights: Mapping[str, Tensor] = {
            name: self.model.get_parameter(name) + factor * up @ down
            for name, (up, down) in self.thin.items()
        }
        logits: Tensor = torch.func.functional_call(self.model, dict(weights), (tokens,))
        return logits


def _fit(
    parameters: Sequence[Tensor],
    predict: Callable[[Tensor], Tensor],
    texts: ConceptTexts,
    *,
    rate: float,
    steps: int,
    seed: int,
) -> None:
    """Minimise the cross-entropy of the words after the prompts."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(parameters, lr=rate)
    predicted = texts.about | texts.elsewhere
    for _ in range(steps):
        rows = torch.randint(len(texts.tokens), (_BATCH,), generator=generator)
        tokens, chosen = texts.tokens[rows], predicted[rows]
        loss = F.cross_entropy(predict(tokens[:, :-1])[chosen], tokens[:, 1:][chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch stubs
        optimizer.step()
