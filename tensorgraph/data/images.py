"""Reading image files through Pillow, which is imported when the first file is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tensorgraph.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["digit_image", "load_image"]

_MODES = ("L", "RGB", "RGBA")
_BILINEAR = 2  # Image.Resampling.BILINEAR, which averages where it shrinks
_SIDE = 28  # of an MNIST image
_BOX = 20  # MNIST scales each digit to fit a square of this side
_MIDDLE = 14.0  # where MNIST puts the centre of mass, counting pixels from 0
_FAINTEST = 0.1  # contrast below which a picture is taken for empty paper
_EDGE = 0.2  # share of the contrast from which a pixel counts as part of a stroke
_NOISE = 4.5  # times the median deviation along the frame: 3 standard deviations of normal noise


def load_image(
    path: str | os.PathLike[str], *, size: tuple[int, int] | None = None, mode: str = "L"
) -> NDArray[np.uint8]:
    """Read an image file of any format that Pillow knows.

    The picture is turned upright by its EXIF orientation. Of an animation, the first frame is read.

    Parameters
    ----------
    path
        The file.
    size
        (height, width) to scale to, whatever the aspect; None keeps the size.
    mode
        ``"L"`` for shades of grey, ``"RGB"``, or ``"RGBA"``. Without an alpha channel in the result,
        transparent parts show white paper.

    Returns
    -------
    pixels
        uint8, [height, width] for ``"L"``, [height, width, 3] for ``"RGB"``, [height, width, 4] for
        ``"RGBA"``.

    Raises
    ------
    DataError
        If the file is missing, is not an image, is damaged, or unpacks to more pixels than Pillow's
        ``Image.MAX_IMAGE_PIXELS``; or if `size` or `mode` is not as above.
    ModuleNotFoundError
        If Pillow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> path = Path(tempfile.mkdtemp()) / "red.png"
    >>> Image.new("RGB", (4, 2), (255, 0, 0)).save(path)
    >>> load_image(path, mode="RGB").shape
    (2, 4, 3)
    >>> load_image(path, size=(1, 1))
    array([[76]], dtype=uint8)
    """
    if mode not in _MODES:
        raise DataError(f"load_image: mode is {mode!r}, it must be one of {', '.join(map(repr, _MODES))}")
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise DataError(f"load_image: size is {size}, it must be (height, width), both at least 1")
    image = _decode(path)
    if mode != "RGBA":
        image = _on_paper(image, "white")
    image = image.convert(mode)
    return np.array(image if size is None else image.resize((size[1], size[0]), _BILINEAR))


def digit_image(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read a picture of one handwritten digit and prepare it as the images of MNIST were.

    Grey, light ink on black, cropped to the ink, scaled to fit 20 x 20 pixels with its aspect kept, and
    placed with its centre of mass at the centre. Dark ink on a light background is inverted. A picture
    that is 28 x 28 and is prepared like this already keeps its pixels.

    Parameters
    ----------
    path
        The file: a drawing or scan, any size; the background may be transparent.

    Returns
    -------
    image
        float32 [28, 28], 0 is background and 1 is ink.

    Raises
    ------
    DataError
        If the file cannot be read (see `load_image`), or nothing is drawn in it.
    ModuleNotFoundError
        If Pillow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image, ImageDraw
    >>> path = Path(tempfile.mkdtemp()) / "one.png"
    >>> paper = Image.new("L", (200, 100), "white")
    >>> ImageDraw.Draw(paper).rectangle((20, 10, 29, 89), fill="black")
    >>> paper.save(path)
    >>> image = digit_image(path)
    >>> rows, columns = np.nonzero(image > 0.5)
    >>> int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    (4, 23, 13, 14)
    """
    image = _decode(path)
    for paper in ("white", "black"):  # white ink on a transparent background shows on black only
        bright, background = _light_on_dark(np.array(_on_paper(image, paper).convert("L")))
        if (ink := _ink(bright, background)) is not None:
            break
    else:
        raise DataError(f"{os.fspath(path)} is blank: nothing is drawn in it")
    if background < _FAINTEST and _is_prepared(ink):
        return bright
    return _centred(_fitted(_cropped(ink)))


# ---------------------------------------------------------------------------------- files and Pillow


