"""Samples: cells of the lattice, drawn by strata and spread over the ground, split for training, and cut to chips."""

from bocage.samples.chips import cut_chips
from bocage.samples.nesting import Subsets, write_subsets
from bocage.samples.page import write_page
from bocage.samples.picture import map_samples
from bocage.samples.ranking import rank_samples
from bocage.samples.samples import Samples, chip_paths, draw_samples
from bocage.samples.subsets import nested_subsets, training_order

__all__ = [
    "Samples",
    "Subsets",
    "chip_paths",
    "cut_chips",
    "draw_samples",
    "map_samples",
    "nested_subsets",
    "rank_samples",
    "training_order",
    "write_page",
    "write_subsets",
]
