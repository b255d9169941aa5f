"""Make files from a session: its numbers, its figure, and a script that computes them again."""

from __future__ import annotations

import io
import json
import pprint
import shlex
from dataclasses import asdict
from typing import Any

import pandas as pd

from chisel.analysis.maze import (
    EditList,
    MazePolicy,
    comparison_figure,
    field_figure,
    maze_policy,
)
from chisel.envs.maze import observe_states
from chisel.lab.agents import Offered, Shelf
from chisel.lab.protocol import Export
from chisel.lab.session import Session, Slot


def exported(shelf: Shelf, request: Export) -> tuple[str, bytes]:
    """Make a file.

    Args:
        shelf: The agents.
        request: Kind of the file, and the session.

    Returns:
        The file's name and its content.

    Raises:
        ChiselError: If an agent or an edit of the session does not fit.
    """
    session = request.session
    stem = "lab-" + session.slots[0].agent.replace("/", "-")
    if request.what == "python":
        return f"{stem}.py", script(shelf, session).encode()
    policies = [
        _policies(shelf.open_maze(one.agent, one.digest), session, one) for one in session.slots
    ]
    if request.what == "csv":
        return f"{stem}.csv", table(policies).to_csv(index=False).encode()
    figure = _figure(session, policies)
    data = io.BytesIO()
    figure.savefig(
        data,
        format=request.what,
        dpi=200,
        metadata={"Date": None} if request.what == "svg" else None,
    )
    return f"{stem}.{request.what}", data.getvalue()


def table(policies: list[dict[str, MazePolicy]]) -> pd.DataFrame:
    """Return a table with a row for each square, for each agent without and with its edits.

    Args:
        policies: Policies of each agent: `original` and, if it has edits, `edited`.
    """
    parts = []
    for number, pair in enumerate(policies):
        for name, policy in pair.items():
            for field in (policy.left, policy.right):
                frame = field.to_frame()
                frame.insert(0, "facing", field.orientation)
                frame.insert(0, "network", name)
                frame.insert(0, "slot", "AB"[number])
                parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def script(shelf: Shelf, session: Session) -> str:
    """Write a Python script that computes a session's numbers with the library."""
    board = session.board
    maze = "\n".join(f'    "{row}",' for row in board.maze)
    blocks = []
    for number, slot in enumerate(session.slots):
        offered = shelf.open_maze(slot.agent, slot.digest)
        edits = [
            {k: v for k, v in asdict(one).items() if k != "on"} for one in slot.edits if one.on
        ]
        listed = pprint.pformat(json.loads(json.dumps(edits)), width=96, sort_dicts=False)
        path = json.dumps(str(_folder(offered)))
        blocks.append(
            f"# Agent {'AB'[number]}\n"
            f"agent = load_agent({path})\n"
            f'assert agent.digest == "{offered.agent.digest}", "these are other weights"\n'
            f"edits = read_edits({listed})\n"
            f"show(agent, edits)\n"
        )
    if any(one.on for one in session.slots[0].edits):
        agent = shlex.quote(str(_folder(shelf.open_maze(session.slots[0].agent))))
        blocks.append(_STUDY.format(agent=agent))
    return _SCRIPT.format(
        maze=maze,
        mode=shelf.open_maze(session.slots[0].agent).maze.mode,  # type: ignore[union-attr]  # open_maze saw it
        right=board.facing == "right",
        background=board.background,
        blocks="\n".join(blocks),
    )


_SCRIPT = '''\
"""What the browser lab showed, computed again."""

import functools

from chisel.analysis.maze import EditList, Ingredients, maze_policy, policy_change, read_edits
from chisel.envs.maze import MazeState, observe_states
from chisel.models import load_agent

MAZE = [
{maze}
]
state = MazeState.from_drawing("\\n".join(MAZE), mode="{mode}")
state.is_reflected = {right}
state.background = ({background}, 0.0)


def show(agent, edits):
    """Print the exact outcomes of an episode, and the field, without and with edits."""
    config = agent.config.env
    observe = functools.partial(observe_states, config=config)
    original = maze_policy(agent.outputs, state, observe, config)
    print("original", original.exact())
    if edits:
        with EditList(Ingredients(agent, agent.source.parent), edits)():
            edited = maze_policy(agent.outputs, state, observe, config)
        print("edited", edited.exact())
        print("change", policy_change(original, edited))
    field = (edited if edits else original).facing("right" if state.is_reflected else "left")
    print(field.to_frame().to_string(index=False))


{blocks}'''


_STUDY = """\
# The edits of agent A on held-out mazes, with the session saved as session.json:
# chisel study edits checkpoint={agent} session=session.json split=validation
"""


def _policies(offered: Offered, session: Session, slot: Slot) -> dict[str, MazePolicy]:
    maze, agent = offered.maze, offered.agent
    assert maze is not None
    state = session.board.state(maze.mode)

    def policy() -> MazePolicy:
        return maze_policy(agent.outputs, state, lambda states: observe_states(states, maze), maze)

    found = {"original": policy()}
    if any(one.on for one in slot.edits):
        with EditList(offered.ingredients, slot.edits)():
            found["edited"] = policy()
    return found


def _figure(session: Session, policies: list[dict[str, MazePolicy]]) -> Any:
    """Draw one field, or two and their difference.

    The two are those of both agents, or those of one agent without and with its edits.
    """
    facing = session.board.facing
    last = [list(pair.values())[-1].facing(facing) for pair in policies]
    names = [slot.agent for slot in session.slots]
    if len(last) == 2:
        return comparison_figure(last[0], last[1], f"{names[0]}, and {names[1]}")
    if "edited" in policies[0]:
        count = sum(one.on for one in session.slots[0].edits)
        title = f"{names[0]}, and with {count} edit{'s' if count > 1 else ''}"
        return comparison_figure(policies[0]["original"].facing(facing), last[0], title)
    return field_figure(last[0], names[0])


def _folder(offered: Offered) -> Any:
    source = offered.agent.source
    return source.parent if source.name == "weights.safetensors" else source