def _decode(path: str | os.PathLike[str]) -> Image.Image:
    """Read and decode the file, upright; 16-bit grey becomes 8-bit."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError  # here, for it is slow
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("reading images needs Pillow: pip install pillow", name=error.name) from error
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            opened = Image.open(file)
            _check(opened, Image.MAX_IMAGE_PIXELS)
            opened.load()
            image: Image.Image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):  # convert("L") would cut at 255 instead of scaling
                image = Image.fromarray((np.clip(np.asarray(image), 0, 65535) // 257).astype(np.uint8))
            return image
    except FileNotFoundError:
        raise DataError(f"{name} does not exist") from None
    except UnidentifiedImageError:
        reason = "it is empty" if os.path.getsize(path) == 0 else "its format is unknown"
        raise DataError(f"{name} is not an image that can be read: {reason}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{name} is not an image that can be read: {error}") from error
    except OSError as error:
        if error.errno is not None:  # of the file system; those of Pillow have no number
            raise DataError(f"{name} cannot be read: {error.strerror}") from error
        raise DataError(f"{name} is not an image that can be read: {error}") from error
    except Exception as error:  # a decoder of damaged content may raise anything
        raise DataError(f"{name} is not an image that can be read: {error}") from error


def _check(image: Image.Image, limit: int | None) -> None:
    """Refuse an image by its header, before its pixels are unpacked."""
    width, height = image.size
    if limit is not None and width * height > limit:  # where Pillow only warns
        raise ValueError(f"it unpacks to {width} x {height} pixels, the limit is {limit} in all")
    if image.format == "EPS":
        raise ValueError("PostScript is a program, which is not run")


def _on_paper(image: Image.Image, paper: str) -> Image.Image:
    """Return the image without transparency, as it looks on paper of that colour."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    under = image.copy()
    under.paste(paper, (0, 0, *image.size))
    under.alpha_composite(image)
    return under.convert("RGB")


# ------------------------------------------------------------------------------- as MNIST prepared it


def _light_on_dark(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """Return the picture in [0, 1] with the ink lighter than the background, and the background.

    The background is the median of the outermost pixels, which a stroke may cross. The ink is on
    whichever side of it goes farther: grey paper in dim light is still light paper.
    """
    background = float(np.median(_frame(pixels)))
    if background - pixels.min() > pixels.max() - background:
        pixels, background = 255 - pixels, 255 - background
    return pixels.astype(np.float32) / np.float32(255), background / 255


def _frame(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _ink(bright: NDArray[np.float32], background: float) -> NDArray[np.float32] | None:
    """Return the ink alone, 0 where there is none and 1 at its strongest; None if there is none."""
    noise = _NOISE * float(np.median(np.abs(_frame(bright) - background)))
    contrast = float(bright.max()) - background
    if contrast < max(_FAINTEST, noise):
        return None
    ink = (bright - background) / contrast
    return np.where(ink > noise / contrast, ink, 0).clip(0, 1).astype(np.float32)


def _cropped(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    stroke = ink >= _EDGE
    rows, columns = np.flatnonzero(stroke.any(1)), np.flatnonzero(stroke.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _is_prepared(ink: NDArray[np.float32]) -> bool:
    """Whether the ink lies as in the images of MNIST, all of which pass this test."""
    if ink.shape != (_SIDE, _SIDE):
        return False
    rows, columns = np.nonzero(ink)
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    return bool(_BOX - 1 <= longest <= _BOX and max(abs(m - _MIDDLE) for m in _centre_of_mass(ink)) < 1)


def _fitted(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the longer side to 20 pixels."""
    down, across = (_weights(side, max(1, round(side * _BOX / max(ink.shape)))) for side in ink.shape)
    scaled = down @ ink @ across.T
    # Shrinking thins out the ink of a fine pen; in MNIST every digit has full ink somewhere.
    return np.asarray((scaled / scaled.max()).clip(0, 1), np.float32)


def _weights(length: int, target: int) -> NDArray[np.float32]:
    """Return the matrix [target, length] that scales an axis: triangles, never narrower than a pixel of either."""
    ratio = length / target
    centres = (np.arange(target) + 0.5) * ratio - 0.5
    distance = np.abs(centres[:, None] - np.arange(length)) / max(ratio, 1)
    weights = (1 - distance).clip(0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _centred(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place the digit by whole pixels, so that it stays as sharp as it is."""
    corner = [  # the small number settles the ties of symmetrical digits alike on every machine
        min(max(round(_MIDDLE - mass - 1e-4), 0), _SIDE - length)
        for mass, length in zip(_centre_of_mass(ink), ink.shape, strict=True)
    ]
    image = np.zeros((_SIDE, _SIDE), np.float32)
    image[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = ink
    return image


def _centre_of_mass(ink: NDArray[np.float32]) -> tuple[float, float]:
    total = float(ink.sum())
    row, column = (float(ink.sum(1 - axis) @ np.arange(ink.shape[axis])) / total for axis in (0, 1))
    return row, column
