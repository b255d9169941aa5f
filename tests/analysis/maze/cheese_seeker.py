"""A network of known weights, so that effects of edits can be computed by hand."""

import functools

import torch
from torch import nn

from chisel import configs
from chisel.envs.maze import ACTION_OF_MOVE, MazeState, observe_states
from chisel.models import ActorCritic

CONFIG = configs.load(
    "maze/quick", ["env.observation=symbolic", "env.levels.max_size=5", "env.num_threads=0"]
).env
SIDE, CHEESE, MOUSE, WALLS, IDLE = 5, 0, 1, 2, 3
PULL = 2.0


class CheeseSeeker(nn.Module):
    """Features are differences of columns and rows of the cheese and of the mouse.

    The layer `maps` has four channels: cheese, mouse, walls, and one that is always 0.
    """

    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(3, 4, kernel_size=1, bias=False)
        self.read = nn.Flatten()
        self.fc = nn.Linear(4 * SIDE * SIDE, 2, bias=False)
        with torch.no_grad():
            self.maps.weight.zero_()
            for channel, plane in ((CHEESE, 2), (MOUSE, 1), (WALLS, 0)):
                self.maps.weight[channel, plane] = 1
            weight = torch.zeros(2, 4, SIDE, SIDE)
            across = torch.arange(SIDE).float().expand(SIDE, SIDE) - 2
            along = 2 - torch.arange(SIDE).float()[:, None].expand(SIDE, SIDE)  # row 0 is the top
            for sign, channel in ((1, CHEESE), (-1, MOUSE)):
                weight[0, channel], weight[1, channel] = sign * across, sign * along
            self.fc.weight.copy_(weight.reshape(2, -1))

    def forward(self, x):
        return self.fc(self.read(self.maps(x)))


def cheese_seeker():
    """Moves towards the cheese in a straight line: four moves have logits `PULL × difference`."""
    generator = torch.Generator().manual_seed(0)
    model = ActorCritic(
        CheeseSeeker(), hidden=2, num_actions=15, obs_range=1, generator=generator
    ).eval()
    with torch.no_grad():
        model.fc_policy.weight.zero_()
        model.fc_policy.bias.fill_(-100)
        for move, (feature, sign) in enumerate(((0, -1), (1, -1), (1, 1), (0, 1))):
            model.fc_policy.weight[ACTION_OF_MOVE[move], feature] = sign * PULL
            model.fc_policy.bias[ACTION_OF_MOVE[move]] = 0
    return model


MAZES = [
    "..C..\n#.#.#\n.....\n.#.##\nM#...",
    ".#...\n.#.#.\n...#.\n.#.#.\nM#.#C",
    ".....\n####.\n.....\n.####\nM...C",
    "C.#..\n.####\n.....\n####.\nM....",
]


def maze(number=0):
    return MazeState.from_drawing(MAZES[number], mode="easy")


observe = functools.partial(observe_states, config=CONFIG)
