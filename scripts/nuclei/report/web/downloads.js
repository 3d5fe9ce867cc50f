// Files made in the page: tables and nuclei as CSV, contours as GeoJSON, a cell's config.

function download(name, content, type) {
  const link = make("a", { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A field of a CSV; what a spreadsheet would take for a formula is kept as text, unless it is a number.
function field(value) {
  let text = String(value ?? "");
  if (/^[=+@\t\r-]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const asCsv = (rows) => rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");

function tableRows(table) {
  const heads = [...table.tHead.rows[0].cells];
  const shown = heads.map((_, at) => at).filter((at) => !table.tBodies[0].rows[0]?.cells[at]?.querySelector(".bar"));
  return [shown.map((at) => heads[at].textContent.trim()), ...[...table.tBodies[0].rows].map((row) => shown.map((at) => valueOf(row.cells[at])))];
}

for (const button of document.querySelectorAll("[data-download]")) {
  button.addEventListener("click", () => {
    const table = button.closest(".table").querySelector("table");
    download(`${button.dataset.download}.csv`, asCsv(tableRows(table)), "text/csv");
  });
}

// Rows of every nucleus of the layers that are shown.
function nucleiRows() {
  const rows = [["image", "layer", "number", "kind", "score", "iou", "nucleus", "x", "y", "area"]];
  for (const key of ["t", "a", "b"]) {
    if (!view.on[key] || !view.layers[key]) continue;
    const layer = key === "t" ? "truth" : view[key];
    view.layers[key].rows.forEach((row, at) => {
      const [left, top, right, bottom] = row.box;
      rows.push([view.image.name, layer, key === "t" ? row.nucleus : row.detection, kindOf(key, at), row.score, row.iou, row.nucleus, (left + right) / 2, (top + bottom) / 2, row.area]);
    });
  }
  return rows;
}

// A ring belongs to the outer ring before it that holds it: contours list a part's outer ring, then its holes, whose
// area has the other sign. Rings run along pixel edges, px, x right, y down, as QuPath takes them.
function geometryOf(row) {
  const signed = (corners) => corners.reduce((sum, [x, y], at) => {
    const [u, v] = corners[(at + 1) % corners.length];
    return sum + (x * v - u * y);
  }, 0);
  const parts = [];
  for (const corners of row.rings) {
    const closed = [...corners, corners[0]];
    if (signed(corners) > 0) parts.push([closed]);
    else parts.at(-1).push(closed);
  }
  return parts.length === 1 ? { type: "Polygon", coordinates: parts[0] } : { type: "MultiPolygon", coordinates: parts };
}

function geojson() {
  const features = [];
  for (const key of ["t", "a", "b"]) {
    if (!view.on[key] || !view.layers[key]) continue;
    view.layers[key].rows.forEach((row, at) => {
      if (!row.rings.length) return;
      const properties = { objectType: "annotation", layer: key === "t" ? "truth" : view[key], nucleus: row.nucleus, detection: row.detection, kind: kindOf(key, at), score: row.score, iou: row.iou };
      features.push({ type: "Feature", geometry: geometryOf(row), properties });
    });
  }
  return JSON.stringify({ type: "FeatureCollection", features });
}

$("nuclei-csv").addEventListener("click", () => download(`${view.image.name}.nuclei.csv`, asCsv(nucleiRows()), "text/csv"));
$("nuclei-geojson").addEventListener("click", () => download(`${view.image.name}.geojson`, geojson(), "application/geo+json"));
$("copy").addEventListener("click", async () => {
  remember();
  await new Promise((done) => { setTimeout(done, 200); });
  try {
    await navigator.clipboard.writeText(location.href);
    say([["link", "copied"]]);
  } catch {
    say([["link", location.href]]); // a browser may refuse pages from the disk the clipboard
  }
});
