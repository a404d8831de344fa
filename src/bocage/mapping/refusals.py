"""What a mapping run had to leave out, scenes and whole tiles, in words for a person, and what to look at again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
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


def without_store(jobs: Sequence[TileJob], results: Sequence[TileSummary | Refusal]) -> tuple[TileJob, ...]:
    """Return the jobs of the tiles that had to do without a scene of an object store: it may answer by now."""
    lacking = {
        result.id: {refusal.subject for refusal in result.refused}
        for result in results
        if isinstance(result, TileSummary) and result.refused
    }
    return tuple(
        job
        for job in jobs
        if any(scene.id in lacking.get(job.tile.id, ()) and scene.href.startswith("s3://") for scene in job.scenes)
    )


def refused_tiles(given_up: Sequence[Refusal], standing: Collection[str]) -> tuple[Refusal, ...]:
    """Return the refusals of the quarantined tiles, which say what is in the mosaic in their place.

    Parameters
    ----------
    standing
        Names of the tiles of which an older map stands in the mosaic.
    """
    found = []
    for one in sorted(given_up, key=lambda each: each.subject):
        older = one.subject in standing
        instead = "an older map of it stays in the mosaic" if older else "the mosaic has a hole there"
        found.append(Refusal(one.subject, f"{one.reason} ({instead}; the next run tries it again)", one.mend))
    return tuple(found)
