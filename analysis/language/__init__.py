"""What language models do: scores of routed ones."""

from chisel.analysis.language.routing_scores import (
    KINDS,
    RoutingScores,
    StoryReader,
    routing_figure,
    routing_table,
)

__all__ = [
    "KINDS",
    "RoutingScores",
    "StoryReader",
    "routing_figure",
    "routing_table",
]
