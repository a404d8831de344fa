"""Samples: cells of the lattice, drawn by strata and spread over the ground, split for training, and cut to chips."""

from bocage.samples.chips import cut_chips
from bocage.samples.picture import map_samples
from bocage.samples.samples import Samples, chip_paths, draw_samples

__all__ = ["Samples", "chip_paths", "cut_chips", "draw_samples", "map_samples"]
