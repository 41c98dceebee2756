"""The documentation site: `python -m sphinx -W docs docs/_build`. It needs no network, and its search works offline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import generate

import metronome_analytics as ma

project = "metronome_analytics"
author = "the metronome_analytics developers"
version = release = ma.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
# Docstrings write names in single backticks.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = f"metronome_analytics {release}"
html_static_path = ["images"]
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

generate.everything(Path(__file__).parent)


def setup(app: Any) -> None:
    """What the registry knows of a loader is said below its docstring."""
    app.connect("autodoc-process-docstring", generate.with_source)
