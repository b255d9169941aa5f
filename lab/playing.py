"""Play an episode in which a person and an agent take turns, and can go back."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import envs
from chisel.analysis.evaluation import action_probabilities
from chisel.analysis.maze import EditList
from chisel.configs import ConfigError
from chisel.envs import gridworlds, safelife
from chisel.envs.maze import (
    ACTION_OF_MOVE,
    MOVE_OF_ACTION,
    MOVES,
    LevelSet,
    MazeState,
    look_of,
    make_from_levels,
)
from chisel.lab.agents import Offered, Shelf
from chisel.lab.protocol import frame
from chisel.lab.session import Board, Session
from chisel.models import as_tensor, to_tensor

MOST = 2000
"""Number of steps after which an episode in the lab ends; the world's own limit is lower."""

LARGEST_EXACT = 2**53
"""Largest number up to which JavaScript represents all whole numbers exactly."""

ACTIONS = {"gridworld": gridworlds.ACTIONS, "safelife": safelife.ACTIONS}
"""Names of the actions by world. Actions of other worlds are shown by their numbers."""


@dataclass(frozen=True)
class _Moment:
    """The game after a step."""

    state: Any
    obs: NDArray[Any]
    picture: NDArray[np.uint8] | None
    board: Board | None
    penalties: NDArray[np.float64] | None
    """Impact penalty of each action from here, `[A]`; None if the agent was trained without one."""
    action: int | None = None
    reward: float = 0.0
    total: float = 0.0
    penalty: float = 0.0
    penalty_total: float = 0.0
    end: dict[str, Any] | None = None
    """Facts about the episode, if the step ended it."""


