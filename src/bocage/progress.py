"""Progress bars on standard error, for every step that a person waits for, and the words for how long it takes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

console = Console(stderr=True)
_log = logging.getLogger("bocage")


@contextmanager
def bar(description: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar and yield the function that advances it by a number of steps.

    Where standard error is not a terminal, one line is logged when the step ends.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=total)
        done = 0

        def advance(steps: int = 1) -> None:
            nonlocal done
            done += steps
            progress.advance(task, steps)

        yield advance
    if not console.is_terminal:
        _log.info("%s: %d of %s", description, done, "?" if total is None else total)


@contextmanager
def transfer(description: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show the bytes of a download and yield the function that is told how many are there, and in all where known."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=None)

        def tell(there: int, total: int | None) -> None:
            progress.update(task, completed=there, total=total)

        yield tell


def track[T](items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items while a progress bar shows how many are done."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(description, total) as advance:
        for item in items:
            yield item
            advance(1)


def duration(seconds: float) -> str:
    """Return a duration as a person says it."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the program's own log to standard error, beside the progress bars."""
    handler = RichHandler(console=console, show_path=False, show_time=console.is_terminal, markup=False)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.handlers[:] = [handler]
    _log.setLevel(level)
    _log.propagate = False
