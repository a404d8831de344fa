"""Fixtures that every room shares."""

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ("tests.object_store",)

# The first example of a law may load a library; no test asserts a time.
settings.register_profile("bocage", deadline=None)
settings.load_profile("bocage")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Give every test the log as it was: the command line takes it over for its own process."""
    log = logging.getLogger("bocage")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real imagery, or a loud skip: nothing of it is in the repository."""
    folder = Path(os.environ.get("BOCAGE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} is not there; set BOCAGE_DATA to run the tests on real imagery")
    return folder


@dataclass(frozen=True)
class Browser:
    """A headless Chromium that reaches this machine only."""

    program: str
    profile: Path

    def dump(self, url: str, *options: str) -> tuple[str, list[str]]:
        """Return the page as it stands after its scripts, and the lines of its console."""
        command = [self.program, *_BROWSER_OPTIONS, f"--user-data-dir={self.profile}", *options, "--dump-dom", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    def screenshot(self, url: str, target: Path, size: tuple[int, int], *options: str) -> None:
        """Save a picture of the page."""
        command = [self.program, *_BROWSER_OPTIONS, f"--user-data-dir={self.profile}", *options]
        command += [f"--window-size={size[0]},{size[1]}", f"--screenshot={target}", url]
        subprocess.run(command, capture_output=True, timeout=120, check=True)


_BROWSER_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """A real browser, or a loud skip."""
    program = os.environ.get("BOCAGE_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("BROWSER ABSENT: install Chromium (Debian: apt-get install chromium) or set BOCAGE_BROWSER")
    return Browser(program, tmp_path / "browser")
