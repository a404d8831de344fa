"""What was left out is said once for each scene, and for each tile with what stands in its place."""

from dataclasses import replace
from pathlib import Path

from bocage.mapping.receipt import TileSummary
from bocage.mapping.refusals import refused_scenes, refused_tiles, without_store
from bocage.outcome import Refusal
from bocage.scenes.scene import Scene
from tests.mapping.run_slowly import plan_of


def summary(tile: str, *scenes: str) -> TileSummary:
    return TileSummary(
        tile, 100, 100, 1, 1.0, (), tuple(Refusal(scene, "cannot be read", "mend it") for scene in scenes)
    )


def test_a_scene_is_refused_once_with_all_its_tiles() -> None:
    found = refused_scenes([summary("E2", "b", "a"), summary("E1", "a"), summary("E3")])
    assert found == (
        Refusal("a", "cannot be read (mapped without it: E1, E2)", "mend it"),
        Refusal("b", "cannot be read (mapped without it: E2)", "mend it"),
    )


def test_a_tile_says_what_stands_in_its_place() -> None:
    given = [Refusal("W9", "died", "look"), Refusal("E1", "died", "look")]
    assert [each.reason for each in refused_tiles(given, {"E1", "E2"})] == [
        "died (an older map of it stays in the mosaic; the next run tries it again)",
        "died (the mosaic has a hole there; the next run tries it again)",
    ]
    assert {each.mend for each in refused_tiles(given, ())} == {"look"}


def test_only_a_tile_that_lacks_a_scene_of_a_store_is_worth_another_look(tmp_path: Path) -> None:
    jobs = plan_of(tmp_path).jobs
    assert all({scene.id for scene in job.scenes} == {"a", "b"} for job in jobs)
    stored = [replace(job, scenes=tuple(in_store(each) if each.id == "b" else each for each in job.scenes))
              for job in jobs]  # fmt: skip
    results = [summary(jobs[0].tile.id, "a"), summary(jobs[1].tile.id, "b"), summary(jobs[2].tile.id)]
    assert without_store(stored, results) == (stored[1],)
    assert without_store(jobs, results) == ()
    assert without_store(stored, [Refusal(jobs[1].tile.id, "died")]) == ()


def in_store(scene: Scene) -> Scene:
    (part,) = scene.image.parts
    return replace(scene, image=replace(scene.image, parts=(replace(part, href="s3://bucket/b.tif"),)))
