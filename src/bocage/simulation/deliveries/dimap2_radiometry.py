"""The radiometry of a DIMAP version 2 product: how its numbers become radiance or reflectance."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from bocage.simulation.deliveries.dimap2_raster import Style, band_id, bits_of
from bocage.simulation.deliveries.documents import node
from bocage.simulation.deliveries.product import Product
from bocage.simulation.families import Channel

_CALIBRATED = "2021-01-05T00:00:00.000Z"
_UNIT = "watt/m2/steradians/micrometers"


def radiometric_data(product: Product, style: Style) -> Element:
    """Return the element ``Radiometric_Data``."""
    by_id = {band_id(channel, style): channel for channel in product.take.channels}
    # Pléiades and SPOT list their bands from blue to infrared, not as the file holds them.
    order = sorted(by_id) if style.mission != "PNEO" else list(by_id)
    measures = [measure for name in order for measure in _measures(product, name, by_id[name])]
    bits = bits_of(product)
    return node(
        "Radiometric_Data",
        node("Dynamic_Range", node("ACQUISITION_RANGE", 12), node("PRODUCT_RANGE", bits)),
        node(
            "Radiometric_Calibration",
            node("Instrument_Calibration", node("Band_Measurement_List", measures)),
        ),
    )


def _measures(product: Product, name: str, channel: Channel) -> Iterator[Element]:
    sensor = product.take.family.sensor
    if channel.name in sensor.wavelengths:
        low, high = sensor.wavelengths[channel.name]
        yield _measure(
            "Band_Spectral_Range", name, "Spectral range value of raw radiometric Band", "micrometers",
            MIN=low / 1000, MAX=high / 1000,
        )  # fmt: skip
    if product.take.processing == "basic":
        words = "Raw radiometric count (DN) to TOA Radiance (L). Formulae L=DN/GAIN+BIAS"
        yield _measure("Band_Radiance", name, words, _UNIT, GAIN=channel.gain, BIAS=channel.bias)
    else:
        words = "Reflectance (RHO) to TOA Radiance (L). Formulae L=RHO/GAIN+BIAS"
        slope = 1 / product.take.radiance(channel.irradiance)
        yield _measure("Band_Radiance", name, words, _UNIT, GAIN=slope, BIAS=0)
    words = "Solar irradiance value of raw radiometric Band"
    yield _measure("Band_Solar_Irradiance", name, words, "watt/m2/micron", VALUE=channel.irradiance)
    if product.take.processing == "reflectance":
        words = "Reflectance gained value (RHO') to Reflectance (RHO). Formulae: RHO=RHO'/GAIN+BIAS"
        yield _measure("Band_Reflectance", name, words, None, GAIN=10000, BIAS=0)


def _measure(tag: str, name: str, words: str, unit: str | None, **values: float) -> Element:
    return node(
        tag,
        node("BAND_ID", name),
        node("CALIBRATION_DATE", _CALIBRATED),
        node("MEASURE_DESC", words),
        node("MEASURE_UNIT", unit),
        node("MEASURE_UNCERTAINTY", "Specification"),
        (node(key, value) for key, value in values.items()),
    )
