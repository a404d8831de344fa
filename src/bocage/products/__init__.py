"""The layers as they are delivered: names, colours, formats and the checks of the service.

``layers`` is the stage, ``suite`` says which layers there are. ``naming`` and ``colours`` hold the tables of the
service, ``writers`` the formats, and ``delivery`` writes a layer with its attribute table, metadata and STAC Item.
``comparison`` makes the change layer, by the method in ``change``. ``conformance`` holds the rules and checks
deliveries, also such as Bocage did not make.
"""

from bocage.products.change import Rules
from bocage.products.comparison import write_change
from bocage.products.conformance import Verdict, check_products
from bocage.products.layers import write_products
from bocage.products.naming import ProductName

__all__ = ["ProductName", "Rules", "Verdict", "check_products", "write_change", "write_products"]
