"""Messages between page and server.

The page sends JSON text. Answers are binary. They begin with the length of a JSON head as four
bytes (little endian). The head follows, padded with spaces so that the arrays behind it begin at a
multiple of 8. It describes the arrays in `parts`, in order: name, shape and type. The same bytes go
through the channel of a notebook.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.results import plain, read_plain
from chisel.configs import ConfigError
from chisel.lab.session import Session

VERSION = 1
"""Version of the messages. A page of another version is told to reload."""
LARGEST_MESSAGE = 1 << 20
"""Size in bytes of the largest message that the page may send."""


@dataclass(frozen=True)
class Hello:
    """The first message, which opens the connection."""

    kind: Literal["hello"]
    token: str
    version: int


@dataclass(frozen=True)
class Open:
    """Request for the facts about an agent: its layers, regions and training."""

    kind: Literal["open"]
    id: int
    agent: str


@dataclass(frozen=True)
class Show:
    """Request for everything that a session shows; a later request replaces it."""

    kind: Literal["show"]
    rev: int
    session: Session
    site: str | None = None
    """Layer whose channels are shown."""


@dataclass(frozen=True)
class Level:
    """Request for a maze that the agent was trained on, or for a validation maze."""

    kind: Literal["level"]
    id: int
    agent: str
    source: Literal["train", "validation", "procgen"]
    """Split from which the maze is drawn with `seed`; or `procgen`, for which `seed` is the level
    seed."""
    seed: int
    cheese: Literal["as-trained", "anywhere"] = "anywhere"
    size: int = 0
    """Side of the maze in cells; 0 is any side that training had."""


@dataclass(frozen=True)
class Export:
    """Request for a file made from a session."""

    kind: Literal["export"]
    id: int
    what: Literal["python", "csv", "svg", "png"]
    session: Session


@dataclass(frozen=True)
class Start:
    """Request to begin an episode, in this maze or in the world of an agent that plays no mazes."""

    kind: Literal["start"]
    id: int
    session: Session
    seed: int = 0


@dataclass(frozen=True)
class Step:
    """Request to take a step of the episode, or to go back a step."""

    kind: Literal["step"]
    id: int
    action: int | Literal["agent", "likeliest", "back"]
    session: Session
    """Session with the agents' edits from now on; the maze stays that of the episode."""


@dataclass(frozen=True)
class Pair:
    """Two prompts whose streams are subtracted, token by token."""

    plus: str
    minus: str


@dataclass(frozen=True)
class Continue:
    """Request for a language model's continuation of a text, by its likeliest tokens."""

    kind: Literal["continue"]
    id: int
    agent: str
    pair: Pair
    prompt: str
    layer: int
    """Block to whose input the vector is added."""
    strength: float
    tokens: int
    vector: Literal["none", "pair", "random"]
    """Vector that is added; `random` is a random vector of equal norm at each token."""
    seed: int = 0
    """Seed of random vectors and units."""
    region: str = ""
    """Region that is ablated; empty ablates nothing."""
    control: bool = False
    """Ablate as many random units instead of the region's own."""


@dataclass(frozen=True)
class Try:
    """Request for the effect of a pair's vector at one layer, by strength, beside random ones."""

    kind: Literal["try"]
    id: int
    agent: str
    pair: Pair
    layer: int
    strengths: tuple[float, ...]
    prompts: tuple[str, ...]
    """Beginnings of texts whose next word is scored."""
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    controls: int
    """Number of random vectors."""
    seed: int = 0


@dataclass(frozen=True)
class Norms:
    """Request for norms along the residual stream of a language model."""

    kind: Literal["norms"]
    id: int
    agent: str
    pair: Pair
    prompt: str


@dataclass(frozen=True)
class Ping:
    """Request by which the page finds out whether the server is there."""

    kind: Literal["ping"]
    id: int


Request = Hello | Open | Show | Level | Export | Start | Step | Continue | Try | Norms | Ping


def read_request(text: str) -> Request:
    """Read a message of the page.

    Raises:
        ConfigError: If the text is no such message.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError("the message is no JSON") from None
    kind: Any = Request
    request: Request = read_plain(kind, message)
    return request


def frame(kind: str, /, arrays: Mapping[str, NDArray[Any]] | None = None, **head: Any) -> bytes:
    """Write an answer.

    Args:
        kind: Kind of the answer.
        arrays: Arrays of float32, int32 or uint8, by name.
        head: Other plain values of the head; NaN becomes null.
    """
    named = {name: np.ascontiguousarray(one) for name, one in (arrays or {}).items()}
    parts = [
        {"name": name, "shape": list(one.shape), "type": one.dtype.name}
        for name, one in named.items()
    ]
    text = json.dumps(
        {"kind": kind, **plain(head), "parts": parts}, allow_nan=False, ensure_ascii=False
    ).encode()
    text += b" " * (-(4 + len(text)) % 8)
    body = b"".join(one.tobytes() + b"\0" * (-one.nbytes % 8) for one in named.values())
    return struct.pack("<I", len(text)) + text + body
