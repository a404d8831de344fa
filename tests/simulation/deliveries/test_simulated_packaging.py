import hashlib
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bocage.scenes.deliveries.assembly import assemble, open_image
from bocage.scenes.deliveries.finding import find_deliveries
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.dialects.registry import read_metadata
from bocage.simulation import SimulatedDelivery, simulate_deliveries
from bocage.simulation.deliveries.packaging import Packaging
from bocage.simulation.sensor import FAMILIES


def _contents(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDelivery:
    return simulate_deliveries(tmp_path_factory.mktemp("plain"), ("WV2",), size=200)[0]


def test_an_archive_holds_the_files_of_the_folder(plain: SimulatedDelivery, tmp_path: Path) -> None:
    expected = {f"WorldView2_20210703/{name}": digest for name, digest in _contents(plain.path).items()}
    [in_tar] = simulate_deliveries(tmp_path, ("WV2",), size=200, packaging="tar")
    [in_zip] = simulate_deliveries(tmp_path, ("WV2",), size=200, packaging="zip")
    assert (in_tar.path.name, in_zip.path.name) == ("WorldView2_20210703.tar", "WorldView2_20210703.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == [in_tar.path.name, in_zip.path.name]
    with tarfile.open(in_tar.path) as archive:
        archive.extractall(tmp_path / "tar", filter="data")
    with zipfile.ZipFile(in_zip.path) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "zip")
    assert _contents(tmp_path / "tar") == expected
    assert _contents(tmp_path / "zip") == expected


@pytest.mark.parametrize("code", list(FAMILIES))
def test_the_report_of_the_contributing_missions_tells_the_same(tmp_path: Path, code: str) -> None:
    [delivery] = simulate_deliveries(tmp_path, (code,), size=200, packaging="contributing")
    take = delivery.take
    files = Folder(delivery.path)
    [report] = [name for name in files.names if name.startswith("GSC_CR_ESA_")]
    assert f"{take.id}.DIMA.tar" in {path.name for path in delivery.path.iterdir()}
    metadata = read_metadata(report, files)
    assert metadata is not None
    assert (metadata.sensor, metadata.platform, metadata.acquired) == (code, take.platform, take.acquired)
    assert metadata.sun_elevation == pytest.approx(take.sun.elevation)
    assert metadata.sun_azimuth == pytest.approx(take.sun.azimuth)
    # The report has the angle on the ground, which is larger.
    assert metadata.off_nadir == pytest.approx(take.off_nadir, abs=1.5)
    assert metadata.cloud_cover == 0


@pytest.mark.parametrize("packaging", ["folder", "tar", "zip", "contributing"])
def test_every_family_is_found_and_read_in_every_packaging(tmp_path: Path, packaging: Packaging) -> None:
    written = {
        delivery.take.platform: delivery
        for delivery in simulate_deliveries(tmp_path, tuple(FAMILIES), size=320, tile_edge=64, packaging=packaging)
    }
    found, refused = find_deliveries(str(tmp_path))
    assert refused == []
    assert len({delivery.id for delivery in found}) == len(found) == len(written)
    for delivery in found:
        metadata = delivery.metadata
        assert metadata is not None
        product = written[metadata.platform].product
        with open_image(assemble(delivery)) as image:
            np.testing.assert_array_equal(image.read(), product.numbers, err_msg=delivery.id)
            assert image.transform == product.transform
            assert image.crs.to_epsg() == product.epsg
        # TripleSat itself knows no sun: the report beside it does.
        assert metadata.sun_elevation == pytest.approx(55.0, abs=0.05)
        assert len(delivery.masks) == (1 if metadata.sensor in {"PHR", "PNEO", "SPOT"} else 0)


@pytest.mark.parametrize("packaging", ["folder", "tar", "zip", "contributing"])
def test_the_same_seed_packs_the_same_bytes(tmp_path: Path, packaging: Packaging) -> None:
    codes = ("PHR", "SPOT", "KS3")
    contents = []
    for name in ("a", "b"):
        simulate_deliveries(tmp_path / name, codes, size=200, packaging=packaging)
        contents.append(_contents(tmp_path / name))
    assert contents[0] == contents[1]
