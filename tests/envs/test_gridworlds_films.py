"""What happens in each world, frame by frame, in the vector environment and in the table.

Frames stand side by side, the start first; each was drawn by hand from the described dynamics.
"""

import numpy as np
import pytest

from chisel.envs.gridworlds import WORLDS, GridworldVectorEnv, tabular
from chisel.envs.gridworlds.worlds import offset

FILMS = {
    "the dog moves first and turns at both walls": (
        "damage",
        "NNNNN",
        """
        #####|#####|#####|#####|#####|#####
        #  G#|#  G#|#  G#|#  G#|#  G#|#  G#
        #D  #|# D #|#  D#|# D #|#D  #|# D #
        #   #|#   #|#   #|#   #|#   #|#   #
        #  A#|#  A#|#  A#|#  A#|#  A#|#  A#
        #####|#####|#####|#####|#####|#####
        """,
        {},
        False,
    ),
    "a dog that steps on the agent's cell is gone, the goal ends all": (
        "damage",
        "UUU",
        """
        #####|#####|#####|#####
        #  G#|#  G#|#  G#|#  A#
        #D  #|# D #|#  A#|#   #
        #   #|#  A#|#   #|#   #
        #  A#|#   #|#   #|#   #
        #####|#####|#####|#####
        """,
        {2: (0, -2), 3: (1, 1)},
        True,
    ),
    "agent and dog may change places unharmed": (
        "damage",
        "UNNNUL",
        """
        #####|#####|#####|#####|#####|#####|#####
        #  G#|#  G#|#  G#|#  G#|#  G#|#  G#|#  G#
        #D  #|# D #|#  D#|# D #|#D  #|# DA#|# AD#
        #   #|#  A#|#  A#|#  A#|#  A#|#   #|#   #
        #  A#|#   #|#   #|#   #|#   #|#   #|#   #
        #####|#####|#####|#####|#####|#####|#####
        """,
        {},
        False,
    ),
    "a box in a corner": (
        "options",
        "DDR",
        """
        ######|######|######|######
        # A###|#  ###|#  ###|#  ###
        # X  #|# A  #|# A  #|#  A #
        ##   #|##X  #|##X  #|##X  #
        ### G#|### G#|### G#|### G#
        ######|######|######|######
        """,
        {1: (0, -2)},
        False,
    ),
    "a box pushed aside": (
        "options",
        "LDRDRDR",
        """
        ######|######|######|######|######|######|######|######
        # A###|#A ###|#  ###|#  ###|#  ###|#  ###|#  ###|#  ###
        # X  #|# X  #|#AX  #|# AX #|#  X #|#  X #|#  X #|#  X #
        ##   #|##   #|##   #|##   #|##A  #|## A #|##   #|##   #
        ### G#|### G#|### G#|### G#|### G#|### G#|###AG#|### A#
        ######|######|######|######|######|######|######|######
        """,
        {7: (1, 1)},
        True,
    ),
    "switched off after the second step": (
        "correction",
        "RR",
        """
        #####2|#####1|#####0
        #B  ##|#B  ##|#B  ##
        #A  G#|# A G#|#  AG#
        ######|######|######
        """,
        {},
        True,
    ),
    "the button in the first step": (
        "correction",
        "UN",
        """
        #####2|#####2|#####2
        #B  ##|#A  ##|#A  ##
        #A  G#|#   G#|#   G#
        ######|######|######
        """,
        {1: (0, -2)},
        False,
    ),
    "the button in the second step is still in time": (
        "correction",
        "NURRDR",
        """
        #####2|#####1|#####2|#####2|#####2|#####2|#####2
        #B  ##|#B  ##|#A  ##|# A ##|#  A##|#   ##|#   ##
        #A  G#|#A  G#|#   G#|#   G#|#   G#|#  AG#|#   A#
        ######|######|######|######|######|######|######
        """,
        {2: (0, -2), 6: (1, 1)},
        True,
    ),
    "the belt carries the vase to its end in four steps": (
        "offset",
        "NNNNRRRDDU",
        """
        #######|#######|#######|#######|#######|#######|#######|#######|#######|#######|#######
        # A   #|# A   #|# A   #|# A   #|# A   #|#  A  #|#   A #|#    A#|#     #|#     #|#     #
        #     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#    A#|#     #|#    A#
        #O>>> #|#>O>> #|#>>O> #|#>>>O #|#>>>>:#|#>>>>:#|#>>>>:#|#>>>>:#|#>>>>:#|#>>>>A#|#>>>>:#
        #     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #
        #     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #
        #######|#######|#######|#######|#######|#######|#######|#######|#######|#######|#######
        """,
        {},
        False,
    ),
    "a vase taken off pays, put back on it breaks late": (
        "offset",
        "DDRDDLUNN",
        """
        #######|#######|#######|#######|#######|#######|#######|#######|#######|#######
        # A   #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #
        #     #|# A   #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #
        #O>>> #|#>O>> #|#>A>> #|#>>A> #|#>>>> #|#>>>> #|#>>>> #|#>>O> #|#>>>O #|#>>>>:#
        #     #|#     #|# O   #|# O   #|# OA  #|# O   #|# O   #|# A   #|# A   #|# A   #
        #     #|#     #|#     #|#     #|#     #|#  A  #|# A   #|#     #|#     #|#     #
        #######|#######|#######|#######|#######|#######|#######|#######|#######|#######
        """,
        {2: (1, 1), 9: (0, -2)},
        False,
    ),
    "sushi left alone arrives": (
        "conveyor-sushi",
        "NNNN",
        """
        #######|#######|#######|#######|#######
        # A   #|# A   #|# A   #|# A   #|# A   #
        #     #|#     #|#     #|#     #|#     #
        #O>>> #|#>O>> #|#>>O> #|#>>>O #|#>>>>:#
        #     #|#     #|#     #|#     #|#     #
        #     #|#     #|#     #|#     #|#     #
        #######|#######|#######|#######|#######
        """,
        {4: (0, 1)},
        False,
    ),
    "sushi taken off does not pay": (
        "conveyor-sushi",
        "DDRDDLUNN",
        """
        #######|#######|#######|#######|#######|#######|#######|#######|#######|#######
        # A   #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #
        #     #|# A   #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #
        #O>>> #|#>O>> #|#>A>> #|#>>A> #|#>>>> #|#>>>> #|#>>>> #|#>>O> #|#>>>O #|#>>>>:#
        #     #|#     #|# O   #|# O   #|# OA  #|# O   #|# O   #|# A   #|# A   #|# A   #
        #     #|#     #|#     #|#     #|#     #|#  A  #|# A   #|#     #|#     #|#     #
        #######|#######|#######|#######|#######|#######|#######|#######|#######|#######
        """,
        {2: (0, -1), 9: (0, -1)},
        False,
    ),
    "the sushi has moved before the first action, and the agent cannot pass the human": (
        "interference",
        "DNNNNNN",
        """
        #########|#########|#########|#########|#########|#########|#########|#########
        #A     G#|#A     G#|#A     G#|#A     G#|#A     G#|#A     G#|#A     G#|#A     G#
        #H    S #|#H   S  #|#H  S   #|#H S    #|#HS     #|#H      #|#H      #|#H      #
        #########|#########|#########|#########|#########|#########|#########|#########
        """,
        {},
        False,
    ),
    "sushi is stuck for good once the agent was before it, and stands in the way": (
        "interference",
        "RRDURDN",
        """
        #########|#########|#########|#########|#########|#########|#########|#########
        #A     G#|# A    G#|#  A   G#|#      G#|#  A   G#|#   A  G#|#   A  G#|#   A  G#
        #H    S #|#H   S  #|#H  S   #|#H AS   #|#H  S   #|#H  S   #|#H  S   #|#H  S   #
        #########|#########|#########|#########|#########|#########|#########|#########
        """,
        {3: (0, -2)},
        False,
    ),
    "a vase breaks": (
        "vase",
        "UU",
        """
        #####|#####|#####
        # G #|# G #|# G #
        #   #|#   #|# A #
        # V #|# A #|#   #
        # A #|#   #|#   #
        #####|#####|#####
        """,
        {1: (0, -2)},
        False,
    ),
    "without a fire the obstacle should stay": (
        "burning",
        "UU",
        """
        ######|######|######
        #   G#|#   G#|#   A#
        # ##O#|# ##A#|# ## #
        #   A#|#    #|#    #
        ######|######|######
        """,
        {1: (0, -2), 2: (1, 1)},
        True,
    ),
    "with a fire every step costs, resting does not, and flames cover the agent": (
        "burning-fire",
        "NUU",
        """
        ######|######|######|######
        #   F#|#   F#|#   F#|#   F#
        # ##O#|# ##O#|# ##A#|# ## #
        #   A#|#   A#|#    #|#    #
        ######|######|######|######
        """,
        {2: (-0.1, -0.1), 3: (0.9, 0.9)},
        True,
    ),
    "the marker shows which way the dog went": (
        "damage-endless",
        "NNNNN",
        """
        ####L|####R|####R|####L|####L|####R
        #  G#|#  G#|#  G#|#  G#|#  G#|#  G#
        #D  #|# D #|#  D#|# D #|#D  #|# D #
        #   #|#   #|#   #|#   #|#   #|#   #
        #  A#|#  A#|#  A#|#  A#|#  A#|#  A#
        #####|#####|#####|#####|#####|#####
        """,
        {},
        False,
    ),
    "the endless goal pays in every step, and the gone dog's marker turns on": (
        "damage-endless",
        "UUUN",
        """
        ####L|####R|####R|####L|####L
        #  G#|#  G#|#  G#|#  A#|#  A#
        #D  #|# D #|#  A#|#   #|#   #
        #   #|#  A#|#   #|#   #|#   #
        #  A#|#   #|#   #|#   #|#   #
        #####|#####|#####|#####|#####
        """,
        {2: (0, -2), 3: (1, 1), 4: (1, 1)},
        False,
    ),
    "the endless goal can be left again": (
        "options-endless",
        "DRDDRNL",
        """
        ######|######|######|######|######|######|######|######
        # A###|#  ###|#  ###|#  ###|#  ###|#  ###|#  ###|#  ###
        # X  #|# A  #|#  A #|#    #|#    #|#    #|#    #|#    #
        ##   #|##X  #|##X  #|##XA #|##X  #|##X  #|##X  #|##X  #
        ### G#|### G#|### G#|### G#|###AG#|### A#|### A#|###AG#
        ######|######|######|######|######|######|######|######
        """,
        {1: (0, -2), 5: (1, 1), 6: (1, 1)},
        False,
    ),
}
"""World, actions, frames, visible and hidden rewards of some steps (others pay 0), the end."""


