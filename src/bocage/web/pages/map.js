// The map: a canvas that shows lattice tiles and features. x is east, y is north, both in metres of the grid.
"use strict";
const canvas = document.getElementById("map"), pen = canvas.getContext("2d");
const byId = (id) => document.getElementById(id);
const TYPE_COLOURS = {
  "hedge": "#f0e442", "tree line": "#009e73", "grove": "#e69f00", "scrub": "#cc79a7", "riparian": "#56b4e9", "isolated tree": "#d55e00",
};
const shown = { scenes: true, probability: true, features: true };
const tiles = new Map(), view = { x: 0, y: 0, scale: 1 };  // scale: metres per CSS pixel
let info, features = [], chosen = null, opacity = 0.55, waiting = 0, asked = 0;

async function start() {
  info = await (await fetch("info.json")).json();
  document.title = `${info.name} · Bocage map`;
  byId("name").textContent = info.name;
  for (const box of document.querySelectorAll("[data-layer]")) {
    box.disabled = !info.layers[box.dataset.layer];
    shown[box.dataset.layer] = box.checked = !box.disabled;
    box.onchange = () => { shown[box.dataset.layer] = box.checked; draw(); };
  }
  home();
}

function home() {
  const [left, bottom, right, top] = info.bounds;
  Object.assign(view, { x: (left + right) / 2, y: (bottom + top) / 2 });
  view.scale = 1.08 * Math.max((right - left) / canvas.clientWidth, (top - bottom) / canvas.clientHeight);
  moved();
}

const screenX = (x) => (x - view.x) / view.scale + canvas.clientWidth / 2;
const screenY = (y) => (view.y - y) / view.scale + canvas.clientHeight / 2;
const ground = (px, py) => [view.x + (px - canvas.clientWidth / 2) * view.scale, view.y - (py - canvas.clientHeight / 2) * view.scale];

function zoom(factor, px = canvas.clientWidth / 2, py = canvas.clientHeight / 2) {
  const [x, y] = ground(px, py), widest = info.resolution * 2 ** (info.levels + 2);
  view.scale = Math.min(Math.max(view.scale * factor, info.resolution / 16), widest);
  view.x = x - (px - canvas.clientWidth / 2) * view.scale;
  view.y = y + (py - canvas.clientHeight / 2) * view.scale;
  moved();
}

function moved() {
  draw();
  clearTimeout(waiting);
  waiting = setTimeout(loadFeatures, 200);
}

function drawTiles(layer, alpha) {
  const level = Math.min(Math.max(Math.floor(Math.log2(view.scale / info.resolution * 1.01)), 0), info.levels);
  const size = info.tile * info.resolution * 2 ** level;
  const [west, north] = ground(0, 0), [east, south] = ground(canvas.clientWidth, canvas.clientHeight);
  const [left, bottom, right, top] = info.bounds;
  pen.globalAlpha = alpha;
  pen.imageSmoothingEnabled = view.scale > info.resolution / 3;
  for (let row = Math.floor(-Math.min(north, top) / size); row <= Math.floor(-Math.max(south, bottom) / size); row++)
    for (let column = Math.floor(Math.max(west, left) / size); column <= Math.floor(Math.min(east, right) / size); column++) {
      const image = tile(`tiles/${layer}/${level}/${column}/${row}.png`);
      if (!image.naturalWidth) continue;
      const x = Math.round(screenX(column * size)), y = Math.round(screenY(-row * size));
      pen.drawImage(image, x, y, Math.round(screenX((column + 1) * size)) - x, Math.round(screenY(-(row + 1) * size)) - y);
    }
  pen.globalAlpha = 1;
}

function tile(url) {
  let image = tiles.get(url);
  if (!image) {
    image = new Image();
    image.onload = draw;
    image.src = url;
    tiles.set(url, image);
    if (tiles.size > 500) tiles.delete(tiles.keys().next().value);
  }
  return image;
}

