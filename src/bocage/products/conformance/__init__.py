"""The rules of the service as objects, and the check of products against them.

``names`` and ``specification`` state what the service says, apart from the tables by which Bocage writes;
``raster``, ``polygons`` and ``metadata`` are what is looked at; the modules ``*_rules`` hold one rule per function;
``checking`` walks over a delivery; ``catalogue`` lists all rules and makes their reference page.
"""

from bocage.products.conformance.catalogue import RULES, as_page
from bocage.products.conformance.checking import check_products
from bocage.products.conformance.rule import Rule
from bocage.products.conformance.verdict import Finding, Verdict

__all__ = ["RULES", "Finding", "Rule", "Verdict", "as_page", "check_products"]
