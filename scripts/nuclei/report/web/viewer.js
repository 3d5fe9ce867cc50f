// The viewer: which image and models are shown, their switches, and its state in the address. It starts the page.

function remember() {
  if (!view.image || !view.started) return;
  const on = ["t", "a", "b"].filter((key) => view.on[key]).join("");
  const at = view.zoom === 1 ? "" : [view.x, view.y, view.zoom].map((value) => Number(value.toFixed(2))).join(",");
  const chosen = view.chosen ? `${view.chosen.key},${view.chosen.at}` : "";
  writeAddress({ image: view.image.id, a: view.a, b: view.b, on, only: view.only ? 1 : "", at, chosen });
}

function showSwitches() {
  for (const key of ["t", "a", "b"]) if ($(`on-${key}`)) $(`on-${key}`).checked = view.on[key];
  for (const key of ["a", "b"]) if (view[key]) $(`model-${key}`).value = view[key];
  if ($("only-errors")) $("only-errors").checked = view.only;
  for (const button of document.querySelectorAll("[data-image]")) button.setAttribute("aria-pressed", String(Number(button.dataset.image) === view.image.id));
  canvas.setAttribute("aria-label", `Test image ${view.image.name}`);
}

// Open the layers that are shown of the image, and draw. Others wait until they are switched on.
async function load() {
  const image = view.image.id;
  const wanted = { t: state.scored ? "t" : "", a: view.a, b: view.on.b ? view.b : "" };
  const found = {};
  await Promise.all(Object.entries(wanted).map(async ([key, model]) => { if (model) found[key] = await openLayer(model, image); }));
  if (view.image.id !== image || view.a !== wanted.a) return; // another choice was faster
  view.layers = found;
  if (view.chosen && !chosenRow()) view.chosen = null;
  fillKinds();
  choose(view.chosen);
  draw();
}

async function showImage(id) {
  view.image = state.images.find((image) => image.id === id) ?? state.images[0];
  view.layers = {};
  view.chosen = null;
  fitCanvas();
  showWhole();
  moveTo(view.x, view.y, 1);
  showSwitches();
  await load();
}

const stepImage = (by) => {
  const at = state.images.findIndex((image) => image.id === view.image.id);
  return showImage(state.images[(at + by + state.images.length) % state.images.length].id);
};

async function toggle(key) {
  if (!$(`on-${key}`)) return;
  view.on[key] = !view.on[key];
  showSwitches();
  await load();
}

async function chooseModel(key, model) {
  view[key] = model;
  view.on[key] = true;
  if (view.chosen?.key === key) view.chosen = null;
  showSwitches();
  await load();
}

async function fromAddress() {
  const address = readAddress();
  if (!address.has("image")) return false;
  const known = (name) => state.models.some((model) => model.key === name);
  for (const key of ["a", "b"]) if (known(address.get(key))) view[key] = address.get(key);
  for (const key of ["t", "a", "b"]) view.on[key] = (address.get("on") ?? "ta").includes(key) && (key !== "t" || state.scored);
  view.only = address.get("only") === "1";
  await showImage(Number(address.get("image")));
  const place = (address.get("at") ?? "").split(",").map(Number);
  if (place.length === 3 && place.every(Number.isFinite)) moveTo(...place);
  const [key, at] = (address.get("chosen") ?? "").split(",");
  if (view.layers[key]?.rows[Number(at)]) choose({ key, at: Number(at) });
  return true;
}

function listen() {
  for (const button of document.querySelectorAll("[data-image]")) button.addEventListener("click", () => showImage(Number(button.dataset.image)));
  for (const key of ["t", "a", "b"]) $(`on-${key}`)?.addEventListener("change", () => toggle(key));
  for (const key of ["a", "b"]) $(`model-${key}`).addEventListener("change", (event) => chooseModel(key, event.target.value));
  $("only-errors")?.addEventListener("change", (event) => { view.only = event.target.checked; later(); remember(); });
  $("closer").addEventListener("click", () => zoomAt(1.5, middle()));
  $("farther").addEventListener("click", () => zoomAt(1 / 1.5, middle()));
  $("whole").addEventListener("click", () => moveTo(0, 0, 1));
  $("next")?.addEventListener("click", () => stepError(1));
  $("previous")?.addEventListener("click", () => stepError(-1));
  window.addEventListener("resize", () => { fitCanvas(); later(); });
  window.addEventListener("hashchange", () => { if (readAddress().has("image")) fromAddress(); });
}

async function start() {
  const order = [...state.models].sort((one, other) => (other.score ?? 0) - (one.score ?? 0));
  [view.a, view.b] = [order[0]?.key ?? "", (order[1] ?? order[0])?.key ?? ""];
  if (!state.images.length) return;
  listen();
  if (await fromAddress()) $("viewer").scrollIntoView();
  else await showImage(state.images[0].id);
  view.started = true;
  document.documentElement.dataset.ready = String(Math.round(performance.now())); // ms from opening to the first contours
}

followAddress();
start();
