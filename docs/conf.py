"""Settings of Sphinx: `make docs` builds the site from the Markdown pages beside this file, without a network."""

project = "motools"
author = "the motools authors"
copyright = "the motools authors, Apache-2.0"
extensions = ["myst_parser"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "motools"
myst_heading_anchors = 4
templates_path: list[str] = []
