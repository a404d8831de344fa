"""The server: what it answers, what it refuses, and the map in a real browser."""

import http.client
import json
import re
from typing import Any

import pytest

from bocage.errors import BocageError
from bocage.project import Project
from bocage.web import make_server
from bocage.web.server import MapHandler, MapServer

HARNESS = b"""<!doctype html><link rel="icon" href="data:,"><pre id="result"></pre>
<iframe id="page" src="/" width="1000" height="700"></iframe><script>
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
(async () => {
  const frame = document.getElementById("page"), inside = (id) => frame.contentDocument.getElementById(id);
  for (let turn = 0; turn < 100 && !(inside("count") && inside("count").textContent); turn++) await wait(100);
  await wait(500);
  const page = frame.contentWindow, canvas = inside("map");
  canvas.setPointerCapture = () => {};
  const [east, north] = page.eval("features[0].geometry.coordinates[0][0]");
  const [x, y] = page.eval(`[screenX(${east - 40}), screenY(${north + 40})]`);
  const event = (type, dx) => canvas.dispatchEvent(
    new page.PointerEvent(type, { pointerId: 1, clientX: x + dx, clientY: y }));
  event("pointerdown", 0); event("pointerup", 0);
  const attributes = inside("attributes").textContent, shown = !inside("details").hidden;
  const before = page.eval("view.x");
  event("pointerdown", 0); event("pointermove", -100); event("pointerup", -100);
  const moved = (page.eval("view.x") - before) / page.eval("view.scale");
  const scale = page.eval("view.scale");
  inside("in").click();
  const colours = new Set(canvas.getContext("2d").getImageData(300, 200, 200, 200).data).size;
  document.getElementById("result").textContent = JSON.stringify({
    title: frame.contentDocument.title, count: inside("count").textContent, attributes, shown, moved,
    zoomed: page.eval("view.scale") / scale, colours, bar: inside("length").textContent });
})();
</script>"""


def ask(server: MapServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type") or "", content


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/map.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/info.json", "application/json"),
        ("/tiles/scenes/1/3906/-2930.png", "image/png"),
        ("/tiles/probability/0/7813/-5860.png", "image/png"),
        ("/features.json?bbox=4000000,2990000,4010000,3010000", "application/json"),
    ],
)
def test_what_is_answered(server: MapServer, path: str, kind: str) -> None:
    status, found, content = ask(server, path)
    assert (status, found) == (200, kind)
    assert content


@pytest.mark.parametrize(
    "path",
    [
        "/../bocage.toml",
        "/..%2f..%2fetc/passwd",
        "/pages/../../../../etc/passwd",
        "//etc/passwd",
        "/bocage.toml",
        "/tiles/scenes/0/../../../bocage.toml",
        "/tiles/secrets/0/0/0.png",
        "/tiles/scenes/99/0/0.png",
        "/tiles/scenes/0/0/0.png.tif",
        "/tiles/scenes/0/99999999999/0.png",
    ],
)
def test_what_is_not_there(server: MapServer, path: str) -> None:
    status, _, content = ask(server, path)
    assert status == 404
    assert content == b"there is no such page\n"


@pytest.mark.parametrize("bbox", ["", "1,2,3", "a,b,c,d", "nan,0,1,1", "5,5,1,1", "1e300,0,1,1"])
def test_a_faulty_bbox_is_refused(server: MapServer, bbox: str) -> None:
    assert ask(server, f"/features.json?bbox={bbox}")[0] == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_get_is_answered(server: MapServer, method: str) -> None:
    assert ask(server, "/", method)[0] == 501


def test_a_foreign_name_is_refused(server: MapServer) -> None:
    assert ask(server, "/info.json", Host="evil.example")[0] == 403
    assert ask(server, "/info.json", Host=f"localhost:{server.server_port}")[0] == 200


def test_it_listens_on_this_machine_only(server: MapServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_a_taken_port_is_named(server: MapServer, project: Project) -> None:
    with pytest.raises(BocageError, match=f"127.0.0.1:{server.server_port} cannot be listened on"):
        make_server(project, server.server_port)


class HarnessHandler(MapHandler):
    """Serves the page inside a frame that a test may look into."""

    def _answer(self, path: str) -> Any:
        return ("text/html", lambda _: HARNESS) if path == "/harness.html" else super()._answer(path)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Content-Security-Policy":
            super().send_header(keyword, value)


@pytest.mark.browser
def test_the_map_in_a_browser(server: MapServer, browser: Any) -> None:
    server.RequestHandlerClass = HarnessHandler
    dom, console = browser.dump(f"{server.url}harness.html", "--timeout=15000", "--virtual-time-budget=20000")
    assert console == []
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    result = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">"))
    assert result["title"] == "Look <here> · Bocage map"
    assert result["count"] == "2 features in view"
    assert result["shown"]
    assert "feature idone" in result["attributes"]
    assert result["moved"] == pytest.approx(100)
    assert result["zoomed"] == pytest.approx(0.6)
    assert result["colours"] > 50
    assert re.fullmatch(r"\d+ (m|km)", result["bar"])


@pytest.mark.browser
def test_the_page_keeps_its_own_rules(server: MapServer, browser: Any) -> None:
    dom, console = browser.dump(server.url, "--timeout=8000", "--virtual-time-budget=8000")
    assert console == []
    assert "2 features in view" in dom
