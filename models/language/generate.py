"""Generate text, one token after the other, with a cache of keys and values or without one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from chisel.configs import ConfigError
from chisel.models.language.loading import LanguageModel
from chisel.models.language.tokens import Tokens


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Raises:
        ConfigError: A number is out of its range.
    """

    temperature: float = 0.0
    """What logits are divided by; 0 takes the likeliest token."""
    top_p: float = 1.0
    """The likeliest tokens that have this probability together are sampled from (Holtzman 2019)."""
    frequency_penalty: float = 0.0
    """What is taken off a token's logit for each time that it has been generated."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ConfigError(f"temperature={self.temperature}: must be at least 0")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p={self.top_p}: must be above 0 and at most 1")
        if not abs(self.frequency_penalty) < float("inf"):
            raise ConfigError(f"frequency_penalty={self.frequency_penalty}: must be finite")

    def choose(self, logits: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Return the next token of each text `[B]`.

        Args:
            logits: `[B, vocabulary]`.
            counts: How often each token has been generated, `[B, vocabulary]`.
            generator: Source of the draws, on the CPU.
        """
        logits = logits.double().cpu() - self.frequency_penalty * counts
        if self.temperature == 0:
            return logits.argmax(1)
        ordered, order = torch.softmax(logits / self.temperature, 1).sort(1, descending=True)
        ordered[ordered.cumsum(1) - ordered >= self.top_p] = 0  # the likeliest one always stays
        drawn = torch.multinomial(ordered, 1, generator=generator)
        return order.gather(1, drawn).squeeze(1)


def generate(
    lm: LanguageModel,
    tokens: Tokens,
    count: int,
    generator: torch.Generator,
    *,
    sampling: Sampling | None = None,
    cache: bool = True,
) -> list[list[int]]:
    """Continue texts.

    Args:
        lm: The model.
        tokens: The beginnings; padding may be on either side.
        count: Number of tokens after which to stop.
        generator: Source of the draws, on the CPU.
        sampling: How tokens are chosen; None takes the likeliest ones.
        cache: Keep keys and values, so that each token is computed once. Without, and where the
            network knows no cache, the whole text goes through the network again for each token;
            the tokens are the same up to rounding.

    Returns:
        The new tokens of each text, up to the one that ends a text.

    Raises:
        ConfigError: A text gets longer than the network's context; or the network knows no mask,
            and the texts differ in length.
    """
    sampling = sampling or Sampling()
    kept = lm.new_cache() if cache else None
    end = getattr(lm.tokenizer, "eos_token_id", None)
    rows = torch.arange(len(tokens))
    whole, fresh, past = tokens, tokens, None
    new: list[Tensor] = []
    ended = torch.zeros(len(tokens), dtype=torch.bool)
    counts: Tensor | None = None
    with torch.inference_mode():
        while len(new) < count and not ended.all():
            if kept is None:
                logits = lm.logits(whole)[rows, whole.last]
            else:
                logits = lm.logits(fresh, kept, past)[rows, fresh.last]
                past = fresh.mask if past is None else torch.cat([past, fresh.mask], 1)
            counts = torch.zeros(logits.shape) if counts is None else counts
            chosen = sampling.choose(logits, counts, generator)
            counts[rows, chosen] += 1
            ended |= chosen == (-1 if end is None else end)
            new.append(chosen)
            fresh = Tokens(chosen[:, None], torch.ones(len(tokens), 1, dtype=torch.bool))
            whole = Tokens(
                torch.cat([whole.ids, fresh.ids], 1), torch.cat([whole.mask, fresh.mask], 1)
            )
    texts = torch.stack(new, 1).tolist() if new else [[] for _ in rows]
    return [text[: text.index(end)] if end in text else text for text in texts]
