"""Notebooks as pages: pictures keep their alternative text, and nothing is asked of another host."""

from typing import Any

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx

COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
_render_image = NbElementRenderer.render_image


def render_image_with_alt(renderer: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """As myst-nb renders it, which drops `metadata["image/png"]["alt"]` and then shows the path of the file instead."""
    elements = _render_image(renderer, data)
    alt: Any = data.output_metadata.get(data.mime_type, {}).get("alt")
    for element in elements:
        if alt and isinstance(element, nodes.image):
            element["alt"] = str(alt)
    return elements


def local_badge(app: Sphinx, docname: str, source: list[str]) -> None:
    """GitHub shows Colab's own badge; the book shows its own drawing of it, so that it reads offline."""
    source[0] = source[0].replace(COLAB_BADGE, "../book/_static/colab-badge.svg")


def setup(app: Sphinx) -> None:
    app.connect("source-read", local_badge)
    NbElementRenderer.render_image = render_image_with_alt
