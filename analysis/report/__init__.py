"""One HTML page of what studies found, which needs nothing but itself."""

from analysis.report.collect import Findings, findings
from analysis.report.page import Panel, Section, page

__all__ = ["Findings", "Panel", "Section", "findings", "page"]
