"""The table of sensors."""

from __future__ import annotations

from bocage.scenes import BANDS, SENSORS


def test_every_sensor_has_the_four_bands_and_plausible_facts() -> None:
    assert {"PHR", "SPOT", "WV2", "WV3", "GE1", "KS3", "SV1", "GEOSAT2", "VS1"} == set(SENSORS)
    for code, sensor in SENSORS.items():
        assert sensor.code == code
        assert sorted(sensor.bands) == sorted(BANDS)
        assert sensor.gsd in {2.0, 4.0}
        assert 10 <= sensor.bit_depth <= 14
        if sensor.solar_irradiance:
            blue, green, red, nir = (sensor.solar_irradiance[name] for name in ("blue", "green", "red", "nir"))
            assert 2100 > blue > green > red > nir > 900


def test_three_band_orders_occur() -> None:
    assert {sensor.bands[0] for sensor in SENSORS.values()} == {"red", "blue", "nir"}
    assert SENSORS["WV2"].bands == ("blue", "green", "red", "nir")
    assert SENSORS["PHR"].bands == ("red", "green", "blue", "nir")
    assert SENSORS["GEOSAT2"].bands == ("nir", "red", "green", "blue")
