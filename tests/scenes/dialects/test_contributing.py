"""The circulation report of the Copernicus contributing missions."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.dialects import contributing
from bocage.scenes.metadata import PartRecord, ProductMetadata
from bocage.scenes.sensors import SENSORS
from tests.scenes.dialects.files import MemoryFiles

ID = "EW02_WV1_MS4_OR_20200403T095141_20200403T095152_TOU_1234_59f5"
XML = f"""<?xml version="1.0" encoding="UTF-8"?><gsc:report xmlns:gsc="http://earth.esa.int/gsc"
 xmlns:gml="http://www.opengis.net/gml" xmlns:eop="http://earth.esa.int/eop" xmlns:opt="http://earth.esa.int/opt"
 xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:ows="http://www.opengis.net/ows">
<gsc:opt_metadata><gml:metaDataProperty><gsc:EarthObservationMetaData><eop:identifier>{ID}</eop:identifier>
<eop:vendorSpecific><eop:SpecificInformation><eop:localAttribute>proc_level</eop:localAttribute>
<eop:localValue>Ortho-rectified Level</eop:localValue></eop:SpecificInformation></eop:vendorSpecific>
</gsc:EarthObservationMetaData></gml:metaDataProperty>
<gml:validTime><gml:TimePeriod><gml:beginPosition>2020-04-03T09:51:47.000Z</gml:beginPosition></gml:TimePeriod></gml:validTime>
<gml:using><eop:EarthObservationEquipment><eop:platform><eop:Platform><eop:shortName>EW02</eop:shortName></eop:Platform>
</eop:platform><eop:instrument><eop:Instrument><eop:shortName>WV1</eop:shortName></eop:Instrument></eop:instrument>
<eop:acquisitionParameters><opt:Acquisition>
<eop:acrossTrackIncidenceAngle uom="deg">-20.0</eop:acrossTrackIncidenceAngle>
<eop:alongTrackIncidenceAngle uom="deg">10.0</eop:alongTrackIncidenceAngle>
<opt:illuminationAzimuthAngle uom="deg">154.0</opt:illuminationAzimuthAngle>
<opt:illuminationElevationAngle uom="deg">44.7</opt:illuminationElevationAngle></opt:Acquisition>
</eop:acquisitionParameters></eop:EarthObservationEquipment></gml:using>
<gml:resultOf><opt:EarthObservationResult><eop:product><eop:ProductInformation><eop:fileName>
<ows:ServiceReference xlink:href="{ID}.DIMA.tar"/></eop:fileName></eop:ProductInformation></eop:product>
<opt:cloudCoverPercentage uom="%">1.5</opt:cloudCoverPercentage></opt:EarthObservationResult></gml:resultOf>
</gsc:opt_metadata></gsc:report>"""


def read(xml: str = XML) -> ProductMetadata:
    files = MemoryFiles({"GSC_CR_ESA.xml": xml.encode()})
    assert contributing.claims("GSC_CR_ESA.xml", files.head("GSC_CR_ESA.xml"))
    return contributing.parse("GSC_CR_ESA.xml", files)


def test_a_report_says_all_but_bands_and_gains() -> None:
    found = read()
    assert (found.dialect, found.sensor, found.platform, found.product) == ("contributing", "WV2", "WorldView-2", ID)
    assert found.acquired == datetime(2020, 4, 3, 9, 51, 47, tzinfo=UTC)
    assert (found.sun_elevation, found.sun_azimuth, found.cloud_cover) == (44.7, 154.0, 1.5)
    tangents = (math.tan(math.radians(20.0)), math.tan(math.radians(10.0)))
    assert found.off_nadir == pytest.approx(math.degrees(math.atan(math.hypot(*tangents))))
    assert (found.bands, found.parts, found.orthorectified) == ((), (), True)


def test_images_are_named_where_the_report_names_images() -> None:
    assert read(XML.replace(".DIMA.tar", ".tif")).parts == (PartRecord(f"{ID}.tif"),)


def test_unknown_clouds_are_none() -> None:
    assert read(XML.replace(">1.5<", ">-1<")).cloud_cover is None


@pytest.mark.parametrize(
    ("code", "sensor", "platform"),
    [(code, *known) for code, known in contributing.SATELLITES.items()],
)
def test_every_satellite_of_the_coverage_is_known(code: str, sensor: str, platform: str) -> None:
    found = read(XML.replace(">EW02<", f">{code}<"))
    assert (found.sensor, found.platform) == (sensor, platform)
    assert platform in SENSORS[sensor].platforms


def test_every_sensor_of_the_table_has_its_satellites() -> None:
    assert {sensor for sensor, _ in contributing.SATELLITES.values()} == set(SENSORS)


@pytest.mark.parametrize(("code", "name"), [("RE00", "RapidEye"), ("QB02", "QuickBird-2"), ("XX99", "XX99")])
def test_other_satellites_are_refused_by_name(code: str, name: str) -> None:
    with pytest.raises(UnsupportedSensorError, match=f"not supported: {name}"):
        read(XML.replace(">EW02<", f">{code}<"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<eop:shortName>EW02</eop:shortName>", "", "shortName"),
        (f"<eop:identifier>{ID}</eop:identifier>", "", "has no identifier"),
        (">44.7<", ">144.7<", "sun elevation"),
        (">-20.0<", ">-120<", "acrossTrackIncidenceAngle"),
        (">154.0<", ">south<", "'south' is not a number"),
        (">1.5<", ">150<", "cloud cover"),
        ("2020-04-03T", "2020-04-33T", "is not a time"),
        (f'"{ID}.DIMA.tar"', '"../x.tif"', "outside its folder"),
        ("</gsc:report>", "", "not well-formed"),
        ("<gsc:report", '<!DOCTYPE a [<!ENTITY b "c">]><gsc:report', "entities"),
    ],
)
def test_damaged_reports_are_refused(old: str, new: str, message: str) -> None:
    assert old in XML
    with pytest.raises(MetadataError, match=message):
        read(XML.replace(old, new))
