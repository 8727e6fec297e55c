"""The documentation as a site: ``make docs``."""

from __future__ import annotations

from importlib import metadata

project = "shapebias"
author = "The shapebias authors"
copyright = author  # noqa: A001 - Sphinx's word
release = metadata.version("shapebias")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = f"shapebias {release}"
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Pages are read in the repository too, where links lead to files that are no pages.
suppress_warnings = ["myst.xref_missing"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
