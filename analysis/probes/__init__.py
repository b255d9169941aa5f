"""Linear probes: what of a maze can be read off each layer by one matrix, beside controls."""

from chisel.analysis.probes.figures import probes_figure
from chisel.analysis.probes.layers import Probed, probe_layers, probe_network
from chisel.analysis.probes.maze_probing import maze_facts, sample_of, states_of, vote_facts
from chisel.analysis.probes.ridge import Kernel, kernel
from chisel.analysis.probes.sample import Fact, Sample
from chisel.analysis.probes.scores import Reading, read, shuffled, skill

__all__ = [
    "Fact",
    "Kernel",
    "Probed",
    "Reading",
    "Sample",
    "kernel",
    "maze_facts",
    "probe_layers",
    "probe_network",
    "probes_figure",
    "read",
    "sample_of",
    "shuffled",
    "skill",
    "states_of",
    "vote_facts",
]
