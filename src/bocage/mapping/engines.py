"""Where the workers run: the one Protocol that every engine satisfies, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from bocage.errors import MissingExtraError, SettingsError
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.staff import Staff
from bocage.mapping.worker import Work
from bocage.outcome import Refusal

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Runs tile jobs on one or more workers."""

    @property
    def workers(self) -> int:
        """How many tiles are mapped at once, if there are so many."""

    def staff(self, tiles: int) -> Staff:
        """Return the workers that :meth:`run` has for so many tiles, one or more."""

    def close(self) -> None:
        """Give back what was taken for answering and running; an engine that has run has given it back."""

    def run(self, jobs: Sequence[TileJob], work: Work, segmenter: Segmenter) -> Iterator[TileSummary | Refusal]:
        """Yield the summary of each tile as it is written, and the refusal of each that is quarantined, in any order.

        A tile that fails, or whose worker dies, is tried again by the rules of :mod:`bocage.mapping.supervision`.

        Parameters
        ----------
        segmenter
            The model, already loaded in this process; workers elsewhere load their own.

        Raises
        ------
        StorageError
            If a worker could not write. No further tile is started then; those under way are ended, and all that is
            written stays.
        ModelError
            If a worker cannot load the model.
        MappingError
            If no worker stays alive, or the cluster does not answer.
        """


def make_engine(
    name: str, workers: int = 0, *, tries: int = 3, limit: float | None = None, isolated: bool | None = None
) -> Engine:
    """Return the engine of that name.

    Parameters
    ----------
    workers
        How many tiles are mapped at once; 0 leaves it to the engine: one per GPU, or without any GPU one for the
        machine (local) or one per processor of the cluster (Ray).
    tries
        How many times a tile is tried before it is quarantined.
    limit
        Seconds after which a worker with its tile counts as hung and is replaced, or None for no limit.
    isolated
        Whether even a single local worker has a process of its own; by the number of tiles where None.

    Raises
    ------
    SettingsError
        If there is no engine of that name.
    MissingExtraError
        If the engine needs a package that is not installed.
    """
    match name:
        case "local":
            from bocage.mapping.local import LocalEngine  # only the engine that is used is imported

            return LocalEngine(workers, tries=tries, limit=limit, isolated=isolated)
        case "ray":
            try:
                from bocage.mapping.ray import RayEngine  # Ray is an optional extra
            except ImportError as error:
                raise MissingExtraError(
                    'the engine "ray" needs Ray, which is not installed',
                    'pip install "bocage[ray]", or use the engine "local"',
                ) from error
            return RayEngine(workers, tries=tries, limit=limit)
        case _:
            raise SettingsError(f"mapping.engine {name!r} does not exist", f"choose one of {', '.join(ENGINES)}")
