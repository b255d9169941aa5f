"""Studies: a checkpoint goes in; a table, JSON and figures come out, in one folder."""

from chisel.analysis.studies.registry import run

__all__ = ["run"]
