"""The file of nested subsets, ``subsets.parquet``: which training samples form the subsets of each size, in each order.

One row per order and sample, up to the largest budget, as GeoParquet in the grid's CRS, so that a map shows them:

===========  =========================================================================================================
``order``    number of the order, from 0
``rank``     place of the sample in the order, from 1: the subset of n samples is all rows with a rank of n or less
``budget``   the smallest of the asked budgets that holds the sample
``sample_id``, ``stratum``, ``geometry``   as in ``samples.parquet``
===========  =========================================================================================================

A rank says more than a list of names per budget: nestedness cannot be broken, and any other budget can be read from it.
It is a file of its own because a column in ``samples.parquet`` would make every chip stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow.lib
import pyarrow.parquet as pq

from bocage.errors import ProjectError, SampleError
from bocage.files import digest_json, whole_file
from bocage.project import Project
from bocage.samples.samples import Samples
from bocage.samples.subsets import nested_subsets

FILE = "subsets.parquet"
BUDGETS = (5, 50, 500, 5000, 10_000)
COLUMNS = ("order", "rank", "budget", "sample_id", "stratum", "geometry")
_INPUTS = b"bocage:inputs"
_AGAIN = "run: bocage samples subsets"


@dataclass(frozen=True)
class Subsets:
    """Nested subsets of the training samples in several orders, with the columns ``COLUMNS``."""

    table: geopandas.GeoDataFrame

    @classmethod
    def read(cls, project: Project) -> Subsets:
        """Read ``subsets.parquet``.

        Raises
        ------
        ProjectError
            If no subsets were made, or no samples drawn.
        SampleError
            If the file is damaged, lacks a column or is of other samples than ``samples.parquet`` holds now.
        """
        path = project.folder / FILE
        if not path.is_file():
            raise ProjectError(f"{project.folder} holds no subsets", _AGAIN)
        try:
            table = geopandas.read_parquet(path)
        except (pyarrow.lib.ArrowException, ValueError, OSError) as error:
            raise SampleError(f"{path} cannot be read: {error}", _AGAIN) from error
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            raise SampleError(f"{path} lacks the columns {', '.join(missing)}", _AGAIN)
        training = Samples.read(project).of("train").table
        strata = dict(zip(training["sample_id"], training["stratum"], strict=True))
        if any(strata.get(name) != own for name, own in zip(table["sample_id"], table["stratum"], strict=True)):
            raise SampleError(f"{path} names samples that train no more, or are of another stratum now", _AGAIN)
        return cls(table)

    def of(self, budget: int, order: int = 0) -> list[str]:
        """Return the names of a subset, as they were chosen; fewer than ``budget`` where there are no more.

        Raises
        ------
        SampleError
            If the file holds no such order, or fewer samples than the budget although there are more.
        """
        mine = self.table[self.table["order"] == order].sort_values("rank")
        most = int(self.table["budget"].max())
        if mine.empty or budget < 1 or budget > most:
            orders = self.table["order"].nunique()
            raise SampleError(
                f"{FILE} holds no subset of {budget} samples in the order {order}: it has {orders} orders of up to "
                f"{most} samples",
                f"{_AGAIN} --budgets {max(budget, 1)} --orders {max(order + 1, orders)}",
            )
        return [str(name) for name in mine["sample_id"].head(budget)]


def write_subsets(project: Project, budgets: Iterable[int] = BUDGETS, orders: int = 5) -> dict[str, Any]:
    """Write ``subsets.parquet`` for the training samples of a project and return its figures.

    The orders follow from ``samples.seed`` and their number: the same samples give the same file on any machine, and an
    order stays as it is when more of them, or other budgets, are asked for. A file that is up to date is kept.

    Parameters
    ----------
    budgets
        How many samples each subset has, 1 or more; one that is larger than all training samples holds all of them.
    orders
        How many orders, 1 or more.

    Raises
    ------
    ProjectError
        If no samples were drawn.
    SampleError
        If there are no training samples, or a budget or the number of orders is below 1.
    """
    asked = sorted(set(budgets))
    if orders < 1:
        raise SampleError(f"{orders} orders cannot be made", "ask for 1 order or more")
    samples = Samples.read(project)
    training = samples.of("train").table
    seed = project.settings.samples.seed
    of_training = training[["sample_id", "stratum", "column", "row"]].sort_values("sample_id").to_numpy().tolist()
    inputs = digest_json([asked, orders, seed, of_training])
    path = project.folder / FILE
    kept = _inputs_of(path) == inputs
    if kept:
        table = Subsets.read(project).table
    else:
        found = [nested_subsets(samples, asked, (seed, order)) for order in range(orders)]
        table = _table(training, found)
        _write(table, path, inputs)
    return {
        "file": str(path),
        "kept": kept,
        "orders": orders,
        "training_samples": len(training),
        "strata": int(training["stratum"].nunique()),
        "subsets": [_figures(training, table, budget) for budget in asked],
    }


def _table(training: geopandas.GeoDataFrame, found: Sequence[dict[int, list[str]]]) -> geopandas.GeoDataFrame:
    """Return the rows of all orders."""
    rows = []
    for order, subsets in enumerate(found):
        budgets = list(subsets)
        names = subsets[budgets[-1]]
        rank = np.arange(1, len(names) + 1)
        smallest = np.array(budgets)[np.searchsorted(budgets, rank)]
        rows.append(pd.DataFrame({"order": order, "rank": rank, "budget": smallest, "sample_id": names}))
    of_sample = training[["sample_id", "stratum", "geometry"]]
    joined = pd.concat(rows, ignore_index=True).merge(of_sample, on="sample_id", how="left", validate="many_to_one")
    return geopandas.GeoDataFrame(joined, geometry="geometry", crs=training.crs)[list(COLUMNS)]


def _write(table: geopandas.GeoDataFrame, path: Path, inputs: str) -> None:
    """Write the table with the digest of what it was made from, whole or not at all."""
    with whole_file(path) as temporary:
        table.to_parquet(temporary, index=False)
        arrow = pq.read_table(temporary)
        pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), _INPUTS: inputs}), temporary)


def _inputs_of(path: Path) -> str | None:
    """Return the digest that a file carries; None where there is none or it is damaged."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pyarrow.lib.ArrowException, OSError):
        return None
    found = metadata.get(_INPUTS)
    return None if found is None else found.decode()


def _figures(training: geopandas.GeoDataFrame, table: geopandas.GeoDataFrame, budget: int) -> dict[str, Any]:
    """Return what the subsets of one budget hold: samples, strata, and how far a stratum is from its share."""
    share = training["stratum"].value_counts() / len(training)
    subset = table[table["rank"] <= budget]
    counts = (
        subset.groupby(["order", "stratum"]).size().unstack(fill_value=0).reindex(columns=share.index, fill_value=0)
    )
    size = counts.sum(axis=1)
    return {
        "budget": budget,
        "samples": int(size.max()),
        "strata_fewest": int((counts > 0).sum(axis=1).min()),
        "strata_most": int((counts > 0).sum(axis=1).max()),
        "off_share_most": round(float((counts - np.outer(size, share)).abs().to_numpy().max()), 3),
    }
