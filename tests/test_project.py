from pathlib import Path

import pytest

from bocage.errors import ProjectError, SettingsError
from bocage.project import Project, create_project


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bocage.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_folder_without_settings_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="bocage init") as caught:
        Project.open(tmp_path)
    assert isinstance(caught.value, FileNotFoundError)


def test_an_empty_file_is_a_project_with_defaults(tmp_path: Path) -> None:
    project = Project.open(write(tmp_path, ""))
    assert project.grid.crs == "EPSG:3035"
    assert project.tiling.pixels == 5000
    assert project.bounds is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[grid\n", "not valid TOML"),
        ("[grid]\nresolutoin = 2.0\n", r"\[grid.resolutoin\] is not a setting"),
        ("[maps]\n", r"\[maps\] is not a setting"),
        ("[grid]\nresolution = -2.0\n", r"\[grid.resolution\].*greater than 0"),
        (
            "[grid]\nresolution = 3.0\n",
            "not a whole number of 3.0 m pixels; sizes near by that fit: tile_size = 9000, cell_size = 99000",
        ),
        ("[grid]\ncell_size = 15000.0\n", "not a multiple of tile_size .* tile_size = 10000, cell_size = 20000"),
        ("[area]\nbbox = [4, 3, 2, 1]\n", "left, bottom, right, top"),
        ('[[training.runs]]\nname = "a"\n[[training.runs]]\nname = "a"\n', "two runs share a name"),
        ('[[training.runs]]\nname = "../../etc"\n', "should match pattern"),
        ('[[reference.layers]]\nkind = "classes"\npaths = ["a.tif"]\n', "codes that mean tree"),
        ("[accuracy]\nconfidence = nan\n", "confidence"),
        ('[grid]\ncrs = "EPSG:0"\n', r"\[grid.crs\].*PROJ knows no such"),
        ('[grid]\ncrs = "EPSG:4326"\n', "WGS 84 is not projected"),
        ('[grid]\ncrs = "EPSG:2264"\n', "counts in US survey foot"),
        ("[scenes]\npercentiles = [0.9, 0.1]\n", "the low one first"),
        ("[reference]\ntree_height = 1.0\n", r"ground_height 1\.0 m is not below tree_height 1\.0 m"),
        ("[samples]\ntest_share = 0\n", "test_share is 0, and no split may be empty"),
        ("[samples]\nvalidation_share = 0.0\n", "validation_share is 0, and no split may be empty"),
        ("[samples]\ntest_share = 0.5\nvalidation_share = 0.5\n", "leave nothing to train with"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        Project.open(write(tmp_path, text))
    assert "bocage.toml" in str(caught.value)


def test_a_rule_about_several_settings_does_not_print_them_all(tmp_path: Path) -> None:
    folder = write(tmp_path, '[benchmark]\nbaseline = "none such"\n')
    with pytest.raises(SettingsError, match=r"\[benchmark\] baseline 'none such' is not an arm") as caught:
        Project.open(folder)
    assert "{" not in caught.value.problem
    assert "alue error" not in caught.value.problem


def test_scenes_split_by_name_need_no_shares(tmp_path: Path) -> None:
    text = '[samples]\nsplit = "scenes"\ntest_share = 0\nvalidation_share = 0\n'
    assert Project.open(write(tmp_path, text)).settings.samples.test_share == 0


def test_a_compound_system_lies_flat_on_the_lattice(tmp_path: Path) -> None:
    # UTM 32N with heights in US survey feet: only the plane has to count in metres.
    assert Project.open(write(tmp_path, '[grid]\ncrs = "EPSG:25832+6360"\n')).grid.crs == "EPSG:25832+6360"


def test_bytes_that_are_not_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "bocage.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"bocage\.toml"):
        Project.open(tmp_path)


@pytest.mark.parametrize("template", ["europe", "local"])
def test_a_template_is_a_valid_project_and_is_never_overwritten(tmp_path: Path, template: str) -> None:
    create_project(tmp_path / "new", template)
    assert Project.open(tmp_path / "new").settings.reference.layers
    with pytest.raises(ProjectError, match="already holds"):
        create_project(tmp_path / "new", template)


def test_paths_expand_variables_and_wildcards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.open(write(tmp_path / "project", ""))
    (tmp_path / "data").mkdir()
    for name in ("b.tif", "a.tif", "a.txt"):
        (tmp_path / "data" / name).touch()
    monkeypatch.setenv("SOME_DATA", str(tmp_path / "data"))
    assert [path.name for path in project.paths("${SOME_DATA}/*.tif")] == ["a.tif", "b.tif"]
    monkeypatch.delenv("SOME_DATA")
    assert [path.name for path in project.paths("${SOME_DATA:-../data}/*.tif")] == ["a.tif", "b.tif"]
    with pytest.raises(SettingsError, match="SOME_DATA"):
        project.paths("${SOME_DATA}/*.tif")
    assert project.paths("missing.tif") == [project.folder / "missing.tif"]
