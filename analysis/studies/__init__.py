"""Studies: each writes a table, JSON and figures about a checkpoint or a world to one folder."""

from chisel.analysis.studies.registry import run

__all__ = ["run"]
