"""Let griffe find the rooms of the front door, which it takes for names of themselves."""

from __future__ import annotations

from typing import Any

import griffe


class Rooms(griffe.Extension):
    """Drop what `import chisel.envs as envs` in `chisel/__init__.py` brings: that is the room."""

    def on_module(self, *, mod: griffe.Module, **_: Any) -> None:
        """Drop names of a module that stand for its own modules of the same name."""
        for name, member in list(mod.members.items()):
            if member.is_alias and member.target_path == f"{mod.path}.{name}":
                del mod.members[name]
