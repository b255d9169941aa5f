"""Data without an environment: pictures of digits, stories, contrast pairs, plain texts."""

from chisel.corpora.contrast import Contrast, contrasts, load_contrast
from chisel.corpora.digits import HALVES, DataSet, Examples, Part, half_of, load_data
from chisel.corpora.plain_texts import load_texts
from chisel.corpora.tokens import Sequences, TokenData, WordTokenizer

__all__ = [
    "HALVES",
    "Contrast",
    "DataSet",
    "Examples",
    "Part",
    "Sequences",
    "TokenData",
    "WordTokenizer",
    "contrasts",
    "half_of",
    "load_contrast",
    "load_data",
    "load_texts",
]
