"""``Spectral_Band_Info``."""

from __future__ import annotations

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects.spectral_bands import spectral_bands
from bocage.scenes.documents import parse_xml
from bocage.scenes.metadata import BandRecord

INFO = """<Spectral_Band_Info><BAND_INDEX>{}</BAND_INDEX><BAND_DESCRIPTION>{}</BAND_DESCRIPTION>
<PHYSICAL_GAIN>{}</PHYSICAL_GAIN><PHYSICAL_BIAS>0.5</PHYSICAL_BIAS></Spectral_Band_Info>"""


def read(*infos: tuple[str, str, str], calibrated: bool = True) -> tuple[BandRecord, ...]:
    inner = "".join(INFO.format(*info) for info in infos)
    root = parse_xml("a", f"<d><Image_Interpretation>{inner}</Image_Interpretation></d>".encode())
    return spectral_bands(root, "a", calibrated=calibrated)


def test_the_index_orders_the_bands() -> None:
    found = read(("2", "RED", "0.01"), ("1", "NIR", "0.02"), ("3", "PAN", "1"))
    assert found == (
        BandRecord("nir", "NIR", 0.02, 0.5),
        BandRecord("red", "RED", 0.01, 0.5),
        BandRecord("other", "PAN", 1, 0.5),
    )
    assert read(("1", "RED", "0.01"), calibrated=False) == (BandRecord("red", "RED"),)


@pytest.mark.parametrize(
    "infos",
    [
        (),
        (("2", "RED", "1"),),
        (("1", "RED", "1"), ("1", "NIR", "1")),
        (("1", "RED", "1"), ("3", "NIR", "1")),
        (("0", "RED", "1"),),
        (("one", "RED", "1"),),
        (("1", "", "1"),),
        (("1", "RED", "-1"),),
        (("1", "RED", "0"),),
    ],
)
def test_what_does_not_say_the_bands_is_refused(infos: tuple[tuple[str, str, str], ...]) -> None:
    with pytest.raises(MetadataError, match=r"^a[: ]"):
        read(*infos)
