"""The command line: ``bocage`` and one sub-command per stage. No logic lives here, only words and exit codes."""

from __future__ import annotations

import logging
import sys

from bocage.cli.advice import advise
from bocage.cli.application import app
from bocage.errors import BocageError
from bocage.progress import console, log_to_stderr

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Run the program; exit 0 only when all that was asked is done.

    Exit 1 stands for a refused input or a failed step, 2 for a command that was not understood, 130 for an
    interruption.
    """
    log_to_stderr(logging.INFO)
    try:
        app()
    except BocageError as error:
        console.print(f"error: {advise(str(error))}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            console.print("interrupted; the same command goes on where it stopped", markup=False)
        raise
    except BrokenPipeError:
        sys.exit(0)
