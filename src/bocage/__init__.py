"""Bocage maps small landscape features (hedges, tree lines, groves, scrub) from very-high-resolution scenes."""

__version__ = "0.1.0"