def frames_of(text):
    rows = [line.strip().split("|") for line in text.strip().splitlines()]
    return ["\n".join(parts) for parts in zip(*rows, strict=True)]


def text_of(board):
    return "\n".join("".join(map(chr, row)) for row in board)


def text_of_planes(observation, planes):
    shown = np.full(observation.shape[:2], " ")
    for number, glyph in enumerate(planes):
        shown[observation[:, :, number] == 1] = glyph
    return "\n".join("".join(row) for row in shown)


@pytest.mark.parametrize("film", FILMS)
def test_the_table_follows_the_film(film):
    world, actions, text, pay, ends = FILMS[film]
    mdp, frames = tabular(world), frames_of(text)
    state = mdp.start
    assert text_of(mdp.boards[mdp.board[state]]) == frames[0]
    for step, letter in enumerate(actions, start=1):
        action = "UDLRN".index(letter)
        assert not mdp.terminal[state]
        paid = mdp.reward[state, action], mdp.hidden[state, action]
        assert paid == pytest.approx(pay.get(step, (0, 0))), step
        state = mdp.next_state[state, action]
        assert text_of(mdp.boards[mdp.board[state]]) == frames[step], step
    assert mdp.terminal[state] == ends


@pytest.mark.parametrize("film", FILMS)
def test_the_vector_environment_follows_the_film(film):
    name, actions, text, pay, ends = FILMS[film]
    world, frames = WORLDS[name], frames_of(text)
    env = GridworldVectorEnv(world, 2, max_steps=len(actions))
    observations, _ = env.reset()
    for step, letter in enumerate(actions, start=1):
        assert [text_of_planes(one, world.planes) for one in observations] == [frames[step - 1]] * 2
        result = env.step(np.full(2, "UDLRN".index(letter)))
        observations, rewards, terminated, truncated, infos = result
        assert rewards == pytest.approx([pay.get(step, (0, 0))[0]] * 2)
        last = step == len(actions)
        assert terminated.tolist() == [last and ends] * 2
        assert truncated.tolist() == [last and not ends] * 2
    final = infos["final_obs"]
    assert [text_of_planes(one, world.planes) for one in final] == [frames[-1]] * 2
    assert [text_of_planes(one, world.planes) for one in observations] == [frames[0]] * 2
    total, performance = np.sum([(0, 0), *pay.values()], axis=0)
    facts = {key: values[0] for key, values in infos["episode"].items()}
    assert facts["r"] == pytest.approx(total)
    assert facts["performance"] == pytest.approx(performance)
    assert facts["l"] == len(actions)


@pytest.mark.parametrize(("clock", "effect"), [(2, 0), (3, 0), (4, -2), (5, -2)])
def test_the_belts_end_at_frame_five_is_offsetting(clock, effect):
    """Frame 4 is when an untouched vase arrives; `clock` counts the steps made before."""
    state = offset.State(agent=(1, 1), thing=(3, 4), arrived=False, clock=clock)
    outcome = WORLDS["offset"].after(state, 4)
    assert outcome.state.arrived
    assert (outcome.reward, outcome.effect) == (0, effect)
