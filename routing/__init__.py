"""Gradient routing for any `nn.Module`: regions, rules, exact masks, ablation, leaks.

Source: Cloud et al. 2024, "Gradient Routing".
"""

from chisel.routing.ablation.ablate import MODES, Means, Mode, ablate, record_means
from chisel.routing.ablation.controls import has_units_of_gates, random_like
from chisel.routing.ablation.dropout import RegionDropout
from chisel.routing.ablation.erasing import erase
from chisel.routing.errors import RoutingError
from chisel.routing.export.pruning import prune_units
from chisel.routing.gradient.hooks import without_routes
from chisel.routing.gradient.optimizer import RoutedAdam
from chisel.routing.gradient.protection import UnprotectedRegion
from chisel.routing.gradient.resting import UNTESTED, keep_resting, moved, snapshot
from chisel.routing.gradient.router import Router, attach
from chisel.routing.leaks import Leak, leaks
from chisel.routing.regions.examples import evaluating, tensors_in
from chisel.routing.regions.region import Part, Region, Regions
from chisel.routing.regions.resolve import resolve
from chisel.routing.sites import Site

__all__ = [
    "MODES",
    "UNTESTED",
    "Leak",
    "Means",
    "Mode",
    "Part",
    "Region",
    "RegionDropout",
    "Regions",
    "RoutedAdam",
    "Router",
    "RoutingError",
    "Site",
    "UnprotectedRegion",
    "ablate",
    "attach",
    "erase",
    "evaluating",
    "has_units_of_gates",
    "keep_resting",
    "leaks",
    "moved",
    "prune_units",
    "random_like",
    "record_means",
    "resolve",
    "snapshot",
    "tensors_in",
    "without_routes",
]
