"""Pictures become bytes of one size, whatever form their files have; damaged ones are named."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tuner.data.pictures import look_at_pictures, proposed_size, read_pictures
from tuner.errors import DataError

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def read(*files: Path, size: tuple[int, ...] | None = None) -> np.ndarray:
    return read_pictures(files, size, "photos").pixels


def saved(path: Path, values: np.ndarray, mode: str | None = None, **settings: object) -> Path:
    image = Image.fromarray(values)
    (image if mode is None else image.convert(mode)).save(path, **settings)
    return path


def test_pixels_of_grey_and_coloured_pictures_are_those_of_their_files(tmp_path):
    grey, colour = saved(tmp_path / "g.png", GREY), saved(tmp_path / "c.png", COLOUR)
    np.testing.assert_array_equal(read(grey), GREY[None, :, :, None])
    np.testing.assert_array_equal(read(colour), COLOUR[None])
    both = read(grey, colour)
    assert both.shape == (2, 3, 4, 3)
    assert both.dtype == np.uint8
    np.testing.assert_array_equal(both[0], np.repeat(GREY[:, :, None], 3, axis=2))


def test_colours_become_grey_by_their_luma_where_that_is_asked_for(tmp_path):
    found = read(saved(tmp_path / "c.png", COLOUR), size=(3, 4, 1))
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    np.testing.assert_allclose(found[0, :, :, 0], luma, atol=1.0)


def test_a_jpeg_is_read_as_pillow_reads_it_and_its_ending_does_not_matter(tmp_path):
    path = saved(tmp_path / "a.png", COLOUR, format="JPEG", quality=95)
    with Image.open(path) as image:
        np.testing.assert_array_equal(read(path)[0], np.asarray(image))


def test_sixteen_bits_are_read_by_their_upper_eight(tmp_path):
    path = saved(tmp_path / "deep.png", GREY.astype(np.uint16) * 256 + 7)
    found = read_pictures([path], None, "photos")
    np.testing.assert_array_equal(found.pixels[0, :, :, 0], GREY)
    assert found.notes == ("the picture with 16 bits a pixel, of which the upper 8 are read",)


def test_palettes_black_and_white_and_other_colours_are_read_as_what_they_show(tmp_path):
    palette = saved(tmp_path / "p.png", COLOUR, "P")
    with Image.open(palette) as image:
        np.testing.assert_array_equal(read(palette)[0], np.asarray(image.convert("RGB")))
    bits = saved(tmp_path / "1.png", np.where(GREY > 100, 255, 0).astype(np.uint8), "1")
    np.testing.assert_array_equal(read(bits)[0, :, :, 0], np.where(GREY > 100, 255, 0))
    assert read(saved(tmp_path / "g.png", GREY, "P")).shape == (1, 3, 4, 1)
    assert read(saved(tmp_path / "k.jpg", COLOUR, "CMYK")).shape == (1, 3, 4, 3)


def test_transparent_pixels_lie_on_white(tmp_path):
    clear = np.full((3, 4), 255, np.uint8)
    clear[1] = 0
    path = saved(tmp_path / "t.png", np.dstack([COLOUR, clear]))
    found = read_pictures([path], None, "photos")
    np.testing.assert_array_equal(found.pixels[0, 1], 255)
    np.testing.assert_array_equal(found.pixels[0, [0, 2]], COLOUR[[0, 2]])
    assert found.notes == ("the picture with transparent pixels, laid on white",)


@pytest.mark.parametrize(("orientation", "expected"), [(3, GREY[::-1, ::-1]), (6, np.rot90(GREY, -1))])
def test_a_picture_is_turned_as_its_camera_says(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "e.png", GREY, exif=exif)
    found = read_pictures([path], None, "photos")
    np.testing.assert_array_equal(found.pixels[0, :, :, 0], expected)
    assert found.notes == ("the picture turned as EXIF data say",)


def test_pictures_of_several_sizes_are_stretched_to_one_that_is_written(tmp_path):
    small, large = (
        saved(tmp_path / "s.png", GREY),
        saved(tmp_path / "l.png", np.kron(GREY, np.ones((2, 2), np.uint8))),
    )
    with pytest.raises(
        DataError, match=r"photos: the pictures have 2 sizes, from 3 x 4 to 6 x 8 pixels; write data.im"
    ):
        read(small, large)
    found = read_pictures([small, large], (3, 4), "photos")
    assert found.notes == ("1 of 2 pictures of 6 x 8 pixels stretched to 3 x 4",)
    np.testing.assert_array_equal(found.pixels[0, :, :, 0], GREY)
    np.testing.assert_allclose(found.pixels[1, 1, 1, 0], GREY[1, 1], atol=12)
    even = np.full((7, 9), 50, np.uint8)
    assert (read(saved(tmp_path / "e.png", even), size=(2, 5)) == 50).all()
    assert proposed_size(look_at_pictures([small, large, large])) == (6, 8, 1)


def test_a_size_is_proposed_whose_longer_side_is_small_enough(tmp_path):
    paths = [saved(tmp_path / f"{n}.png", np.zeros((480, 640 + n, 3), np.uint8)) for n in range(2)]
    assert proposed_size(look_at_pictures(paths)) == (48, 64, 3)
    with pytest.raises(
        DataError, match=r"have 921,600 numbers each, at most 65,536; write data.image: \[48, 64\]"
    ):
        read(paths[0])


def test_every_damaged_file_is_named(tmp_path):
    whole = saved(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8))
    short = tmp_path / "short.png"
    short.write_bytes(whole.read_bytes()[:900])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.png").touch()
    saved(tmp_path / "gif.png", GREY, format="GIF")
    with pytest.raises(DataError) as caught:
        read(whole, short, tmp_path / "text.jpg", tmp_path / "empty.png", tmp_path / "gif.png")
    lines = str(caught.value).splitlines()
    assert [line.split(": cannot be read as PNG or JPEG")[0] for line in lines] == [
        str(tmp_path / name) for name in ("short.png", "text.jpg", "empty.png", "gif.png")
    ]
    assert "truncated" in lines[0]


def test_a_file_that_would_fill_the_memory_is_refused_before_it_does(tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(
        DataError, match=r"bomb.png: cannot be read as PNG or JPEG: Image size .* exceeds limit"
    ):
        read(tmp_path / "bomb.png", size=(8, 8))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_no_damage_is_anything_but_an_error_with_the_files_name(tmp_path, form):
    whole = saved(tmp_path / "a.png", np.dstack([COLOUR] * 1), format=form).read_bytes()
    random = np.random.default_rng(0)
    for number in range(150):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            damaged[place] = random.integers(0, 256)
        path = tmp_path / f"{number}.png"
        path.write_bytes(damaged)
        try:
            assert read(path, size=(3, 4)).shape[:3] == (1, 3, 4)
        except DataError as error:
            assert path.name in str(error)  # noqa: PT017 (either of two ends is right)
