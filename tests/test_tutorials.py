"""The tutorials run as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest

TUTORIALS = Path(__file__).resolve().parents[1] / "docs" / "tutorials"


def test_the_python_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (TUTORIALS / "python-interface.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "python-interface.md", "exec"), names)
    probability, features = names["probability"], names["features"]
    assert probability.dims == ("y", "x")
    assert float(probability.min()) >= 0
    assert float(probability.max()) <= 1
    assert probability.isnull().any(), "the scene has slanted edges: some of its raster is nodata"
    assert {"type", "width_m", "length_m", "area_m2"} <= set(features.columns)
    assert (features["area_m2"] > 0).all()
    assert (tmp_path / "tutorial" / "features.gpkg").stat().st_size > 0
    assert (tmp_path / "tutorial" / "features.png").stat().st_size > 0
