"""Data sets to train on without an environment: pictures of digits."""

from chisel.corpora.digits import HALVES, DataSet, Examples, Part, half_of, load_data

__all__ = [
    "HALVES",
    "DataSet",
    "Examples",
    "Part",
    "half_of",
    "load_data",
]
