"""Where each file of an image lies on the image's pixel grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from bocage.errors import SceneError
from bocage.scenes.deliveries.header import Header
from bocage.scenes.deliveries.image import Part
from bocage.scenes.metadata import PartRecord

_PARTS = 4096
_EDGE = 1_000_000
_REDELIVER = "deliver all files of the product again"


def place(
    records: Sequence[PartRecord], headers: Sequence[Header], count: int, subject: str
) -> tuple[tuple[Part, ...], tuple[int, int]]:
    """Return the parts of an image of ``count`` bands, and its rows and columns.

    Parameters
    ----------
    records
        The files as the metadata name them.
    headers
        Their headers, in the same order.
    count
        Bands of the image.
    subject
        The delivery, for messages.

    Raises
    ------
    SceneError
        If a band is missing or stands twice, or the tiles leave a gap, overlap or are not on one grid.
    """
    if len(records) > _PARTS:
        raise SceneError(f"{subject} has {len(records)} files, which cannot be true", _REDELIVER)
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    bands = [_bands(record, header, count) for record, header in zip(records, headers, strict=True)]
    for index, own in enumerate(bands):
        groups[tuple(band for band in own if band)].append(index)
    held = sorted(band for group in groups for band in group)
    if held != list(range(1, count + 1)):
        raise SceneError(f"{subject}: its files hold the bands {held} of {count}", _REDELIVER)
    placed: dict[int, tuple[int, int]] = {}
    shapes: set[tuple[int, int]] = set()
    for members in groups.values():
        offsets = _offsets({index: records[index] for index in members}, headers, subject)
        shapes.add(_cover({index: (*offsets[index], *headers[index].shape) for index in members}, subject))
        placed |= offsets
    if len(shapes) > 1:
        sizes = " and ".join(f"{columns} x {rows}" for rows, columns in sorted(shapes))
        raise SceneError(f"{subject}: its files are not on one pixel grid ({sizes} pixels)", _REDELIVER)
    parts = tuple(
        Part(header.href, *placed[index], *header.shape, bands[index]) for index, header in enumerate(headers)
    )
    return parts, shapes.pop()


def _bands(record: PartRecord, header: Header, count: int) -> tuple[int, ...]:
    own = record.bands or tuple(range(1, count + 1))
    if len(own) == header.count + header.extra and header.extra:
        # A band that the metadata name is no alpha band, whatever the file says of its colour.
        return own
    if len(own) != header.count:
        raise SceneError(f"{header.href} has {header.count} bands but its metadata name {len(own)}", _REDELIVER)
    return own + (0,) * header.extra


def _offsets(records: Mapping[int, PartRecord], headers: Sequence[Header], subject: str) -> dict[int, tuple[int, int]]:
    stated = {index: record.offset for index, record in records.items() if record.offset is not None}
    if len(stated) == len(records):
        return stated
    if stated:
        raise SceneError(f"{subject}: only some of its files have a place in the image", _REDELIVER)
    heights: dict[int, int] = {}
    widths: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    for index, record in records.items():
        height, width = headers[index].shape
        row, column = record.tile
        if heights.setdefault(row, height) != height or widths.setdefault(column, width) != width:
            raise SceneError(f"{headers[index].href} has another size than the tiles beside it", _REDELIVER)
        if record.tile in seen:
            raise SceneError(f"{headers[index].href}: tile R{row}C{column} stands twice", _REDELIVER)
        seen.add(record.tile)
    rows, columns = max(heights), max(widths)
    if min(*heights, *widths) < 1 or len(seen) < rows * columns:
        raise SceneError(f"{subject}: {len(seen)} of its {rows} x {columns} tiles are there", _REDELIVER)
    tops = [0, *accumulate(heights[row] for row in range(1, rows + 1))]
    lefts = [0, *accumulate(widths[column] for column in range(1, columns + 1))]
    return {index: (tops[record.tile[0] - 1], lefts[record.tile[1] - 1]) for index, record in records.items()}


def _cover(boxes: Mapping[int, tuple[int, int, int, int]], subject: str) -> tuple[int, int]:
    """Return the size of the image that boxes of (row, column, height, width) cover without gap or overlap."""
    corners = np.array([(row, column, row + height, column + width) for row, column, height, width in boxes.values()])
    rows, columns = int(corners[:, 2].max()), int(corners[:, 3].max())
    if corners.min() < 0 or max(rows, columns) > _EDGE:
        raise SceneError(f"{subject}: the places of its tiles cannot be true", _REDELIVER)
    row_edges = np.unique(np.concatenate([[0], corners[:, 0], corners[:, 2]]))
    column_edges = np.unique(np.concatenate([[0], corners[:, 1], corners[:, 3]]))
    covered = np.zeros((len(row_edges) - 1, len(column_edges) - 1), dtype=np.uint16)
    at_rows, at_columns = (
        np.searchsorted(row_edges, corners[:, [0, 2]]),
        np.searchsorted(column_edges, corners[:, [1, 3]]),
    )
    for (top, bottom), (left, right) in zip(at_rows, at_columns, strict=True):
        covered[top:bottom, left:right] += 1
    if (covered != 1).any():
        flaw = "overlap" if (covered > 1).any() else "leave a gap"
        raise SceneError(f"{subject}: its tiles {flaw}", _REDELIVER)
    return rows, columns