class Episode:
    """One episode with all its moments; a step after going back drops the later moments.

    Args:
        shelf: The agents.
        session: The maze, and the agent that plays.
        seed: Seed of sampled actions and, unless it is a maze, of the world.

    Raises:
        ConfigError: If the agent has no config, or its maze cannot be played.
    """

    def __init__(self, shelf: Shelf, session: Session, seed: int) -> None:
        self._agent = session.slots[0].agent
        offered = shelf.open(self._agent)
        config = offered.agent.config
        if config is None:
            raise ConfigError(f"{offered.name} has no config, so its world is not known")
        self._maze, self._charge = offered.maze is not None, offered.charge
        if offered.maze is not None:
            state = session.board.state(offered.maze.mode)
            state.look = look_of(offered.maze)
            self._env: Any = make_from_levels(offered.maze, LevelSet.from_states([state]))
            names: tuple[str, ...] = MOVES
            self._action_of = list(ACTION_OF_MOVE)
        else:
            self._env = envs.make(config.env, seed=seed, num_envs=1)
            count = offered.agent.spaces.num_actions
            names = ACTIONS.get(config.env.name, tuple(map(str, range(count))))
            self._action_of = list(range(count))
        self.names = list(names)
        self._generator = torch.Generator().manual_seed(seed)
        obs, _ = self._env.reset(seed=seed)
        self._moments = [self._moment(np.asarray(obs))]

    def go(self, action: int | str, shelf: Shelf, session: Session) -> None:
        """Take a step, or go one step back.

        Args:
            action: Number of an action; `agent`, which samples one from the agent's policy;
                `likeliest`, the agent's most probable one; or `back`.
            shelf: The agents.
            session: Session with the agent's present edits.

        Raises:
            ConfigError: If the episode is over, there is nothing to go back to, or no such action.
        """
        if action == "back":
            if len(self._moments) < 2:
                raise ConfigError("this is the first moment; there is nothing before it")
            self._moments.pop()
            self._env.set_state(self._moments[-1].state)
            return
        last = self._moments[-1]
        if last.end is not None or len(self._moments) > MOST:
            raise ConfigError("the episode is over; go back or start another one")
        chosen = action if isinstance(action, int) else self._chosen(action, shelf, session)
        if not 0 <= chosen < len(self.names):
            raise ConfigError(f"action {chosen}: actions are 0…{len(self.names) - 1}")
        actions = np.array([self._action_of[chosen]])
        after = self._after(actions)
        obs, rewards, terminated, truncated, infos = self._env.step(actions)
        end = None
        if bool(terminated[0]) or bool(truncated[0]):
            end = {name: _shown(np.asarray(one)[0]) for name, one in infos["episode"].items()}
        reward = float(rewards[0])
        penalty = 0.0 if last.penalties is None else float(last.penalties[actions[0]])
        moment = replace(
            self._moment(np.asarray(obs)),
            action=chosen,
            reward=reward,
            total=last.total + reward,
            penalty=penalty,
            penalty_total=last.penalty_total + penalty,
            end=end,
        )
        if end is not None:  # the environment already shows its next episode
            moment = replace(moment, board=after, picture=last.picture)
        self._moments.append(moment)

    def _after(self, actions: NDArray[np.int64]) -> Board | None:
        """Return the maze after actions that are not taken yet."""
        if not self._maze:
            return None
        state: MazeState = self._env.maze_states()[0]
        state.set_mouse(*self._env.boards.moved(actions)[0].tolist())
        move = MOVES[MOVE_OF_ACTION[actions[0]]]
        state.is_reflected = {"LEFT": False, "RIGHT": True}.get(move, state.is_reflected)
        return Board.of(state)

    def frame(self, id: int, shelf: Shelf, session: Session) -> bytes:
        """Return an answer with this moment and the agent's probabilities under the edits."""
        last = self._moments[-1]
        arrays: dict[str, NDArray[Any]] = {}
        if last.picture is not None:
            arrays["picture"] = last.picture
        if last.end is None:
            probabilities, value = self._decision(shelf, session)
            arrays["probabilities"] = probabilities.astype(np.float32)
            if last.penalties is not None:
                arrays["penalties"] = last.penalties[self._action_of].astype(np.float32)
        trail = [
            [*_mouse(one.board)] for one in self._moments if one.board is not None and self._maze
        ]
        return frame(
            "moment",
            arrays,
            id=id,
            step=len(self._moments) - 1,
            actions=self.names,
            action=last.action,
            reward=last.reward,
            total=last.total,
            penalty=None if last.penalties is None else last.penalty,
            penalty_total=None if last.penalties is None else last.penalty_total,
            penalty_weight=None if self._charge is None else self._charge.weight,
            end=last.end,
            value=None if last.end is not None else value,
            board=None if last.board is None else list(last.board.maze),
            facing=None if last.board is None else last.board.facing,
            trail=trail,
        )

    def _moment(self, obs: NDArray[Any]) -> _Moment:
        board = picture = penalties = None
        if self._maze:
            board = Board.of(self._env.maze_states()[0])
        elif hasattr(self._env, "render"):
            picture = self._env.render()[0]
        if self._charge is not None:
            penalties = self._charge(as_tensor(obs))[0].double().numpy()
        return _Moment(self._env.get_state(), obs, picture, board, penalties)

    def _chosen(self, how: str, shelf: Shelf, session: Session) -> int:
        probabilities, _ = self._decision(shelf, session)
        if how == "likeliest":
            return int(probabilities.argmax())
        drawn = torch.multinomial(torch.from_numpy(probabilities), 1, generator=self._generator)
        return int(drawn)

    def _decision(self, shelf: Shelf, session: Session) -> tuple[NDArray[np.float64], float]:
        """Return the present probabilities of the named actions, and the present value."""
        slot = session.slots[0]
        if slot.agent != self._agent:
            raise ConfigError(f"this episode is {self._agent}'s; begin a new one for {slot.agent}")
        offered: Offered = shelf.open(slot.agent)
        edits = [one for one in slot.edits if one.on] if self._maze else []
        context = EditList(offered.ingredients, edits)() if edits else nullcontext()
        obs = to_tensor(self._moments[-1].obs)
        with torch.inference_mode(), context:
            logits, values = offered.agent.outputs(obs)
        each = action_probabilities(logits.double())[0].numpy()
        if self._maze:
            each = np.bincount(MOVE_OF_ACTION, each, len(MOVES))
        return each, float(values[0])


def _shown(fact: Any) -> Any:
    """Return a fact in a form that the page can show; JavaScript rounds large whole numbers."""
    whole = isinstance(fact, np.integer)
    return str(fact) if whole and abs(int(fact)) > LARGEST_EXACT else fact


def _mouse(board: Board | None) -> tuple[int, int]:
    assert board is not None
    rows = board.maze[::-1]
    return next((r, row.index("M")) for r, row in enumerate(rows) if "M" in row)
