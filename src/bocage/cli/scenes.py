"""``bocage scenes``: recognise, list, show, check and convert deliveries."""

from __future__ import annotations

from dataclasses import asdict
from glob import glob
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_refusals, answer_table, finish, output
from bocage.errors import BocageError
from bocage.outcome import Refusal
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)

_LONGEST = 240


@app.command()
def add(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Rasters, folders, archives, metadata files, STAC Items or s3:// URLs; those of the settings if none."
        ),
    ] = None,
    bands: Annotated[
        str | None, typer.Option(help="Band names in file order, where nothing names them: red,green,blue,nir.")
    ] = None,
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every pixel, to find damage that the headers do not show.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Recognise scenes and add them to the catalogue."""
    given = [_from_here(path) for path in paths] if paths else None
    names = None if bands is None else [band.strip() for band in bands.split(",")]
    receipt = run_stage(Project.open(project), "scenes", paths=given, bands=names, decode=decode or None)
    finish([receipt], as_json=as_json)


def _from_here(path: str) -> str:
    """Return a path or pattern from the current folder where it names something there; else as it was typed."""
    here = Path(path).absolute()
    if "://" not in path and (here.exists() or glob(str(here), recursive=True)):  # noqa: PTH207 - absolute
        return str(here)
    return path


@app.command("list")
def list_(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List the scenes of the catalogue."""
    from bocage.scenes import Catalogue

    opened = Project.open(project)
    rows: list[dict[str, Any]] = [
        {
            "id": scene.id,
            "sensor": scene.sensor,
            "platform": scene.platform,
            "acquired": scene.acquired and str(scene.acquired.date()),
            "gsd": round(scene.gsd, 2),
            "bands": " ".join(scene.bands),
            "type": scene.image.dtype,
            "cloud_cover": scene.cloud_cover,
            "calibrated": scene.calibration is not None,
            "parts": len(scene.image.parts),
        }
        for scene in Catalogue.open(opened.scenes_file, opened.grid).scenes
    ]
    if as_json:
        answer({"scenes": rows}, as_json=True)
    else:
        shown = [row | {"calibrated": "yes" if row["calibrated"] else "no"} for row in rows]
        answer_table(tuple(rows[0]), [tuple(row.values()) for row in shown])


@app.command()
def show(
    scene_id: Annotated[str, typer.Argument(help="The id of a scene, as the list shows it.")],
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what the catalogue knows of one scene; with --json its whole STAC Item."""
    from bocage.scenes import Catalogue
    from bocage.scenes.item import to_item

    opened = Project.open(project)
    scene = Catalogue.open(opened.scenes_file, opened.grid).scene(scene_id)
    if as_json:
        item = to_item(scene, opened.grid.crs, opened.folder)
        answer(item.to_dict(include_self_link=False, transform_hrefs=False), as_json=True)
        return
    image, calibration = scene.image, scene.calibration
    left, bottom, right, top = (round(value) for value in scene.footprint.bounds)
    facts: dict[str, object] = {
        "id": scene.id,
        "sensor": scene.sensor,
        "platform": scene.platform,
        "acquired": scene.acquired,
        "files": ", ".join(part.href for part in image.parts),
        "metadata": ", ".join(scene.documents),
        "size": f"{scene.size / 1e6:.1f} MB",
        "raster": f"{scene.shape[0]} x {scene.shape[1]} pixels of {scene.gsd:.3g} m, {image.dtype}, {_crs(scene.crs)}",
        "bands": " ".join(scene.bands),
        "nodata": scene.nodata,
        "saturation": scene.saturation,
        "valid": _share(scene.valid_share),
        "saturated": _share(scene.saturated_share),
        "bounds": f"{left} {bottom} {right} {top} in {_crs(opened.grid.crs)}",
        "sun elevation": scene.sun_elevation,
        "sun azimuth": scene.sun_azimuth,
        "off nadir": scene.off_nadir,
        "view azimuth": scene.view_azimuth,
        "cloud cover": scene.cloud_cover,
        "cloud mask": None if scene.clouds is None else f"{scene.clouds.area / 1e6:.2f} km2",
        "calibration": calibration and f"to reflectance, by {calibration.source}",
        "quick-look": scene.quicklook,
    }
    answer({name: _cut(value) for name, value in facts.items() if value not in {None, ""}}, as_json=False)
    answer_table(("band", "minimum", "maximum", "mean", "deviation", "low", "high", "scale", "offset"), _bands(scene))


@app.command()
def check(
    scene_ids: Annotated[list[str] | None, typer.Argument(help="Ids of scenes; all if none.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Decode every pixel and compare the files with the catalogue; status 1 if a scene is not whole."""
    from bocage.scenes.checking import check_scenes

    found = check_scenes(Project.open(project), scene_ids or ())
    rows = [{"id": each.id, "state": each.state, "reason": each.reason, "mend": each.mend} for each in found]
    if as_json:
        answer({"scenes": rows}, as_json=True)
    else:
        answer_table(("id", "state", "reason", "mend"), [tuple(row.values()) for row in rows])
    if any(each.state != "whole" for each in found):
        raise typer.Exit(1)


@app.command()
def convert(
    scene_ids: Annotated[list[str], typer.Argument(help="Ids of scenes, as the list shows them.")],
    to: Annotated[Path, typer.Option(help="The folder for the files.")],
    as_: Annotated[
        Literal["numbers", "reflectance", "bytes"],
        typer.Option("--as", help="Numbers as delivered, reflectance, or the 8 bits that a model sees."),
    ] = "numbers",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write scenes as cloud-optimised GeoTIFF with a STAC Item each."""
    from bocage.progress import track
    from bocage.scenes import Catalogue
    from bocage.scenes.conversion import convert as convert_scene

    opened = Project.open(project)
    catalogue = Catalogue.open(opened.scenes_file, opened.grid)
    scenes = [catalogue.scene(name) for name in dict.fromkeys(scene_ids)]
    written: list[str] = []
    refused: list[Refusal] = []
    for scene in track(scenes, "Converting scenes"):
        try:
            written.append(str(convert_scene(scene, opened.grid, to, as_)))
        except BocageError as error:
            refused.append(Refusal.of(scene.id, error))
    if as_json:
        answer({"written": written, "refused": [asdict(each) for each in refused]}, as_json=True)
    else:
        for path in written:
            output.print(f"wrote {path}", markup=False, highlight=False)
        answer_refusals(refused)
    if refused:
        raise typer.Exit(1)


def _bands(scene: Any) -> list[tuple[object, ...]]:
    from bocage.scenes import BANDS

    rows: list[tuple[object, ...]] = []
    for place, name in enumerate(band for band in BANDS if band in scene.bands):
        found = scene.statistics[place] if scene.statistics else None
        known = (found.minimum, found.maximum, found.mean, found.deviation) if found else (None,) * 4
        line = (scene.calibration.scale[place], scene.calibration.offset[place]) if scene.calibration else (None, None)
        rows.append(
            (name, *(None if value is None else f"{value:.6g}" for value in (*known, *scene.stretch[place], *line)))
        )
    return rows


def _share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f} %"


def _crs(text: str) -> str:
    """Return a CRS by its code, or by its name where it has none."""
    if text.startswith("EPSG:"):
        return text
    from pyproj import CRS

    return str(CRS.from_user_input(text).name)


def _cut(value: object) -> object:
    text = str(value)
    return f"{text[:_LONGEST]} ..." if len(text) > _LONGEST else value
