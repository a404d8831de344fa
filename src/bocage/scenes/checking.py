"""Whether the files of catalogued scenes are still whole and still those that were catalogued."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from bocage.errors import BocageError, SceneError
from bocage.progress import bar
from bocage.project import Project
from bocage.scenes.catalogue import Catalogue
from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.identity import checksum, state_digest
from bocage.scenes.recognition import Rules, recognise_delivery
from bocage.scenes.register import Record, Register
from bocage.scenes.scene import Scene
from bocage.scenes.sources import find_again

State = Literal["whole", "changed", "damaged", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """What the check of a scene found.

    Attributes
    ----------
    id
        The scene.
    state
        ``whole``; ``changed`` where its files are whole but not, or perhaps not, those that were catalogued;
        ``damaged`` where one is truncated or a block cannot be decoded; ``missing`` where they are not found any more.
    reason
        In words; empty where the scene is whole.
    mend
        What to do about it.
    """

    id: str
    state: State
    reason: str = ""
    mend: str = ""


def check_scenes(project: Project, names: Sequence[str] = ()) -> list[Check]:
    """Decode every pixel of scenes and compare their files with the catalogue; nothing is written.

    Parameters
    ----------
    project
        The project.
    names
        Ids of the scenes; all where there are none.

    Returns
    -------
    list
        One check per scene, ordered by id.

    Raises
    ------
    ProjectError
        If there is no catalogue.
    SceneError
        If no scene has one of the ids.
    """
    catalogue = Catalogue.open(project.scenes_file, project.grid)
    known = Register(project.scenes_file, project.grid).records
    if unknown := sorted(set(names) - set(known)):
        raise SceneError(f"no scene is named {', '.join(unknown)}", "list the scenes with: bocage scenes list")
    chosen = {name: known[name] for name in sorted(names or known)}
    deliveries, refused = find_again(project, chosen)
    reasons = {refusal.subject: refusal for refusal in refused}

    def one(name: str) -> Check:
        scene, record = catalogue.scene(name), chosen[name]
        delivery = deliveries.get(name)
        if delivery is None:
            why = reasons.get(scene.href) or reasons.get(record.source)
            reason = why.reason if why else f"{scene.href} is not there, or not a delivery any more"
            return Check(name, "missing", reason, "deliver it again, or catalogue the scenes anew")
        return _check(project, scene, record, delivery)

    workers = min(16, 2 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool, bar("Checking scenes", len(chosen)) as advance:
        found = []
        for check in pool.map(one, chosen):
            advance(1)
            found.append(check)
    return found


def _check(project: Project, scene: Scene, record: Record, delivery: Delivery) -> Check:
    settings = project.settings.scenes
    rules = Rules(settings.stretch, settings.percentiles, settings.bands, settings.mask_saturated, decode=True)
    try:
        again = recognise_delivery(delivery, project.grid, rules, record.stated).scene
    except BocageError as error:
        return Check(scene.id, "damaged", error.problem, error.mend)
    if again.size != scene.size:
        reason = f"{scene.href} had {scene.size} bytes when it was catalogued and has {again.size}"
        return Check(scene.id, "changed", reason, "run: bocage scenes add")
    same = not record.checksum or record.checksum == checksum(delivery)
    if again.digest != scene.digest or not same:
        return Check(
            scene.id, "changed", f"{scene.href} or its metadata hold other bytes than those that were catalogued",
            "run: bocage scenes add",
        )  # fmt: skip
    # Without a checksum of every byte, files that were written again may hold anything.
    if not record.checksum and state_digest(delivery) != record.state:
        reason = f"{scene.href}, its metadata or a file beside it was written or moved after it was catalogued"
        return Check(scene.id, "changed", reason, "run: bocage scenes add")
    return Check(scene.id, "whole")
