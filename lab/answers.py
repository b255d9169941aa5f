"""Answer the page's requests piece by piece, so that a newer request can stop an older one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.maze import EditList, move_probabilities
from chisel.analysis.results import torch_threads
from chisel.configs import ConfigError, version
from chisel.envs.maze import (
    LevelSetRecipe,
    MazeState,
    build_level_set,
    look_of,
    make_evaluation,
    split_of,
)
from chisel.lab.agents import Offered, Shelf
from chisel.lab.computing import SIDES, Squares, Studied, order_from
from chisel.lab.exporting import exported
from chisel.lab.playing import Episode
from chisel.lab.protocol import (
    VERSION,
    Continue,
    Export,
    Hello,
    Level,
    Norms,
    Open,
    Ping,
    Request,
    Show,
    Start,
    Step,
    Try,
    frame,
)
from chisel.lab.session import Board, Session, Slot

PIECE = 96
"""Number of squares in a piece of an answer, for an agent that sees 64×64 pixels; it is larger for
an agent that sees less. After each piece the server looks for a newer request."""
PIXELS = 64 * 64 * 3
KEPT = 6
"""Number of mazes whose outputs are kept, so that undoing is quick."""


@dataclass
class Talk:
    """The state that the server keeps for one page: its episode. All else is in its requests."""

    episode: Episode | None = None


class Answerer:
    """Answers requests of all pages, one at a time; only one thread may use it.

    Args:
        shelf: The agents.
        session: Session that the page begins with; None is the first agent in a validation maze.
    """

    def __init__(self, shelf: Shelf, session: Session | None = None) -> None:
        self._shelf, self._session = shelf, session
        # One half of torch's threads runs the network with edits, the other half without.
        threads = torch.get_num_threads()
        each = max(1, threads // 2)
        self._pool = ThreadPoolExecutor(min(2, threads), "lab", torch.set_num_threads, (each,))
        self._studied: OrderedDict[tuple[str, Board], Studied] = OrderedDict()

    def __call__(self, talk: Talk, request: Request) -> Iterator[bytes]:
        """Answer a request by any number of frames.

        Raises:
            ChiselError: If the request cannot be answered; the message is for the person.
        """
        if isinstance(request, Show):
            yield from self._show(request)
        else:
            yield self._once(talk, request)

    def _once(self, talk: Talk, request: Request) -> bytes:
        if isinstance(request, Hello):
            return self._welcome()
        if isinstance(request, Open):
            return frame("agent", id=request.id, **self._shelf.facts(request.agent))
        if isinstance(request, Level):
            state = level(self._shelf.open_maze(request.agent), request)
            return frame("level", id=request.id, board=Board.of(state))
        if isinstance(request, Export):
            name, data = exported(self._shelf, request)
            content = np.frombuffer(data, np.uint8)
            return frame("file", {"content": content}, id=request.id, name=name)
        if isinstance(request, Start):
            talk.episode = Episode(self._shelf, request.session, request.seed)
            return talk.episode.frame(request.id, self._shelf, request.session)
        if isinstance(request, Step):
            if talk.episode is None:
                raise ConfigError("no episode has begun; start one")
            talk.episode.go(request.action, self._shelf, request.session)
            return talk.episode.frame(request.id, self._shelf, request.session)
        if isinstance(request, Continue | Try | Norms):
            return self._shelf.speaker(request.agent).answer(request)
        assert isinstance(request, Ping | Show)
        return frame("pong", id=request.id if isinstance(request, Ping) else 0)

    def _welcome(self) -> bytes:
        names, session = self._shelf.names, self._session
        if session is None:
            board, maze = Board(("M",)), self._shelf.facts(names[0])["maze"]
            if maze is not None:
                drawn = Level("level", 0, names[0], "validation", 0, size=maze["largest"])
                board = Board.of(level(self._shelf.open(names[0]), drawn))
            session = Session(board, (Slot(names[0]),))
        return frame("welcome", version=VERSION, chisel=version(), agents=names, session=session)

    def _show(self, request: Show) -> Iterator[bytes]:
        board = request.session.board
        pairs = [self._prepared(board, slot) for slot in request.session.slots]
        rev = request.rev
        yield frame("board", rev=rev, **pairs[0][1].facts)
        for number, (_, studied, edits) in enumerate(pairs):
            with torch_threads(1):  # on one square, threads cost more than they save
                now = self._now(request, number, studied, edits)
            yield now
        for number, (_, studied, edits) in enumerate(pairs):
            squares = studied.side(board.facing)
            chunks = _split(order_from(studied.state, squares.cells), squares)
            for k, rows in enumerate(chunks):
                arrays = {"rows": rows.astype(np.int32)} | self._outputs(squares, rows, edits)
                yield frame("field", arrays, rev=rev, slot=number, chunk=k, chunks=len(chunks))
        for number, (_, studied, edits) in enumerate(pairs):
            yield from self._solved(rev, number, studied, edits)
        yield frame("done", rev=rev)

    def _now(self, request: Show, number: int, studied: Studied, edits: EditList | None) -> bytes:
        squares = studied.side(request.session.board.facing)
        row = squares.cells.index(studied.state.mouse)
        arrays: dict[str, NDArray[Any]] = {}
        head: dict[str, Any] = {"rev": request.rev, "slot": number, "row": row, "site": None}
        about = self._shelf.facts(request.session.slots[number].agent)
        known = {site["name"] for site in about["sites"]}
        if request.site in known:
            assert request.site is not None
            head["site"] = request.site
            if edits is not None:
                arrays["edited_layer"] = squares.layer(row, request.site, edits).numpy()
            arrays["layer"] = squares.layer(row, request.site, None).numpy()
        if edits is not None:
            arrays |= _named("edited_", squares.outputs(np.array([row]), edits))
        arrays |= _named("", squares.outputs(np.array([row]), None))
        if edits is not None:
            head["coefficients"] = edits.coefficients
        return frame("now", arrays, **head)

    def _solved(
        self, rev: int, number: int, studied: Studied, edits: EditList | None
    ) -> Iterator[bytes]:
        for facing in SIDES:  # piece by piece: the side that is not shown takes as long again
            squares = studied.side(facing)
            for piece in _split(np.arange(len(squares.cells)), squares):
                self._outputs(squares, piece, edits)
                yield b""
        original = studied.solved(None)
        yield b""
        edited = None if edits is None else studied.solved(edits)
        yield frame("solved", rev=rev, slot=number, original=original, edited=edited)

    def _outputs(
        self, squares: Squares, rows: NDArray[np.int64], edits: EditList | None
    ) -> dict[str, NDArray[Any]]:
        """Return move probabilities and values of some squares, without and with edits."""
        if edits is None:
            return _named("", squares.outputs(rows, None))
        original, edited = squares.both(rows, edits, self._pool)
        return _named("", original) | _named("edited_", edited)

    def _prepared(self, board: Board, slot: Slot) -> tuple[Offered, Studied, EditList | None]:
        offered = self._shelf.open_maze(slot.agent, slot.digest)
        key = (slot.agent, board)
        if key not in self._studied:
            self._studied[key] = Studied(offered, board)
        self._studied.move_to_end(key)
        while len(self._studied) > KEPT:
            self._studied.popitem(last=False)
        edits = (
            EditList(offered.ingredients, slot.edits) if any(one.on for one in slot.edits) else None
        )
        return offered, self._studied[key], edits


def level(offered: Offered, asked: Level) -> MazeState:
    """Return a maze of a split, or procgen's level of a seed, as its first state.

    Args:
        offered: Agent that is to play the maze.
        asked: Split or seed, cheese and size of the maze.

    Raises:
        ConfigError: If the level is of the test split, or of a size that training did not have.
    """
    maze = offered.maze
    assert maze is not None
    if asked.seed < 0:
        raise ConfigError(f"seed {asked.seed}: seeds are 0 and up")
    if asked.source != "procgen":
        placement = asked.cheese if maze.cheese == "region" else "anywhere"
        env, found = make_evaluation(
            maze,
            levels=1,
            split=asked.source,
            seed=asked.seed,
            cheese=placement,
            num_envs=1,
            sizes=[asked.size] if asked.size else None,
        )
        env.close()
        return found.state(0)
    recipe = LevelSetRecipe(
        look_of(maze), 1, tuple(range(3, 32, 2)), start=asked.seed, num=1, split="all"
    )
    found = build_level_set(recipe, 0)
    size, (least, most) = int(found.sizes[0]), (maze.levels.min_size, offered.largest)
    if not least <= size <= most:
        raise ConfigError(
            f"level {asked.seed} is a maze of {size}×{size}; {offered.name} was trained on "
            f"{least}×{least} to {most}×{most}"
        )
    if split_of(found.inner(0)) == "test":
        raise ConfigError(
            f"level {asked.seed} belongs to the test split, which stays closed; take another seed"
        )
    return found.state(0)


def _split(rows: NDArray[np.int64], squares: Squares) -> list[NDArray[np.int64]]:
    most = PIECE * PIXELS // squares.numbers
    return np.array_split(rows, -(-len(rows) // most))


def _named(prefix: str, outputs: Tensor) -> dict[str, NDArray[Any]]:
    return {
        f"{prefix}moves": move_probabilities(outputs[:, :-1]).astype(np.float32),
        f"{prefix}values": outputs[:, -1].numpy(),
    }
