"""The templates and examples open, can be delivered and never read what Bocage itself writes."""

import os
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bocage.products.naming import epsg_of
from bocage.products.writers import ORIGIN_STEP
from bocage.project import SETTINGS_FILE, Project

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("src/bocage/templates/*.toml"), *ROOT.glob(f"examples/*/{SETTINGS_FILE}")])


@pytest.fixture(params=FILES, ids=lambda path: str(path.relative_to(ROOT)))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    (tmp_path / SETTINGS_FILE).write_bytes(request.param.read_bytes())
    return Project.open(tmp_path)


def test_there_are_some() -> None:
    assert {path.name for path in FILES} >= {"europe.toml", "local.toml", SETTINGS_FILE}


def test_its_cells_can_be_delivered(project: Project) -> None:
    # The same check as before products are written, hours later.
    steps = project.settings.grid.cell_size / ORIGIN_STEP
    assert steps == pytest.approx(round(steps), abs=1e-9)
    assert epsg_of(project.settings.grid.crs)


def test_it_reads_nothing_that_a_stage_writes(project: Project) -> None:
    outputs = {
        folder.name
        for folder in (
            project.labels_folder, project.chips_folder, project.models_folder, project.map_folder,
            project.features_folder, project.products_folder, project.accuracy_folder, project.report_folder,
            project.receipts_folder, project.backbones_folder, project.benchmark_folder,
        )
    }  # fmt: skip
    settings = project.settings
    layers = [*settings.reference.layers, *([settings.accuracy.reference] if settings.accuracy.reference else [])]
    patterns = [*settings.scenes.paths, *(path for layer in layers for path in layer.paths)]
    if settings.reference.corrections is not None:
        patterns.append(settings.reference.corrections)
    assert layers
    for pattern in patterns:
        # A wildcard in the first part may name an output folder, too.
        first = Path(os.path.normpath(pattern)).parts[0]
        assert not [name for name in outputs if fnmatch(name, first)], pattern
