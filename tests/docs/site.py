"""The modules in docs/site, which mkdocs loads as its hooks."""

import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs/site"

sys.path.append(str(FOLDER))
notebook, tables = map(import_module, ("notebook", "tables"))
sys.path.remove(str(FOLDER))
