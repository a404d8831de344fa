"""``bocage scenes``: recognise, check and catalogue deliveries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.errors import SceneError
from bocage.project import Project

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rasters or folders; those of the settings if none.")
    ] = None,
    bands: Annotated[
        str | None, typer.Option(help="Band names in file order, where a file does not name them: red,green,blue,nir.")
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Recognise scenes and add them to the catalogue."""
    given = None if not paths else [str(path.absolute()) for path in paths]
    names = None if bands is None else [band.strip() for band in bands.split(",")]
    finish([run_stage(Project.open(project), "scenes", paths=given, bands=names)], as_json=as_json)


@app.command("list")
def list_(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List the scenes of the catalogue."""
    from bocage.scenes import Catalogue

    opened = Project.open(project)
    scenes = Catalogue.open(opened.scenes_file, opened.grid).scenes
    columns = ("id", "sensor", "gsd", "bands", "acquired", "cloud_cover")
    rows = [
        (
            scene.id,
            scene.sensor,
            round(scene.gsd, 2),
            " ".join(scene.bands),
            scene.acquired and scene.acquired.date(),
            scene.cloud_cover,
        )
        for scene in scenes
    ]
    if as_json:
        answer({"scenes": [dict(zip(columns, row, strict=True)) for row in rows]}, as_json=True)
    else:
        answer_table(columns, rows)


@app.command()
def show(
    scene_id: Annotated[str, typer.Argument(help="The id of a scene, as the list shows it.")],
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show all that the catalogue knows of one scene."""
    from bocage.scenes import Catalogue
    from bocage.scenes.item import to_item

    opened = Project.open(project)
    scenes = {scene.id: scene for scene in Catalogue.open(opened.scenes_file, opened.grid).scenes}
    if scene_id not in scenes:
        raise SceneError(f"the catalogue has no scene {scene_id!r}", "run: bocage scenes list")
    item = to_item(scenes[scene_id], opened.grid.crs, opened.folder)
    answer(item.to_dict(include_self_link=False, transform_hrefs=False), as_json=as_json)
