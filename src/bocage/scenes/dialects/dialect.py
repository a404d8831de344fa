"""What a parser of metadata is: a module with two functions."""

from __future__ import annotations

from typing import Protocol

from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.metadata import ProductMetadata

NAME_BANDS = "move the image to a folder without these metadata and name its bands with --bands"
"""The mend where metadata cannot be used but the image can: beside its metadata it is left out with them."""


class Dialect(Protocol):
    """One way of writing metadata. Each module that the registry lists is such an object."""

    def claims(self, name: str, head: bytes) -> bool:
        """Say whether a file is written in this dialect, by its name and its first 4096 bytes."""

    def parse(self, name: str, files: DeliveryFiles) -> ProductMetadata:
        """Read the metadata file ``name``, with the companions that lie beside it.

        Raises
        ------
        MetadataError
            If it is damaged, lacks what a scene needs or holds a value that cannot be true.
        UnsupportedSensorError
            If it is of a sensor that Bocage does not support ("... not supported: IKONOS-2").
        """
