"""Data sets to train on without an environment: pictures of digits, stories, contrast pairs."""

from chisel.corpora.digits import HALVES, DataSet, Examples, Part, half_of, load_data
from chisel.corpora.pairs import Pair, read_pairs, write_pairs
from chisel.corpora.tokens import Sequences, TokenData

__all__ = [
    "HALVES",
    "DataSet",
    "Examples",
    "Pair",
    "Part",
    "Sequences",
    "TokenData",
    "half_of",
    "load_data",
    "read_pairs",
    "write_pairs",
]
