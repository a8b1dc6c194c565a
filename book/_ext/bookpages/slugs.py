"""Anchors of headings, the same in the book, in JupyterLab and in Colab, so that one link serves all three."""


def heading_slug(title: str) -> str:
    """JupyterLab only replaces blanks and keeps the case; so do we."""
    return title.strip().replace(" ", "-")
