"""The files beside a raster that GDAL reads with it: overviews, masks, statistics and positions.

GDAL does not tell capital letters from small ones in their names, and follows links; so does this module, lest a file
is read that nobody looked at.
"""

from __future__ import annotations

from bocage.scenes.deliveries.files import DeliveryFiles

_PIXELS = (".ovr", ".msk")
_APPENDED = (*_PIXELS, ".aux", ".aux.xml", ".xml")
_REPLACED = (".aux", ".rrd", ".tab", ".wld")


def companions(files: DeliveryFiles, name: str) -> tuple[str, ...]:
    """Return the companions of a raster and those of its companions, in a fixed order.

    Links that lead out of the tree and folders are among them: their names have a meaning for GDAL all the same.
    """
    folder, slash, own = name.rpartition("/")
    beside = files.beside(name)
    found: dict[str, None] = {}
    todo = [own.lower()]
    while todo:
        one = todo.pop(0)
        stem, _, ending = one.rpartition(".")
        world = (f".{ending[:1]}{ending[-1:]}w", f".{ending}w")
        wanted = [*(one + each for each in _APPENDED), *(stem + each for each in (*_REPLACED, *world))]
        for candidate in wanted:
            fresh = [each for each in beside.get(candidate, ()) if each not in found and each != own]
            found |= dict.fromkeys(fresh)
            if fresh and candidate.endswith(_PIXELS):
                todo.append(candidate)
    return tuple(f"{folder}{slash}{each}" for each in found)


def holds_pixels(name: str) -> bool:
    """Say whether GDAL opens a companion as a raster, of whatever format it is."""
    return name.lower().endswith(_PIXELS)
