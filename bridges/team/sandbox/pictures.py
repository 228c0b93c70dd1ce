"""The sandbox's pictures: QR codes, the stubs with letters, and uploaded icons brought to the documented sizes."""

from __future__ import annotations

import hashlib
import io
import warnings

import qrcode
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from bridges.team.sandbox.answers import No
from bridges.team.sandbox.world import Picture

LARGE_HEIGHT = 1024  # pixels; Team API v3, icons: lg
SMALL_SIDE = 256  # pixels; Team API v3, icons: sm, a square
MAX_PIXELS = 40_000_000


def qr_png(text: str) -> bytes:
    code = qrcode.QRCode(box_size=8, border=3)
    code.add_data(text)
    code.make(fit=True)
    out = io.BytesIO()
    code.make_image(fill_color="black", back_color="white").save(out)
    return out.getvalue()


def stub_png(colour: str, letters: str, side: int = SMALL_SIDE) -> bytes:
    """A square of that colour (six hex digits) with one or two letters."""
    image = Image.new("RGB", (side, side), f"#{colour}")
    try:
        font: ImageFont.FreeTypeFont | ImageFont.ImageFont = ImageFont.truetype("DejaVuSans.ttf", side * 0.42)
    except OSError:  # no such font here: Pillow's own has Latin letters and digits
        font = ImageFont.load_default(side * 0.42)
    ImageDraw.Draw(image).text((side / 2, side / 2), letters[:2].upper(), fill="white", font=font, anchor="mm")
    return _saved(image, "PNG")


def make_icons(body: bytes) -> Picture:
    """Both sizes of an uploaded picture; it is made smaller, never larger. Raises No for what is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of a picture that unpacks to very many pixels
            with Image.open(io.BytesIO(body)) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise No("INVALID_DATA", "The picture is too large.", details={"file": "too large"})
                image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        raise No("INVALID_DATA", "The file is no picture.", details={"file": "no picture"}) from None
    large = image
    if image.height > LARGE_HEIGHT:
        large = image.resize((max(1, round(image.width * LARGE_HEIGHT / image.height)), LARGE_HEIGHT))
    side = min(SMALL_SIDE, *image.size)
    small = ImageOps.fit(image, (side, side))
    return Picture(
        hashlib.sha256(body).hexdigest()[:32],
        (_saved(large, "JPEG"), *large.size),
        (_saved(small, "JPEG"), *small.size),
    )


def _saved(image: Image.Image, format: str) -> bytes:
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()
