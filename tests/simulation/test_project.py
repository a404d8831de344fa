import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from bocage.errors import GridError, ProjectError, StorageError
from bocage.files import digest_file
from bocage.project import Project
from bocage.scenes import Catalogue, catalogue_scenes
from bocage.scenes.deliveries.folder import Folder
from bocage.scenes.dialects.registry import read_metadata
from bocage.scenes.metadata import ProductMetadata
from bocage.simulation import project as simulated
from bocage.simulation import simulate
from bocage.simulation.sensor import FAMILIES

_HIGHEST_NDVI_IOU = 0.55
_log = logging.getLogger("bocage")


def test_the_project_opens_and_its_scenes_are_recognised(project_folder: Path) -> None:
    project = Project.open(project_folder)
    outcome = catalogue_scenes(project)
    assert outcome.refused == ()
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    assert sorted(scene.sensor for scene in scenes) == ["GEOSAT2", "PHR", "PHR", "SPOT", "SPOT", "WV2"]
    assert {scene.bands for scene in scenes} == {
        ("red", "green", "blue", "nir"),
        ("blue", "green", "red", "nir"),
        ("nir", "red", "green", "blue"),
    }
    assert {round(scene.gsd, 2) for scene in scenes} == {2.0, 4.0}
    assert {run.backbone for run in project.settings.training.runs} == {"efficientnet_lite0", "resnet50"}
    for layer in project.settings.reference.layers:
        assert all(path.is_file() for pattern in layer.paths for path in project.paths(pattern))


def test_every_take_is_a_folder_of_its_maker(project_folder: Path) -> None:
    folders = sorted(path.name for path in (project_folder / "scenes").iterdir())
    assert folders == [
        "Geosat2_20210924", "PHR1A_20210616", "PHR1B_20210722", "SPOT6_20210509", "SPOT7_20210703",
        "WorldView2_20210829",
    ]  # fmt: skip
    assert [metadata.sensor for metadata, _ in _deliveries(project_folder)] == [
        "GEOSAT2", "PHR", "PHR", "SPOT", "SPOT", "WV2",
    ]  # fmt: skip


def test_scenes_have_tilted_edges_of_nodata_and_no_names_of_bands(project_folder: Path) -> None:
    for metadata, path in _deliveries(project_folder):
        with rasterio.open(path) as file:
            image = file.read()
            assert file.dtypes == ("uint16",) * 4
            assert not any(file.descriptions)
        assert metadata.product
        assert 0.03 < (image[0] == 0).mean() < 0.6
        assert ((image == 0).all(axis=0) == (image == 0).any(axis=0)).all()


def test_the_clouded_scene_says_so(project_folder: Path) -> None:
    found = _deliveries(project_folder)
    covers = [metadata.cloud_cover or 0 for metadata, _ in found]
    assert sorted(cover > 0 for cover in covers) == [False] * 5 + [True]
    metadata, path = found[int(np.argmax(covers))]
    [mask] = metadata.cloud_masks
    assert (path.parent / mask).read_bytes().count(b">CLOUD<") >= 1


def _deliveries(project_folder: Path) -> list[tuple[ProductMetadata, Path]]:
    """What the metadata of each take say, and its raster: the scenes of a small project are not cut into tiles."""
    found = []
    for folder in sorted((project_folder / "scenes").iterdir()):
        files = Folder(folder)
        parsed = {name: metadata for name in files.names if (metadata := read_metadata(name, files)) is not None}
        name, metadata = next(iter(parsed.items()))
        [part] = metadata.parts
        found.append((metadata, folder / Path(name).parent / part.name))
    return found


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    first = simulate(tmp_path / "a", size=400)
    again, other = simulate(tmp_path / "b", size=400), simulate(tmp_path / "c", size=400, seed=5)
    names = sorted(
        str(path.relative_to(first)) for path in first.rglob("*") if path.suffix != ".gpkg" and path.is_file()
    )
    # Two PHR and two SPOT of four files each, WV2 with three, GEOSAT2 with two; layers, truth, settings and the note.
    assert len(names) == 4 * 4 + 3 + 2 + 4 + 3 + 1 + 1
    for name in names:
        if name != ".bocage/simulation.json":
            assert digest_file(first / name) == digest_file(again / name), name
    scene = next(name for name in names if name.startswith("scenes/PHR1A") and name.endswith(".TIF"))
    assert digest_file(first / scene) != digest_file(other / scene)


