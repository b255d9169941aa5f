"""Write one HTML page of the results of studies, which needs no other file."""

from chisel.analysis.report.collect import Findings, findings, is_about
from chisel.analysis.report.page import Panel, Section, page
from chisel.analysis.report.pictures import with_small_pictures

__all__ = [
    "Findings",
    "Panel",
    "Section",
    "findings",
    "is_about",
    "page",
    "with_small_pictures",
]
