"""Gradient routing for any `nn.Module`: regions, rules, exact masks, ablation, leaks."""

from chisel.routing.ablation import ablate, record_means
from chisel.routing.controls import random_like
from chisel.routing.dropping import ForwardDrop
from chisel.routing.erasing import erase
from chisel.routing.errors import RoutingError
from chisel.routing.export import slice_units, without_routes
from chisel.routing.leaks import Leak, leaks
from chisel.routing.movement import UNTESTED, moved, snapshot
from chisel.routing.optimizer import RoutedAdam
from chisel.routing.protection import UnprotectedRegion
from chisel.routing.regions import Part, Region, Regions
from chisel.routing.resolving import resolve
from chisel.routing.resting import keep_resting
from chisel.routing.router import Router, attach

__all__ = [
    "UNTESTED",
    "ForwardDrop",
    "Leak",
    "Part",
    "Region",
    "Regions",
    "RoutedAdam",
    "Router",
    "RoutingError",
    "UnprotectedRegion",
    "ablate",
    "attach",
    "erase",
    "keep_resting",
    "leaks",
    "moved",
    "random_like",
    "record_means",
    "resolve",
    "slice_units",
    "snapshot",
    "without_routes",
]
