"""Accuracy: a sampling design, the responses, estimates with confidence intervals and the exhaustive comparison."""

from bocage.accuracy.assessment import assess, plan_assessment
from bocage.accuracy.estimators import Assessment, ClassAccuracy, Estimate, StratifiedSample, olofsson, stehman
from bocage.accuracy.exhaustive import Tally, compare, tally
from bocage.accuracy.sampling import Points, allocate, draw_points, strata_of

__all__ = [
    "Assessment",
    "ClassAccuracy",
    "Estimate",
    "Points",
    "StratifiedSample",
    "Tally",
    "allocate",
    "assess",
    "compare",
    "draw_points",
    "olofsson",
    "plan_assessment",
    "stehman",
    "strata_of",
    "tally",
]
