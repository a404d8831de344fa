"""The stage ``assess``: plan the sample, collect the responses, estimate, compare exhaustively and write it down."""

from __future__ import annotations

import io
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bocage.accuracy.estimators import Assessment, Estimate, stehman
from bocage.accuracy.population import Population, map_digest, map_reader, population_of
from bocage.accuracy.responses import ReadLabel, find_responses, responses_from_file, responses_from_layer
from bocage.accuracy.sampling import STRATA, ReadProbability, classes_of, draw_points
from bocage.accuracy.truth import compare_everywhere
from bocage.errors import AccuracyError
from bocage.files import whole_file, write_bytes, write_json
from bocage.grid import Window
from bocage.outcome import Outcome
from bocage.project import Project

if TYPE_CHECKING:
    import geopandas as gpd

_log = logging.getLogger("bocage")

CLASSES = ("background", "tree")
# The service asks for 80 % overall, user's and producer's accuracy at 95 % confidence (ATBD of HRL SLF 2021).
TARGET = 0.80


@dataclass(frozen=True, slots=True)
class Design:
    """A drawn sample: one row per pixel, and the population that it stands for.

    Attributes
    ----------
    points
        Columns point_id, stratum (name), column, row, weight (population pixels per sampled pixel), geometry.
    sizes
        (strata,) pixels in the population.
    nodata
        Pixels of the population without a map value.
    seed
        What the points were drawn with.
    """

    points: gpd.GeoDataFrame
    sizes: NDArray[np.int64]
    nodata: int
    seed: int


def plan_assessment(project: Project) -> Outcome:
    """Draw the sample and write it for interpreters, without saying what the map shows.

    ``accuracy/plan.gpkg`` holds one square per pixel and an empty column ``response``; the interpreter fills it in
    there, or saves the table as ``responses.gpkg`` or ``responses.csv`` beside it. ``plan.parquet`` and ``plan.json``
    keep the strata and the weights, which the responses are read with however the map has changed since.

    Raises
    ------
    AccuracyError
        If there is no map or no test cell, or responses to an earlier plan are in place.
    """
    folder = project.accuracy_folder
    answered = find_responses(folder)
    if answered is not None:
        raise AccuracyError(
            f"{answered} holds responses to the plan in place", "move it away before you plan a new sample"
        )
    population = population_of(project)
    design = _draw(project, population, map_reader(project))
    plan = folder / "plan.gpkg"
    # Last, so that no plan is handed out whose strata are not on disk.
    _write_design(project, design)
    _write_plan(plan, design, project)
    return Outcome((plan, folder / "plan.parquet", folder / "plan.json"), _design_figures(design, population))


