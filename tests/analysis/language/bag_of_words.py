"""A network whose residual stream is a count of words, so that directions have a closed form."""

import torch

from chisel.corpora.stories import tale, words_by_side
from chisel.models.language import GPT, GPTSize

GRAMMAR = tale()
WIDTH = 16
MOOD, WEATHER = torch.eye(WIDTH)[:2]


def bag_of_words():
    """Return it: a word for a mood is ±1 in the first unit, one for a weather in the second.

    Its only block adds nothing, and the other words are small random vectors in the other units.
    """
    words = len(GRAMMAR.vocabulary)
    size = GPTSize(1, WIDTH, 1, GRAMMAR.context_length, words, WIDTH)
    model = GPT(size, torch.Generator().manual_seed(0)).requires_grad_(False)
    for name, weight in model.named_parameters():
        if name.startswith("blocks") or "positions" in name:
            weight.zero_()
    embedding = model.embed.tokens.weight
    embedding[:, :2] = 0
    for direction, latent in ((MOOD, "mood"), (WEATHER, "weather")):
        for side, sign in zip(words_by_side(GRAMMAR, latent), (1, -1), strict=True):
            embedding[side] = sign * direction
    return model
