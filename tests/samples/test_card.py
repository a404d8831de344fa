"""The card says what the chips are, and its two forms say the same."""

import json
from collections.abc import Callable

import geopandas
import pytest
from shapely.geometry import box

from bocage.files import digest_file
from bocage.project import Project
from bocage.reference import build_labels
from bocage.samples import Samples, cut_chips, draw_samples
from bocage.samples.card import make_card
from bocage.samples.licences import LICENCES, NOT_STATED, licence_of
from bocage.settings import LayerSettings

Maker = Callable[..., Project]
EAST, NORTH = 4_000_000.0, 3_000_000.0


@pytest.fixture
def project(make_project: Maker) -> Project:
    tree = {"kind": "classes", "paths": ["/somewhere/secret/../../trees.tif"], "tree": [1], "year": 2021}
    first = make_project()
    tree["paths"] = [str(first.folder / "trees.tif")]
    row = {"class": [1], "author": ["mk"], "date": ["2026-05-01"], "reason": ["planted"]}
    spot = box(EAST + 420, NORTH - 240, EAST + 440, NORTH - 220)
    geopandas.GeoDataFrame(row, geometry=[spot], crs="EPSG:3035").to_file(first.folder / "c.gpkg", driver="GPKG")
    project = make_project(
        project={"name": "a | b"},
        reference={"layers": [tree], "corrections": "c.gpkg"},
        samples={"count": 500, "cell_size": 200.0, "buffer": 0.0, "seed": 4},
    )
    build_labels(project)
    draw_samples(project)
    return project


def test_counts_sources_and_digests(project: Project) -> None:
    figures = cut_chips(project).figures
    card = json.loads((project.chips_folder / "card.json").read_text(encoding="utf-8"))
    assert card["whole"]["chips"] == figures["chips"]
    assert card["whole"]["tree_share"] == figures["tree_share"]
    assert card["whole"]["tree_share"] + card["whole"]["other_share"] == pytest.approx(1, abs=1e-3)
    assert {split: part["chips"] for split, part in card["per_split"].items()} == {
        split: part["chips"] for split, part in figures["per_split"].items()
    }
    for name, part in card["per_stratum"].items():
        assert part["chips"] == sum(part["splits"].values()) == figures["per_stratum"][name]["chips"]
    assert card["left_out"] == {"without a decided pixel": figures["undecided"], "refused": 0}
    assert (card["drawing"]["seed"], card["drawing"]["drawn"]) == (4, len(Samples.read(project)))
    assert card["scenes"]["per_sensor"] == {"GENERIC": 2}
    layer, corrections = card["sources"]
    assert (layer["kind"], layer["paths"], layer["year"], layer["licence"]) == (
        "classes", ["trees.tif"], 2021, NOT_STATED,
    )  # fmt: skip
    assert corrections["digests"] == [digest_file(project.folder / "c.gpkg")]
    assert card["digests"]["chips"] == digest_file(project.chips_folder / "SHA256SUMS")
    assert card["digests"]["samples"] == digest_file(project.samples_file)


def test_a_layer_of_the_strata_is_a_source_too(project: Project, make_project: Maker) -> None:
    reference = project.settings.reference
    towns = {"kind": "urban", "paths": ["towns.tif"], "licence": "CC0"}
    given = reference.model_dump() | {"layers": [*reference.model_dump()["layers"], towns]}
    other = make_project(reference=given, samples={"zones": str(project.folder / "zones.gpkg")})
    sources = make_card(
        other, Samples.read(project), {}, (), chips_digest="", labels_digest="", left_out={}
    )["sources"]  # fmt: skip
    found = [(one["kind"], one["paths"], one["licence"]) for one in sources]
    assert found == [
        ("classes", ["trees.tif"], NOT_STATED),
        ("urban", ["towns.tif"], "CC0"),
        ("environmental_zones", ["zones.gpkg"], NOT_STATED),
        ("corrections", ["c.gpkg"], NOT_STATED),
    ]


def test_the_card_changes_with_the_chips_and_only_then(project: Project) -> None:
    cut_chips(project)
    first = (project.chips_folder / "card.json").read_text(encoding="utf-8")
    cut_chips(project)
    assert (project.chips_folder / "card.json").read_text(encoding="utf-8") == first
    Samples(Samples.read(project).table.iloc[::3]).write(project.samples_file)
    cut_chips(project)
    digests = [json.loads(text)["digests"] for text in (first, (project.chips_folder / "card.json").read_text())]
    assert digests[0]["chips"] != digests[1]["chips"]
    assert digests[0]["scenes"] == digests[1]["scenes"]


def test_the_page_for_a_person_says_the_same(project: Project) -> None:
    cut_chips(project)
    card = json.loads((project.chips_folder / "card.json").read_text(encoding="utf-8"))
    text = (project.chips_folder / "README.md").read_text(encoding="utf-8")
    assert f"{card['whole']['chips']} pairs of image and label" in text
    assert all(f"`{digest}`" in text for digest in card["digests"].values())
    assert str(project.folder) not in text
    for name, part in card["per_stratum"].items():
        assert f"| {name} | " in text
        assert f"| {part['chips']} | {100 * part['tree_share']:.1f} % |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_every_kind_of_layer_has_its_terms() -> None:
    from typing import get_args

    from bocage.settings import LayerKind

    assert set(LICENCES) == set(get_args(LayerKind))
    layer = LayerSettings(kind="canopy_height", paths=("chm.tif",))
    assert licence_of(layer).terms == "CC BY 4.0"
