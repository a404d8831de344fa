"""The shape of the code: imports go one way, files stay small, names say what they hold."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "bocage"
# From the foundation to the edge: a module may import from those before it, never from those after.
ORDER = (
    "templates", "errors", "files", "outcome", "progress", "processes", "grid", "storage", "rasters", "settings",
    "project", "receipts", "scenes", "reference", "samples", "models", "training", "mapping", "features", "products",
    "accuracy", "report", "simulation", "web", "stages", "chain", "api", "cli",
)  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def imported_names(path: Path) -> set[str]:
    """Every module of Bocage that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a thing comes from"
            module = node.module or ""
            names.update(f"{module}.{alias.name}" if module == "bocage" else module for alias in node.names)
    return {name for name in names if name.split(".")[0] == "bocage"}


def test_every_room_has_its_place() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES} - {"__init__", "__main__"}
    assert rooms == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in {"__init__", "__main__"}:
        return
    allowed = set(ORDER[: ORDER.index(room) + 1]) | {"__version__", ""}
    back = {name for name in imported_names(path) if room_of(name) not in allowed}
    assert not back, f"{room} imports from later stages: {sorted(back)}"


def test_modules_have_no_cycle() -> None:
    names = {path: ".".join(("bocage", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in MODULES}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    known = set(names.values())
    # A package that gathers the names of its own modules is no cycle: only imports between plain modules count.
    plain = {name for path, name in names.items() if path.name != "__init__.py"}
    edges = {name: {other for other in imported_names(path) if other in known & plain} for path, name in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in edges[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in plain:
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_hold_one_noun(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{path.name} has {lines} lines; it probably holds two nouns"
    assert path.stem not in {"utils", "helpers", "misc", "manager", "common"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} opens without a docstring"
