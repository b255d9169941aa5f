"""Linear probes: what one matrix can read off each layer, beside controls."""

from chisel.analysis.probes.figures import probes_figure
from chisel.analysis.probes.layers import INPUT, Probed, probe_layers, probe_network
from chisel.analysis.probes.ridge import Kernel, kernel
from chisel.analysis.probes.sample import ProbeTarget, Sample
from chisel.analysis.probes.scores import Reading, read, score, shuffled

__all__ = [
    "INPUT",
    "Kernel",
    "ProbeTarget",
    "Probed",
    "Reading",
    "Sample",
    "kernel",
    "probe_layers",
    "probe_network",
    "probes_figure",
    "read",
    "score",
    "shuffled",
]
