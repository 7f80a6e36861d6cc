from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tensorgraph.data import digit_image, load_digits, load_image
from tensorgraph.errors import DataError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def message(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture.png"


def seven(
    size: tuple[int, int] = (300, 200), *, width: int = 18, ink: str = "black", paper: str = "white"
) -> Image.Image:
    """A seven, 100 pixels wide and 140 high with the width of its strokes, off the centre."""
    image = Image.new("RGB", size, paper)
    ImageDraw.Draw(image).line([(30, 30), (120, 30), (70, 160)], fill=ink, width=width, joint="curve")
    return image


def extent(image: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(image > 0.2)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(image.shape)
    return float((rows * image).sum() / image.sum()), float((columns * image).sum() / image.sum())


# -------------------------------------------------------------------------------------------- load_image


@pytest.mark.parametrize(("mode", "shape"), [("L", (2, 3)), ("RGB", (2, 3, 3)), ("RGBA", (2, 3, 4))])
def test_modes(path: Path, mode: str, shape: tuple[int, ...]) -> None:
    Image.new("RGB", (3, 2), BLUE).save(path)
    pixels = load_image(path, mode=mode)
    assert pixels.dtype == np.uint8
    assert pixels.shape == shape
    assert pixels[0, 0].tolist() == {"L": 29, "RGB": [0, 0, 255], "RGBA": [0, 0, 255, 255]}[mode]
    pixels[:] = 0  # writable


def test_size_is_height_and_width(path: Path) -> None:
    image = Image.new("RGB", (4, 2), RED)
    image.paste(BLUE, (2, 0, 4, 2))
    image.save(path)
    assert load_image(path, size=(5, 8), mode="RGB").shape == (5, 8, 3)
    assert load_image(path, size=(1, 1), mode="RGB").tolist() == [[[128, 0, 128]]]  # shrinking averages


def test_exif_orientation(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    image = Image.new("RGB", (32, 16), WHITE)
    image.paste(RED, (0, 0, 16, 16))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    image.save(path, exif=exif, quality=95, subsampling=0)
    pixels = load_image(path, mode="RGB").astype(int)
    assert pixels.shape == (32, 16, 3)
    assert np.abs(pixels[4, 8] - RED).max() < 10
    assert np.abs(pixels[28, 8] - WHITE).max() < 10


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "tRNS"])
def test_transparent_parts_show_white_paper(path: Path, kind: str) -> None:
    if kind == "tRNS":
        Image.new("L", (2, 1), 0).save(path, transparency=0)
    elif kind == "P":
        Image.new("P", (2, 1), 0).save(path, transparency=0)
    else:
        Image.new(kind, (2, 1)).save(path)  # black, alpha 0
    assert load_image(path).tolist() == [[255, 255]]
    assert load_image(path, mode="RGB")[0, 0].tolist() == [255, 255, 255]
    assert load_image(path, mode="RGBA")[0, 0].tolist() == [0, 0, 0, 0]


def test_half_transparent(path: Path) -> None:
    Image.new("RGBA", (1, 1), (0, 0, 0, 128)).save(path)
    assert load_image(path).tolist() == [[127]]


def test_sixteen_bit_grey_is_scaled(path: Path) -> None:
    Image.fromarray(np.array([[0, 257, 0x8080, 65535]], np.uint16)).save(path)
    assert load_image(path).tolist() == [[0, 1, 128, 255]]


def test_bilevel_and_string_path(path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(path)
    assert load_image(str(path)).tolist() == [[255, 0]]


@pytest.mark.parametrize("mode", ["CMYK", "", "l"])
def test_other_mode(path: Path, mode: str) -> None:
    text = f"load_image: mode is {mode!r}, it must be one of 'L', 'RGB', 'RGBA'"
    assert message(lambda file: load_image(file, mode=mode), path) == text


@pytest.mark.parametrize("size", [(0, 3), (3, -1), (3,), (3, 3, 3)])
def test_other_size(path: Path, size: tuple[int, int]) -> None:
    text = f"load_image: size is {size}, it must be (height, width), both at least 1"
    assert message(lambda file: load_image(file, size=size), path) == text


# --------------------------------------------------------------------------------- files that are not images


@pytest.mark.parametrize("read", [load_image, digit_image])
def test_missing(read: Callable[[Path], object], path: Path) -> None:
    assert message(read, path) == f"{path} does not exist"


@pytest.mark.parametrize("read", [load_image, digit_image])
def test_text(read: Callable[[Path], object], path: Path) -> None:
    path.write_text("This is not an image.")
    assert message(read, path) == f"{path} is not an image that can be read: its format is unknown"


def test_empty(path: Path) -> None:
    path.write_bytes(b"")
    assert message(load_image, path) == f"{path} is not an image that can be read: it is empty"


def test_folder(tmp_path: Path) -> None:
    assert message(load_image, tmp_path).startswith(f"{tmp_path} cannot be read: ")


def test_half_written(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:800])
    assert message(load_image, path).startswith(f"{path} is not an image that can be read: ")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_more_pixels_than_pillow_trusts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (15, 10)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 149)
    text = f"{path} is not an image that can be read: it unpacks to 15 x 10 pixels, the limit is 149 in all"
    assert message(load_image, path) == text
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    assert load_image(path).shape == (10, 15)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert load_image(path).shape == (10, 15)


