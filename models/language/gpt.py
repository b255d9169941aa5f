"""A small transformer with GPT-2's architecture, for training and routing (Radford et al. 2019).

Every layer is a module that is called, so regions can lie at any of them: an MLP's units at
`blocks.N.mlp.act`, heads at the input of `blocks.N.attn.proj`, the residual stream at `embed` and
`blocks.N`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chisel.configs import ConfigError
from chisel.models.language.loading import import_extra
from chisel.models.spaces import Spaces

_STD = 0.02
"""Standard deviation of initial weights; divided by √(2·layers) for those that write to the
residual stream."""
_EPS = 1e-5

_RENAMED = {
    "embed.tokens.weight": "wte.weight",
    "embed.positions.weight": "wpe.weight",
    "final_norm.weight": "ln_f.weight",
    "final_norm.bias": "ln_f.bias",
}
_IN_BLOCK = {
    "attn_norm": "ln_1",
    "attn.qkv": "attn.c_attn",
    "attn.proj": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp.fc": "mlp.c_fc",
    "mlp.proj": "mlp.c_proj",
}
"""Our names, and those of transformers' `GPT2LMHeadModel` without the prefix `transformer.`."""


@dataclass(frozen=True)
class GPTSize:
    """Sizes of a `GPT`."""

    layers: int
    """Number of blocks."""
    width: int
    """Width of the residual stream, a multiple of `heads`."""
    heads: int
    """Number of attention heads of each block."""
    context: int
    """Largest number of tokens that the network reads at once."""
    vocabulary: int
    """Number of different tokens."""
    hidden: int
    """Units of each block's MLP; GPT-2 has four times `width`."""


class Embedding(nn.Module):
    """Maps tokens `[B, T]` to the sum of token and position embeddings, `[B, T, width]`."""

    def __init__(self, size: GPTSize) -> None:
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Embedding(size.context, size.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed the tokens; the first is at position 0."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        embedded: Tensor = self.tokens(tokens) + self.positions(places)
        return embedded


class Attention(nn.Module):
    """Causal self-attention. Head `h` has units `h·d` to `(h + 1)·d - 1` of the input of `proj`."""

    def __init__(self, size: GPTSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.qkv = nn.Linear(size.width, 3 * size.width)
        self.proj = nn.Linear(size.width, size.width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the attention's contribution to the residual stream, `[B, T, width]`."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        written: Tensor = self.proj(read.transpose(1, 2).flatten(2))
        return written


class MLP(nn.Module):
    """Two linear layers with the tanh form of GELU between; the units are the output of `act`."""

    def __init__(self, size: GPTSize) -> None:
        super().__init__()
        self.fc = nn.Linear(size.width, size.hidden)
        self.act = nn.GELU(approximate="tanh")
        self.proj = nn.Linear(size.hidden, size.width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the MLP's contribution to the residual stream, `[B, T, width]`."""
        written: Tensor = self.proj(self.act(self.fc(x)))
        return written


class Block(nn.Module):
    """Attention and MLP; each reads the normalised residual stream and adds to the stream."""

    def __init__(self, size: GPTSize) -> None:
        super().__init__()
        self.attn_norm, self.attn = nn.LayerNorm(size.width, _EPS), Attention(size)
        self.mlp_norm, self.mlp = nn.LayerNorm(size.width, _EPS), MLP(size)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual stream `[B, T, width]` after the block."""
        x = x + self.attn(self.attn_norm(x))
        passed: Tensor = x + self.mlp(self.mlp_norm(x))
        return passed


class GPT(nn.Module):
    """Maps tokens `[B, T]` to the logits of each next token, `[B, T, V]`.

    The children are `embed` (with `tokens` and `positions`), `blocks.N` (with `attn_norm`,
    `attn.qkv`, `attn.proj`, `mlp_norm`, `mlp.fc`, `mlp.act`, `mlp.proj`) and `final_norm`. Logits
    are computed with the weights of `embed.tokens`.

    Args:
        config: Sizes of the network.
        generator: Source of the initial weights; None draws from torch's global state.

    Raises:
        ValueError: If `heads` does not divide `width`.
    """

    def __init__(self, config: GPTSize, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if config.width % config.heads:
            raise ValueError(f"width {config.width} is no multiple of heads {config.heads}")
        self.config = config
        self.embed = Embedding(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.width, _EPS)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                writes = name.endswith("proj.weight")
                std = _STD / (2 * config.layers) ** 0.5 if writes else _STD
                nn.init.normal_(weight, std=std, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the token embedding, as transformers' models do."""
        return self.embed.tokens

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute the logits `[B, T, V]` of each next token from the tokens `[B, T]` before it."""
        return self.onwards(self.embed(tokens), 0)

    def onwards(self, stream: Tensor, block: int) -> Tensor:
        """Compute logits `[B, T, V]` from the residual stream `[B, T, width]` that enters a block.

        Args:
            stream: The residual stream.
            block: Number of the block that it enters, from 0.
        """
        for one in islice(self.blocks, block, None):
            stream = one(stream)
        return F.linear(self.final_norm(stream), self.embed.tokens.weight)


def build_gpt(config: Any, spaces: Spaces, generator: torch.Generator) -> GPT:
    """Build the network `model.name: gpt`.

    Raises:
        ConfigError: If the inputs are not tokens.
    """
    if spaces.vocabulary is None:
        raise ConfigError(f"model.name = gpt reads tokens, but the inputs are {spaces.kind}")
    size = GPTSize(
        layers=config.layers,
        width=config.width,
        heads=config.heads,
        context=spaces.obs_shape[0],
        vocabulary=spaces.vocabulary,
        hidden=4 * config.width if config.hidden is None else config.hidden,
    )
    return GPT(size, generator)


def to_gpt2(model: GPT) -> Any:
    """Return a `GPT2LMHeadModel` of transformers with the same weights, in evaluation mode.

    Its logits differ by rounding only.

    Raises:
        ConfigError: If the extra `lm` is not installed.
    """
    gpt2 = import_extra("transformers")
    size = model.config
    config = gpt2.GPT2Config(
        vocab_size=size.vocabulary,
        n_positions=size.context,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=size.heads,
        n_inner=size.hidden,
        layer_norm_epsilon=_EPS,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    made: Any = gpt2.GPT2LMHeadModel(config)
    state = {}
    for name, value in model.state_dict().items():
        theirs = f"transformer.{_renamed(name)}"
        state[theirs] = value.t() if _is_transposed(name) else value
    made.load_state_dict(state | {"lm_head.weight": state["transformer.wte.weight"]})
    return made.eval()


def _renamed(name: str) -> str:
    """Return a parameter's name in GPT-2, without the prefix `transformer.`."""
    if name in _RENAMED:
        return _RENAMED[name]
    _, number, inside = name.split(".", 2)
    layer, _, kind = inside.rpartition(".")
    return f"h.{number}.{_IN_BLOCK[layer]}.{kind}"


def _is_transposed(name: str) -> bool:
    """Return whether GPT-2 stores a weight as `[in, out]`, as its `Conv1D` layers do."""
    return name.endswith(("qkv.weight", "proj.weight", "fc.weight"))
