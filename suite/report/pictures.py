"""A figure as the page shows it: embedded, and without its caption, which is text there."""

from __future__ import annotations

import base64
import io
import re

from suite.drawing import CAPTION, Drawing, settle, svg

LARGE = 40_000
"""Bytes of an SVG from which on a PNG is tried."""

_DPI, _SHADES = 200, 128


def picture(drawing: Drawing) -> str:
    """A data URI: an SVG (as an image, so that the identifiers inside one do not meet those of another), or a PNG of
    few colours where that is smaller.
    """
    from matplotlib.transforms import Bbox

    figure = drawing.figure
    settle(figure)
    captions = [text for text in figure.texts if text.get_gid() == CAPTION]
    below = max((text.get_window_extent().y1 / figure.dpi for text in captions), default=0.0)
    above = Bbox.from_extents(0, below, *figure.get_size_inches())
    for text in captions:
        text.set_visible(False)
    content, kind = _without_names(svg(figure, bbox_inches=above)).encode(), "svg+xml"
    if len(content) > LARGE:
        png = _png(drawing, above)
        if len(png) < len(content):
            content, kind = png, "png"
    for text in captions:
        text.set_visible(True)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _without_names(text: str) -> str:
    return re.sub(r'(?<=<g) id="[^"]*"', "", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))


def _png(drawing: Drawing, part: object) -> bytes:
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    drawing.figure.savefig(whole, format="png", dpi=_DPI, bbox_inches=part)
    with Image.open(whole) as image:
        image.convert("RGB").quantize(_SHADES, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()
