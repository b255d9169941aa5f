"""Linear probes: what one matrix can read off each layer, beside controls."""

from chisel.analysis.probes.figures import probes_figure
from chisel.analysis.probes.layers import INPUT, Probed, probe_layers, probe_network
from chisel.analysis.probes.ridge import Kernel, kernel
from chisel.analysis.probes.sample import Fact, Sample
from chisel.analysis.probes.scores import Reading, read, shuffled, skill

__all__ = [
    "INPUT",
    "Fact",
    "Kernel",
    "Probed",
    "Reading",
    "Sample",
    "kernel",
    "probe_layers",
    "probe_network",
    "probes_figure",
    "read",
    "shuffled",
    "skill",
]
