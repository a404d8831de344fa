"""Whether a raster file is whole, by its headers alone.

A truncated GeoTIFF or JPEG 2000 file opens without complaint, and damage would show hours later. A TIFF says where each
of its blocks lies; a JPEG 2000 codestream ends with a marker. Damage within a block shows only when it is decoded.
"""

from __future__ import annotations

from collections.abc import Callable

import rasterio

from bocage.errors import SceneError

ReadRange = Callable[[int, int], bytes]
"""Returns up to so many bytes (second) from an offset (first) on."""

_REDELIVER = "deliver the file again"
# No lossless compression shrinks more than deflate's 1032 to 1. What a sparse file leaves out may come on top, to this.
_SHRINK = 1032
_SPARSE = 2 << 30
_END_OF_CODESTREAM = b"\xff\xd9"
_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
# A JPEG 2000 file has a handful of boxes; more of them at its top level are damage.
_MOST_BOXES = 10_000


def check_extent(shape: tuple[int, int], bytes_per_pixel: int, size: int, subject: str) -> None:
    """Check that files of so many bytes can hold an image of so many pixels.

    A header of a few bytes may claim a raster that would take days to read; real scenes shrink by a factor of ten.

    Raises
    ------
    SceneError
        If the image is absurdly large for its files.
    """
    claimed = shape[0] * shape[1] * bytes_per_pixel
    if claimed > _SPARSE + _SHRINK * size:
        raise SceneError(
            f"{subject} claims {shape[0]} x {shape[1]} pixels, which its {size} bytes cannot hold", _REDELIVER
        )


def check_blocks(file: rasterio.DatasetReader, size: int, subject: str) -> None:
    """Check that every block of an open GeoTIFF and of the overviews within it lies within the file.

    Parameters
    ----------
    file
        The open file itself, not a virtual one over it.
    size
        Bytes of the file.
    subject
        The file, for the message.

    Raises
    ------
    SceneError
        If a block ends beyond the file.
    """
    planes = range(1, file.count + 1) if file.interleaving == rasterio.enums.Interleaving.band else (1,)
    height, width = file.block_shapes[0]
    for row in range(-(-file.height // height)):
        for column in range(-(-file.width // width)):
            for plane in planes:
                _check_block(file, plane, column, row, None, size, subject)
    if any(name.endswith(".ovr") for name in file.files):
        return
    for level in range(len(file.overviews(1))):
        # The blocks of an overview may have another size; the last one is found by going on until there is none.
        for plane in planes:
            row = 0
            while _check_block(file, plane, 0, row, level, size, subject):
                column = 1
                while _check_block(file, plane, column, row, level, size, subject):
                    column += 1
                row += 1


def _check_block(
    file: rasterio.DatasetReader, plane: int, column: int, row: int, level: int | None, size: int, subject: str
) -> bool:
    """Check one block and say whether it exists; a sparse file leaves blocks out that hold nothing."""
    offset, length = (
        file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=plane, ovr=level) for what in ("OFFSET", "SIZE")
    )
    if offset is None or length is None:
        return False
    if int(offset) + int(length) > size:
        raise SceneError(
            f"{subject} is truncated: it has {size} bytes and a block that ends at {int(offset) + int(length)}",
            _REDELIVER,
        )
    return True


def check_codestream(read: ReadRange, size: int, subject: str) -> None:
    """Check that the boxes of a JPEG 2000 file lie within it and that its codestream has an end.

    Raises
    ------
    SceneError
        If a box ends beyond the file, there is no codestream or it is cut off.
    """
    if read(0, 4) == _START_OF_CODESTREAM:
        start, end = 0, size
    else:
        start, end = _codestream_box(read, size, subject)
    if end - start < 8 or read(end - 2, 2) != _END_OF_CODESTREAM:
        raise SceneError(f"{subject} is truncated: its codestream has no end", _REDELIVER)


def _codestream_box(read: ReadRange, size: int, subject: str) -> tuple[int, int]:
    """Return where the content of the box of the codestream begins and ends (ISO/IEC 15444-1, annex I)."""
    at = 0
    for _ in range(_MOST_BOXES):
        header = read(at, 16)
        if len(header) < 8:
            break
        length, kind, begin = int.from_bytes(header[:4], "big"), header[4:8], 8
        if length == 1:
            length, begin = int.from_bytes(header[8:16], "big"), 16
        elif length == 0:
            length = size - at
        if length < begin or at + length > size:
            raise SceneError(
                f"{subject} is damaged or truncated: it has {size} bytes and a box of {length} at {at}", _REDELIVER
            )
        if kind == b"jp2c":
            return at + begin, at + length
        at += length
    raise SceneError(f"{subject} is damaged: it is JPEG 2000 without a codestream", _REDELIVER)
