"""Bocage maps small landscape features (hedges, tree lines, groves, scrub) from very-high-resolution scenes.

>>> import bocage
>>> model = bocage.load_model("models/slf")  # doctest: +SKIP
>>> woody = bocage.segment("scene.tif", model)  # doctest: +SKIP
>>> features = bocage.extract_features(woody > 0.5, valid=woody.notnull())  # doctest: +SKIP
"""

import os
from typing import Any

# The threads of torch wait for each other by spinning unless they are told otherwise, before torch is loaded. Where
# anything else runs on the machine, two spinning threads train ten times slower (docs/decisions/0007-threads.md).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# GDAL keeps decoded blocks in 5 % of the machine's memory, in every process, and fills it as scenes grow. Whoever reads
# a scene here reads each block once, or a row of blocks again at once: 64 MB hold that.
os.environ.setdefault("GDAL_CACHEMAX", "64")

__all__ = ["__version__", "extract_features", "load_model", "segment"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # The interface needs xarray and, later, torch: the command line must answer --help without loading them.
    if name in {"extract_features", "load_model", "segment"}:
        from bocage import api

        return getattr(api, name)
    raise AttributeError(f"module 'bocage' has no attribute {name!r}")
