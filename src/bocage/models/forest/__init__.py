"""The historical rival: image objects (GEOBIA) judged by random forests, one for all images or one per image."""

ARCHITECTURE = "GEOBIA forest"
"""What ``mlm:architecture`` of its packages says."""

FORESTS = ("forest", "forest_per_image")
"""The names that ``training.runs.backbone`` takes for them."""

__all__ = ["ARCHITECTURE", "FORESTS"]
