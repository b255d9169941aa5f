"""Load language models from local files: folders in Hugging Face's format, and GGUF files."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chisel.configs import CheckpointError, ChiselError, ConfigError, how_to_install
from chisel.models.language.known import cached
from chisel.models.language.tokens import Side, Tokens, at_positions
from chisel.models.serialize import file_digest

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""Names of files, one of which every folder with a tokenizer has."""
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_FLOAT = 4
"""Bytes of a loaded weight (float32)."""


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model with its tokenizer and its origin."""

    model: nn.Module
    """The network, in evaluation mode and float32. It takes tokens `[B, T]`."""
    tokenizer: Any
    """An object with `encode`, `decode` and `__len__`, like transformers' tokenizers."""
    digest: str
    """sha256 of the file with the weights, in hex. For several files, sha256 of their digests."""
    source: Path
    """File or folder that the weights were read from."""

    @property
    def name(self) -> str:
        """Name of the source: a file's without its ending, or a folder's."""
        return self.source.stem if self.source.is_file() else self.source.name

    @cached_property
    def vocabulary(self) -> int:
        """Number of tokens that the model knows."""
        embeddings = self.model.get_input_embeddings()  # type: ignore[operator]  # of transformers
        return int(embeddings.num_embeddings)

    @cached_property
    def context(self) -> int | None:
        """Largest number of tokens that the network reads at once; None if it does not say."""
        config = self.model.config
        most = getattr(config, "max_position_embeddings", None) or getattr(config, "context", None)
        return None if most is None else int(most)

    @property
    def begin(self) -> list[int]:
        """A list with the token that begins every text; empty if the tokenizer has none."""
        number = getattr(self.tokenizer, "bos_token_id", None)
        return [] if number is None else [int(number)]

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text, without the token that begins a text.

        Raises:
            ConfigError: If the text holds a token that the model does not know.
        """
        found = list(self.tokenizer.encode(text, add_special_tokens=False))
        if found and max(found) >= self.vocabulary:
            unknown = self.tokenizer.decode([max(found)])
            raise ConfigError(f"{self.source} does not know the token {unknown!r}")
        return found

    def tokens(
        self, texts: Sequence[str], *, most: int | None = None, side: Side = "right"
    ) -> Tokens:
        """Return texts as a batch of tokens; each begins with `begin`.

        Args:
            texts: Texts, each of at least one token.
            most: Number of tokens after which a text is cut off; None cuts nothing off.
            side: Side of the padding.

        Raises:
            ConfigError: If a text has no tokens, or one that the model does not know.
        """
        return Tokens.of([(self.begin + self.ids(text))[:most] for text in texts], 0, side)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, leaving special tokens out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def logits(self, tokens: Tokens, cache: Any = None, past: Tensor | None = None) -> Tensor:
        """Compute the logits of the next token, `[B, T, vocabulary]`.

        Without padding and cache the network is called with the tokens only, so that the result is
        bit for bit that of the network itself. Logits at padding are meaningless.

        Args:
            tokens: The batch.
            cache: Cache from `new_cache` that holds the earlier tokens; `tokens` follow them.
            past: Mask `[B, P]` of the tokens in the cache; None if it is empty.

        Raises:
            ConfigError: If a text is longer than the network's context, or if the network takes no
                mask and padding is on the left or within a text.
        """
        mask = tokens.mask if past is None else torch.cat([past, tokens.mask], 1)
        counted = Tokens(mask, mask).positions[:, -tokens.ids.shape[1] :]
        longest = int(counted.max()) + 1
        if self.context is not None and longest > self.context:
            raise ConfigError(
                f"{self.source} reads {self.context} tokens at most, and a text has {longest}"
            )
        with at_positions(counted):
            if cache is None and (bool(mask.all()) or self._takes_no_mask(tokens)):
                found = self.model(tokens.ids)
            else:
                found = self.model(
                    tokens.ids,
                    attention_mask=mask.long(),
                    position_ids=counted.clamp(min=0),
                    **({} if cache is None else {self._cache: cache, "use_cache": True}),
                )
        return found if isinstance(found, Tensor) else found.logits

    def new_cache(self) -> Any:
        """Return an empty cache of keys and values; None if the network takes none."""
        if self._cache not in self._parameters:
            return None
        return import_extra("transformers").DynamicCache(config=self.model.config)

    def _takes_no_mask(self, tokens: Tokens) -> bool:
        """Return whether the network takes no mask; raise if it would then read padding."""
        if "attention_mask" in self._parameters:
            return False
        if (tokens.mask[:, 1:] & ~tokens.mask[:, :-1]).any():
            raise ConfigError(
                f"{self.source} takes padding after texts only, not before or within them"
            )
        return True

    @cached_property
    def _parameters(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.model.forward).parameters)

    @property
    def _cache(self) -> str:
        """Name of `forward`'s parameter for the cache, which depends on transformers' version."""
        return "cache" if "cache" in self._parameters else "past_key_values"


def load_language_model(path: Path | str) -> LanguageModel:
    """Load a causal language model from local files, in float32; nothing is downloaded.

    Args:
        path: A folder that Hugging Face's `save_pretrained` wrote, a `.gguf` file, or the name of a
            model that `chisel models fetch` fetched.

    Raises:
        CheckpointError: If there is no such model, if it is incomplete, has only pickled weights,
            has no tokenizer or another model's, or if there is too little memory for it.
        ConfigError: If the extra `lm` is not installed.
    """
    source = cached(str(path)) or Path(path)
    if source.suffix == ".gguf" and source.is_file():
        folder, weights, options = source.parent, [source], {"gguf_file": source.name}
        _require_memory(source, _FLOAT * _count_of_gguf(source))
    else:
        folder, weights, options = source, _weights_in(source), {}
        _require_memory(source, _FLOAT * sum(map(_count_of, weights)))
    auto = import_extra("transformers")
    with _quietly(), _as_checkpoint_errors(source):
        tokenizer = auto.AutoTokenizer.from_pretrained(folder, local_files_only=True, **options)
        model, told = auto.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    for what in ("missing_keys", "mismatched_keys"):
        if told.get(what):
            some = ", ".join(map(str, list(told[what])[:3]))
            raise CheckpointError(f"{source} lacks weights of the network that it names: {some}")
    digests = [file_digest(file) for file in weights]
    joined = hashlib.sha256("".join(digests).encode()).hexdigest()
    loaded = LanguageModel(
        model.eval().requires_grad_(False),
        tokenizer,
        digests[0] if len(digests) == 1 else joined,
        source,
    )
    # vocab_size leaves added tokens out: Gemma 3 adds one for pictures that text models don't know.
    if tokenizer.vocab_size > loaded.vocabulary:
        raise CheckpointError(
            f"{source} has a tokenizer with {tokenizer.vocab_size} tokens, but its model knows "
            f"{loaded.vocabulary}: the tokenizer belongs to another model"
        )
    return loaded


def _weights_in(folder: Path) -> list[Path]:
    """Return a folder's files with weights, after checking that the folder is complete.

    Raises:
        CheckpointError: If the folder does not hold a model that can be loaded.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no {folder}: give a folder with a Hugging Face model, a .gguf file, or "
            "smollm2 (chisel models fetch smollm2)"
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} holds no model: it has no config.json")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = sorted(file.name for pattern in _PICKLED for file in folder.glob(pattern))
        if pickled:
            raise CheckpointError(
                f"{folder} has only pickled weights ({pickled[0]}), which could run code when "
                "loaded: save the model again with save_pretrained, which writes safetensors"
            )
        raise CheckpointError(f"{folder} has no weights: no .safetensors file")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise CheckpointError(f"{folder} has no tokenizer: none of {', '.join(_TOKENIZERS)}")
    return weights