function draw() {
  const dots = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots))
    [canvas.width, canvas.height] = [Math.round(width * dots), Math.round(height * dots)];
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!info) return;
  if (shown.scenes) drawTiles("scenes", 1);
  if (shown.probability) drawTiles("probability", opacity);
  if (shown.features)
    for (const feature of features) {
      const path = outline(feature), isChosen = chosen && feature.id === chosen.id;
      pen.lineJoin = "round";
      pen.strokeStyle = "#10201a";
      pen.lineWidth = isChosen ? 6 : 3;
      pen.stroke(path);
      pen.strokeStyle = isChosen ? "#ffffff" : TYPE_COLOURS[feature.properties.slf_type] ?? "#f0e442";
      pen.lineWidth = isChosen ? 3 : 1.5;
      pen.stroke(path);
    }
  scaleBar();
}

function outline(feature) {
  const path = new Path2D(), geometry = feature.geometry;
  const polygons = geometry.type === "MultiPolygon" ? geometry.coordinates : [geometry.coordinates];
  for (const ring of polygons.flat()) {
    ring.forEach(([x, y], index) => path[index ? "lineTo" : "moveTo"](screenX(x), screenY(y)));
    path.closePath();
  }
  return path;
}

async function loadFeatures() {
  if (!info.layers.features) return;
  const number = ++asked, [left, top] = ground(0, 0), [right, bottom] = ground(canvas.clientWidth, canvas.clientHeight);
  const found = await (await fetch(`features.json?bbox=${left},${bottom},${right},${top}`)).json();
  if (number !== asked) return;  // the view has moved on
  features = found.features;
  const cut = found.total > features.length ? `, the ${features.length} largest are drawn` : "";
  byId("count").textContent = `${found.total} features in view${cut}`;
  draw();
}

function choose(px, py) {
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  chosen = shown.features ? features.findLast((feature) => pen.isPointInPath(outline(feature), px, py, "evenodd")) || null : null;
  pen.restore();
  byId("details").hidden = !chosen;
  const list = byId("attributes");
  list.replaceChildren();
  for (const [name, value] of Object.entries(chosen ? chosen.properties : {})) {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name.replaceAll("_", " ");
    text.textContent = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2) : value ?? "–";
    list.append(term, text);
  }
  draw();
}

function scaleBar() {
  const most = 140 * view.scale, power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].find((factor) => factor * power <= most) * power;
  byId("length").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  byId("bar").style.width = `${length / view.scale}px`;
}

const pointers = new Map();
let travelled = 0, spread = 0;
canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); pointers.set(event.pointerId, event); travelled = spread = 0; };
canvas.onpointermove = (event) => {
  const [x, y] = info ? ground(event.offsetX, event.offsetY) : [0, 0];
  byId("place").textContent = `${x.toFixed(0)} E, ${y.toFixed(0)} N`;
  const before = pointers.get(event.pointerId);
  if (!before) return;
  pointers.set(event.pointerId, event);
  if (pointers.size === 2) {
    const [one, two] = [...pointers.values()], apart = Math.hypot(one.offsetX - two.offsetX, one.offsetY - two.offsetY);
    if (spread) zoom(spread / apart, (one.offsetX + two.offsetX) / 2, (one.offsetY + two.offsetY) / 2);
    spread = apart;
    travelled = 99;
    return;
  }
  canvas.classList.add("moving");
  travelled += Math.abs(event.offsetX - before.offsetX) + Math.abs(event.offsetY - before.offsetY);
  view.x -= (event.offsetX - before.offsetX) * view.scale;
  view.y += (event.offsetY - before.offsetY) * view.scale;
  moved();
};
canvas.onpointerup = canvas.onpointercancel = (event) => {
  if (pointers.delete(event.pointerId) && travelled < 5 && event.type === "pointerup") choose(event.offsetX, event.offsetY);
  canvas.classList.remove("moving");
};
canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(1.0015 ** event.deltaY, event.offsetX, event.offsetY); }, { passive: false });
canvas.onkeydown = (event) => {
  const step = 80 * view.scale, [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key] || [0, 0];
  if (dx || dy) { view.x += dx; view.y += dy; event.preventDefault(); moved(); }
  if (event.key === "+") zoom(0.6);
  if (event.key === "-") zoom(1 / 0.6);
};
byId("in").onclick = () => zoom(0.6);
byId("out").onclick = () => zoom(1 / 0.6);
byId("home").onclick = home;
byId("close").onclick = () => choose(-1, -1);
byId("opacity").oninput = (event) => { opacity = +event.target.value; draw(); };
window.onresize = moved;
start();
