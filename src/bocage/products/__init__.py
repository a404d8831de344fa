"""The layers as they are delivered: names, colours, formats and the checks of the service.

``layers`` is the stage; ``naming`` and ``colours`` hold the tables of the service, ``writers`` the formats;
``conformance`` holds the rules and checks deliveries, also such as Bocage did not make.
"""

from bocage.products.conformance import Verdict, check_products
from bocage.products.layers import write_products
from bocage.products.naming import ProductName

__all__ = ["ProductName", "Verdict", "check_products", "write_products"]
