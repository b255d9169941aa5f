"""Gradient routing for any `nn.Module`: regions, rules, exact masks, ablation, leaks."""

from routing.ablation import ablate, record_means
from routing.controls import random_like
from routing.dropping import ForwardDrop
from routing.erasing import erase
from routing.errors import RoutingError
from routing.export import slice_units, without_routes
from routing.leaks import Leak, leaks
from routing.movement import UNTESTED, moved, snapshot
from routing.optimizer import RoutedAdam
from routing.protection import UnprotectedRegion
from routing.regions import Part, Region, Regions
from routing.resolving import resolve
from routing.resting import keep_resting
from routing.router import Router, attach

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