def _count_of(file: Path) -> int:
    """Return the number of weights in a safetensors file, read from its header."""
    import safetensors

    with _as_checkpoint_errors(file), safetensors.safe_open(str(file), framework="pt") as opened:
        shapes = [opened.get_slice(name).get_shape() for name in opened.keys()]  # noqa: SIM118 no dict
    return sum(torch.Size(shape).numel() for shape in shapes)


def _count_of_gguf(file: Path) -> int:
    reader = import_extra("gguf").GGUFReader
    with _as_checkpoint_errors(file):
        return sum(int(tensor.n_elements) for tensor in reader(str(file)).tensors)


def _require_memory(source: Path, needed: int) -> None:
    """Check that the weights fit into the free memory.

    Args:
        source: The model's file or folder, for the message.
        needed: Bytes of the weights.

    Raises:
        CheckpointError: If they don't fit.
    """
    free = int(import_extra("psutil").virtual_memory().available)
    if needed > free:
        raise CheckpointError(
            f"{source} needs {needed / 1e9:.1f} GB of memory for its weights, and "
            f"{free / 1e9:.1f} GB are free"
        )


def import_extra(package: str) -> Any:
    """Import a package of the extra `lm`.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ConfigError(f"language models need {error.name}: {how_to_install('lm')}") from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence transformers' progress bars and warnings within the context."""
    logs = import_extra("transformers.utils.logging")
    level, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    undo: list[Callable[[], object]] = [lambda: logs.set_verbosity(level)]
    undo += [logs.enable_progress_bar] if bars else []
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        for one in undo:
            one()


@contextlib.contextmanager
def _as_checkpoint_errors(source: Path) -> Iterator[None]:
    """Turn errors in other libraries' readers of files into a one-line `CheckpointError`."""
    try:
        yield
    except ChiselError:
        raise
    except Exception as error:  # tokenizers and gguf raise plain Exception
        said = " ".join(str(error).split())[:200]
        raise CheckpointError(f"cannot read {source}: {said}") from error
