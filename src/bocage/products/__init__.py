"""The layers as they are delivered: names, colours, formats and the checks of the service.

``layers`` is the stage; ``naming`` and ``colours`` hold the tables of the service, ``writers`` the formats;
``conformance`` checks a folder, with ``raster_rules`` and ``vector_rules``.
"""

from bocage.products.conformance import check_products
from bocage.products.layers import write_products
from bocage.products.naming import ProductName
from bocage.products.verdict import Verdict

__all__ = ["ProductName", "Verdict", "check_products", "write_products"]
