"""A procedural European landscape with exact truth, seen by simulated sensors and reference layers.

``simulate`` writes a project that the whole chain runs on without any download. The landscape has no edge: every window
of it follows from the seed alone, so that scale tests can ask for any size.
"""

from bocage.simulation.extent import Raster
from bocage.simulation.kinds import Woody
from bocage.simulation.landscape import Landscape, Scenery
from bocage.simulation.patch import SimulatedDelivery, simulate_deliveries
from bocage.simulation.project import simulate

__all__ = ["Landscape", "Raster", "Scenery", "SimulatedDelivery", "Woody", "simulate", "simulate_deliveries"]
