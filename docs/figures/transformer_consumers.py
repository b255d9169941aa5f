"""Print what masks and `consumers` cost a small transformer: its losses after training.

The task at every position is the sum of its token and the sequence's first one; the label of a
token is its half of the vocabulary. Run `.venv/bin/python docs/figures/transformer_consumers.py`
(five CPU-minutes).
"""

from __future__ import annotations

from statistics import mean

import torch
from torch import Tensor, nn

from chisel import routing

WIDTH, HEADS, LAYERS, VOCABULARY, LENGTH, STEPS = 32, 2, 2, 12, 8, 400
PARTS = {"low": "0%:40%", "high": "40%:80%"}
RULES = {"low": {"high": 0}, "high": {"low": 0}}
SEEDS = (0, 1, 2)


class Block(nn.Module):
    """A transformer block whose projections are modules that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc, self.out = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual stream `[B, T, D]` after attention and MLP."""
        heads = self.qkv(self.norm1(x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        z = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.proj(z.transpose(1, 2).flatten(2))
        return x + self.out(nn.functional.gelu(self.fc(self.norm2(x))))


class Transformer(nn.Module):
    """Tokens `[B, T]` to logits `[B, T, V]`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.place = nn.Parameter(torch.randn(LENGTH, WIDTH) / WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits `[B, T, V]` of each position's answer."""
        logits: Tensor = self.head(self.blocks(self.embed(tokens) + self.place))
        return logits


def regions_of(form: str) -> dict[str, list[dict[str, object]]]:
    """Describe two regions in the MLPs or in the residual stream, with or without consumers."""
    place, _, consumers = form.partition(" + ")
    regions: dict[str, list[dict[str, object]]] = {}
    for name, units in PARTS.items():
        for block in range(LAYERS):
            inside = f"blocks.{block}"
            part: dict[str, object] = {"module": f"{inside}.fc" if place == "mlp" else inside}
            readers = [f"{inside}.out"] if place == "mlp" else _READERS[block]
            part |= {"units": units} | ({"consumers": readers} if consumers else {})
            regions.setdefault(name, []).append(part)
    return regions


_READERS = [["blocks.1.qkv", "blocks.1.fc"], ["head"]]
"""The modules that read the residual stream behind each block."""


def final_loss(form: str, share: float, seed: int) -> float:
    """Train and return the mean loss over the last fifty steps, in nats.

    Args:
        form: `plain`, `mlp` or `stream`; the last two also with ` + consumers`.
        share: Share of the tokens that are labelled, in 0…1.
        seed: Seed of weights and data.
    """
    torch.manual_seed(seed)
    model = Transformer()
    rules = {"low": {}, "high": {}} if form == "plain" else RULES
    options = {"regions": regions_of(form), "rules": rules}
    router = routing.attach(model, options, example=torch.zeros(2, LENGTH, dtype=torch.long))
    optimizer = routing.RoutedAdam(model.named_parameters(), lr=1e-3, owned=router.owned())
    losses = []
    for _ in range(STEPS):
        tokens = torch.randint(VOCABULARY, (64, LENGTH))
        wanted = (tokens + tokens[:, :1]) % VOCABULARY
        labels = (tokens >= VOCABULARY // 2).long()
        labels[torch.rand(labels.shape) > share] = -1
        with router.labels(labels):  # one for each token
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), wanted.flatten())
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return mean(losses[-50:])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for share in (0.25, 1.0):
        for form in ("plain", "mlp", "mlp + consumers", "stream", "stream + consumers"):
            found = [f"{final_loss(form, share, seed):.3f}" for seed in SEEDS]
            print(f"{share:.0%} of the tokens labelled, {form}:", *found, flush=True)
