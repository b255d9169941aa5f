"""Steering of language models, norms along residual streams, and how far back networks read."""

from chisel.analysis.language.generation import Continued, continue_text
from chisel.analysis.language.horizon import forget, older_parts, only_first
from chisel.analysis.language.measures import Gauge, Measured
from chisel.analysis.language.sites import SiteTable, site_table
from chisel.analysis.language.streams import (
    Norms,
    Stream,
    growth,
    measure_norms,
    stream_of_language_model,
    streams_of_images,
)
from chisel.analysis.language.vectors import (
    activation_addition,
    add_at_tokens,
    aligned,
    last_tokens,
    mean_norm,
    pair_agreement,
    probe_direction,
    vector_of,
)
from chisel.analysis.language.weights import without_direction

__all__ = [
    "Continued",
    "Gauge",
    "Measured",
    "Norms",
    "SiteTable",
    "Stream",
    "activation_addition",
    "add_at_tokens",
    "aligned",
    "continue_text",
    "forget",
    "growth",
    "last_tokens",
    "mean_norm",
    "measure_norms",
    "older_parts",
    "only_first",
    "pair_agreement",
    "probe_direction",
    "site_table",
    "stream_of_language_model",
    "streams_of_images",
    "vector_of",
    "without_direction",
]
