"""Bands as documents of the DIMAP 1 kind list them: ``Spectral_Band_Info`` with an index and a description."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from bocage.errors import MetadataError
from bocage.scenes.bands import OTHER, common_name
from bocage.scenes.dialects.quantities import whole_number
from bocage.scenes.documents import number, optional_text, text_of
from bocage.scenes.metadata import BandRecord

_MEND = "deliver the product's own metadata file again"


def spectral_bands(root: Element, name: str, *, calibrated: bool) -> tuple[BandRecord, ...]:
    """Return the bands by ``BAND_INDEX``, which is their place in the file.

    With ``calibrated``, ``PHYSICAL_GAIN * DN + PHYSICAL_BIAS`` is radiance in W m-2 sr-1 um-1; else gains are left out.

    Raises
    ------
    MetadataError
        If there is no band, the indexes are not 1, 2, 3 ..., or a gain is not positive.
    """
    found: dict[int, BandRecord] = {}
    for info in root.iterfind(".//Image_Interpretation/Spectral_Band_Info"):
        index = whole_number(text_of(info, "BAND_INDEX", name), "BAND_INDEX", name, low=1, high=64)
        if index in found:
            raise MetadataError(f"{name} describes band {index} twice", _MEND)
        found[index] = _band(info, name, calibrated=calibrated)
    if not found or max(found) != len(found):
        raise MetadataError(f"{name} does not say which bands the image holds, in which order", _MEND)
    return tuple(found[index] for index in sorted(found))


def _band(info: Element, name: str, *, calibrated: bool) -> BandRecord:
    label = text_of(info, "BAND_DESCRIPTION", name)
    colour = common_name(label) or OTHER
    gain, bias = (optional_text(info, f"PHYSICAL_{what}") for what in ("GAIN", "BIAS"))
    if not calibrated or gain is None or bias is None:
        return BandRecord(colour, label)
    return BandRecord(
        colour,
        label,
        number(gain, f"PHYSICAL_GAIN of {label}", name, low=1e-9, high=100.0),
        number(bias, f"PHYSICAL_BIAS of {label}", name, low=-1000.0, high=1000.0),
    )
