"""Language models: tokens in, logits of the next token out."""

from chisel.models.language.gpt import GPT, GPTSize, from_gpt2, to_gpt2

__all__ = [
    "GPT",
    "GPTSize",
    "from_gpt2",
    "to_gpt2",
]
