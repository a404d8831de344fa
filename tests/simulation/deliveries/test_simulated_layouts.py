import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from bocage.errors import GridError, SettingsError
from bocage.scenes.calibration import find_calibration
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.dialects.registry import read_metadata
from bocage.scenes.metadata import PartRecord, ProductMetadata
from bocage.simulation import SimulatedDelivery, simulate_deliveries
from bocage.simulation.sensor import FAMILIES

CODES = tuple(FAMILIES)
CALIBRATED = tuple(code for code in CODES if code != "TRIPLESAT")
# What the folder of each family holds: patterns, each of which some file fits, and which fit every file.
NAMES = {
    "PHR": (
        r"VOL_PHR\.XML", r"IMG_PHR1A_MS_001/DIM_PHR1A_MS_\d{15}_ORT_\d{10}-2\.XML",
        r"IMG_PHR1A_MS_001/IMG_PHR1A_MS_\d{15}_ORT_\d{10}-2_R[12]C[12]\.TIF",
        r"IMG_PHR1A_MS_001/MASKS/CLD_PHR1A_MS_\w+-2_MSK\.GML",
    ),
    "PNEO": (
        r"VOL_PNEO\.XML", r"IMG_PNEO3_MS-FS_001/DIM_PNEO3_\d{15}_MS-FS_ORT_PWOI_\w+\.XML",
        r"IMG_PNEO3_MS-FS_001/IMG_PNEO3_\d{15}_MS-FS_ORT_PWOI_\w+_RGB_R[12]C[12]\.TIF",
        r"IMG_PNEO3_MS-FS_001/IMG_PNEO3_\d{15}_MS-FS_ORT_PWOI_\w+_NED_R[12]C[12]\.TIF",
        r"IMG_PNEO3_MS-FS_001/MASKS/CLD_PNEO3_.+_MSK\.GML",
    ),
    "SPOT": (
        r"SPOT_VOL\.XML", r"IMG_SPOT6_MS_001/DIM_SPOT6_MS_\d{15}_ORT_\d{10}\.XML",
        r"IMG_SPOT6_MS_001/IMG_SPOT6_MS_\d{15}_ORT_\d{10}_R1C1\.JP2",
        r"IMG_SPOT6_MS_001/MASKS/CLD_SPOT6_MS_\w+_MSK\.GML",
    ),
    "SV1": (r"SV1-01_20210703_L2A\d{10}_\d+_01-MUX\.xml", r"SV1-01_20210703_L2A\d{10}_\d+_01-MUX\.tiff"),
    "WV2": (
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS-\d{12}_01_P001\.IMD",
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS-\d{12}_01_P001\.TIL",
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS_R[12]C[12]-\d{12}_01_P001\.TIF",
    ),
    "WV3": (
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS-\d{12}_01_P001\.XML",
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS_R[12]C[12]-\d{12}_01_P001\.TIF",
    ),
    "KS3": (r"K3_20210703102230_\d{5}_\d{8}_L1G_Aux\.xml", r"K3_20210703102230_\d{5}_\d{8}_L1G_[BGRN]\.tif"),
    "GE1": (
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS-\d{12}_01_P001\.(IMD|TIL|XML)",
        r"\d{12}_01_P001_MUL/21JUL03102230-M2AS_R[12]C[12]-\d{12}_01_P001\.TIF",
    ),
    "GEOSAT2": (r"DE2_MS4_L1C_000000_\w+\.dim", r"DE2_MS4_L1C_000000_\w+\.tif"),
    "VS1": (r"VIS1_MS4_20210703102230_ORT_\d{6}_14e5_Meta\.xml", r"VIS1_MS4_20210703102230_ORT_\d{6}_14e5\.tif"),
    "TRIPLESAT": (
        r"TRIPLESAT_2_MS_L1_20210703102230_\w+_meta\.xml", r"TRIPLESAT_2_MS_L1_20210703102230_\w+\.tif",
        r"GSC_CR_ESA_TR00_VHI_MS4_1C_07B6_\w+\.xml",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SimulatedDelivery]:
    written = simulate_deliveries(tmp_path_factory.mktemp("deliveries"), CODES, tile_edge=128)
    return dict(zip(CODES, written, strict=True))


def _described(delivery: SimulatedDelivery) -> tuple[str, ProductMetadata]:
    """The metadata file of a delivery (not the report) and what the parser reads from it."""
    files = Folder(delivery.path)
    found = [(name, read_metadata(name, files)) for name in files.names if not name.startswith("GSC_")]
    parsed = [(name, metadata) for name, metadata in found if metadata is not None]
    assert parsed
    # IMD, TIL and XML of one product say the same.
    assert all(metadata == parsed[0][1] for _, metadata in parsed)
    return parsed[0]


def _image(delivery: SimulatedDelivery) -> np.ndarray:
    """The image put together from its files as the metadata say."""
    name, metadata = _described(delivery)
    folder = delivery.path / Path(name).parent
    parts = metadata.parts or (PartRecord(_same_stem(folder / Path(name).name)),)
    image = np.zeros((len(metadata.bands), *delivery.product.numbers.shape[1:]), dtype=np.uint16)
    for part in parts:
        with rasterio.open(folder / part.name) as file:
            assert file.dtypes == ("uint16",) * file.count
            assert file.crs.to_epsg() == 3035
            row, column = part.offset or ((part.tile[0] - 1) * 128, (part.tile[1] - 1) * 128)
            left, top = ~delivery.product.transform @ (file.transform.c, file.transform.f)
            assert (top, left) == pytest.approx((row, column))
            bands = [band - 1 for band in part.bands] or list(range(file.count))
            image[bands, row : row + file.height, column : column + file.width] = file.read()
    return image


def _same_stem(metadata: Path) -> str:
    stem = re.sub(r"_meta$", "", metadata.stem)
    return next(path.name for path in metadata.parent.glob(f"{stem}.ti*"))


@pytest.mark.parametrize("code", CODES)
def test_files_have_the_names_of_the_maker(delivered: dict[str, SimulatedDelivery], code: str) -> None:
    root = delivered[code].path
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    for pattern in NAMES[code]:
        assert any(re.fullmatch(pattern, name) for name in names), pattern
    assert [name for name in names if not any(re.fullmatch(pattern, name) for pattern in NAMES[code])] == []


@pytest.mark.parametrize("code", CODES)
def test_files_hold_the_numbers_in_the_order_of_the_sensor(delivered: dict[str, SimulatedDelivery], code: str) -> None:
    delivery = delivered[code]
    _, metadata = _described(delivery)
    assert tuple(band.name for band in metadata.bands) == FAMILIES[code].sensor.bands
    np.testing.assert_array_equal(_image(delivery), delivery.product.numbers)


@pytest.mark.parametrize("code", CODES)
def test_metadata_tell_sensor_time_and_angles(delivered: dict[str, SimulatedDelivery], code: str) -> None:
    take = delivered[code].take
    _, metadata = _described(delivered[code])
    assert (metadata.sensor, metadata.platform) == (code, take.platform)
    assert metadata.acquired == take.acquired
    assert metadata.off_nadir == pytest.approx(take.off_nadir, abs=0.05)
    if code != "TRIPLESAT":
        assert metadata.sun_elevation == pytest.approx(take.sun.elevation, abs=0.05)
        assert metadata.sun_azimuth == pytest.approx(take.sun.azimuth, abs=0.05)
        assert metadata.view_azimuth == pytest.approx(take.view_azimuth, abs=0.05)
        assert metadata.orthorectified is True


@pytest.mark.parametrize("code", CALIBRATED)
def test_coefficients_undo_the_counting(delivered: dict[str, SimulatedDelivery], code: str) -> None:
    _, metadata = _described(delivered[code])
    for channel, record in zip(delivered[code].take.channels, metadata.bands, strict=True):
        if channel.name == "other":
            continue
        assert record.gain == pytest.approx(1 / channel.gain, rel=1e-5)
        assert record.offset == pytest.approx(channel.bias, abs=1e-6)
        if record.solar_irradiance is not None:
            assert record.solar_irradiance == pytest.approx(channel.irradiance, rel=1e-6)


@pytest.mark.parametrize("code", CALIBRATED)
def test_calibrated_numbers_are_the_reflectance_that_was_simulated(
    delivered: dict[str, SimulatedDelivery], code: str
) -> None:
    delivery = delivered[code]
    _, metadata = _described(delivery)
    calibration = find_calibration(metadata, code)
    assert calibration is not None
    names = [band.name for band in metadata.bands]
    numbers = _image(delivery)[[names.index(name) for name in ("red", "green", "blue", "nir")]]
    seen = calibration.reflectance(numbers)
    truth = delivery.truth.reflectance
    # The noise of an instrument has no mean; one count of the coarsest is half a per cent of a meadow.
    np.testing.assert_allclose(seen.mean(axis=(1, 2)), truth.mean(axis=(1, 2)), rtol=2e-3)
    assert np.median(np.abs(seen - truth) / truth) < 0.02


def test_any_two_sensors_agree_on_the_reflectance_of_a_patch(delivered: dict[str, SimulatedDelivery]) -> None:
    means = {}
    for code in CALIBRATED:
        _, metadata = _described(delivered[code])
        calibration = find_calibration(metadata, code)
        assert calibration is not None
        names = [band.name for band in metadata.bands]
        numbers = _image(delivered[code])[[names.index(name) for name in ("red", "green", "blue", "nir")]]
        means[code] = calibration.reflectance(numbers).mean(axis=(1, 2))
    for one, other in itertools.combinations(means, 2):
        np.testing.assert_allclose(means[one], means[other], rtol=5e-3, err_msg=f"{one} and {other}")


def test_the_truth_lies_on_the_grid_of_the_delivery(delivered: dict[str, SimulatedDelivery]) -> None:
    for delivery in delivered.values():
        truth, product = delivery.truth, delivery.product
        assert truth.reflectance.dtype == np.float32
        assert truth.reflectance.shape == (4, *product.numbers.shape[1:])
        assert (truth.transform, truth.crs) == (product.transform, product.crs)
        assert np.isfinite(truth.reflectance).all()


def test_nodata_and_saturation_stand_in_metadata_that_know_them(delivered: dict[str, SimulatedDelivery]) -> None:
    for code in ("PHR", "PNEO", "SPOT"):
        _, metadata = _described(delivered[code])
        assert (metadata.nodata, metadata.saturation, metadata.bit_depth) == (0, 4095, 12)
    for code in ("GEOSAT2", "VS1"):
        assert _described(delivered[code])[1].nodata == 0


def test_another_projection_is_delivered_with_its_truth(tmp_path: Path) -> None:
    for delivery in simulate_deliveries(tmp_path, ("WV3", "SPOT"), crs="EPSG:32632"):
        product, truth = delivery.product, delivery.truth
        assert product.crs == truth.crs == "EPSG:32632"
        known = np.isfinite(truth.reflectance).all(axis=0)
        filled = (product.numbers > 0).all(axis=0)
        assert (known == filled).mean() > 0.99
        assert 0.01 < (~filled).mean() < 0.3
        channels = [channel.name for channel in delivery.take.channels]
        red = delivery.take.channels[channels.index("red")]
        radiance = product.numbers[channels.index("red")] / red.gain + red.bias
        seen = (radiance / delivery.take.radiance(red.irradiance))[known & filled]
        assert seen.mean() == pytest.approx(truth.reflectance[0][known & filled].mean(), rel=5e-3)


def test_products_of_reflectance_say_so(tmp_path: Path) -> None:
    for delivery in simulate_deliveries(tmp_path, ("PHR", "SPOT", "PNEO"), processing="reflectance"):
        _, metadata = _described(delivery)
        assert metadata.numbers == "reflectance"
        assert {(band.gain, band.offset) for band in metadata.bands} == {(1e-4, 0.0)}
        assert (metadata.bit_depth, metadata.saturation) == (16, None)
        image = _image(delivery)
        np.testing.assert_array_equal(image, delivery.product.numbers)
        means = image[[0, 1, 2, 3]].mean(axis=(1, 2)) / 10_000
        np.testing.assert_allclose(means, delivery.truth.reflectance.mean(axis=(1, 2)), rtol=2e-3)


def test_a_cloud_is_told_by_its_share_and_drawn_in_the_mask(tmp_path: Path) -> None:
    for delivery in simulate_deliveries(tmp_path, ("PHR", "WV2", "KS3"), cloudy=True):
        _, metadata = _described(delivery)
        assert metadata.cloud_cover == pytest.approx(delivery.product.cloud_cover, abs=0.06)
        assert 2 < delivery.product.cloud_cover < 40
        outline = delivery.product.clouds
        assert outline is not None
        assert shapely.is_valid(outline)


def test_the_scene_of_one_platform_after_another(tmp_path: Path) -> None:
    written = simulate_deliveries(tmp_path, ("PHR", "PHR", "KS3", "KS3"))
    assert [delivery.take.platform for delivery in written] == ["PHR1A", "PHR1B", "KOMPSAT-3", "KOMPSAT-3A"]
    assert [_described(delivery)[1].platform for delivery in written] == [
        delivery.take.platform for delivery in written
    ]
    assert len({_described(delivery)[1].product for delivery in written}) == 4


@pytest.mark.parametrize("size", [0, -40, 410])
def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path, size: float) -> None:
    with pytest.raises(GridError, match="size"):
        simulate_deliveries(tmp_path, ("PHR",), size=size)


def test_families_that_cannot_be_delivered_so_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="IKONOS"):
        simulate_deliveries(tmp_path, ("IKONOS",))
    with pytest.raises(SettingsError, match="reflectance"):
        simulate_deliveries(tmp_path, ("WV2",), processing="reflectance")
    assert not list(tmp_path.iterdir())
