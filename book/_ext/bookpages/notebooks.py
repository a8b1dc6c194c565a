"""Pictures of notebooks get the alternative text that their cell gave them."""

from typing import Any

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx

_render_image = NbElementRenderer.render_image


def render_image_with_alt(renderer: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """As myst-nb renders it, which drops `metadata["image/png"]["alt"]` and then shows the path of the file instead."""
    elements = _render_image(renderer, data)
    alt: Any = data.output_metadata.get(data.mime_type, {}).get("alt")
    for element in elements:
        if alt and isinstance(element, nodes.image):
            element["alt"] = str(alt)
    return elements


def setup(app: Sphinx) -> None:  # noqa: ARG001  (the signature of every module here)
    NbElementRenderer.render_image = render_image_with_alt
