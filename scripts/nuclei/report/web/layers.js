// Contours of true nuclei and detections: walks along pixel edges (nuclei/report/contours.py) made into paths.

const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // right, down, left, up

// Corners of a ring "x y walk", only where the direction changes.
function ring(text) {
  const [left, top, walk] = text.split(" ");
  let [x, y, direction] = [Number(left), Number(top), Number(walk[0])];
  const corners = [[x, y]];
  for (let at = 1; at <= walk.length; at += 1) {
    x += STEPS[direction][0];
    y += STEPS[direction][1];
    if (at === walk.length) break;
    if (walk[at] !== "s") {
      corners.push([x, y]);
      direction = (direction + (walk[at] === "r" ? 1 : 3)) % 4;
    }
  }
  return corners;
}

function rings(contour) {
  return contour ? contour.split(",").map(ring) : [];
}

function pathOf(shape) {
  const path = new Path2D();
  for (const corners of shape) {
    corners.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
  }
  return path;
}

function boxOf(shape) {
  const corners = shape.flat();
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return corners.length ? [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] : [0, 0, 0, 0];
}

// What can be drawn and hit of a list of contours.
function shapes(contours) {
  return contours.map((contour) => {
    const shape = rings(contour);
    const area = Math.abs(shape.reduce((sum, corners) => sum + corners.reduce((part, [x, y], at) => {
      const [u, v] = corners[(at + 1) % corners.length];
      return part + (x * v - u * y) / 2;
    }, 0), 0));
    return { rings: shape, path: pathOf(shape), box: boxOf(shape), area };
  });
}

const layerCache = new Map();

// Promise of {rows: [{kind, score, iou, nucleus, detection, …shape}], byId} of the truth ("t") or of a model in an image.
function openLayer(model, image) {
  const name = model === "t" ? `truth/${image}` : `layer/${model}/${image}`;
  if (!layerCache.has(name)) {
    layerCache.set(name, unpack(name).then((columns) => {
      const found = shapes(columns.contour);
      const rows = found.map((shape, at) => ({
        ...shape, nucleus: columns.nucleus[at], detection: columns.detection?.[at] ?? null, kind: columns.kind?.[at] ?? "",
        score: columns.score?.[at] ?? null, iou: columns.iou?.[at] ?? null,
      }));
      const true_ = (columns.true_kind ?? []).map((kind, at) => ({ kind, detection: columns.true_detection[at], iou: columns.true_iou[at] }));
      return { rows, true: true_ };
    }));
  }
  return layerCache.get(name);
}

const isError = (kind) => kind !== "" && kind !== "matched";
