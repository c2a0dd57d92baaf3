"""A figure as the page shows it: embedded, and without its caption, which is text there."""

from __future__ import annotations

import base64
import io
import re

from suite.drawing import Drawing, settle, svg

LARGE = 40_000
"""Bytes of an SVG from which on a PNG is tried."""

_DPI, _SHADES = 200, 128


def picture(drawing: Drawing) -> str:
    """A data URI: an SVG (as an image, so that the identifiers inside one do not meet those of another), or a PNG of
    few colours where that is smaller.
    """
    settle(drawing.figure)
    figure, caption = drawing.figure, drawing.figure.texts[0]
    from matplotlib.transforms import Bbox

    below = caption.get_window_extent().y1 / figure.dpi
    above = Bbox.from_extents(0, below, *figure.get_size_inches())
    caption.set_visible(False)
    try:
        text = re.sub(r'<g id="[^"]*">', "<g>", svg(figure, bbox_inches=above))
        content, kind = text.encode(), "svg+xml"
        if len(content) > LARGE:
            png = _png(drawing, above)
            if len(png) < len(content):
                content, kind = png, "png"
    finally:
        caption.set_visible(True)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _png(drawing: Drawing, part: object) -> bytes:
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    drawing.figure.savefig(whole, format="png", dpi=_DPI, bbox_inches=part)
    with Image.open(whole) as image:
        image.convert("RGB").quantize(_SHADES, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()
