"""Writing a simulated project: scenes, reference layers, truth and settings, ready for ``bocage run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bocage.errors import GridError
from bocage.files import write_text
from bocage.progress import bar
from bocage.project import SETTINGS_FILE
from bocage.simulation.extent import Raster
from bocage.simulation.landscape import Landscape
from bocage.simulation.layers import write_layers
from bocage.simulation.reflectance import reflect, texture
from bocage.simulation.scenes import Delivery
from bocage.simulation.takes import plan_takes
from bocage.simulation.template import settings_text
from bocage.simulation.truth import Truth

# A small square is bocage with a stream; one of 3 km or more reaches into four 10 km tiles of the EEA reference grid.
_MIDDLE = (4_321_500.0, 3_019_500.0)
_PIECE = 1000.0
_HALO = 56.0
_STEP = 40.0
_SMALLEST = 400.0


def simulate(
    folder: Path | str,
    *,
    seed: int = 0,
    size: float = 6000.0,
    families: Sequence[str] = ("PHR", "SPOT", "WV2", "GEOSAT2"),
) -> Path:
    """Write a ready project over a square of a procedural European landscape.

    Parameters
    ----------
    folder
        Where to write: ``scenes/``, ``layers/``, ``truth/`` and ``bocage.toml``.
    seed
        Every pixel follows from it.
    size
        Edge of the square in metres, a multiple of 40 m and at least 400 m.
    families
        Codes of the sensor families that take turns in flying the six takes.

    Returns
    -------
    Path
        The project folder.

    Raises
    ------
    GridError
        If ``size`` is not a multiple of 40 m, or too small.
    SettingsError
        If a family is not known.
    """
    if size < _SMALLEST or size % _STEP:
        raise GridError(f"size {size} m of the landscape", f"use a multiple of {_STEP:.0f} m, {_SMALLEST:.0f} or more")
    folder = Path(folder)
    left, bottom = (middle - size / 2 for middle in _MIDDLE)
    deliveries = [Delivery(take, seed) for take in plan_takes(left, bottom, size, families)]
    landscape, truth = Landscape.over(seed, left, bottom, size), Truth(left, bottom, size)
    pieces = list(Raster(left, bottom + size, round(size), round(size)).pieces(_PIECE))
    with bar("simulating", len(pieces) + len(deliveries) + 2) as advance:
        for core in pieces:
            scenery = landscape.render(core.pad(_HALO))
            truth.add(scenery, core)
            patterns = texture(seed, scenery)
            for delivery in deliveries:
                if delivery.wants(core):
                    image = reflect(scenery, patterns, delivery.take.day, delivery.take.sun)
                    delivery.add(image, scenery.raster, core)
            advance(1)
        for delivery in deliveries:
            delivery.write(folder / "scenes")
            advance(1)
        write_layers(folder / "layers", truth, seed)
        advance(1)
        truth.write(folder / "truth", landscape)
        write_text(folder / SETTINGS_FILE, settings_text(left, bottom, size))
        advance(1)
    return folder
