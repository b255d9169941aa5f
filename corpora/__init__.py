"""Examples that are no worlds: pictures of digits, contrast pairs, plain texts."""

from chisel.corpora.contrast import Contrast, contrasts, load_contrast, load_texts
from chisel.corpora.digits import HALVES, DataSet, Examples, Part, half_of, load_data

__all__ = [
    "HALVES",
    "Contrast",
    "DataSet",
    "Examples",
    "Part",
    "contrasts",
    "half_of",
    "load_contrast",
    "load_data",
    "load_texts",
]
