"""From the probability mosaic to small landscape features: polygons with form, type, width, length and confidence.

Start reading at :mod:`bocage.features.classes` for the rules and :mod:`bocage.features.extraction` for the stage.
"""

from bocage.features.derivation import features_of
from bocage.features.profiles import PROFILES, Profile

__all__ = ["PROFILES", "Profile", "features_of"]
