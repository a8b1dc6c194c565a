"""Showing a figure in a notebook: a small picture with a text that says what is in it."""

import io


def show(fig, *, alt: str, dpi: int = 100) -> None:
    """Display a matplotlib figure as a palette PNG with alt text, and close it.

    Args:
        fig: the figure.
        alt: what a reader who does not see the figure must know: what is drawn and what it shows.
        dpi: dots per inch.
    """
    if not isinstance(alt, str) or len(alt.split()) < 3:
        raise ValueError(f"alt: expected a description of at least three words, got {alt!r}")
    import matplotlib.pyplot as plt
    from IPython.display import display

    raw = io.BytesIO()
    # No Software entry: the file is the same whatever matplotlib made it.
    fig.savefig(raw, format="png", dpi=dpi, metadata={"Software": None})
    plt.close(fig)
    bundle = {"image/png": palette_png(raw.getvalue()), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def palette_png(png: bytes, *, colors: int = 256) -> bytes:
    """The same picture with at most ``colors`` colors, on white ground, or the original if smaller."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png))
    if picture.mode == "P":
        return png
    rgba = picture.convert("RGBA")
    opaque = Image.new("RGBA", rgba.size, "white")
    opaque.alpha_composite(rgba)
    palette = opaque.convert("RGB").quantize(
        colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG
    )
    out = io.BytesIO()
    palette.save(out, format="PNG", optimize=True)
    return min(out.getvalue(), png, key=len)
