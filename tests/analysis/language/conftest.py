"""Tiny language models, written once."""

import pytest

from chisel.models.language import load_language_model
from tests.models.language import tiny


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    base = tmp_path_factory.mktemp("tiny")
    return {kind: load_language_model(tiny.folder(base / kind, kind)) for kind in tiny.KINDS}
