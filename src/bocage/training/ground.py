"""The ground that pretraining may look at: which scenes, where in them, and on which lattice."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from pyproj import CRS
from shapely import MultiPolygon, Polygon

from bocage.grid import Grid
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.samples import Samples
from bocage.scenes.catalogue import Catalogue
from bocage.scenes.footprint import polygonal, project_outline, transformer
from bocage.scenes.scene import Scene

# A scene that the project's lattice shows longer or shorter in some direction, by more than this share, is read on its
# own: far from home a projection stretches and shears what it shows. The European grid stays below it within Europe.
_DISTORTION = 0.03
# Metres from the centre of a scene at which that is measured.
_STEP = 100.0
_APART = ("test", "validation")


@dataclass(frozen=True, slots=True)
class Ground:
    """A scene as pretraining reads it.

    Attributes
    ----------
    scene
        Its clouds also hide the ground that must stay unseen, in the CRS of ``grid``.
    grid
        The lattice that it is read on.
    open
        Where pixels may be taken from: the footprint without clouds and unseen ground.
    """

    scene: Scene
    grid: Grid
    open: Polygon | MultiPolygon

    @property
    def area(self) -> float:
        """Square metres that are open."""
        return float(self.open.area)


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a catalogue is read, and what is left out and why."""

    grounds: tuple[Ground, ...]
    left_out: tuple[str, ...]
    refused: tuple[Refusal, ...]


def choose_ground(project: Project, *, keep_test_unseen: bool) -> Choice:
    """Return the scenes of the catalogue to learn from.

    A label is not the only thing that leaks: a network that has seen the pixels of the test ground before is at home
    there. So where ``keep_test_unseen``, the scenes that the settings name for test and validation are left out, with
    those that whole-scene samples of these splits are of; and the ground of all of them and of the cells of these
    splits is hidden in every other scene too.

    Raises
    ------
    ProjectError
        If no scenes are catalogued.
    SceneError, SampleError
        If the catalogue or the table of samples is damaged.
    """
    catalogue = Catalogue.open(project.scenes_file, project.grid)
    apart, unseen = _unseen(project, catalogue) if keep_test_unseen else (frozenset[str](), None)
    grounds, refused = [], []
    for scene in catalogue.scenes:
        if scene.id in apart:
            continue
        if not scene.has_nir:
            refused.append(Refusal(scene.id, "it has no near infrared band", "deliver it with its near infrared band"))
            continue
        ground = place(scene, project.grid, unseen)
        if ground is not None:
            grounds.append(ground)
    return Choice(tuple(grounds), tuple(sorted(apart)), tuple(refused))


def place(scene: Scene, grid: Grid, unseen: Polygon | MultiPolygon | None) -> Ground | None:
    """Return a scene as it is read, or None where nothing of it may be.

    It is read on the project's lattice, as it is for training and mapping, unless that lattice would show it at another
    scale than it was taken: then on the lattice of the same pixel in the scene's own CRS.

    Parameters
    ----------
    unseen
        Ground that no crop may show, in the CRS of ``grid``.
    """
    hidden = [outline for outline in (scene.clouds, unseen) if outline is not None]
    footprint = scene.footprint
    if scene.crs != grid.crs and _in_metres(scene.crs) and _distortion(scene, grid) > _DISTORTION:
        near = project_outline(footprint, grid.crs, scene.crs, scene.id)
        hidden = [
            project_outline(part, grid.crs, scene.crs, scene.id)
            for part in (polygonal(outline.intersection(footprint)) for outline in hidden)
            if not part.is_empty
        ]
        footprint, grid = near, Grid(scene.crs, grid.resolution)
        scene = replace(scene, footprint=near, gsd=math.sqrt(abs(scene.transform.determinant)))
    cover = polygonal(shapely.union_all(hidden).intersection(footprint)) if hidden else None
    left = footprint if cover is None else polygonal(footprint.difference(cover))
    if left.is_empty:
        return None
    return Ground(replace(scene, clouds=None if cover is None or cover.is_empty else cover), grid, left)


def _in_metres(crs: str) -> bool:
    known = CRS.from_user_input(crs)
    return known.is_projected and all(axis.unit_conversion_factor == 1 for axis in known.axis_info[:2])


def _distortion(scene: Scene, grid: Grid) -> float:
    """Return by how much the lattice lengthens or shortens the middle of a scene, in the direction of the most."""
    x, y = scene.transform @ (scene.shape[1] / 2, scene.shape[0] / 2)
    change = transformer(scene.crs, grid.crs)
    ends = [change.transform(x + _STEP * east, y + _STEP * north) for east, north in ((0, 0), (1, 0), (0, 1))]
    axes = (np.array(ends[1:]) - np.array(ends[0])) / _STEP
    lengths = np.linalg.svd(axes, compute_uv=False)
    return float(np.abs(lengths - 1).max())


def _unseen(project: Project, catalogue: Catalogue) -> tuple[frozenset[str], Polygon | MultiPolygon | None]:
    """Return the ids of the scenes of test and validation, and the ground of these splits."""
    given = project.settings.samples
    names = {*given.test_scenes, *given.validation_scenes}
    cells: list[shapely.Geometry] = []
    if project.samples_file.is_file():
        table = Samples.read(project).table
        table = table[table["split"].isin(_APART)]
        cells = list(table.geometry)
        if given.split == "scenes":
            names |= {str(name) for name in table["scene_id"]}
    footprints = [catalogue.scene(name).footprint for name in sorted(names)]
    ground = polygonal(shapely.union_all([*cells, *footprints]))
    return frozenset(names), None if ground.is_empty else ground
