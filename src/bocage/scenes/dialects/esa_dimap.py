"""The document ``DIM*.xml`` in which ESA delivers contributing missions whose makers have no DIMAP of their own.

Paths are those that the Copernicus Data Space reads from such deliveries of SuperView-1 (eu-cdse/eometadatatool,
``CCM_SW.csv``); names of the images (``IMG_SW00_OPT_MS4_1C_..._R1C1.TIF``) are those that users of them write. No real
document was at hand, so that nothing is calibrated: what its gains would mean is not confirmed.

The order of the bands is that of ``Raster_Index`` where the document has such a list, else that of the numbered bands
(``B1`` to ``B4``) if they are listed in that order; which colour a band is say its wavelengths and the display order.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from bocage.errors import MetadataError
from bocage.scenes.bands import OTHER
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects.data_files import data_files
from bocage.scenes.dialects.quantities import azimuth, bit_depth, sun_elevation, tilt, whole_number
from bocage.scenes.dialects.signatures import stem
from bocage.scenes.documents import number, optional_text, parse_xml, safe_name, text_of, time
from bocage.scenes.metadata import BandRecord, ProductMetadata

_MEND = "deliver the product's own metadata file again"
_CENTRES = (("blue", 450.0, 510.0), ("green", 530.0, 580.0), ("red", 620.0, 680.0), ("nir", 780.0, 900.0))
"""Colour by the centre of a band in nanometres."""
_STAMP = re.compile(r"_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)_")


def parse_dimap(name: str, files: DeliveryFiles, *, dialect: str, sensor: str, platform: str) -> ProductMetadata:
    """Read a document of this kind for the mission that the caller has told from it.

    Raises
    ------
    MetadataError
        If the document does not state the order of the bands, or a value is missing or cannot be true.
    """
    root = parse_xml(name, files.read(name))
    product = text_of(root, "Dataset_Identification/DATASET_NAME", name)
    geometric = (optional_text(root, ".//Geometric_Settings/GEOMETRIC_PROCESSING") or "").upper()
    stamp = _STAMP.search(product) or _STAMP.search(stem(name))
    return ProductMetadata(
        dialect=dialect,
        sensor=sensor,
        platform=platform,
        product=safe_name(product),
        # The name is the one place where the times of contributing missions are known to be UTC.
        acquired=None
        if stamp is None
        else time("{}-{}-{}T{}:{}:{}".format(*stamp.groups()), "the time in the name", name),
        bands=_bands(root, name),
        parts=data_files(root, name, files),
        sun_elevation=sun_elevation(optional_text(root, ".//Geometric_Data//SUN_ELEVATION"), name),
        sun_azimuth=azimuth(optional_text(root, ".//Geometric_Data//SUN_AZIMUTH"), "SUN_AZIMUTH", name),
        off_nadir=tilt(optional_text(root, ".//Geometric_Data//INCIDENCE_ANGLE"), "INCIDENCE_ANGLE", name),
        view_azimuth=azimuth(optional_text(root, ".//Geometric_Data//AZIMUTH_ANGLE"), "AZIMUTH_ANGLE", name),
        nodata=_special(root, "NODATA", name),
        saturation=_special(root, "SATURATED", name),
        bit_depth=bit_depth(optional_text(root, ".//Raster_Encoding/NBITS"), "NBITS", name),
        orthorectified=True if geometric.startswith("ORTHO") else None,
    )


def _bands(root: Element, name: str) -> tuple[BandRecord, ...]:
    ranges = {
        text_of(band, "BAND_ID", name): _colour(band, name)
        for band in root.iterfind(".//Radiometric_Calibration//Band_Spectral_Range")
    }
    order = _indexes(root, name) or _numbered(list(ranges))
    count = optional_text(root, ".//Raster_Dimensions/NBANDS")
    if not order or (count is not None and whole_number(count, "NBANDS", name, low=1, high=64) != len(order)):
        raise MetadataError(f"{name} does not say which bands the image holds, in which order", _MEND)
    shown = {
        optional_text(root, f".//Band_Display_Order/{colour.upper()}_CHANNEL"): colour
        for colour in ("red", "green", "blue")
    }
    return tuple(BandRecord(_agreed(name, band, ranges.get(band), shown.get(band)), band) for band in order)


def _agreed(name: str, band: str, measured: str | None, shown: str | None) -> str:
    """Return the colour of a band from its wavelengths and from the display order, which must not contradict."""
    if measured is not None and shown is not None and measured != shown:
        raise MetadataError(f"{name}: band {band} is {measured} by its wavelengths but shown as {shown}", _MEND)
    return measured or shown or OTHER


def _colour(band: Element, name: str) -> str | None:
    texts = [optional_text(band, what) for what in ("MIN", "MAX")]
    if texts[0] is None or texts[1] is None:
        return None
    centre = (
        sum(
            number(text, f"the {what} wavelength", name, low=0.1, high=20_000.0)
            for text, what in zip((texts[0], texts[1]), ("lower", "upper"), strict=True)
        )
        / 2.0
    )
    # Micrometres or nanometres: no band of the visible lies between the two.
    centre = 1000.0 * centre if centre < 20.0 else centre
    return next((colour for colour, low, high in _CENTRES if low <= centre <= high), OTHER)


def _indexes(root: Element, name: str) -> list[str]:
    """Return the bands by their place in the file, or none where the document has no such list."""
    found: dict[int, str] = {}
    for entry in root.iterfind(".//Raster_Index_List/Raster_Index"):
        index = whole_number(text_of(entry, "RASTER_INDEX", name), "RASTER_INDEX", name, low=0, high=64)
        if index in found:
            raise MetadataError(f"{name} describes band {index} twice", _MEND)
        found[index] = text_of(entry, "BAND_ID", name)
    return [found[index] for index in sorted(found)]


def _numbered(bands: list[str]) -> list[str]:
    """Return the bands if their names are B1, B2, B3 ... in this order."""
    return bands if bands and all(band.lstrip("Bb") == str(index) for index, band in enumerate(bands, 1)) else []


def _special(root: Element, what: str, name: str) -> float | None:
    for special in root.iterfind(".//Raster_Display/Special_Value"):
        if (optional_text(special, "SPECIAL_VALUE_TEXT") or "").upper() == what:
            return number(text_of(special, "SPECIAL_VALUE_COUNT", name), what, name, low=0.0, high=65535.0)
    return None
