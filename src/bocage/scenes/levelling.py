"""The end of the stage "scenes": bring the stretches of overlapping scenes in line, where the settings ask for it.

It always starts from the stretch of each scene alone, which the catalogue keeps, so that doing it again changes nothing
and a scene that joins later counts as if it had been there from the start.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bocage.outcome import Refusal
from bocage.project import Project
from bocage.scenes.register import Entry, Register
from bocage.scenes.rows import SceneRows
from bocage.scenes.scene import Scene

_log = logging.getLogger("bocage")
# Scenes that a warning names; the figures name all.
_NAMED = 10


def bring_in_line(
    project: Project, register: Register, names: Collection[str], *, changed: bool, refused: list[Refusal]
) -> dict[str, Any]:
    """Give scenes the stretch that the setting ``scenes.harmonise`` asks for, in the register.

    Parameters
    ----------
    project
        The project.
    register
        The catalogue while it is brought up to date.
    names
        Ids of the scenes that stay.
    changed
        Whether a scene came, changed or goes.
    refused
        Scenes that cannot be read are added to it; their stretch is their own, and the next run tries them again.

    Returns
    -------
    dict
        Figures: overlaps, the median difference of overlapping stretched scenes before and after in grey values, on
        pixels that were not used to find it; ``at_bound``, the ids of scenes that would have to change more than they
        may, which a warning tells too. Empty where nothing was to be done.
    """
    method = project.settings.scenes.harmonise
    wanted = "" if method == "none" else method
    if all(register.records[name].harmonised == wanted for name in names) and (not changed or not wanted):
        return {}
    register.write()
    rows = SceneRows(project.scenes_file, project.grid)
    own: dict[str, Scene] = {}
    figures: dict[str, Any] = {}
    unread: set[str] = set()
    for scene in rows:
        stretch = register.records[scene.id].own_stretch
        if scene.id in names:
            own[scene.id] = scene if stretch is None else replace(scene, stretch=stretch)
    if method == "none":
        stretches = {name: scene.stretch for name, scene in own.items()}
    else:
        from bocage.scenes.harmonising import harmonise  # scipy is slow to import, and few projects harmonise
        from bocage.scenes.reader import open_scene

        # Where a scene has no near infrared, its other bands are brought in line all the same.
        done = harmonise(list(own.values()), project.grid, method, partial(open_scene, allow_missing_nir=True))
        stretches, figures["overlaps"] = done.stretches, done.pairs
        refused += done.refused
        unread = {refusal.subject for refusal in done.refused}
        if done.bounded:
            figures["at_bound"] = list(done.bounded)
            _warn(done.bounded)
        if done.before is not None and done.after is not None:
            figures |= {"difference_before": done.before.overall, "difference_after": done.after.overall}
    for scene in rows:
        if scene.id not in names:
            continue
        before, stretch = register.records[scene.id], stretches[scene.id]
        alone = own[scene.id].stretch
        record = replace(
            before,
            own_stretch=None if stretch == alone else alone,
            harmonised="" if scene.id in unread else wanted,
        )
        if record != before or stretch != scene.stretch:
            register.put(Entry(replace(scene, stretch=stretch), record))
    return figures


def _warn(names: Sequence[str]) -> None:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    _log.warning(
        "harmonising changed %s%s as far as it may; they may still differ from their neighbours: look for haze, "
        "clouds without a mask or a wrong order of bands",
        ", ".join(names[:_NAMED]),
        more,
    )
