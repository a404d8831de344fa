"""The attribute table and the statistics of a raster, as GDAL keeps them beside it (``<name>.tif.aux.xml``).

The columns are those of the attribute tables that the service delivers with its high resolution layers: value, count,
area_km2, area_perc, class_name. Every code of the layer has a row, also one that does not occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from bocage.products.colours import OUTSIDE

# Types and usages of the columns, as GDAL numbers them: whole number 0, real 1, text 2; generic 0, count 1, name 2,
# value 5.
_COLUMNS = (("value", 0, 5), ("count", 0, 1), ("area_km2", 1, 0), ("area_perc", 1, 0), ("class_name", 2, 2))
# Cells that are counted at once.
_AT_ONCE = 4_000_000


def count_values(array: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many cells have each of the 256 values.

    Row by row of blocks: NumPy counts numbers of 8 bytes, which of a whole production cell would be gigabytes.
    """
    step = max(1, _AT_ONCE // max(1, array.shape[1]))
    counts = np.zeros(256, np.int64)
    for row in range(0, len(array), step):
        counts += np.bincount(array[row : row + step].ravel(), minlength=256)
    return counts


def statistics(counts: NDArray[np.int64]) -> dict[str, str]:
    """Return minimum, maximum, mean, standard deviation and valid share of the cells that are not outside.

    The keys are those of GDAL; without a valid cell only the share is stated.
    """
    values, valid = np.arange(len(counts)), counts.copy()
    valid[OUTSIDE] = 0
    total = int(valid.sum())
    share = {"STATISTICS_VALID_PERCENT": f"{100 * total / max(int(counts.sum()), 1):.6g}"}
    if not total:
        return share
    mean = float((values * valid).sum() / total)
    deviation = float(np.sqrt(((values - mean) ** 2 * valid).sum() / total))
    present = np.flatnonzero(valid)
    return {
        "STATISTICS_MAXIMUM": str(present[-1]),
        "STATISTICS_MEAN": f"{mean:.9g}",
        "STATISTICS_MINIMUM": str(present[0]),
        "STATISTICS_STDDEV": f"{deviation:.9g}",
        **share,
    }


def attribute_rows(
    counts: NDArray[np.int64], meanings: Mapping[int, str], cell: float
) -> list[tuple[int, int, float, float, str]]:
    """Return the rows of the table: value, cells, km2, per cent of all cells of the raster, meaning.

    ``cell`` is the edge of a cell in metres.
    """
    total = max(int(counts.sum()), 1)
    return [
        (value, int(counts[value]), counts[value] * cell**2 / 1e6, 100 * counts[value] / total, meanings[value])
        for value in sorted(meanings)
    ]


def auxiliary(counts: NDArray[np.int64], meanings: Mapping[int, str], cell: float) -> str:
    """Return the content of the file beside a raster."""
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(_COLUMNS):
        column = ET.SubElement(table, "FieldDefn", index=str(index))
        for tag, text in (("Name", name), ("Type", kind), ("Usage", usage)):
            ET.SubElement(column, tag).text = str(text)
    for index, (value, number, area, share, meaning) in enumerate(attribute_rows(counts, meanings, cell)):
        row = ET.SubElement(table, "Row", index=str(index))
        for text in (str(value), str(number), f"{area:.6f}", f"{share:.6f}", meaning):
            ET.SubElement(row, "F").text = text
    metadata = ET.SubElement(band, "Metadata")
    for key, text in statistics(counts).items():
        ET.SubElement(metadata, "MDI", key=key).text = text
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
