"""The settings of the working lattice: its system, its pixel, its tiles and production cells."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Self

from pydantic import field_validator, model_validator

from bocage.settings.section import Positive, Section


class GridSettings(Section):
    """The working lattice."""

    crs: str = "EPSG:3035"
    resolution: Positive = 2.0
    tile_size: Positive = 10_000.0
    cell_size: Positive = 100_000.0

    @field_validator("crs")
    @classmethod
    def _in_metres(cls, crs: str) -> str:
        from pyproj import CRS  # a field that is not given is not validated, so most starts do without the import
        from pyproj.exceptions import CRSError

        try:
            known = CRS.from_user_input(crs)
        except CRSError as error:
            raise ValueError("PROJ knows no such coordinate reference system; set one such as EPSG:3035") from error
        if not known.is_projected:
            raise ValueError(f"{known.name} is not projected, and pixels are squares of metres; set one that is")
        # A height of a compound system may have a unit of its own; the lattice is flat.
        units = {axis.unit_name for axis in known.axis_info[:2] if axis.unit_conversion_factor != 1}
        if units:
            raise ValueError(f"{known.name} counts in {', '.join(sorted(units))}; set a system in metres")
        return crs

    @model_validator(mode="after")
    def _whole_pixels(self) -> Self:
        for name, size in (("tile_size", self.tile_size), ("cell_size", self.cell_size)):
            pixels = size / self.resolution
            if abs(pixels - round(pixels)) > 1e-4:
                problem = f"{name} {size} m is not a whole number of {self.resolution} m pixels"
                raise ValueError(f"{problem}; {self._nearest()}")
        if abs(self.cell_size / self.tile_size - round(self.cell_size / self.tile_size)) > 1e-9:
            problem = f"cell_size {self.cell_size} m is not a multiple of tile_size {self.tile_size} m"
            raise ValueError(f"{problem}; {self._nearest()}")
        return self

    def _nearest(self) -> str:
        """Return sizes near those given that fit the pixels and each other, in words.

        They are kilometres where the pixels allow it, since products begin on kilometres.
        """
        pixel = Fraction(str(self.resolution))
        kilometres = Fraction(lcm(pixel.numerator, 1000 * pixel.denominator), pixel.denominator)
        step = kilometres if kilometres <= 2 * self.tile_size else pixel
        tile = max(round(Fraction(self.tile_size) / step), 1) * step
        cell = max(round(Fraction(self.cell_size) / tile), 1) * tile
        return f"sizes near by that fit: tile_size = {float(tile):.10g}, cell_size = {float(cell):.10g}"
