"""Everything that is done to an agent while it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from chisel.analysis.ablation import Ablation, name_of
from chisel.analysis.steering import Steering


@dataclass(frozen=True)
class Interventions:
    """What is done to an agent while it plays."""

    ablation: Ablation | None = None
    steering: Steering | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """A context in which the agent runs so: ablated first, so that vectors are whole."""
        with ExitStack() as stack:
            for one in (self.ablation, self.steering):
                if one is not None:
                    stack.enter_context(one())
            yield

    @property
    def whole_batches(self) -> bool:
        """Whether an example needs others beside it."""
        return self.ablation is not None and self.ablation.whole_batches

    @property
    def name(self) -> str:
        """As the end of a file's name; nothing if nothing is done."""
        ablated = f"-ablate-{name_of(self.ablation.modes)}" if self.ablation else ""
        return ablated + (f"-steer-{self.steering.name}" if self.steering else "")

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        plain: dict[str, Any] = {}
        for one in (self.ablation, self.steering):
            plain |= one.to_plain() if one is not None else {}
        return plain
