"""Write steering vectors as GGUF control vectors, which llama.cpp and repeng read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from chisel.configs import ConfigError
from chisel.models.language.loading import import_extra


def write_control_vectors(path: Path, directions: Mapping[int, Tensor], model: str) -> None:
    """Write one direction for each of some blocks.

    Readers add a direction to what leaves the block, times a strength that they are given. Their
    format has no place for block 0, nor for positions: they add at every token, the first one too.

    Args:
        path: File to write.
        directions: Vectors `[units]` by the number of the block that they are added behind, from 1.
        model: Kind of the network, such as `llama`.

    Raises:
        ConfigError: A block's number is below 1, or the extra `lm` is not installed.
    """
    if not directions or min(directions) < 1:
        raise ConfigError(
            "a GGUF control vector needs directions behind block 1 or later blocks: its format has "
            "no place for what enters block 0 or 1"
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
