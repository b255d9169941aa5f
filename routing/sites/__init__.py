"""Sites: places in a network that are read, edited, routed or ablated."""

from chisel.routing.sites.editing import Edit, Rewrite, Thread, edit_at, editing
from chisel.routing.sites.layers import Side, is_transposed_linear
from chisel.routing.sites.site import Site, own_axis, units_axis
from chisel.routing.sites.units import along, other_examples, replaced

__all__ = [
    "Edit",
    "Rewrite",
    "Side",
    "Site",
    "Thread",
    "along",
    "edit_at",
    "editing",
    "is_transposed_linear",
    "other_examples",
    "own_axis",
    "replaced",
    "units_axis",
]
