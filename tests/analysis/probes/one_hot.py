"""A network and states of which is known what each layer holds."""

import numpy as np
import torch
from torch import nn

from chisel.analysis.probes import ProbeTarget, Sample
from chisel.models import ActorCritic, Agent, Spaces

SIDE = 4
FITTED, VALIDATION, TESTED = 200, 60, 80


class Narrowing(nn.Module):
    """Passes the first plane on, then its first row alone, then nothing."""

    def __init__(self):
        super().__init__()
        self.whole, self.row, self.none, self.read = (nn.Identity() for _ in range(4))

    def forward(self, x):
        kept = self.row(self.whole(x[:, :1])[:, :, :1])
        return self.read(self.none(0 * kept).flatten(1))


def known_agent():
    generator = torch.Generator().manual_seed(0)
    model = ActorCritic(Narrowing(), hidden=SIDE, num_actions=15, obs_range=1, generator=generator)
    spaces = Spaces((SIDE, SIDE, 2), "uint8", 1.0, 15)
    return Agent(model.eval(), spaces, None, "none", None, source="here")


def one_hot_sample():
    """One marked square in either plane; the network sees the first only."""
    draws = np.random.default_rng(0)
    count = FITTED + VALIDATION + TESTED
    squares, hidden = draws.integers(SIDE * SIDE, size=(2, count))
    obs = np.zeros((count, 2, SIDE * SIDE), np.uint8)
    obs[np.arange(count), 0, squares] = 1
    obs[np.arange(count), 1, hidden] = 1
    targets = (
        ProbeTarget("column", (squares % SIDE).astype(float)),
        ProbeTarget("in-first-row", (squares < SIDE).astype(np.int64)),
        ProbeTarget("hidden", (hidden // SIDE).astype(float)),
    )
    seen = torch.from_numpy(obs.reshape(count, 2, SIDE, SIDE))
    return Sample(seen, targets, np.arange(count), (FITTED, VALIDATION))
