"""Generate text token by token, with or without a cache of keys and values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from chisel.configs import ConfigError
from chisel.models.language.loading import LanguageModel
from chisel.models.language.tokens import Tokens


@dataclass(frozen=True)
class Sampling:
    """Options for choosing the next token.

    Raises:
        ConfigError: If a number is out of its range.
    """

    temperature: float = 0.0
    """Divisor of the logits, at least 0; 0 takes the likeliest token."""
    top_p: float = 1.0
    """Sample from the fewest likeliest tokens that have this probability together, in (0, 1]
    (Holtzman et al. 2019)."""
    frequency_penalty: float = 0.0
    """Number subtracted from a token's logit for each time that it has been generated."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ConfigError(f"temperature={self.temperature}: must be at least 0")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p={self.top_p}: must be above 0 and at most 1")
        if not abs(self.frequency_penalty) < float("inf"):
            raise ConfigError(f"frequency_penalty={self.frequency_penalty}: must be finite")

    def choose(self, logits: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Choose the next token of each text, `[B]`.

        Args:
            logits: Logits of the next tokens, `[B, vocabulary]`.
            counts: Number of times that each token has been generated, `[B, vocabulary]`.
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
        tokens: Beginnings of the texts; padding may be on either side.
        count: Largest number of new tokens per text.
        generator: Source of the draws, on the CPU.
        sampling: Options for choosing tokens; None takes the likeliest ones.
        cache: Keep keys and values, so that each token is computed once. If this is false, or the
            network takes no cache, the network reads the whole text again for each token. The
            results are the same up to rounding.

    Returns:
        The new tokens of each text, without the token that ends a text and those after it.

    Raises:
        ConfigError: If a text gets longer than the network's context, or if the texts differ in
            length and the network takes no mask.
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
