// The picture: an image with its contours on a canvas. A canvas and not SVG, since three layers of an image can hold
// five thousand contours, which must follow a finger; every nucleus stays a path that can be hit.

const view = { image: null, a: "", b: "", on: { t: state.scored, a: true, b: false }, only: false, x: 0, y: 0, zoom: 1, chosen: null, layers: {} };
const COLOURS = { t: "#ffe14d", a: "#2fd0ff", b: "#ffffff" }; // told apart by people who see few colours; b is dashed
const canvas = $("canvas");
const pen = canvas.getContext("2d");

const picture = () => document.querySelector(`[data-image="${view.image.id}"] img`);

// Px of the canvas per px of the image at which the whole image fits.
const wholeZoom = () => Math.min(canvas.width / view.image.width, canvas.height / view.image.height);

function fitCanvas() {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 600;
  const height = Math.min(width * (view.image.height / view.image.width), Math.max(320, window.innerHeight * 0.8));
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
}

function showWhole() {
  view.zoom = 1;
  view.x = view.image.width / 2;
  view.y = view.image.height / 2;
}

function draw() {
  if (!view.image) return;
  const z = view.zoom * wholeZoom();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(z, 0, 0, z, canvas.width / 2 - view.x * z, canvas.height / 2 - view.y * z);
  pen.imageSmoothingEnabled = z < 3;
  const image = picture();
  if (image.complete && image.naturalWidth) pen.drawImage(image, 0, 0, view.image.width, view.image.height);
  else image.addEventListener("load", later, { once: true });
  for (const key of ["t", "a", "b"]) if (view.on[key] && view.layers[key]) drawLayer(key, z);
  drawChosen(z);
  canvas.dataset.drawn = `${view.image.id}:${["t", "a", "b"].filter((key) => view.on[key] && view.layers[key]).join("")}`;
}

// Whether a nucleus of a layer is an error: a true one by what model A (or B alone) made of it.
function kindOf(key, at) {
  if (key !== "t") return view.layers[key].rows[at].kind;
  const by = view.on.a || !view.on.b ? view.layers.a : view.layers.b;
  return by?.true[at]?.kind ?? "";
}

function drawLayer(key, z) {
  const ratio = window.devicePixelRatio || 1;
  const [plain, wrong] = [new Path2D(), new Path2D()];
  view.layers[key].rows.forEach((row, at) => (isError(kindOf(key, at)) ? wrong : plain).addPath(row.path));
  const width = (1.4 * ratio * Math.max(1, Math.min(2, z / (2 * ratio)))) / z;
  pen.setLineDash(key === "b" ? [5 * ratio / z, 3 * ratio / z] : []);
  for (const [path, factor] of view.only ? [[wrong, 1.6]] : [[plain, 1], [wrong, 1.6]]) {
    pen.lineWidth = width * factor + (1.6 * ratio) / z;
    pen.strokeStyle = "rgba(0, 0, 0, 0.55)";
    pen.stroke(path);
    pen.lineWidth = width * factor;
    pen.strokeStyle = COLOURS[key];
    pen.stroke(path);
  }
  pen.setLineDash([]);
  pen.globalAlpha = 0.28;
  pen.fillStyle = COLOURS[key];
  pen.fill(wrong, "evenodd");
  pen.globalAlpha = 1;
}

// The chosen nucleus, with a frame around it that does not hide its contour.
function drawChosen(z) {
  const row = chosenRow();
  if (!row) return;
  const ratio = window.devicePixelRatio || 1;
  const gap = (7 * ratio) / z;
  const [left, top, right, bottom] = row.box;
  for (const [colour, width] of [["#000", 5], ["#fff", 2.5]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = (width * ratio) / z;
    pen.strokeRect(left - gap, top - gap, right - left + 2 * gap, bottom - top + 2 * gap);
  }
}

function chosenRow() {
  return view.chosen && view.layers[view.chosen.key]?.rows[view.chosen.at];
}

let waiting = false;
// Draw once before the browser shows its next frame, however often it is asked for.
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

// Move to a place, px of the image; nothing outside of the image comes to the middle.
function moveTo(x, y, zoom = view.zoom) {
  view.zoom = Math.max(1, Math.min(40, zoom));
  view.x = Math.max(0, Math.min(view.image.width, x));
  view.y = Math.max(0, Math.min(view.image.height, y));
  if (view.zoom === 1) showWhole();
  canvas.style.touchAction = view.zoom === 1 ? "pan-y" : "none"; // the page scrolls below a finger on the whole image
  later();
  remember();
}