def test_a_finished_simulation_is_left_alone_with_the_settings_of_the_person(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "demo", size=400, families=("WV2",))
    (folder / "bocage.toml").write_text("# mine\n")
    (folder / "labels").mkdir()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert simulate(folder, size=400, families=("WV2",)) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(ProjectError, match="holds a simulation of seed 0"):
        simulate(folder, size=400, families=("WV2",), seed=1)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_interrupted_simulation_is_made_again_and_keeps_edited_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(simulated, "write_layers", stop)
        with pytest.raises(KeyboardInterrupt):
            simulate(tmp_path, size=400, families=("WV2",))
    assert not (tmp_path / "bocage.toml").exists()
    simulate(tmp_path, size=400, families=("WV2",))
    layer = tmp_path / "layers" / "tcd.tif"
    layer.unlink()
    (tmp_path / "bocage.toml").write_text("# mine\n")
    simulate(tmp_path, size=400, families=("WV2",))
    assert layer.is_file()
    assert (tmp_path / "bocage.toml").read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["bocage.toml", "notes/plan.txt", ".bocage/simulation.json"])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    own = tmp_path / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    with pytest.raises(ProjectError) as caught:
        simulate(tmp_path, size=400)
    assert "new" in caught.value.mend
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert own.read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(StorageError, match="demo"):
        simulate(tmp_path / "demo", size=400)


def test_fewer_families_fly_the_same_takes(tmp_path: Path) -> None:
    folder = simulate(tmp_path, size=400, families=("WV2",))
    found = _deliveries(folder)
    assert [metadata.sensor for metadata, _ in found] == ["WV2"] * 6
    assert len({metadata.product for metadata, _ in found}) == 6


def test_every_family_can_be_simulated(tmp_path: Path) -> None:
    folder = simulate(tmp_path, size=400, families=tuple(FAMILIES))
    assert len(list((folder / "scenes").iterdir())) == len(FAMILIES)


@pytest.mark.parametrize("size", [300, 1010, -40])
def test_a_size_that_does_not_fit_is_refused(tmp_path: Path, size: float) -> None:
    with pytest.raises(GridError, match="size"):
        simulate(tmp_path, size=size)
    assert not list(tmp_path.iterdir())


def test_a_threshold_of_ndvi_does_not_find_the_trees(
    project_folder: Path, record_property: Callable[[str, object], None]
) -> None:
    with rasterio.open(project_folder / "truth" / "woody.tif") as truth:
        woody = truth.read(1) == 1
        frame = {"crs": truth.crs, "transform": truth.transform, "width": truth.width, "height": truth.height}
    total = np.zeros((2, 256))
    for metadata, path in _deliveries(project_folder):
        bands = [band.name for band in metadata.bands]
        with (
            rasterio.open(path) as file,
            WarpedVRT(file, **frame, resampling=Resampling.bilinear, src_nodata=0, nodata=0) as lattice,
        ):
            image = lattice.read().astype(float)
        valid = (image > 0).all(axis=0)
        red, nir = (_stretched(image[bands.index(name)], valid) for name in ("red", "nir"))
        index = np.clip(((nir - red) / (nir + red) + 1) * 128, 0, 255).astype(int)[valid]
        counts = np.stack([np.bincount(index[woody[valid] == state], minlength=256) for state in (False, True)])
        total += counts
        _log.info("NDVI threshold on %s: best IoU %.3f", path.stem, _best_iou(counts))
    pooled = _best_iou(total)
    _log.info("NDVI threshold on all scenes: best IoU %.3f, woody share %.3f", pooled, woody.mean())
    record_property("best_ndvi_iou", pooled)
    assert pooled <= _HIGHEST_NDVI_IOU


def _stretched(band: np.ndarray, valid: np.ndarray) -> np.ndarray:
    low, high = np.percentile(band[valid], (0.5, 99.5))
    return np.asarray(np.clip((band - low) / (high - low), 0, 1) * 254 + 1)


def _best_iou(counts: np.ndarray) -> float:
    above = counts[:, ::-1].cumsum(axis=1)
    return float((above[1] / (counts[1].sum() + above[0])).max())
