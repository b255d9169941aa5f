"""Language models: a small one to train, real ones from local files, tokens, and generation."""

from chisel.models.language.control_vectors import write_control_vectors
from chisel.models.language.fetching import download_command, fetch, without_registry
from chisel.models.language.generate import Sampling, generate
from chisel.models.language.gpt import GPT, GPTSize, to_gpt2
from chisel.models.language.known import FETCHED
from chisel.models.language.loading import LanguageModel, load_language_model
from chisel.models.language.tokens import Tokens, token_positions

__all__ = [
    "FETCHED",
    "GPT",
    "GPTSize",
    "LanguageModel",
    "Sampling",
    "Tokens",
    "download_command",
    "fetch",
    "generate",
    "load_language_model",
    "to_gpt2",
    "token_positions",
    "without_registry",
    "write_control_vectors",
]
