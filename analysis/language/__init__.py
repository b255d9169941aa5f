"""What language models do: steering, routing, norms of the residual stream, layer horizon."""

from chisel.analysis.language.benchmark import (
    GRAMMAR,
    NONE,
    ConceptScores,
    Steered,
    agreement_table,
    benchmark_figure,
    benchmark_frame,
    concept_table,
    method_table,
)
from chisel.analysis.language.concepts import (
    ConceptTarget,
    ConceptTexts,
    carried,
    concept_pairs,
    continued,
    words_for,
)
from chisel.analysis.language.figures import steering_figure
from chisel.analysis.language.generation import Continued, continue_text
from chisel.analysis.language.horizon import forget, older_parts, only_first
from chisel.analysis.language.measures import Gauge, Measured
from chisel.analysis.language.opening import (
    Opened,
    is_trained_here,
    open_language_model,
    opened_run,
)
from chisel.analysis.language.routing_scores import (
    KINDS,
    RoutingScores,
    StoryReader,
    routing_figure,
    routing_table,
)
from chisel.analysis.language.scalar import (
    Questions,
    nearest_tokens,
    unit_shifts,
    words_of_latent,
)
from chisel.analysis.language.sites import SiteTable, site_table
from chisel.analysis.language.sparse_autoencoder import (
    SparseAutoencoder,
    clamp_feature,
    separating_feature,
    sparse_autoencoder,
)
from chisel.analysis.language.streams import (
    Norms,
    Stream,
    growth,
    measure_norms,
    stream_of_language_model,
    streams_of_images,
)
from chisel.analysis.language.subjects import Subject, load_subject
from chisel.analysis.language.sweep import (
    RANDOM,
    Sweep,
    Tried,
    control_p,
    random_range,
    slopes,
    with_sign,
)
from chisel.analysis.language.vectors import (
    TextStream,
    activation_addition,
    add_at_tokens,
    aligned,
    pair_agreement,
    probe_direction,
    stream_means,
    text_streams,
    vector_of,
)
from chisel.analysis.language.weights import without_direction

__all__ = [
    "GRAMMAR",
    "KINDS",
    "NONE",
    "RANDOM",
    "ConceptScores",
    "ConceptTarget",
    "ConceptTexts",
    "Continued",
    "Gauge",
    "Measured",
    "Norms",
    "Opened",
    "Questions",
    "RoutingScores",
    "SiteTable",
    "SparseAutoencoder",
    "Steered",
    "StoryReader",
    "Stream",
    "Subject",
    "Sweep",
    "TextStream",
    "Tried",
    "activation_addition",
    "add_at_tokens",
    "agreement_table",
    "aligned",
    "benchmark_figure",
    "benchmark_frame",
    "carried",
    "clamp_feature",
    "concept_pairs",
    "concept_table",
    "continue_text",
    "continued",
    "control_p",
    "forget",
    "growth",
    "is_trained_here",
    "load_subject",
    "measure_norms",
    "method_table",
    "nearest_tokens",
    "older_parts",
    "only_first",
    "open_language_model",
    "opened_run",
    "pair_agreement",
    "probe_direction",
    "random_range",
    "routing_figure",
    "routing_table",
    "separating_feature",
    "site_table",
    "slopes",
    "sparse_autoencoder",
    "steering_figure",
    "stream_means",
    "stream_of_language_model",
    "streams_of_images",
    "text_streams",
    "unit_shifts",
    "vector_of",
    "with_sign",
    "without_direction",
    "words_for",
    "words_of_latent",
]
