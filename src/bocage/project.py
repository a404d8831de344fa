"""A project: one folder with its settings file, and where each stage keeps what it made."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bocage.errors import ProjectError, SettingsError
from bocage.files import write_text
from bocage.grid import Bounds, Grid, Tiling
from bocage.settings import Settings
from bocage.storage import Storage, open_storage

SETTINGS_FILE = "bocage.toml"


@dataclass(frozen=True)
class Project:
    """The settings of a project and the paths of its stages. Nothing here touches a raster."""

    folder: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path | str = ".") -> Project:
        """Read ``bocage.toml`` in ``folder``.

        Raises
        ------
        ProjectError
            If the folder holds no settings file.
        SettingsError
            If the file is not TOML, holds an unknown key or a value out of range.
        """
        folder = Path(folder)
        file = folder / SETTINGS_FILE
        if not file.is_file():
            raise ProjectError(
                f"{folder} is not a project: it holds no {SETTINGS_FILE}",
                f"run: bocage init {shlex.quote(str(folder))}",
            )
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
            return cls(folder.resolve(), Settings.model_validate(content))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file} is not valid TOML: {error}", "mend the line that is named") from error
        except ValidationError as error:
            raise SettingsError(
                f"{file}: {_first_faults(error)}", "mend or remove the setting that is named"
            ) from error

    @property
    def grid(self) -> Grid:
        """The working lattice."""
        return Grid(self.settings.grid.crs, self.settings.grid.resolution)

    @property
    def tiling(self) -> Tiling:
        """The work tiles, 10 km by default."""
        return Tiling(self.grid, self.settings.grid.tile_size)

    @property
    def cells(self) -> Tiling:
        """The production cells in which products are delivered, 100 km by default."""
        return Tiling(self.grid, self.settings.grid.cell_size)

    @property
    def bounds(self) -> Bounds | None:
        """The area to work on as the settings give it, or None for all that the scenes cover."""
        bbox = self.settings.area.bbox
        return None if bbox is None else Bounds(*bbox)

    def paths(self, pattern: str) -> list[Path]:
        """Return the files and folders that a path setting names, sorted.

        ``${NAME}`` and ``${NAME:-default}`` stand for environment variables; ``*`` and ``**`` match names; a relative
        path starts at the project folder. A path without a wildcard is returned also where nothing is there, so that
        the stage that needs it can say which file is missing.

        Raises
        ------
        SettingsError
            If an environment variable without a default is not set.
        """
        path = self.folder / _expand(pattern)
        magic = next((index for index, part in enumerate(path.parts) if any(sign in part for sign in "*?[")), None)
        if magic is None:
            return [path]
        return sorted(Path(*path.parts[:magic]).glob(str(Path(*path.parts[magic:]))))

    def location(self, text: str) -> Path | str:
        """Return what a setting names that may lie elsewhere: a path, from the project folder on, or an ``s3://`` URL.

        ``${NAME}`` and ``${NAME:-default}`` stand for environment variables.

        Raises
        ------
        SettingsError
            If an environment variable without a default is not set.
        """
        text = _expand(text)
        return text if text.startswith("s3://") else self.folder / text

    def model_place(self, name: str) -> Path | str:
        """Return the folder of a training run, or of a package elsewhere if ``name`` is its path or ``s3://`` URL.

        Where neither is there yet, a name with a separator is a path, and one without is a run.

        Raises
        ------
        SettingsError
            As :meth:`location`.
        """
        run, elsewhere = self.models_folder / name, self.location(name)
        named = isinstance(elsewhere, str) or elsewhere.is_dir() or len(Path(name).parts) > 1
        return elsewhere if named and not run.is_dir() else run

    @property
    def scenes_file(self) -> Path:
        """The catalogue of scenes, STAC GeoParquet."""
        return self.folder / "scenes.parquet"

    @property
    def labels_folder(self) -> Path:
        """Label tiles on the lattice: 0 non-tree, 1 tree, 255 ignore."""
        return self.folder / "labels"

    @property
    def samples_file(self) -> Path:
        """The drawn cells, GeoParquet."""
        return self.folder / "samples.parquet"

    @property
    def chips_folder(self) -> Path:
        """Image and label chips of the samples."""
        return self.folder / "chips"

    @property
    def models_folder(self) -> Path:
        """One model package per training run."""
        return self.folder / "models"

    @property
    def backbones_folder(self) -> Path:
        """One folder per backbone that was pretrained here."""
        return self.folder / "backbones"

    @property
    def benchmark_folder(self) -> Path:
        """The learning curve: one file per cell, the table, the plot and what they say."""
        return self.folder / "benchmark"

    @property
    def map_location(self) -> Path | str:
        """Where the probability tiles and their STAC Items lie: a folder, or the ``s3://`` URL of a prefix."""
        return self.location(self.settings.mapping.folder)

    @property
    def map_folder(self) -> Path:
        """The same, for what can only work in a folder.

        Raises
        ------
        SettingsError
            If the map lies in a bucket.
        """
        if isinstance(self.map_location, str):
            raise SettingsError(
                f"mapping.folder is {self.map_location}, and this needs a folder",
                "copy the map into a folder and set that",
            )
        return self.map_location

    @cached_property
    def map_storage(self) -> Storage:
        """The same, as a storage; every stage reads and writes tiles through it."""
        return open_storage(self.map_location)

    @property
    def homogeneity_file(self) -> Path:
        """What the last mapping run says of the evenness of the mosaic, and of its own plan."""
        return self.folder / "homogeneity" / "homogeneity.json"

    @property
    def features_folder(self) -> Path:
        """Features per production cell, GeoParquet."""
        return self.folder / "features"

    @property
    def products_folder(self) -> Path:
        """The layers as they are delivered."""
        return self.folder / "products"

    @property
    def accuracy_folder(self) -> Path:
        """Sample and estimates."""
        return self.folder / "accuracy"

    @property
    def report_folder(self) -> Path:
        """The report of the project."""
        return self.folder / "report"

    @property
    def receipts_folder(self) -> Path:
        """One receipt per stage."""
        return self.folder / ".bocage"


def create_project(folder: Path, template: str) -> Path:
    """Write a commented settings file into a new project folder and return its path.

    Raises
    ------
    ProjectError
        If the folder already holds a project: its settings are never overwritten.
    """
    file = folder / SETTINGS_FILE
    if file.exists():
        raise ProjectError(f"{folder} already holds a {SETTINGS_FILE}", "choose another folder or edit that file")
    write_text(file, resources.files("bocage.templates").joinpath(f"{template}.toml").read_text(encoding="utf-8"))
    return file


_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _expand(text: str) -> str:
    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        given = os.environ.get(name)
        if given:
            return given
        if default is None:
            raise SettingsError(
                f"the path {text!r} needs the environment variable {name}", f"set it: export {name}=..."
            )
        return default

    return _VARIABLE.sub(value, text)


def _first_faults(error: ValidationError, most: int = 5) -> str:
    faults: list[Any] = error.errors()
    lines = [f"[{'.'.join(str(part) for part in fault['loc'])}] {_in_words(fault)}" for fault in faults[:most]]
    if len(faults) > most:
        lines.append(f"and {len(faults) - most} more")
    return "; ".join(lines)


def _in_words(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "is not a setting of Bocage"
    own = fault["type"] == "value_error"
    words = str(fault["ctx"]["error"]) if own else f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
    given = fault.get("input")
    # A rule about several settings is given the whole section, which tells nobody anything.
    return words if isinstance(given, dict | list) else f"{words} (it is {given!r})"
