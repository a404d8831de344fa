"""Bad input, typed by hand: exit status 1, the name of the thing and the mend; nothing lost."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.cli.conftest import Bocage


def write_scene(path: Path, *, crs: str | None = "EPSG:3035", names: bool = True, empty: bool = False) -> None:
    """A raster of 64 x 64 pixels of 2 m with four bands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = np.random.default_rng(0).integers(1, 4000, (4, 64, 64), dtype=np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=4, dtype="uint16", crs=crs, nodata=0,
        transform=rasterio.Affine(2, 0, 4_321_000, 0, -2, 3_020_000),
    ) as file:  # fmt: skip
        file.write(np.zeros_like(bands) if empty else bands)
        if names:
            for index, name in enumerate(("red", "green", "blue", "nir"), start=1):
                file.set_band_description(index, name)


def write_project(folder: Path, text: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bocage.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_missing_project(bocage: Bocage, tmp_path: Path) -> None:
    status, _, err = bocage("run", "--project", tmp_path / "nowhere")
    assert status == 1
    assert "nowhere" in err
    assert "bocage init" in err


def test_an_unknown_key(bocage: Bocage, tmp_path: Path) -> None:
    status, _, err = bocage("run", "--project", write_project(tmp_path / "p", "[grid]\ncsr = 'EPSG:3035'\n"))
    assert status == 1
    assert "grid.csr" in err


def test_no_scenes(bocage: Bocage, tmp_path: Path) -> None:
    status, _, err = bocage("run", "--project", write_project(tmp_path / "p"))
    assert status == 1
    assert "scene" in err
    assert "mend" in err


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("truncated", "bad.tif"),
        ("no_crs", "coordinate reference system"),
        ("no_names", "band"),
        ("empty", "no valid pixel"),
        ("text", "bad.tif"),
    ],
)
def test_a_bad_scene_is_refused_and_the_good_one_kept(bocage: Bocage, tmp_path: Path, kind: str, words: str) -> None:
    project = write_project(tmp_path / "p")
    write_scene(project / "scenes" / "good.tif")
    bad = project / "scenes" / "bad.tif"
    write_scene(bad, crs=None if kind == "no_crs" else "EPSG:3035", names=kind != "no_names", empty=kind == "empty")
    if kind == "truncated":
        bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    if kind == "text":
        bad.write_text("not a raster")
    status, out, err = bocage("scenes", "add", "--project", project)
    assert status == 1
    assert "bad" in out + err
    assert words in out + err
    assert "Traceback" not in out + err
    status, out, _ = bocage("scenes", "list", "--project", project, "--json")
    assert status == 0
    assert [scene["id"] for scene in json.loads(out)["scenes"]] == ["good"]


def test_where_all_scenes_are_refused_each_is_named(bocage: Bocage, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p")
    for name in ("one", "two", "three"):
        write_scene(project / "scenes" / f"{name}.tif", crs=None)
    status, _, err = bocage("scenes", "add", "--project", project)
    assert status == 1
    assert [err.count(f"{name}.tif") for name in ("one", "two", "three")] == [1, 1, 1]


def test_a_scene_without_near_infrared_is_told_of_when_it_is_added(bocage: Bocage, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p")
    write_scene(project / "scenes" / "four.tif")
    with rasterio.open(project / "scenes" / "four.tif") as file:
        profile, colours = file.profile | {"count": 3}, file.read([1, 2, 3])
    with rasterio.open(project / "scenes" / "three.tif", "w", **profile) as file:
        file.write(colours)
        file.descriptions = ("red", "green", "blue")
    status, _, err = bocage("scenes", "add", "--project", project)
    assert status == 0
    told = [line for line in err.replace("\n ", " ").splitlines() if "no near infrared" in line]
    assert len(told) == 1
    assert "three.tif" in "".join(err.split())


def test_a_scene_outside_the_area(bocage: Bocage, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", "[area]\nbbox = [100000, 100000, 200000, 200000]\n")
    write_scene(project / "scenes" / "far.tif")
    status, out, err = bocage("scenes", "add", "--project", project)
    assert status == 1
    assert "far" in out + err
    assert "area" in out + err


@pytest.mark.parametrize(
    "command",
    [("samples", "draw"), ("samples", "cut"), ("train",), ("map",), ("features",), ("products",), ("assess",)],
)
def test_a_stage_before_its_turn_names_the_one_to_run(bocage: Bocage, tmp_path: Path, command: tuple[str, ...]) -> None:
    status, _, err = bocage(*command, "--project", write_project(tmp_path / "p"))
    assert status == 1
    assert "bocage " in err, "the mend names the command to run first"
    assert "Traceback" not in err


def test_a_command_that_does_not_exist(bocage: Bocage) -> None:
    status, _, err = bocage("mapp")
    assert status == 2
    assert "mapp" in err


def test_json_stands_alone_on_standard_output(bocage: Bocage, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p")
    write_scene(project / "scenes" / "good.tif")
    status, out, _ = bocage("scenes", "add", "--project", project, "--json")
    assert status == 0
    assert json.loads(out)["stage"] == "scenes"
    status, out, _ = bocage("status", "--project", project, "--json")
    assert status == 0
    assert {stage["stage"]: stage["state"] for stage in json.loads(out)["stages"]}["scenes"] == "done"


@pytest.mark.parametrize("name", ["status", "run", "map", "scenes", "samples", "products"])
def test_every_command_explains_itself(bocage: Bocage, name: str) -> None:
    status, out, _ = bocage(name, "--help")
    assert status == 0
    assert "Usage" in out
