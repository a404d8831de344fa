"""Truncation is seen in the headers, wherever the file is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import SceneError
from bocage.scenes.structure import check_blocks, check_codestream, check_extent
from tests.scenes.rasters import noise, write_raster


def blocks(path: Path, size: int | None = None) -> None:
    with rasterio.open(path) as file:
        check_blocks(file, path.stat().st_size if size is None else size, path.name)


def codestream(content: bytes) -> None:
    check_codestream(lambda at, count: content[at : at + count], len(content), "a.jp2")


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("tiled", [True, False])
def test_whole_files_pass_and_one_byte_less_does_not(tmp_path: Path, interleave: str, tiled: bool) -> None:
    options: dict[str, Any] = {"tiled": True, "blockxsize": 64, "blockysize": 64} if tiled else {}
    path = write_raster(tmp_path / "a.tif", noise(200, 150), interleave=interleave, compress="lzw", **options)
    blocks(path)
    with rasterio.open(path) as file:
        ends = [
            int(offset) + int(file.get_tag_item(f"BLOCK_SIZE_{x}_{y}", "TIFF", bidx=band))
            for band in (1, 2, 3, 4)
            for y in range(200)
            for x in range(150)
            if (offset := file.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=band))
        ]
    blocks(path, max(ends))
    with pytest.raises(SceneError, match=r"a\.tif is truncated"):
        blocks(path, max(ends) - 1)


def test_overviews_count_too(tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "a.tif", noise(300, 300), compress="deflate", tiled=True, blockxsize=64, blockysize=64
    )
    before = path.stat().st_size
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], rasterio.enums.Resampling.average)
    blocks(path)
    with pytest.raises(SceneError, match="truncated"):
        blocks(path, before + 200)


def test_a_sparse_file_lacks_blocks_and_is_whole(tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "a.tif", np.zeros((4, 300, 300), dtype=np.uint8), tiled=True, blockxsize=64, blockysize=64,
        sparse_ok=True,
    )  # fmt: skip
    blocks(path)


def test_jpeg_2000_needs_its_end(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.jp2", noise(80, 90), driver="JP2OpenJPEG", nodata=None, names=None)
    content = path.read_bytes()
    codestream(content)
    for cut in (1, 2, 100, len(content) // 2, len(content) - 20):
        with pytest.raises(SceneError, match=r"a\.jp2 is"):
            codestream(content[:-cut])
    start = content.index(b"\xff\x4f\xff\x51")
    codestream(content[start : content.rindex(b"\xff\xd9") + 2])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_our_words(content: bytes) -> None:
    with pytest.raises(SceneError, match=r"a\.jp2"):
        codestream(content)


def test_absurd_sizes(tmp_path: Path) -> None:
    check_extent((40_000, 40_000), 8, 1 << 30, "a.tif")
    check_extent((10_000, 10_000), 8, 1000, "a.tif")
    with pytest.raises(SceneError, match="claims 900000 x 900000 pixels"):
        check_extent((900_000, 900_000), 8, 5000, "a.tif")