def assess(project: Project) -> Outcome:
    """Estimate the accuracy of the map and write ``accuracy/accuracy.json`` and ``accuracy/sample.parquet``.

    An interpreter's responses count before the reference layer; the exhaustive comparison needs the layer.

    Raises
    ------
    AccuracyError
        If there is no map, neither a reference layer nor responses, a response to a point that the plan does not hold,
        or no decided response.
    LayerError
        If the reference layer cannot be read.
    """
    population = population_of(project)
    folder, settings = project.accuracy_folder, project.settings.accuracy
    answered = find_responses(folder)
    if answered is None and settings.reference is None:
        raise AccuracyError(
            f"{project.folder} has nothing to compare the map with: accuracy.reference is not set, {folder} holds no "
            "responses",
            "set [accuracy.reference] to a layer of classes, or run: bocage assess plan, and interpret the sample",
        )
    read = map_reader(project)
    label = _label_reader(project)
    if answered is None:
        design = _draw(project, population, read)
        column, row = _pixels(design)
        assert label is not None
        response = responses_from_layer(label, population.cells, column, row)
        source = "reference layer"
    else:
        design = _read_design(project, answered)
        response = responses_from_file(answered, design.points["point_id"].tolist())
        source = f"interpretation, {answered.name}"
    column, row = _pixels(design)
    mapped = responses_from_layer(
        lambda window: classes_of(read(window), project.settings.features.threshold), population.cells, column, row
    )
    # A pixel that the map of today does not cover cannot agree or disagree.
    response = np.where(mapped == 255, np.uint8(255), response)
    stratum = np.array([STRATA.index(name) for name in design.points["stratum"]])
    present = np.flatnonzero(design.sizes > 0)
    estimates = stehman(
        np.searchsorted(present, stratum),
        np.where(mapped == 255, 0, mapped).astype(np.int64),
        response.astype(np.int64),
        design.sizes[present].astype(float).tolist(),
        CLASSES,
        settings.confidence,
    )
    points = design.points.assign(mapped=mapped, response=response)
    with whole_file(folder / "sample.parquet") as temporary:
        points.to_parquet(temporary)
    exhaustive = None if label is None else compare_everywhere(project, population, read, label)
    content = {
        "population": {"kind": population.kind, "statement": population.statement, "cells": len(population.cells)},
        "source": source,
        "map_digest": map_digest(project),
        "threshold": project.settings.features.threshold,
        "confidence": settings.confidence,
        "design": _design_figures(design, population),
        "estimates": _estimates(estimates, design, project),
        "exhaustive": exhaustive,
    }
    target = folder / "accuracy.json"
    write_json(target, content)
    return Outcome((target, folder / "sample.parquet"), _headline(content))


def _label_reader(project: Project) -> ReadLabel | None:
    reference = project.settings.accuracy.reference
    if reference is None:
        return None
    from bocage.reference import label_of, open_layer

    layer = open_layer(reference, project)

    def read(window: Window) -> NDArray[np.uint8]:
        return label_of(layer, project.grid, window)

    return read


def _draw(project: Project, population: Population, read: ReadProbability) -> Design:
    import geopandas as gpd

    settings = project.settings.accuracy
    points = draw_points(
        population.windows,
        read,
        threshold=project.settings.features.threshold,
        count=settings.count,
        minimum=settings.minimum_per_stratum,
        seed=settings.seed,
    )
    drawn = np.bincount(points.stratum, minlength=len(STRATA))
    size = project.grid.resolution
    table = gpd.GeoDataFrame(
        {
            # The name is the pixel: a response can never be read as one about other ground, whichever plan it is from.
            "point_id": [f"C{column}R{row}" for column, row in zip(points.column, points.row, strict=True)],
            "stratum": [STRATA[code] for code in points.stratum],
            "weight": (points.sizes / np.maximum(drawn, 1))[points.stratum],
            "column": points.column,
            "row": points.row,
        },
        geometry=gpd.points_from_xy((points.column + 0.5) * size, -(points.row + 0.5) * size),
        crs=project.grid.crs,
    )
    return Design(table, points.sizes, points.nodata, settings.seed)


def _pixels(design: Design) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return design.points["column"].to_numpy(np.int64), design.points["row"].to_numpy(np.int64)


def _write_design(project: Project, design: Design) -> None:
    folder = project.accuracy_folder
    with whole_file(folder / "plan.parquet") as temporary:
        design.points.to_parquet(temporary)
    lattice = [project.grid.crs, project.grid.resolution]
    write_json(folder / "plan.json", {"nodata": design.nodata, "seed": design.seed, "lattice": lattice})


def _read_design(project: Project, answered: Path) -> Design:
    import json

    import geopandas as gpd

    folder = project.accuracy_folder
    sample, about = folder / "plan.parquet", folder / "plan.json"
    if not sample.is_file() or not about.is_file():
        raise AccuracyError(
            f"{answered} holds responses, but {sample} or {about} that says what they stand for is missing",
            "put both files of the plan back, or move the responses away and plan again",
        )
    content = json.loads(about.read_text(encoding="utf-8"))
    # Columns and rows of another lattice are other ground.
    if content["lattice"] != [project.grid.crs, project.grid.resolution]:
        raise AccuracyError(
            f"{answered} holds responses to a plan on the lattice {content['lattice']}, and that of the project is "
            f"{[project.grid.crs, project.grid.resolution]}",
            "set grid.crs and grid.resolution back, or move the responses away and plan again",
        )
    points = gpd.read_parquet(sample)
    # Every stratum that holds a pixel has a point, so the weights say how many it holds.
    sizes = points.groupby("stratum")["weight"].sum().reindex(STRATA, fill_value=0).round().to_numpy(np.int64)
    return Design(points, sizes, int(content["nodata"]), int(content["seed"]))


