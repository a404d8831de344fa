"""The spread of the tree share within strata, from a table or from the labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bocage.errors import ProjectError, SampleError
from bocage.grid import Tile, Window
from bocage.project import Project
from bocage.rasters import write_cog
from bocage.samples.deviations import pilot_deviations, read_deviations
from bocage.samples.frame import Frame, build_frame, cell_tiling
from bocage.samples.strata import Strata, stratify
from bocage.scenes.catalogue import Catalogue


def frame_of(project: Project) -> tuple[Frame, Strata]:
    scenes = Catalogue.open(project.scenes_file, project.grid).scenes
    frame = build_frame(scenes, cell_tiling(project.grid, 100.0), minimum_valid=0.4)
    return frame, stratify(frame)


def write_labels(project: Project, paint: Callable[[Window], np.ndarray]) -> None:
    """Write every label tile that the two scenes touch."""
    tile: Tile
    for tile in project.tiling.tiles(Window(2_000_000, -1_500_000, 600, 400)):
        write_cog(
            project.labels_folder / f"{tile.id}.tif", paint(tile.window), grid=project.grid, window=tile.window,
            nodata=255, descriptions=("label",), tags={},
        )  # fmt: skip


def test_a_pilot_reads_the_labels_of_each_stratum(make_project: Callable[..., Project]) -> None:
    project = make_project()
    frame, strata = frame_of(project)
    with pytest.raises(ProjectError, match="holds no labels"):
        pilot_deviations(project, frame, strata, np.random.default_rng(0))

    def columns(window: Window) -> np.ndarray:
        """Trees in every second cell of 50 pixels, from west to east."""
        label = np.zeros(window.shape, np.uint8)
        label[:, (np.arange(window.column, window.right) // 50) % 2 == 0] = 1
        return label

    write_labels(project, columns)
    found = pilot_deviations(project, frame, strata, np.random.default_rng(0))
    assert set(found) == set(strata.names)
    # Shares of 0 and 1, half each.
    assert all(value == pytest.approx(0.5, abs=0.02) for value in found.values())
    write_labels(project, lambda window: np.full(window.shape, 255, np.uint8))
    with pytest.raises(SampleError, match="no stratum has two cells with a decided label"):
        pilot_deviations(project, frame, strata, np.random.default_rng(0))


def test_a_table_gives_the_deviations(tmp_path: Path) -> None:
    path = tmp_path / "spread.csv"
    path.write_text("stratum,deviation\n1/PHR/rural,0.2\n2/SPOT/urban,0\n")
    assert read_deviations(path) == {"1/PHR/rural": 0.2, "2/SPOT/urban": 0.0}
    for text, message in (
        ("name,deviation\na,1\n", "is no table of deviations"),
        ("stratum,deviation\na,much\n", "is no table of deviations"),
        ("stratum,deviation\na,1\na,2\n", "names strata twice: a"),
        ("", "is no table of deviations"),
    ):
        path.write_text(text)
        with pytest.raises(SampleError, match=message):
            read_deviations(path)
    with pytest.raises(SampleError, match="is not there"):
        read_deviations(tmp_path / "none.csv")
