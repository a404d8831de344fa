"""``bocage features`` and ``bocage products``: polygons, the delivered layers and their conformance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bocage.chain import run_stage
from bocage.cli.options import HERE, AsJson, ProjectFolder, answer, answer_table, finish
from bocage.project import Project

if TYPE_CHECKING:
    from bocage.products import Verdict

app = typer.Typer(invoke_without_command=True)


def features(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Extract polygons with geometry, class and confidence."""
    finish([run_stage(Project.open(project), "features")], as_json=as_json)


@app.callback()
def products(
    context: typer.Context,
    profile: Annotated[
        str | None,
        typer.Option(help="The release whose names, codes and layers are used: 2015, 2018, 2021, 2024 (provisional)."),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="The region of the release of 2015 that the project maps, e.g. fr_123.")
    ] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the layers in the names, codes and formats of the service."""
    if context.invoked_subcommand is None:
        finish([run_stage(Project.open(project), "products", profile=profile, region=region)], as_json=as_json)


@app.command()
def change(
    before: Annotated[Path, typer.Option(help="Folder with the 5 m layers of the earlier year.")],
    after: Annotated[
        Path | None, typer.Option(help="Folder with those of the later year; products/ of the project by default.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Cover this near in metres is the same cover.")] = 7.5,
    smallest: Annotated[float, typer.Option(min=25, help="Smallest piece of change, m2.")] = 100.0,
    without_forest: Annotated[
        bool, typer.Option("--without-forest", help="Do without forest masks and the codes 201 to 203.")
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the change of small woody features between two years, at 100 m, into products/ of the project."""
    from bocage.products import Rules, write_change

    rules = Rules(tolerance=tolerance, smallest=smallest)
    files, figures = write_change(Project.open(project), before, after, rules=rules, without_forest=without_forest)
    answer({**figures, "files": [str(path) for path in files]}, as_json=as_json)


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Folders, archives, files or geodatabases; the products of the project by default.",
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="What the files are (swf, wvl, fm, ...), where their names do not say it.")
    ] = None,
    year: Annotated[
        int | None,
        typer.Option("--year", "--profile", min=2015, help="Take the rules of this year instead of that of the name."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show the rules that are kept, too.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules instead of testing them.")] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Check products, of Bocage or of others, against the public rules of the service; exit 1 if one is broken."""
    if rules:
        _answer_rules(as_json=as_json)
        return
    from bocage.products import check_products

    verdicts = check_products(paths or [Project.open(project).products_folder], layer=layer, year=year)
    counts = Counter[str](verdict.outcome for verdict in verdicts)
    files = len({verdict.file for verdict in verdicts})
    if as_json:
        summary = {"files": files, **{name.replace(" ", "_"): counts[name] for name in _OUTCOMES}}
        answer({"summary": summary, "verdicts": [verdict.as_dict() for verdict in verdicts]}, as_json=True)
    else:
        _answer_verdicts(verdicts, every=every)
        told = ", ".join(f"{words} {counts[name]}" for name, words in _OUTCOMES.items())
        answer(f"files and groups {files}: {told}", as_json=False)
    if counts["error"]:
        raise typer.Exit(1)


@app.command("rules")
def rules_(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference page.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the rules that products are checked against, with their sources."""
    if markdown:
        from bocage.products.conformance import as_page

        typer.echo(as_page(), nl=False)
    else:
        _answer_rules(as_json=as_json)


_OUTCOMES = {
    "error": "errors",
    "warning": "warnings",
    "information": "notes",
    "pass": "rules kept",
    "not tested": "not tested",
}


def _answer_verdicts(verdicts: Sequence[Verdict], *, every: bool) -> None:
    """Print findings, the grave ones first; notes of one rule on many files as one line, unless all is asked for."""
    ranks = {name: rank for rank, name in enumerate(_OUTCOMES)}
    shown = [verdict for verdict in verdicts if every or verdict.outcome not in {"pass", "not tested"}]
    notes = Counter(verdict.rule for verdict in shown if verdict.outcome == "information" and not every)
    rows: list[tuple[str, str, str, str]] = []
    for verdict in sorted(shown, key=lambda verdict: ranks[verdict.outcome]):
        count = notes.pop(verdict.rule, None) if verdict.outcome == "information" and not every else 1
        if count is None:
            continue  # told with the first file of its rule
        what = f"{verdict.detail}{f' -> {verdict.mend}' if verdict.mend else ''}"
        file = verdict.file if count == 1 else f"{count} files, first {verdict.file}"
        rows.append(("FAIL" if verdict.outcome == "error" else verdict.outcome, file, verdict.rule, what))
    if rows:
        answer_table(("verdict", "file", "rule", "what and where -> what to do"), rows)


def _answer_rules(*, as_json: bool) -> None:
    from bocage.products.conformance import RULES
    from bocage.products.conformance.catalogue import layers_text, years_text

    names = ("rule", "severity", "layers", "years", "source", "statement")
    rows = [
        (rule.id, rule.severity, layers_text(rule), years_text(rule), rule.source, rule.statement) for rule in RULES
    ]
    if as_json:
        answer({"rules": [dict(zip(names, row, strict=True)) for row in rows]}, as_json=True)
    else:
        answer_table(names, rows)
