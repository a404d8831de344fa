"""The table of sensors."""

from __future__ import annotations

from bocage.scenes.bands import BANDS, OTHER
from bocage.scenes.sensors import SENSORS


def test_every_sensor_has_the_four_bands_and_plausible_facts() -> None:
    assert set(SENSORS) == {
        "PHR", "PNEO", "SPOT", "SV1", "WV2", "WV3", "KS3", "GE1", "GEOSAT2", "VS1", "TRIPLESAT"
    }  # fmt: skip
    for code, sensor in SENSORS.items():
        assert sensor.code == code
        assert sorted(band for band in sensor.bands if band != OTHER) == sorted(BANDS)
        assert sensor.gsd in {2.0, 4.0}
        assert 1.0 <= sensor.native_gsd <= 6.0
        assert 10 <= sensor.bit_depth <= 16
        assert sensor.platforms


def test_wavelengths_rise_from_blue_to_nir() -> None:
    for sensor in SENSORS.values():
        assert set(sensor.wavelengths) == set(BANDS)
        centres = [sum(sensor.wavelengths[name]) / 2 for name in ("blue", "green", "red", "nir")]
        assert centres == sorted(centres)
        for low, high in sensor.wavelengths.values():
            assert 400 <= low < high <= 1000


def test_irradiance_stands_for_satellites_of_the_family_and_falls_with_wavelength() -> None:
    for sensor in SENSORS.values():
        assert set(sensor.solar_irradiance) <= set(sensor.platforms)
        for values in sensor.solar_irradiance.values():
            blue, green, red, nir = (values[name] for name in ("blue", "green", "red", "nir"))
            assert 2100 > blue > green > red > nir > 900


# W m-2 um-1 in blue, green, red and nir, as published: by Airbus in the metadata of Pléiades and SPOT, by DigitalGlobe
# in its note on absolute radiometric calibration (release 2018v0, Thuillier's sun), for KOMPSAT by the International
# Charter, in real metadata of Geosat-2, for Vision-1 by its maker. Written out, not read from the table under test.
IRRADIANCE = {
    "PHR1A": (1915.0, 1831.0, 1594.0, 1060.0),
    "PHR1B": (1912.0, 1835.6, 1547.8, 1041.4),
    "SPOT6": (1982.67, 1826.09, 1540.49, 1094.75),
    "SPOT7": (1964.63, 1810.11, 1520.30, 1084.46),
    "WorldView-2": (2007.27, 1829.62, 1538.85, 1053.21),
    "WorldView-3": (2004.61, 1830.18, 1535.33, 1055.94),
    "GeoEye-1": (1993.18, 1828.83, 1491.49, 1022.58),
    "KOMPSAT-3": (1970.281, 1814.155, 1516.303, 1024.850),
    "KOMPSAT-3A": (2001.0, 1875.0, 1525.0, 1027.0),
    "Geosat-2": (1811.59, 1794.38, 1517.43, 1076.89),
    "Vision-1": (2003.0, 1828.0, 1618.0, 1042.0),
}


def test_irradiance_is_the_published_one() -> None:
    found = {
        platform: tuple(values[name] for name in ("blue", "green", "red", "nir"))
        for sensor in SENSORS.values()
        for platform, values in sensor.solar_irradiance.items()
    }
    assert found == IRRADIANCE


def test_three_band_orders_occur() -> None:
    assert {sensor.bands[0] for sensor in SENSORS.values()} == {"red", "blue", "nir"}
    assert SENSORS["WV2"].bands == ("blue", "green", "red", "nir")
    assert SENSORS["PHR"].bands == ("red", "green", "blue", "nir")
    assert SENSORS["GEOSAT2"].bands == ("nir", "red", "green", "blue")


def test_shares_of_the_coverage_are_the_published_ones() -> None:
    shares = {code: sensor.share_2021 for code, sensor in SENSORS.items() if sensor.share_2021}
    assert shares == {
        "PHR": 28.68, "SPOT": 26.66, "SV1": 17.33, "WV2": 13.5, "KS3": 7.12, "GE1": 3.81, "GEOSAT2": 0.98, "VS1": 0.94,
        "TRIPLESAT": 0.63,
    }  # fmt: skip
