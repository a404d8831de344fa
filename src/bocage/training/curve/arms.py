"""The arms of a benchmark: which of them were asked for, and which of them can be trained on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from bocage.errors import BocageError, SettingsError
from bocage.models import BACKBONES
from bocage.models.beginning import check_beginning, starts_from_own
from bocage.models.network import build_network
from bocage.outcome import Refusal
from bocage.project import Project
from bocage.settings import BenchmarkSettings, RunSettings
from bocage.training.curve.cell import CellRecord


def choose_arms(settings: BenchmarkSettings, names: Sequence[str] | None) -> tuple[RunSettings, ...]:
    """Return the arms of those names, or all.

    Raises
    ------
    SettingsError
        If there is none of a name.
    """
    known = {arm.name: arm for arm in settings.arms}
    if names is None:
        return settings.arms
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise SettingsError(
            f"the benchmark has no arm {', '.join(unknown) or '(none was named)'}",
            f"name some of {', '.join(known)}, or add one under [[benchmark.arms]]",
        )
    return tuple(known[name] for name in dict.fromkeys(names))


def refuse_arm(project: Project, arm: RunSettings) -> Refusal | None:
    """Return why an arm cannot be trained here, or not be compared, or None: a network is built once to see.

    A model of the project itself is no start: it has learnt from labels that the budgets do not count.
    """
    try:
        check_beginning(project, arm)
        if starts_from_own(project, arm):
            raise SettingsError(
                f"arm {arm.name} starts from {arm.start}: it has learnt from labels here that no budget counts",
                "start from a model of another project, or leave start out",
            )
        if arm.backbone in BACKBONES and not arm.start:
            build_network(arm.backbone, arm.pretrained)
    except BocageError as error:
        return Refusal.of(f"arm {arm.name}", error)
    return None


def refuse_failed(records: Sequence[CellRecord]) -> list[Refusal]:
    """Return the refusals of cells that failed; those of an arm that failed alike are one."""
    groups: dict[tuple[str, str, str], list[CellRecord]] = {}
    for record in records:
        if not record.done:
            groups.setdefault((record.cell.arm, record.reason, record.mend), []).append(record)
    return [
        Refusal(str(alike[0].cell) if len(alike) == 1 else f"arm {arm}, {len(alike)} cells", reason, mend)
        for (arm, reason, mend), alike in groups.items()
    ]