def test_decompression_bomb(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (15, 10)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    text = f"{path} is not an image that can be read: Image size (150 pixels) exceeds limit"
    assert message(load_image, path).startswith(text)


def test_postscript_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "drawing.eps"
    Image.new("L", (4, 4)).save(path)
    text = f"{path} is not an image that can be read: PostScript is a program, which is not run"
    assert message(load_image, path) == text


@given(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from(["png", "jpeg", "gif", "bmp", "tiff"]))
@pytest.mark.filterwarnings("ignore")  # Pillow's, about what it could make nothing of
def test_no_damage_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    seven((60, 50)).save(path)
    content = bytearray(path.read_bytes())
    content[place % min(len(content), 400)] ^= flip
    path.write_bytes(content)
    try:
        outcome = f"{load_image(path).ndim} axes"
    except DataError as error:
        outcome = str(error)
    assert outcome == "2 axes" or outcome.startswith(f"{path} is not an image that can be read: ")


def test_pillow_is_imported_late() -> None:
    code = "import sys, tensorgraph.data; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_pillow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        load_image(path)
    assert str(caught.value) == "reading images needs Pillow: pip install pillow"


# -------------------------------------------------------------------------------------------- digit_image


def assert_prepared(image: np.ndarray) -> None:
    assert image.dtype == np.float32
    assert image.shape == (28, 28)
    assert image.min() == 0
    assert image.max() == pytest.approx(1, abs=1e-6)
    assert image.max() <= 1
    assert max(extent(image)) == 20
    assert max(abs(mass - 14) for mass in centre_of_mass(image)) <= 0.51


def test_drawing(path: Path) -> None:
    seven().save(path)
    image = digit_image(path)
    assert_prepared(image)
    drawn = np.asarray(seven().convert("L")) < 128
    height, width = extent(drawn.astype(float))
    assert abs(extent(image)[1] - 20 * width / height) <= 1  # the aspect is kept
    first = int(np.flatnonzero(image.max(1) > 0.2)[0])
    assert image[first : first + 3].sum() > 2 * image[first + 17 : first + 20].sum()  # the bar of the seven is above


def test_wide_drawing(path: Path) -> None:
    image = Image.new("L", (400, 100), "white")
    ImageDraw.Draw(image).rectangle((50, 40, 249, 59), fill="black")
    image.save(path)
    found = digit_image(path)
    assert_prepared(found)
    np.testing.assert_allclose(found[13:15, 4:24], 1, atol=1e-5)


def test_place_and_size_do_not_matter(path: Path) -> None:
    seven().save(path)
    expected = digit_image(path)
    moved = Image.new("RGB", (500, 400), "white")
    moved.paste(seven((150, 180)), (333, 200))
    moved.save(path)
    np.testing.assert_allclose(digit_image(path), expected, atol=1e-6)
    moved.resize((1000, 800), Image.Resampling.NEAREST).save(path)
    np.testing.assert_allclose(digit_image(path), expected, atol=0.1)


def test_light_ink_on_dark(path: Path) -> None:
    seven().save(path)
    expected = digit_image(path)
    seven(ink="white", paper="black").save(path)
    np.testing.assert_allclose(digit_image(path), expected, atol=1e-6)


@pytest.mark.parametrize(("ink", "paper"), [("#303030", "#707070"), ("blue", "#ffffe0"), ("#dddddd", "#999999")])
def test_grey_and_coloured_paper(path: Path, ink: str, paper: str) -> None:
    seven().save(path)
    expected = digit_image(path)
    seven(ink=ink, paper=paper).save(path)
    np.testing.assert_allclose(digit_image(path), expected, atol=1e-6)


@pytest.mark.parametrize("ink", ["black", "blue", "white"])
def test_transparent_background(path: Path, ink: str) -> None:
    seven().save(path)
    expected = digit_image(path)
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    image.paste(ink, mask=seven(ink="white", paper="black").convert("L"))
    image.save(path)
    np.testing.assert_allclose(digit_image(path), expected, atol=1e-6)


def test_noise_and_shade_of_a_photograph(path: Path) -> None:
    seven().save(path)
    expected = digit_image(path)
    rng = np.random.default_rng(0)
    light = np.linspace(0.8, 0.7, 300) * (0.3 + 0.7 * np.asarray(seven().convert("L")) / 255)
    photograph = (light + rng.normal(0, 0.01, light.shape)) * 255
    Image.fromarray(photograph.clip(0, 255).astype(np.uint8)).save(path)
    found = digit_image(path)
    assert_prepared(found)
    assert np.abs(found - expected).mean() < 0.03
    assert (found == 0).mean() > 0.6  # the paper has no grain left


def test_fine_pen_has_full_ink(path: Path) -> None:
    seven(width=2).save(path)
    assert_prepared(digit_image(path))


def test_small_drawing_is_enlarged(path: Path) -> None:
    image = Image.new("L", (28, 28), "black")
    ImageDraw.Draw(image).rectangle((3, 5, 4, 11), fill="white")
    image.save(path)
    assert_prepared(digit_image(path))


@pytest.mark.parametrize("part", ["train", "test"])
def test_mnist_is_taken_unchanged(path: Path, part: str) -> None:
    for image in getattr(load_digits(), f"{part}_images")[:150]:
        Image.fromarray(image).save(path)
        np.testing.assert_array_equal(digit_image(path), image / np.float32(255))
        Image.fromarray(255 - image).save(path)
        np.testing.assert_array_equal(digit_image(path), image / np.float32(255))


def test_mnist_off_its_place_is_centred(path: Path) -> None:
    image = load_digits().train_images[0]
    Image.fromarray(np.roll(image, 3, axis=1)).save(path)
    found = digit_image(path)
    assert_prepared(found)
    np.testing.assert_allclose(found, image / 255, atol=0.01)


@pytest.mark.parametrize("shade", [0, 100, 255])
@pytest.mark.parametrize("size", [(28, 28), (1, 1), (90, 50)])
def test_blank(path: Path, size: tuple[int, int], shade: int) -> None:
    Image.new("L", size, shade).save(path)
    assert message(digit_image, path) == f"{path} is blank: nothing is drawn in it"


def test_blank_transparent(path: Path) -> None:
    Image.new("RGBA", (50, 50)).save(path)
    assert message(digit_image, path) == f"{path} is blank: nothing is drawn in it"


def test_blank_noise(path: Path) -> None:
    noise = np.random.default_rng(0).normal(200, 4, (100, 100))
    Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(path)
    assert message(digit_image, path) == f"{path} is blank: nothing is drawn in it"


def test_blank_page_in_uneven_light(path: Path) -> None:
    Image.fromarray(np.tile(np.linspace(220, 150, 120).astype(np.uint8), (80, 1))).save(path)
    assert message(digit_image, path) == f"{path} is blank: nothing is drawn in it"
