"""Linear probes, which predict properties from each layer's activations, beside controls."""

from chisel.analysis.probes.figures import probes_figure
from chisel.analysis.probes.layers import INPUT, Probed, probe_layers, probe_network
from chisel.analysis.probes.ridge import Kernel, kernel
from chisel.analysis.probes.scores import (
    ProbeTarget,
    Reading,
    Sample,
    read,
    score,
    shuffled,
)

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
