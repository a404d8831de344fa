"""What a mapping run had to leave out, in words for the person who started it: scenes, and whole tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bocage.mapping.receipt import TileSummary, read_summary
from bocage.outcome import Refusal


def refused_scenes(mapped: Sequence[TileSummary]) -> tuple[Refusal, ...]:
    """Return one refusal per quarantined scene, naming the tiles that had to do without it."""
    found: dict[str, tuple[Refusal, list[str]]] = {}
    for summary in sorted(mapped, key=lambda each: each.id):
        for refusal in summary.refused:
            found.setdefault(refusal.subject, (refusal, []))[1].append(summary.id)
    return tuple(
        Refusal(subject, f"{refusal.reason} (mapped without it: {', '.join(tiles)})", refusal.mend)
        for subject, (refusal, tiles) in sorted(found.items())
    )


def refused_tiles(given_up: Sequence[Refusal], folder: Path) -> tuple[Refusal, ...]:
    """Return the refusals of the quarantined tiles, which say what stands in the mosaic in their place."""
    return tuple(
        Refusal(
            one.subject,
            f"{one.reason} ({_instead(one.subject, folder)}; the next run tries it again)",
            one.mend,
        )
        for one in sorted(given_up, key=lambda each: each.subject)
    )


def _instead(tile: str, folder: Path) -> str:
    older = read_summary(folder, tile)
    return "the mosaic has a hole there" if older is None else "an older map of it stays in the mosaic"
