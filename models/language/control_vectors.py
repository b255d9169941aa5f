"""Write steering vectors as GGUF control vectors, which llama.cpp and repeng read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from chisel.configs import ConfigError
from chisel.models.language.loading import import_extra


def write_control_vectors(path: Path, directions: Mapping[int, Tensor], model: str) -> None:
    """Write directions as a GGUF control vector.

    A program that reads the file adds each direction, times a strength, to the output of its block.
    The format cannot name block 0, nor positions: directions are added at every token, including
    the first.

    Args:
        path: File to write.
        directions: Vectors `[units]` by the number of the block after which they are added, from 1.
        model: Kind of the network, such as `llama`.

    Raises:
        ConfigError: If there is no direction, a block's number is below 1, or the extra `lm` is not
            installed.
    """
    if not directions or min(directions) < 1:
        raise ConfigError(
            "a GGUF control vector needs directions after block 1 or later blocks: the format has "
            "no place for the input of block 0 or 1"
        )
    writer = import_extra("gguf").GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", model)
    writer.add_uint32("controlvector.layer_count", len(directions))
    for block, direction in sorted(directions.items()):
        writer.add_tensor(f"direction.{block}", direction.detach().float().cpu().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