def _write_plan(path: Path, design: Design, project: Project) -> None:
    points = design.points[["point_id", "geometry"]].copy()
    # A square shows the interpreter which ground the response is about.
    points["geometry"] = points.geometry.buffer(project.grid.resolution / 2, cap_style="square")
    points["response"] = np.full(len(points), np.nan)
    points["note"] = ""
    # In memory first: GDAL tells of a full disk in errors of its own, of which nobody could be told to free space.
    # The value is copied: Python 3.12.1 crashes when an error keeps the buffer of a BytesIO for the garbage collector.
    content = io.BytesIO()
    points.to_file(content, layer="plan", driver="GPKG")
    write_bytes(path, content.getvalue())


def _design_figures(design: Design, population: Population) -> dict[str, Any]:
    counts = design.points["stratum"].value_counts()
    total = int(design.sizes.sum())
    strata = [
        {"name": name, "pixels": int(size), "share": size / total, "drawn": int(counts.get(name, 0))}
        for name, size in zip(STRATA, design.sizes.tolist(), strict=True)
    ]
    return {
        "population": population.statement,
        "points": len(design.points),
        "strata": strata,
        "seed": design.seed,
        "pixels": total,
        "unmapped_share": design.nodata / (total + design.nodata),
    }


def _estimates(estimates: Assessment, design: Design, project: Project) -> dict[str, Any]:
    hectares = project.grid.resolution**2 / 10_000
    # Area is stated for the ground that the reference can decide on.
    area = float(design.sizes.sum()) * hectares * (estimates.decided.value or 0)
    classes = {
        own.name: {
            "users": asdict(own.users),
            "producers": asdict(own.producers),
            "f1": asdict(own.f1),
            "iou": asdict(own.iou),
            "area_share": asdict(own.share),
            "area_ha": asdict(own.share.scaled(area)),
            "mapped_area_ha": float(estimates.matrix[index].sum()) * area,
        }
        for index, own in enumerate(estimates.classes)
    }
    tree = estimates.classes[CLASSES.index("tree")]
    return {
        "overall": asdict(estimates.overall),
        "decided_share": asdict(estimates.decided),
        "classes": classes,
        "counts": estimates.counts.tolist(),
        "matrix": estimates.matrix.tolist(),
        "target": {
            "value": TARGET,
            "overall": verdict(estimates.overall),
            "users": verdict(tree.users),
            "producers": verdict(tree.producers),
        },
    }


def verdict(estimate: Estimate, target: float = TARGET) -> str:
    """Say whether an accuracy reaches the target: "met" only where the whole interval lies above it."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not known"
    if estimate.low >= target:
        return "met"
    if estimate.high < target:
        return "missed"
    return "likely" if estimate.value >= target else "unlikely"


def _headline(content: dict[str, Any]) -> dict[str, Any]:
    tree = content["estimates"]["classes"]["tree"]
    figures = {
        "population": content["population"]["statement"],
        "points": content["design"]["points"],
        "overall": content["estimates"]["overall"],
        **{name: tree[name] for name in ("users", "producers", "f1", "iou", "area_ha")},
    }
    if content["exhaustive"] is not None:
        figures["exhaustive"] = {
            name: content["exhaustive"]["all"][name] for name in ("iou", "f1", "precision", "recall", "boundary_f1")
        }
        figures["scenes"] = content["exhaustive"]["spread"]
    return figures
