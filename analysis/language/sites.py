"""Give the places in a language model names that are the same for every family of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from chisel.configs import ConfigError, hint
from chisel.routing import Site


@dataclass(frozen=True)
class _Family:
    """Modules of the networks of one family; names of a block's parts are relative to the block."""

    embed: str
    blocks: str
    final: str
    attn: Site
    """Site of attention's output, which is added to the stream."""
    mlp: Site
    writes: tuple[str, ...]
    """Layers whose weights write into the stream, attention's first."""
    embeddings: tuple[str, ...]
    """Embedding of tokens, and that of positions if there is one."""


_FAMILIES = {
    "gemma3": _Family(
        "model.embed_tokens",
        "model.layers",
        "model.norm",
        Site("post_attention_layernorm", axis=-1),
        Site("post_feedforward_layernorm", axis=-1),
        ("self_attn.o_proj", "mlp.down_proj"),
        ("model.embed_tokens",),
    ),
    "llama": _Family(
        "model.embed_tokens",
        "model.layers",
        "model.norm",
        Site("self_attn", element=0, axis=-1),
        Site("mlp", axis=-1),
        ("self_attn.o_proj", "mlp.down_proj"),
        ("model.embed_tokens",),
    ),
    "gpt2": _Family(
        "transformer.drop",
        "transformer.h",
        "transformer.ln_f",
        Site("attn", element=0, axis=-1),
        Site("mlp", axis=-1),
        ("attn.c_proj", "mlp.c_proj"),
        ("transformer.wte", "transformer.wpe"),
    ),
    "own": _Family(
        "embed",
        "blocks",
        "final_norm",
        Site("attn", axis=-1),
        Site("mlp", axis=-1),
        ("attn.proj", "mlp.proj"),
        ("embed.tokens", "embed.positions"),
    ),
}
"""Families by name. A network belongs to the first family whose modules it has."""


@dataclass(frozen=True)
class SiteTable:
    """Sites of one language model, by names that all families share.

    `embed` is the stream that enters the first block. Each block, numbered from 0, has `block.3.in`
    and `block.3.out`, `block.3.attn` and `block.3.mlp` (their outputs, which are added to the
    stream), `block.3.heads` (the outputs of all heads, before they are mixed) and `block.3.heads.1`
    (that of one head). `final` is the input of the logits. All are `[B, T, units]`.
    """

    family: _Family
    layers: int
    heads: int
    """Number of heads of a block; 0 if it is not known."""
    width: int
    """Number of units of the stream."""
    head_width: int

    def names(self) -> list[str]:
        """Return all names, except those of single heads."""
        parts = ("in", "attn", "mlp", "out") + ("heads",) * bool(self.heads)
        blocks = [f"block.{n}.{part}" for n in range(self.layers) for part in parts]
        return ["embed", *blocks, "final"]

    def site(self, name: str) -> Site:
        """Return the site of a name.

        Raises:
            ConfigError: If there is no such site; the message lists similar ones.
        """
        return self._find(name)[0]

    def units(self, name: str) -> Sequence[int] | None:
        """Return the units of a name at its site; None means all of them.

        Raises:
            ConfigError: If there is no such site; the message lists similar ones.
        """
        return self._find(name)[1]

    def stream(self, layer: int) -> Site:
        """Return the site of the stream that enters a block, or for L that leaves the last one."""
        if layer == self.layers:
            return self.site(f"block.{layer - 1}.out")
        return self.site(f"block.{layer}.in")

    def writers(self, layer: int) -> list[str]:
        """Return the modules of a block whose weights write into the stream, attention's first."""
        return [f"{self.family.blocks}.{layer}.{part}" for part in self.family.writes]

    def _find(self, name: str) -> tuple[Site, Sequence[int] | None]:
        head, name_of_all = None, name
        first, _, last = name.rpartition(".")
        if first.endswith(".heads") and last.isdecimal() and int(last) < self.heads:
            head, name_of_all = int(last), first
        if name_of_all not in self.names():
            raise ConfigError(f"no site {name!r}; {self._near(name)}")
        if name in ("embed", "final"):
            module = self.family.embed if name == "embed" else self.family.final
            return Site(module, axis=-1), None
        _, number, part = name_of_all.split(".")
        block = f"{self.family.blocks}.{number}"
        if part == "in":
            return Site(block, "input", 0, axis=-1), None
        if part == "out":
            return Site(block, axis=-1), None
        if part == "heads":
            site = Site(f"{block}.{self.family.writes[0]}", "input", axis=-1)
            units = None if head is None else self._units_of(head)
            return site, units
        found = self.family.attn if part == "attn" else self.family.mlp
        return Site(f"{block}.{found.module}", "output", found.element, axis=-1), None

    def _units_of(self, head: int) -> range:
        return range(head * self.head_width, (head + 1) * self.head_width)

    def _near(self, name: str) -> str:
        kinds = "embed, final, block.N.in, .attn, .mlp, .out, .heads and .heads.H"
        limits = f"N from 0 to {self.layers - 1}, H from 0 to {self.heads - 1}"
        guess = hint(name, self.names())
        return (
            f"{guess} There are {kinds}; {limits}"
            if guess.startswith("did")
            else f"{kinds}; {limits}"
        )


def site_table(model: nn.Module) -> SiteTable:
    """Return the sites of a language model.

    Args:
        model: A network of the families GPT-2, Llama (and those built like it) and Gemma 3 of
            transformers, or our own GPT.

    Raises:
        ConfigError: If the model is of no known family.
    """
    known = dict(model.named_modules())
    for family in _FAMILIES.values():
        parts = (family.attn.module, family.mlp.module)
        needed = [family.embed, family.final, *(f"{family.blocks}.0.{part}" for part in parts)]
        if all(name in known for name in needed):
            break
    else:
        raise ConfigError(
            f"{type(model).__name__} is of no known family of language models: GPT-2, Llama, "
            "Gemma 3, or models.language's GPT"
        )
    layers = len(list(known[family.blocks].children()))
    config = getattr(model, "config", None)
    heads = int(getattr(config, "num_attention_heads", 0) or getattr(config, "heads", 0))
    width = int(known[family.embeddings[0]].get_parameter("weight").shape[1])
    head_width = int(getattr(config, "head_dim", None) or (width // heads if heads else 0))
    return SiteTable(family, layers, heads, width, head_width)
