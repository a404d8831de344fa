"""The table ``[features.context]``: vector layers of what features grow beside."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bocage.settings.section import Section

# The features room follows no distance further than this.
Nearness = Annotated[float, Field(gt=0, le=50)]

Theme = Literal["streams", "roads", "fields", "built_up"]


class ContextSettings(Section):
    """Streams, roads, fields and built-up areas as vector files, lines or polygons; each is optional.

    What is not given is unknown, and so is the ground beyond the bounding box of a layer: neither counts as "no
    stream". ``complete`` names those that hold all there is wherever the project maps, be it nothing.

    The distances, in metres, are those within which a feature grows beside the thing.
    """

    streams: tuple[str, ...] = ()
    roads: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    built_up: tuple[str, ...] = ()
    complete: tuple[Theme, ...] = ()
    stream_distance: Nearness = 15.0
    road_distance: Nearness = 15.0
    field_distance: Nearness = 10.0
    built_up_distance: Nearness = 20.0
