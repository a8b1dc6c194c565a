"""Mends to what the theme brings along."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

THEME_OPTIONS = {
    "navbar_persistent": [],  # the search button stands in the side bar; a whole header for a second one is too much
    "show_toc_level": 2,
}


def set_theme_options(app: Sphinx, config: Config) -> None:
    """Options that _config.yml cannot name: there, `html_theme_options` replaces what Jupyter Book writes into it."""
    config.html_theme_options.update(THEME_OPTIONS)


def _is_thebe(script: Any) -> bool:
    return any("thebe" in str(part).lower() for part in (script, *getattr(script, "attributes", {}).values()))


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    """Jupyter Book loads sphinx-thebe, twice, whether or not a page uses it: two console errors on every page."""
    context["script_files"] = [script for script in context.get("script_files", []) if not _is_thebe(script)]
    context["css_files"] = [sheet for sheet in context.get("css_files", []) if not _is_thebe(sheet)]


def drop_thebe_nodes(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """sphinx-thebe also appends its settings to every page."""
    for node in list(doctree.findall(nodes.raw)):
        if "x-thebe-config" in node.astext() or "kernelName =" in node.astext():
            node.parent.remove(node)


def mend_bibliography(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    """docutils announces a list whose entries are no list items, which screen readers stumble over."""
    if body := context.get("body"):
        context["body"] = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def name_toggles(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    """The side bar folds pages below pages with a button that has no name."""
    if generate := context.get("generate_toctree_html"):

        def named(*arguments: Any, **settings: Any) -> str:
            html = str(generate(*arguments, **settings))
            return html.replace("<summary>", '<summary aria-label="Show or hide the pages below this one">')

        context["generate_toctree_html"] = named


def setup(app: Sphinx) -> None:
    app.connect("config-inited", set_theme_options)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", mend_bibliography)
    app.connect("html-page-context", name_toggles, priority=900)
    app.connect("doctree-resolved", drop_thebe_nodes, priority=900)
