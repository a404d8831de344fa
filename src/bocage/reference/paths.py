"""Which layers serve a purpose and which local files they name, found without opening one: `bocage status` asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bocage.project import Project
from bocage.scenes.deliveries.locations import split_member
from bocage.settings import LayerKind, LayerSettings


def layers_of_kind(project: Project, kind: LayerKind, path: str | None = None) -> tuple[LayerSettings, ...]:
    """Return the layer at a path of its own or, without one, the registered ones of a kind, the newest first."""
    if path is not None:
        return (LayerSettings(kind=kind, paths=(path,)),)
    registered = [layer for layer in project.settings.reference.layers if layer.kind == kind]
    return tuple(sorted(registered, key=lambda layer: -(layer.year or 0)))


def layers_of_strata(project: Project) -> tuple[LayerSettings, ...]:
    """Return the layers of zones and towns that the strata of the samples are made of."""
    given = project.settings.samples
    kinds: tuple[tuple[LayerKind, str | None], ...] = (("environmental_zones", given.zones), ("urban", given.urban))
    return tuple(layer for kind, path in kinds for layer in layers_of_kind(project, kind, path))


def local_files(settings: LayerSettings, project: Project) -> Iterator[Path]:
    """Yield the local files that the settings name, without opening one: those whose change is a change of the layer.

    Of a folder all files are meant, of an archive the archive, of a shapefile its parts. Which tiles an index names and
    what a store holds is known only to who opens them: see :mod:`bocage.reference.noted`.
    """
    for pattern in settings.paths:
        if isinstance(project.location(pattern), str):
            continue
        for path in project.paths(split_member(pattern)[0]):
            yield path
            if path.suffix.lower() == ".shp":
                yield from sorted(path.parent.glob(f"{path.stem}.*"))
            if path.is_dir():
                yield from sorted(file for file in path.rglob("*") if file.is_file())
