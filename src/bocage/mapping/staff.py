"""Who maps the tiles of a run: how many at once, and what each has of a machine. A plan and its run ask the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Staff:
    """The workers that map tiles at once.

    Attributes
    ----------
    workers
        How many they are: no more than there are tiles.
    abreast
        How many of them share the cores of a machine among them; 1 where each has a whole machine, or a GPU.
    isolated
        Whether they have processes of their own.
    """

    workers: int = 1
    abreast: int = 1
    isolated: bool = False
