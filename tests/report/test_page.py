"""The page: complete in itself, escaped, tolerant of what has not run, and right in a real browser."""

import base64
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import geopandas as gpd
import numpy as np
import pytest

from bocage.chain import inputs_digest
from bocage.project import Project
from bocage.report import write_report
from bocage.report.album import _examples, collect, read_samples
from bocage.report.page import gather
from bocage.stages import stage_named

HARNESS = """<!doctype html><link rel="icon" href="data:,">
<pre id="result"></pre><iframe id="page" width="1200" height="900"></iframe><script>
const frame = document.getElementById("page");
frame.onload = () => {
  const page = frame.contentWindow, images = [...page.document.images];
  document.getElementById("result").textContent = JSON.stringify({
    widths: images.map((image) => image.complete ? image.naturalWidth : 0),
    requests: page.performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 60)),
    overflow: page.document.documentElement.scrollWidth - page.innerWidth });
};
frame.src = "/index.html";
</script>"""


class Outside(HTMLParser):
    """Collects every address that a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts = 0
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(own)
        for name in ("src", "srcset", "poster", "data"):
            self.addresses += [own[name] or ""] if name in own else []
        if tag in {"a", "link"}:
            self.addresses.append(own.get("href") or "")


@pytest.fixture(scope="module")
def page(full_project: Project) -> str:
    outcome = write_report(full_project)
    assert outcome.outputs == (full_project.report_folder / "index.html",)
    return outcome.outputs[0].read_text(encoding="utf-8")


def test_page_loads_nothing_from_outside(page: str) -> None:
    parser = Outside()
    parser.feed(page)
    assert parser.scripts == 0
    assert all(address.startswith(("data:", "#")) for address in parser.addresses)
    assert not re.search(r"url\(|@import", page)
    assert len(parser.images) == 5
    assert all(len(image.get("alt") or "") > 20 for image in parser.images)


def test_page_says_what_was_measured(page: str, full_project: Project) -> None:
    accuracy = json.loads((full_project.accuracy_folder / "accuracy.json").read_text())
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    overall = accuracy["estimates"]["overall"]
    assert f"{100 * overall['value']:.1f} %" in text
    assert f"{100 * overall['low']:.1f} %" in text
    assert f"{accuracy['exhaustive']['all']['iou']:.3f}" in text
    assert "colour threshold (NDVI)" in text
    assert "0.410" in text
    assert "16 cells were drawn: 8 train, 4 validation, 4 test" in text
    assert "3.5 min" in text  # training took 212 s
    assert "is cut short: 3 of 9 blocks are missing" in text
    assert "copy or download it again" in text
    assert "not run" in text  # products have no receipt


def test_features_that_a_border_cuts_are_counted_whole(build: Callable[..., Project], tmp_path: Path) -> None:
    project = build(tmp_path)
    path = next(project.features_folder.glob("*.parquet"))
    table = gpd.read_parquet(path)
    patches = table.index[table["slf_type"] == "patchy"]
    before = gather(project)
    assert before["feature_count"] == len(table)
    table.loc[patches[1], "whole_id"] = table.loc[patches[0], "whole_id"]
    table.to_parquet(path)
    after = gather(project)
    assert after["feature_count"] == len(table) - 1
    one, two = ({name: figures for name, *figures in each["feature_types"]} for each in (before, after))
    assert two["patchy"] == [one["patchy"][0] - 1, one["patchy"][1]]
    assert two["linear"] == one["linear"]


def test_page_escapes_what_it_is_given(page: str) -> None:
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Valley &lt;of&gt; hedges" in page


def test_a_project_in_which_nothing_ran_has_a_page(build: Callable[..., Project], tmp_path: Path) -> None:
    page = write_report(build(tmp_path, complete=False)).outputs[0].read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", page)
    assert text.count("Nothing to show yet") == 6
    assert "Not assessed yet" in text
    assert text.count(">not run<") == 9
    assert "Nothing was refused" in text


def test_what_the_benchmark_found_is_told_and_its_page_is_made_anew(
    build: Callable[..., Project], tmp_path: Path
) -> None:
    project = build(tmp_path, complete=False)
    before = inputs_digest(project, stage_named("report"), {})
    assert "Fewer annotations" not in write_report(project).outputs[0].read_text(encoding="utf-8")
    project.benchmark_folder.mkdir()
    ok, picture = cv2.imencode(".png", np.full((4, 6, 3), 90, np.uint8))
    assert ok
    (project.benchmark_folder / "curve.png").write_bytes(picture.tobytes())
    (project.benchmark_folder / "benchmark.json").write_text(
        json.dumps({"verdicts": {"forest": "IoU <0.8>: it fails."}})
    )
    assert inputs_digest(project, stage_named("report"), {}) != before
    page = write_report(project).outputs[0].read_text(encoding="utf-8")
    assert "Fewer annotations" in page
    assert "<strong>forest.</strong> IoU &lt;0.8&gt;: it fails." in page
    assert base64.b64encode(picture.tobytes()).decode() in page


@contextmanager
def served(pages: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Serve fixed pages on this machine and note what is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = pages.get(self.path)
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def result_in(dom: str) -> dict[str, Any]:
    """Return what the harness wrote down."""
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


@pytest.mark.browser
def test_page_in_a_browser(page: str, browser: Any) -> None:
    with served({"/index.html": page.encode(), "/harness.html": HARNESS.encode()}) as (address, asked):
        dom, console = browser.dump(f"{address}/harness.html", "--virtual-time-budget=10000")
    assert console == []
    assert sorted(asked) == ["/harness.html", "/index.html"]
    result = result_in(dom)
    assert len(result["widths"]) == 5
    assert all(width > 300 for width in result["widths"])
    assert all(name.startswith("data:") for name in result["requests"])
    assert result["overflow"] <= 0


@pytest.mark.browser
def test_page_fits_a_telephone(page: str, browser: Any) -> None:
    harness = HARNESS.replace('width="1200"', 'width="390"')
    with served({"/index.html": page.encode(), "/harness.html": harness.encode()}) as (address, _):
        dom, console = browser.dump(f"{address}/harness.html", "--virtual-time-budget=10000")
    assert console == []
    assert result_in(dom)["overflow"] <= 0


def test_a_damaged_scene_and_the_rest_of_a_killed_run_leave_the_report_whole(
    full_project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = Project.open(shutil.copytree(full_project.folder, tmp_path / "copy"))
    scene = copy.folder / "scenes" / "west.tif"
    scene.write_bytes(scene.read_bytes()[:2000])
    (copy.map_folder / ".E2000N1499.123.part.tif").write_bytes(b"half")
    (copy.features_folder / ".E2000N1499.123.part.parquet").write_bytes(b"half")
    pictures = collect(copy)
    assert set(pictures) == {"places", "chips", "mosaic", "features", "curves"}
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "without scene west" in warnings[0]


def test_examples_bear_the_whole_name_of_their_scene(full_project: Project) -> None:
    samples = read_samples(full_project)
    assert samples is not None
    name = "DS_PHR1A_202306141012345_FR1_PX_E004N47_0614_01732"
    examples = list(_examples(full_project, samples.assign(scene_id=name)))
    assert examples
    assert {example.title.partition("\n")[0] for example in examples} == {name}
