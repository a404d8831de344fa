"""Mapping: from scenes and a model to the probability mosaic on the project's lattice.

``lattice``, ``blending``, ``fusion`` and ``composite`` are the pure core; ``chips``, ``predictor`` and ``tile`` map one
tile; ``planning``, ``receipt`` and ``inventory`` say what is to be done and what was done, ``rates``, ``trial`` and
``machines`` how long it takes; ``supervision`` says which worker gets which tile, and ``engines`` with ``local`` and
``ray`` run the ``worker``; ``area`` is the stage, and ``account`` what it says of its own result (``homogeneity``,
``reckoning``); ``mosaic`` reads the result; ``segmentation`` is the way in without a project.
"""

from bocage.mapping.account import read_report
from bocage.mapping.area import check_model, map_area, plan
from bocage.mapping.engines import Engine, make_engine
from bocage.mapping.mosaic import mosaic_tiles, read_probability
from bocage.mapping.planning import Plan, TileJob
from bocage.mapping.rates import bare_rate
from bocage.mapping.segmentation import Segmentation, segment_raster, segment_reader

__all__ = [
    "Engine",
    "Plan",
    "Segmentation",
    "TileJob",
    "bare_rate",
    "check_model",
    "make_engine",
    "map_area",
    "mosaic_tiles",
    "plan",
    "read_probability",
    "read_report",
    "segment_raster",
    "segment_reader",
]
