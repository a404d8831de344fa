"""The report of homogeneity of a run: whether the map is the same map everywhere, and which tiles are not.

It takes the place of a person who scrolls over the mosaic and retouches it by hand. Tiles stand out for four reasons:
they jump at their borders, a scene of theirs differs from all others, their scenes differ more than elsewhere, or a
stripe of them was not seen. Each finding says what it would cost if it were right: by how much the probability is off,
on average over the tile. The worst comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bocage.mapping.disagreement import Pair, Usual, mean_difference, outlying_scenes, outlying_tiles, sum_pairs
from bocage.mapping.fusion import SCALE
from bocage.mapping.inspection import Inspection, Overlap, count_observations
from bocage.mapping.seams import Border, Seams, find_seams
from bocage.training.consistency import Homogeneity, summary

Kind = Literal["seam", "scene", "disagreement", "stripe", "hole"]

_MOST_LISTED = 50
_HOLE = 0.05  # share of a tile's seen ground that is a hole worth a look


@dataclass(frozen=True, slots=True)
class Finding:
    """A tile that stands out.

    Attributes
    ----------
    severity
        By how much the probability would be off on average over the tile, 0..1.
    scene
        The scene that is the reason, where one is.
    """

    tile: str
    kind: Kind
    severity: float
    reason: str
    scene: str = ""


def examine(
    tiles: Mapping[str, Inspection], borders: Sequence[Border], sensors: Mapping[str, str]
) -> tuple[list[Finding], dict[str, Any]]:
    """Return the tiles that stand out, the worst first, and the figures of the report, JSON-like.

    Parameters
    ----------
    tiles
        What was counted of each tile.
    borders
        What was measured between them.
    sensors
        The sensor of each scene.
    """
    pairs = sum_pairs(tiles.values())
    usual = Usual(pairs, sensors)
    scenes = outlying_scenes(pairs, usual)
    seams = find_seams(borders)
    differing = outlying_tiles(tiles, usual, {scene.scene for scene in scenes})
    findings = [
        *_seam_findings(seams),
        *(finding for scene in scenes for finding in _scene_findings(tiles, scene.scene, usual, scene.others)),
        *(_tile_finding(name, times, tiles[name], usual) for name, times in differing),
        *(finding for name, inspection in tiles.items() for finding in _gap_findings(name, inspection)),
    ]
    findings.sort(key=lambda finding: (-finding.severity, finding.tile, finding.kind))
    figures = {
        "tiles": len(tiles),
        "flagged": [asdict(finding) for finding in findings],
        "observations": _observations(tiles.values()),
        "agreement": _agreement(pairs, sensors),
        "scenes": [{**asdict(scene), "times": round(scene.times, 2)} for scene in scenes],
        "seams": _seam_figures(seams),
    }
    return findings, figures


def worst(figures: Mapping[str, Any]) -> str:
    """Return the worst tile of a report and how many more stand out, in words; empty where none does."""
    flagged = figures["flagged"]
    if not flagged:
        return ""
    more = len({entry["tile"] for entry in flagged}) - 1
    others = f"; {more} more stand{'s' if more == 1 else ''} out" if more else ""
    return f"{flagged[0]['tile']} stands out: {flagged[0]['reason']}{others}"


def _seam_findings(seams: Seams) -> list[Finding]:
    """Return the tiles that account for the seams, each seam laid to one of its two tiles.

    A tile that is off has seams on all sides, its neighbours one each: the tile with the most evidence is named, its
    borders are taken out, and so on until no seam is left.
    """
    left = set(seams.significant)
    of_tile: dict[str, list[Border]] = {}
    for border in seams.borders:
        of_tile.setdefault(border.first, []).append(border)
        of_tile.setdefault(border.second, []).append(border)
    found = []
    gone: set[str] = set()
    while left:
        candidates = {name for index in left for name in (seams.borders[index].first, seams.borders[index].second)}
        name = min(candidates, key=lambda each: (-_evidence(of_tile[each], seams, gone), each))
        gone.add(name)
        own = [
            seams.borders[index]
            for index in sorted(left)
            if name in (seams.borders[index].first, seams.borders[index].second)
        ]
        left -= {index for index in left if seams.borders[index] in own}
        found.append(_seam_finding(name, own))
    return found


def _evidence(borders: Iterable[Border], seams: Seams, gone: set[str]) -> float:
    own = [seams.z(border) for border in borders if not {border.first, border.second} & gone]
    return sum(own) / len(own) ** 0.5 if own else 0.0


def _seam_finding(name: str, borders: Sequence[Border]) -> Finding:
    parts = []
    for border in borders:
        # The jump counts from the first tile to the second; here it is from the neighbour into this tile.
        inwards = border.line.jump if border.second == name else -border.line.jump
        other = border.first if border.second == name else border.second
        parts.append((inwards, other))
    size = max(*(border.line.excess for border in borders), 0.0)
    jump = sum(inwards for inwards, _ in parts) / len(parts)
    names = ", ".join(other for _, other in parts)
    nearby = sum(border.line.nearby for border in borders) / len(borders)
    across = sum(border.line.difference for border in borders) / len(borders)
    reason = (
        f"the probability jumps at its border with {names}: {across:.3f} from pixel to pixel, {nearby:.3f} nearby; "
        f"inside it is {abs(jump):.3f} {'higher' if jump >= 0 else 'lower'}"
    )
    return Finding(name, "seam", round(max(abs(jump), size), 5), reason)


def _scene_findings(
    tiles: Mapping[str, Inspection], scene: str, usual: Usual, others: Sequence[str]
) -> Iterable[Finding]:
    for name, inspection in tiles.items():
        own = [overlap for overlap in inspection.overlaps if scene in (overlap.first, overlap.second)]
        if not own:
            continue
        difference = _mean(own)
        normal = sum(usual.of(overlap) * overlap.pixels for overlap in own) / sum(overlap.pixels for overlap in own)
        names = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        reason = (
            f"scene {scene} differs by {difference:.3f} from the scenes it overlaps ({names}); usual is {normal:.3f}"
        )
        # Of n scenes that are averaged one is off: the mean is off by an n-th.
        share = max(difference - normal, 0.0) * _seen_share(own, inspection) / _observed(inspection)
        yield Finding(name, "scene", round(share, 5), reason, scene)


def _tile_finding(name: str, times: float, inspection: Inspection, usual: Usual) -> Finding:
    own = inspection.overlaps
    off = max(_mean(own) - sum(usual.of(each) * each.pixels for each in own) / sum(each.pixels for each in own), 0.0)
    severity = off * _seen_share(own, inspection) / _observed(inspection)
    reason = f"its scenes differ by {_mean(own):.3f}, {times:.1f} times as much as scenes of these sensors elsewhere"
    return Finding(name, "disagreement", round(severity, 5), reason)


def _gap_findings(name: str, inspection: Inspection) -> Iterable[Finding]:
    pixels = sum(inspection.observations)
    for gap in inspection.gaps[:1]:
        lost = sum(each.pixels for each in inspection.gaps)
        more = f" and {len(inspection.gaps) - 1} more" if len(inspection.gaps) > 1 else ""
        reason = (
            f"no scene saw a straight stripe of {gap.length:.0f} x {gap.width:.0f} pixels{more}, "
            f"{100 * lost / pixels:.2f} % of the tile"
        )
        yield Finding(name, "stripe", round(lost / pixels, 5), reason)
    seen = pixels - inspection.observations[0] if inspection.observations else 0
    if not inspection.gaps and seen and inspection.enclosed / (seen + inspection.enclosed) >= _HOLE:
        share = inspection.enclosed / (seen + inspection.enclosed)
        reason = f"no scene saw {100 * share:.0f} % of the ground within the outline of its scenes"
        yield Finding(name, "hole", round(inspection.enclosed / pixels, 5), reason)


def _mean(overlaps: Sequence[Overlap]) -> float:
    pixels = sum(overlap.pixels for overlap in overlaps)
    return sum(mean_difference(overlap) * overlap.pixels for overlap in overlaps) / pixels


def _seen_share(overlaps: Sequence[Overlap], inspection: Inspection) -> float:
    """Return about what share of the tile these pairs compare."""
    compared = max(overlap.pixels for overlap in overlaps) * inspection.step**2
    return min(compared / max(sum(inspection.observations), 1), 1.0)


def _observed(inspection: Inspection) -> float:
    """Return the mean number of observations of a seen pixel."""
    counts = inspection.observations
    seen = sum(counts[1:])
    return sum(number * count for number, count in enumerate(counts)) / seen if seen else 1.0


def _observations(inspections: Iterable[Inspection]) -> dict[str, Any]:
    """Return how many pixels were seen how often, and the shares of the pixels that were seen at all."""
    counts = count_observations(list(inspections))
    seen = sum(counts[1:])
    shares = {str(number): round(count / seen, 6) for number, count in enumerate(counts) if number and seen}
    return {"pixels": counts, "share_of_seen": shares}


def _agreement(pairs: Mapping[Pair, Overlap], sensors: Mapping[str, str]) -> dict[str, Any]:
    """Return the agreement over all pairs of scenes and by pair of sensors, in the figures that training uses, too."""
    by_sensors: dict[Pair, Homogeneity] = {}
    for overlap in pairs.values():
        one, two = sorted((sensors.get(overlap.first, "unknown"), sensors.get(overlap.second, "unknown")))
        own = Homogeneity(overlap.pixels, overlap.both, overlap.one, overlap.difference / SCALE)
        by_sensors[one, two] = by_sensors.get((one, two), Homogeneity()) + own
    return {**summary(dict(sorted(by_sensors.items()))), "pairs_of_scenes": len(pairs)}


def _seam_figures(seams: Seams) -> dict[str, Any]:
    ranked = sorted(seams.significant, key=lambda index: -seams.borders[index].line.excess)
    lines = [border.line for border in seams.borders]
    count = max(len(lines), 1)
    return {
        "borders": len(lines),
        "seams": len(seams.significant),
        "mean_difference": round(sum(line.difference for line in lines) / count, 6),
        "mean_difference_nearby": round(sum(line.nearby for line in lines) / count, 6),
        "class_changes": round(sum(line.change for line in lines) / count, 6),
        "class_changes_nearby": round(sum(line.change_nearby for line in lines) / count, 6),
        "inflation": round(seams.inflation, 3),
        "control_lines": seams.controls,
        "control_lines_flagged": seams.control_flags,
        "worst": [
            {
                "tiles": [seams.borders[index].first, seams.borders[index].second],
                "z": round(seams.z(seams.borders[index]), 2),
                **{name: round(value, 5) for name, value in asdict(seams.borders[index].line).items() if name != "z"},
            }
            for index in ranked[:_MOST_LISTED]
        ],
    }
