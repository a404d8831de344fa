"""The arms of a benchmark: which of them were asked for, and which of them can be trained on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from bocage.errors import BocageError, SettingsError
from bocage.models.network import build_network
from bocage.outcome import Refusal
from bocage.settings import BenchmarkSettings, RunSettings

FORESTS = ("forest", "forest_per_image")


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


def refuse_arm(arm: RunSettings) -> Refusal | None:
    """Return why an arm cannot be trained here, or None where it can: its network is built once to see."""
    if arm.backbone in FORESTS:
        return None
    try:
        build_network(arm.backbone, arm.pretrained)
    except BocageError as error:
        return Refusal.of(f"arm {arm.name}", error)
    return None
