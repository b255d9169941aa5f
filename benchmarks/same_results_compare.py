"""Compare every number in the results of two trees, bit for bit, under one map of names."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

RENAMED: dict[str, str] = {}
"""New name of each name that a change renames. It applies to keys, columns, names of files and
values that are names, alone or as a part between dots, and to whole sentences. There is no other
exception. Empty it when the change is merged."""

RENAMED_WORDS: dict[str, str] = {}
"""New word of each old word that is typed: experiments, settings, studies and their options.
Phrases of messages belong here too, since results repeat commands and messages. The cases have the
old words; when the change is merged, write the new ones there and empty this."""

NOT_COMPARED = {
    "versions": "of Python and packages, the project's own among them",
    "command": "holds the words that were typed; what it did is compared",
    "sha256": "of a checkpoint, which holds the commit",
    "chisel:git": "the commit",
    "chisel:format": "the version of the checkpoint's form",
    "charts/SPS": "a speed",
    "time/*": "a time",
    "eval:greedy": "an option that is new",
}
"""Keys whose values differ between two commits, or two runs of one, and why; `*` is anything, and
`outer:inner` is a key under another."""

SEVERAL = 20
"""Number of differences that are kept of each case; the first is shown."""


@dataclass(frozen=True)
class Difference:
    """A place in which two results differ, and its value in each."""

    file: str
    key: str
    old: str
    new: str


@dataclass(frozen=True)
class Names:
    """Translates the names in an old tree's results; without names it changes nothing."""

    names: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """Translate a key or a name: the whole of it, or its parts between dots."""
        if text in self.names:
            return self.names[text]
        return ".".join(self.names.get(part, part) for part in text.split("."))

    def value(self, text: str) -> str:
        """Translate a text in a result: a name, or a text that repeats commands or messages."""
        return _replaced(self.of(text), self.words)

    def path(self, path: str) -> str:
        """Translate a file's path inside the folder of results."""
        return "/".join(map(self.of, self.value(path).split("/")))

    def typed(self, command: str) -> str:
        """Translate every whole word of a command."""
        return _replaced(command, self.words)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    if not words:
        return text
    longest = sorted(words, key=len, reverse=True)
    whole = rf"(?<![\w.-])({'|'.join(map(re.escape, longest))})(?![\w.-])"
    return re.sub(whole, lambda found: words[found[0]], text)


def folder_differences(old: Path, new: Path, names: Names) -> list[Difference]:
    """Return at most `SEVERAL` differences between two folders of results, file by file.

    JSON, CSV, checkpoints and safetensors are read; of other files only the names are compared.
    """
    written = _files(old)
    before = {names.path(file): old / file for file in written}
    after = {file: new / file for file in _files(new)}
    if not before and not after:
        return [Difference(".", "", "no file", "no file")]
    found: list[Difference] = []
    if len(before) < len(written):
        found.append(Difference(".", "", f"{len(written)} files", "two renamed to the same"))
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            there = [side[name].name if name in side else "missing" for side in (before, after)]
            found.append(Difference(name, "", *there))
            continue
        read = READERS.get(Path(name).suffix)
        if read is not None:
            left, right = read(before[name]), read(after[name])
            found += [Difference(name, *one) for one in _values(left, right, names, "")]
        if len(found) >= SEVERAL:
            break
    return found[:SEVERAL]


def _files(folder: Path) -> list[str]:
    """Return the relative paths of all files, without following links, which lead to inputs."""
    found = [Path(at) / name for at, _, files in os.walk(folder) for name in files]
    return [str(path.relative_to(folder)) for path in found if not path.is_symlink()]


def _table(path: Path) -> dict[str, Any]:
    with path.open(newline="") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    columns = [name for name in header if not _skipped(name)]
    return {
        "columns": columns,
        "rows": [dict(zip(header, row, strict=True)) for row in rows],
    }


def _checkpoint(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".csv": _table,
    ".ckpt": _checkpoint,
    ".safetensors": load_file,
}


def _skipped(key: str) -> bool:
    return any(fnmatch(f":{key}", f"*:{pattern}") for pattern in NOT_COMPARED)


Found = Iterator[tuple[str, str, str]]
"""Key, old value, new value."""


def _values(old: Any, new: Any, names: Names, at: str) -> Found:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mappings(old, new, names, at)
    elif type(old) is not type(new):
        yield at, _shown(old), _shown(new)
    elif isinstance(old, list | tuple):
        if len(old) != len(new):
            yield at, f"{len(old)} items", f"{len(new)} items"
        for number, pair in enumerate(zip(old, new, strict=False)):
            yield from _values(*pair, names, f"{at}:{number}")
    elif isinstance(old, Tensor):
        yield from _tensors(old, new, at)
    else:
        renamed = names.value(old) if isinstance(old, str) else old
        if repr(renamed) != repr(new):  # 0.0 is not -0.0, and nan is nan
            yield at, _shown(old), _shown(new)


def _mappings(old: dict[Any, Any], new: dict[Any, Any], names: Names, at: str) -> Found:
    before = {names.of(key) if isinstance(key, str) else key: key for key in old}
    if len(before) < len(old):
        yield at, f"keys {sorted(map(str, old))}", "two of them renamed to the same"
    for key in {**before, **new}:
        here = f"{at}:{key}" if at else str(key)
        if _skipped(here):
            continue
        if key in before and key in new:
            yield from _values(old[before[key]], new[key], names, here)
        else:
            there = _shown(old[before[key]]) if key in before else "missing"
            yield here, there, _shown(new[key]) if key in new else "missing"


def _tensors(old: Tensor, new: Tensor, at: str) -> Found:
    if old.dtype != new.dtype or old.shape != new.shape:
        yield at, _shown(old), _shown(new)
        return
    differ = (_bytes(old) != _bytes(new)).any(dim=1).nonzero().flatten().tolist()
    if differ:
        first, total = differ[0], old.numel()
        values = [repr(one.reshape(-1)[first].item()) for one in (old, new)]
        yield f"{at}[{first}] ({len(differ)} of {total} elements differ)", values[0], values[1]


def _bytes(tensor: Tensor) -> Tensor:
    """Return the bytes of each element, `[elements, bytes]`."""
    # A copy of its own, because a tensor with axes of length 1 may have any stride there.
    flat = tensor.detach().flatten().clone(memory_format=torch.contiguous_format)
    return flat.view(torch.uint8).reshape(flat.numel(), flat.element_size())


def _shown(value: Any) -> str:
    text = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
