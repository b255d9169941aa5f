"""Tiny language models with random weights, of the real classes, written as real files."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

KINDS = ("gpt2", "llama", "gemma3")
WORDS = "love hate I you because are so the film was good bad sad glad a dog ran home . and".split()
VOCABULARY = ["<begin>", "<end>", " ", *WORDS, *(f" {word}" for word in WORDS)]
TEXTS = ["I love you because", "the film was so", "a dog ran home and the dog was glad"]


def tokenizer():
    """Words with and without the space before them, and a space alone."""
    made = Tokenizer(models.WordLevel({w: n for n, w in enumerate(VOCABULARY)}, "<end>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[^ ]+| "), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<begin>", eos_token="<end>", unk_token="<end>"
    )


def network(kind, seed=0, layers=3):
    sizes = {"vocab_size": len(VOCABULARY), "bos_token_id": 0, "eos_token_id": 1}
    torch.manual_seed(seed)
    if kind == "gpt2":
        made = GPT2LMHeadModel(
            GPT2Config(n_embd=16, n_layer=layers, n_head=2, n_positions=64, **sizes)
        )
    else:
        sizes |= {
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 8,
            "max_position_embeddings": 64,
        }
        if kind == "llama":
            made = LlamaForCausalLM(LlamaConfig(**sizes))
        else:
            made = Gemma3ForCausalLM(Gemma3TextConfig(**sizes, sliding_window=32))
    with torch.no_grad():
        for value in made.parameters():  # far from zero, so that every layer matters
            value.add_(torch.randn_like(value) * 0.2)
    return made.eval()


def folder(path: Path, kind="llama", seed=0, layers=3) -> Path:
    """Write a model as Hugging Face does."""
    network(kind, seed, layers).save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path
