"""``bocage scenes``: what a person sees, and what a program reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Bocage
from tests.scenes.rasters import noise, write_raster, write_sidecar

from bocage.project import Project
from bocage.scenes import BANDS, catalogue_scenes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the scenes a (dated, of a sensor) and b."""
    folder = tmp_path / "p"
    (folder / "scenes").mkdir(parents=True)
    (folder / "bocage.toml").write_text("")
    for name in ("a", "b"):
        path = write_raster(folder / "scenes" / f"{name}.tif", noise(600, 600, dtype="uint16"))
        if name == "a":
            write_sidecar(path, BANDS, **{"datetime": "2021-06-01T10:00:00Z", "platform": "PHR1A", "eo:cloud_cover": 3})
    catalogue_scenes(Project.open(folder))
    return folder


def test_list(bocage: Bocage, project: Path) -> None:
    status, out, _ = bocage("scenes", "list", "--project", project, "--json")
    assert status == 0
    first, second = json.loads(out)["scenes"]
    assert first == {
        "id": "a", "sensor": "PHR", "platform": "PHR1A", "acquired": "2021-06-01", "gsd": 2.0,
        "bands": "red green blue nir", "type": "uint16", "cloud_cover": 3, "calibrated": False, "parts": 1,
    }  # fmt: skip
    assert (second["id"], second["sensor"], second["acquired"]) == ("b", "GENERIC", None)
    status, out, _ = bocage("scenes", "list", "--project", project)
    assert status == 0
    assert out.splitlines()[1].split()[:4] == ["a", "PHR", "PHR1A", "2021-06-01"]


def test_show(bocage: Bocage, project: Path) -> None:
    status, out, _ = bocage("scenes", "show", "a", "--project", project, "--json")
    assert status == 0
    item = json.loads(out)
    assert (item["type"], item["stac_version"], item["id"]) == ("Feature", "1.1.0", "a")
    status, out, _ = bocage("scenes", "show", "a", "--project", project)
    assert status == 0
    assert "cloud cover: 3" in out
    assert "600 x 600 pixels of 2 m, uint16, EPSG:3035" in out
    assert "None" not in out
    assert max(map(len, out.splitlines())) < 400
    status, _, err = bocage("scenes", "show", "c", "--project", project)
    assert status == 1
    assert "no scene is named c" in err
    assert "Traceback" not in err


def test_check(bocage: Bocage, project: Path) -> None:
    assert bocage("scenes", "check", "--project", project)[0] == 0
    path = project / "scenes" / "b.tif"
    path.write_bytes(path.read_bytes()[:200_000])
    status, out, _ = bocage("scenes", "check", "--project", project, "--json")
    assert status == 1
    assert {each["id"]: each["state"] for each in json.loads(out)["scenes"]} == {"a": "whole", "b": "damaged"}
    status, out, _ = bocage("scenes", "check", "a", "--project", project)
    assert status == 0
    assert "whole" in out
    status, _, err = bocage("scenes", "check", "nobody", "--project", project)
    assert status == 1
    assert "nobody" in err


def test_convert_and_add_again(bocage: Bocage, project: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "cog"
    status, out, _ = bocage("scenes", "convert", "a", "b", "--to", out_folder, "--project", project, "--json")
    assert status == 0
    assert json.loads(out) == {"written": [str(out_folder / f"{name}.tif") for name in "ab"], "refused": []}
    other = tmp_path / "other"
    other.mkdir()
    (other / "bocage.toml").write_text("")
    assert bocage("scenes", "add", out_folder, "--project", other)[0] == 0
    _, out, _ = bocage("scenes", "list", "--project", other, "--json")
    assert [(each["id"], each["platform"]) for each in json.loads(out)["scenes"]] == [("a", "PHR1A"), ("b", "")]
    command = ("scenes", "convert", "a", "b", "--as", "reflectance", "--to", out_folder, "--project", project)
    status, out, _ = bocage(*command)
    assert status == 1
    assert out.count("cannot be calibrated") == 2
    assert out.count("mend:") == 2


def test_add_tells_a_url_that_cannot_be_read(bocage: Bocage, project: Path) -> None:
    status, out, err = bocage("scenes", "add", "https://example.org/a.tif", "--project", project)
    assert status == 1
    assert "https://example.org/a.tif is an address that Bocage does not read" in out + err
    assert bocage("scenes", "list", "--project", project)[0] == 0


def test_add_decodes_where_it_is_asked_to(bocage: Bocage, project: Path) -> None:
    status, out, _ = bocage("scenes", "add", "--decode", "--project", project, "--json")
    assert status == 0
    assert json.loads(out)["figures"]["recognised"] == 2
    _, out, _ = bocage("scenes", "add", "--project", project, "--json")
    assert json.loads(out)["figures"]["recognised"] == 0


def test_add_takes_patterns_from_here_or_else_from_the_project(
    bocage: Bocage, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    other = tmp_path / "other"
    (other / "kept").mkdir(parents=True)
    (other / "bocage.toml").write_text("[scenes]\npaths = []\n")
    shutil.copy(project / "scenes" / "b.tif", other / "kept" / "b.tif")
    assert bocage("scenes", "add", "kept/b*", "--project", other)[0] == 0
    shutil.copy(project / "scenes" / "b.tif", elsewhere / "c.tif")
    assert bocage("scenes", "add", "*.tif", "--project", other)[0] == 0
    _, out, _ = bocage("scenes", "list", "--project", other, "--json")
    assert [each["id"] for each in json.loads(out)["scenes"]] == ["b", "c"]
    status, out, _ = bocage("scenes", "add", "nothing*", "--project", other)
    assert status == 1
    assert "nothing* holds no raster" in out
