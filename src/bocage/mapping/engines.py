"""Where the workers run: the one Protocol that every engine satisfies, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from bocage.errors import MissingExtraError, SettingsError
from bocage.mapping.planning import TileJob
from bocage.mapping.receipt import TileSummary
from bocage.mapping.worker import Work

if TYPE_CHECKING:
    from bocage.models.segmenter import Segmenter

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Runs tile jobs on one or more workers."""

    @property
    def workers(self) -> int:
        """How many tiles are mapped at once."""

    def run(self, jobs: Sequence[TileJob], work: Work, segmenter: Segmenter) -> Iterator[TileSummary]:
        """Yield the summary of each tile as it is written, in any order.

        Parameters
        ----------
        segmenter
            The model, already loaded in this process; workers elsewhere load their own.

        Raises
        ------
        StorageError, ModelError
            The first error of a worker; no further tile is started then, and tiles that are written stay.
        MappingError
            If a worker dies.
        """


def make_engine(name: str, workers: int = 0) -> Engine:
    """Return the engine of that name.

    Parameters
    ----------
    workers
        How many tiles are mapped at once; 0 leaves it to the engine: one per GPU, or one for the CPU.

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

            return LocalEngine(workers)
        case "ray":
            try:
                from bocage.mapping.ray import RayEngine  # Ray is an optional extra
            except ImportError as error:
                raise MissingExtraError(
                    'the engine "ray" needs Ray, which is not installed',
                    'pip install "bocage[ray]", or use the engine "local"',
                ) from error
            return RayEngine(workers)
        case _:
            raise SettingsError(f"mapping.engine {name!r} does not exist", f"choose one of {', '.join(ENGINES)}")
