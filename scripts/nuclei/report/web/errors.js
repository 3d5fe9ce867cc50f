// Choosing a nucleus, what is said of it, and stepping through the errors of model A.

const KINDS = {
  missed: "missed nuclei", merged: "merged nuclei", split: "split nuclei", false: "false detections",
  duplicated: "duplicated detections", merging: "merging detections", splitting: "splitting detections",
};
const NAMES = { t: "true nucleus", a: "model A", b: "model B" };

const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));

// What became of a true nucleus by a model: its kind, its detection.
function fate(key, at) {
  const found = view.layers[key].true[at];
  if (!found) return "";
  const partner = view.layers[key].rows.find((row) => row.detection === found.detection);
  const score = partner ? `, score ${number(partner.score, 3)}` : "";
  return `${found.kind}${found.detection === null ? "" : `, IoU ${number(found.iou, 3)} with detection ${found.detection}${score}`}`;
}

// Lines about a nucleus of a layer: [what, text].
function describe({ key, at }) {
  const row = view.layers[key].rows[at];
  const [left, top, right, bottom] = row.box;
  const place = `${row.area} px², at ${Math.round((left + right) / 2)}, ${Math.round((top + bottom) / 2)}`;
  if (key === "t") {
    const lines = [["true nucleus", `${row.nucleus}, ${place}`]];
    for (const other of ["a", "b"]) if (view.layers[other] && view.on[other]) lines.push([nameOf(other), fate(other, at)]);
    return lines;
  }
  const iou = row.nucleus === null ? "touches no nucleus" : `IoU ${number(row.iou, 3)} with nucleus ${row.nucleus}`;
  return [[nameOf(key), `detection ${row.detection}: ${row.kind || "not scored"}`], ["score", number(row.score, 4)], ...(state.scored ? [["IoU", iou]] : []), ["size", place]];
}

const nameOf = (key) => state.models.find((model) => model.key === view[key])?.name ?? NAMES[key];

function say(lines) {
  const list = make("dl");
  for (const [name, text] of lines) list.append(make("dt", {}, name), make("dd", {}, text));
  $("facts").replaceChildren(list);
}

// Choose a nucleus {key, at} or nothing (null).
function choose(chosen, extra = []) {
  view.chosen = chosen;
  if (chosen) say([...extra, ...describe(chosen)]);
  else say(summaryOfImage());
  later();
  remember();
}

// The smallest nucleus of the layers that are shown at a place; a second click at a place takes the next layer.
function chooseAt(x, y) {
  const found = [];
  for (const key of ["b", "a", "t"]) {
    if (!view.on[key] || !view.layers[key]) continue;
    view.layers[key].rows.forEach((row, at) => {
      const [left, top, right, bottom] = row.box;
      if (x < left || x > right || y < top || y > bottom || (view.only && !isError(kindOf(key, at)))) return;
      pen.setTransform(1, 0, 0, 1, 0, 0);
      if (pen.isPointInPath(row.path, x, y, "evenodd")) found.push({ key, at, area: row.area });
    });
  }
  found.sort((one, other) => (one.key === "t") - (other.key === "t") || one.area - other.area);
  const before = found.findIndex((one) => one.key === view.chosen?.key && one.at === view.chosen?.at);
  choose(found.length ? found[(before + 1) % found.length] : null);
}

// Errors of model A in the order of the step: by kind, then the largest nuclei and the surest detections first.
function errorsOf(kind) {
  const layer = view.layers.a;
  if (!layer || !state.scored) return [];
  const nuclei = layer.true.map(({ kind: name }, at) => ({ key: "t", at, kind: name, weight: view.layers.t.rows[at].area }));
  const detections = layer.rows.map(({ kind: name, score }, at) => ({ key: "a", at, kind: name, weight: score }));
  const order = Object.keys(KINDS);
  return [...nuclei, ...detections]
    .filter((one) => isError(one.kind) && (kind === "all" || one.kind === kind))
    .sort((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind) || other.weight - one.weight);
}

function stepError(by) {
  if (!state.scored) return say([["errors", "not known without test masks"]]);
  const errors = errorsOf($("kind").value);
  if (!errors.length) return say([["errors", `${nameOf("a")} has none of this kind in this image`]]);
  const at = errors.findIndex((one) => one.key === view.chosen?.key && one.at === view.chosen?.at);
  const next = at < 0 ? (by > 0 ? 0 : errors.length - 1) : (at + by + errors.length) % errors.length;
  const error = errors[next];
  view.on[error.key] = true;
  view.on.a = true;
  showSwitches();
  const [left, top, right, bottom] = view.layers[error.key].rows[error.at].box;
  moveTo((left + right) / 2, (top + bottom) / 2, Math.max(view.zoom, (0.15 * Math.min(view.image.width, view.image.height)) / Math.max(right - left, bottom - top, 8)));
  return choose({ key: error.key, at: error.at }, [["error", `${next + 1} of ${errors.length}: ${error.kind}`]]);
}

// How many errors of each kind model A has in the image, in the choice of kinds.
function fillKinds() {
  if (!state.scored) return;
  const kept = $("kind").value || "all";
  const count = (kind) => errorsOf(kind).length;
  const options = [["all", `all errors of model A (${count("all")})`], ...Object.entries(KINDS).map(([kind, name]) => [kind, `${name} (${count(kind)})`])];
  $("kind").replaceChildren(...options.map(([value, name]) => make("option", { value }, name)));
  $("kind").value = kept;
}

// What the image holds, where no nucleus is chosen.
function summaryOfImage() {
  const lines = [["image", `${view.image.name}, ${view.image.width} × ${view.image.height} px`]];
  if (view.layers.t) lines.push(["true nuclei", String(view.layers.t.rows.length)]);
  for (const key of ["a", "b"]) {
    if (!view.layers[key] || !view.on[key]) continue;
    const { rows } = view.layers[key];
    const right = rows.filter((row) => row.kind === "matched").length;
    lines.push([nameOf(key), `${rows.length} detections${state.scored ? `, ${right} matched` : ""}`]);
  }
  return lines;
}
