"""``bocage products check`` and ``bocage products rules`` as they are typed."""

import json
from pathlib import Path

from tests.cli.conftest import Bocage
from tests.products.conformance.well_formed import SWF, VECTOR, features, write_2015, write_2021, write_polygons


def test_a_delivery_that_is_whole_and_one_that_is_not(bocage: Bocage, tmp_path: Path) -> None:
    folder = write_2021(tmp_path)
    status, out, _ = bocage("products", "check", folder, "--json")
    answer = json.loads(out)
    assert status == 0
    assert answer["summary"]["error"] == answer["summary"]["warning"] == 0
    assert {"file", "layer", "rule", "severity", "outcome", "passed", "detail", "mend"} == set(answer["verdicts"][0])

    write_polygons(folder, VECTOR, features().assign(area=1.0))
    status, out, _ = bocage("products", "check", folder)
    assert status == 1
    line = next(line for line in out.splitlines() if line.startswith("FAIL"))
    assert "vector.area" in line
    assert "row 0 near" in out
    assert "->" in out
    # Notes on many files are one line, and rules that are kept are not shown.
    assert out.count("raster.whole_cell") == 1
    assert "6 files, first" in out
    assert "raster.codes" not in out
    assert "errors 1, warnings 0" in out
    assert "raster.codes" in bocage("products", "check", folder, "--all")[1]


def test_files_of_two_places_and_another_year(bocage: Bocage, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_2021(tmp_path / "a")
    write_2015(tmp_path / "b")
    status, out, _ = bocage("products", "check", tmp_path / "a" / f"{SWF}.tif", tmp_path / "b")
    assert status == 0
    assert "files and groups" in out
    status, out, _ = bocage("products", "check", tmp_path / "b", "--profile", "2021")
    assert status == 1
    assert "vector.column_types" in out


def test_what_cannot_be_checked(bocage: Bocage, tmp_path: Path) -> None:
    status, _, err = bocage("products", "check", tmp_path)
    assert status == 1
    assert "holds no product" in err
    status, _, err = bocage("products", "check", tmp_path / "nowhere")
    assert status == 1
    assert "nowhere is not there" in err
    (tmp_path / "a.tif").touch()
    status, _, err = bocage("products", "check", tmp_path, "--layer", "hedge", "--year", "2021")
    assert status == 1
    assert "no layer is called 'hedge'" in err


def test_the_rules_are_listed(bocage: Bocage) -> None:
    status, out, _ = bocage("products", "rules", "--json")
    rules = json.loads(out)["rules"]
    assert status == 0
    assert len(rules) > 80
    assert {"rule", "severity", "layers", "years", "source", "statement"} == set(rules[0])
    assert bocage("products", "check", "--rules", "--json")[1] == out
    assert "raster.origin" in bocage("products", "rules")[1]
    assert bocage("products", "rules", "--markdown")[1].startswith("# Rules for products")
