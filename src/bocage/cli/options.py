"""Options that every command shares, and the one way in which commands answer."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bocage.cli.advice import advise, note_project
from bocage.outcome import Refusal
from bocage.receipts import Receipt

ProjectFolder = Annotated[
    Path, typer.Option("--project", help="The project folder; it holds bocage.toml.", callback=note_project)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one machine-readable result on standard output.")]
HERE = Path()
_DIGEST = re.compile("[0-9a-f]{64}")

# A table that goes into a file or a pipe is not cut to the width of a terminal.
output = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 240)


def answer(content: Any, *, as_json: bool) -> None:
    """Print a result: JSON as one object, anything else as lines for a person."""
    if as_json:
        typer.echo(json.dumps(content, default=str))
    elif isinstance(content, dict):
        for name, value in content.items():
            output.print(f"{name}: {_in_words(value)}", markup=False, highlight=False)
    else:
        output.print(content, markup=False, highlight=False)


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a table for a person."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    output.print(table)


def answer_refusals(refused: Sequence[Refusal], margin: str = "") -> None:
    """Print for a person what was left out, why, and the mend."""
    for one in refused:
        mend = f"\n{margin}  mend: {advise(one.mend)}" if one.mend else ""
        output.print(f"{margin}refused {one}{mend}", markup=False, highlight=False)


def read_numbers(text: str, option: str) -> list[int]:
    """Return the whole numbers of an option, which commas divide.

    Raises
    ------
    typer.BadParameter
        If there is none, or one is below 1 or no whole number.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise typer.BadParameter(f"{text!r} is no list of numbers of 1 or more, such as 5,50,500", param_hint=option)
    return numbers


def finish(receipts: Sequence[Receipt], *, as_json: bool) -> None:
    """Print what stages did and end the program: status 1 if any of them refused an input.

    Raises
    ------
    typer.Exit
        With status 1 where something was refused.
    """
    if as_json:
        stages = [asdict(receipt) for receipt in receipts]
        answer(stages[0] if len(stages) == 1 else {"stages": stages}, as_json=True)
    else:
        for receipt in receipts:
            figures = ", ".join(
                f"{name.replace('_', ' ')} {_in_words(value)}"
                for name, value in receipt.figures.items()
                if isinstance(value, int | float | str) and value != ""
            )
            output.print(
                f"{receipt.stage} ({receipt.seconds:.1f} s): {figures or 'done'}", markup=False, highlight=False
            )
            answer_refusals(receipt.refused, "  ")
    if any(receipt.refused for receipt in receipts):
        raise typer.Exit(1)


def _in_words(value: object) -> str:
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return value[:12]  # enough to tell two apart; --json and the receipt have all of it
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(one) for one in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)
