"""Tiny language models with random weights, of the real classes, written as real files."""

from __future__ import annotations

from pathlib import Path

import gguf
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
_SENTENCE = "love hate I you because are so the film was good bad sad glad a dog ran home . and"
WORDS = _SENTENCE.split()
VOCABULARY = ["<begin>", "<end>", " ", *WORDS, *(f" {word}" for word in WORDS)]
TEXTS = ["I love you because", "the film was so", "a dog ran home and the dog was glad"]


def tokenizer(more=()):
    """Words with and without the space before them, and a space alone."""
    numbered = {word: number for number, word in enumerate([*VOCABULARY, *more])}
    made = Tokenizer(models.WordLevel(numbered, "<end>"))
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


BYTES = "ILefabcdghilmnorstuwyov. ".replace(" ", "Ġ")


def gguf_file(path: Path, seed=0) -> tuple[Path, LlamaForCausalLM]:
    """Write a Llama with characters as tokens as llama.cpp stores one, and return it as it was."""
    model = network("llama", seed)
    config, state = model.config, {k: v.numpy() for k, v in model.state_dict().items()}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    letters = [*dict.fromkeys(BYTES), "Ġa"]
    filler = [f"<{n}>" for n in range(config.vocab_size - len(letters) - 2)]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<begin>", "<end>", *letters, *filler])
    writer.add_token_types([3, 3, *[1] * len(letters), *[1] * len(filler)])
    writer.add_token_merges(["Ġ a"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for name, there in _NAMES.items():
        if "{}" not in name:
            writer.add_tensor(there, state[name])
            continue
        for layer in range(config.num_hidden_layers):
            value = state[name.format(layer)]
            heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
            for part, count in heads.items():  # llama.cpp turns pairs of neighbours
                if part in name:
                    value = value.reshape(count, 2, -1, value.shape[1]).swapaxes(1, 2)
                    value = value.reshape(-1, value.shape[-1])
            writer.add_tensor(there.format(layer), value.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, model


_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "model.layers.{}.input_layernorm.weight": "blk.{}.attn_norm.weight",
    "model.layers.{}.post_attention_layernorm.weight": "blk.{}.ffn_norm.weight",
    "model.layers.{}.self_attn.q_proj.weight": "blk.{}.attn_q.weight",
    "model.layers.{}.self_attn.k_proj.weight": "blk.{}.attn_k.weight",
    "model.layers.{}.self_attn.v_proj.weight": "blk.{}.attn_v.weight",
    "model.layers.{}.self_attn.o_proj.weight": "blk.{}.attn_output.weight",
    "model.layers.{}.mlp.gate_proj.weight": "blk.{}.ffn_gate.weight",
    "model.layers.{}.mlp.up_proj.weight": "blk.{}.ffn_up.weight",
    "model.layers.{}.mlp.down_proj.weight": "blk.{}.ffn_down.weight",
}
