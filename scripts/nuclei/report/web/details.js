// The page of a cell, as a dialog: scores, curves, where it comes from, its config.

function facts(title, values) {
  const list = make("dl");
  for (const [key, value] of Object.entries(values)) {
    const text = typeof value === "number" ? String(Number(value.toPrecision(6))) : value !== null && typeof value === "object" ? Object.entries(value).map(([k, v]) => `${k} ${v}`).join(", ") : String(value ?? "–");
    list.append(make("dt", {}, key), make("dd", {}, text));
  }
  return [make("h3", {}, title), list];
}

const SCORE_LINES = [["ap50_100", "mAP (AP50 @100)", "one"], ["ap_100", "AP 0.50:0.95 @100", "two"], ["ap_1000", "AP 0.50:0.95 @1000", "three"]];

function curves(cell) {
  const { epochs, log, choice } = cell;
  const mark = choice.epoch ? { x: choice.epoch, name: `chosen epoch ${choice.epoch}` } : null;
  const lines = SCORE_LINES.filter(([key]) => epochs[key]?.some((value) => value !== null));
  const found = [];
  if (lines.length) {
    const series = lines.map(([key, name, style]) => ({ name, style, x: epochs.epoch, y: epochs[key] }));
    found.push(chart("Validation scores by epoch", series, { x: "epoch", left: "score (0 to 1)" }, mark));
  }
  if (log.loss.length) {
    const series = [{ name: "loss", style: "one", x: log.epoch, y: log.loss }, { name: "learning rate", style: "two", x: log.epoch, y: log.lr, right: true }];
    found.push(chart("Training loss and learning rate", series, { x: "epoch", left: "loss", right: "learning rate", log: true, logRight: true }, mark));
  }
  return found;
}

async function showCell(label, seed) {
  const cell = await unpack(`cell/${label}/seed${seed}`);
  const [setting, model] = label.split("/");
  const close = make("button", { type: "button", autofocus: "" }, "Close");
  close.addEventListener("click", () => $("cell").close());
  const choose = make("select", { "aria-label": "Seed" });
  for (const value of state.seeds) choose.append(make("option", { value, ...(String(value) === String(seed) ? { selected: "" } : {}) }, `seed ${value}`));
  choose.addEventListener("change", () => { location.hash = `cell=${label}/seed${choose.value}`; });
  const save = make("button", { type: "button" }, "config.py");
  save.addEventListener("click", () => download(`${setting}.${model}.seed${seed}.config.py`, cell.config, "text/x-python"));
  const look = make("button", { type: "button" }, "Its contours");
  look.addEventListener("click", () => { $("cell").close(); chooseModel("a", label); $("viewer").scrollIntoView(); });
  $("cell-content").replaceChildren(
    make("h2", { id: "cell-title" }, `${model}, ${setting.replace("setting", "setting ")}`),
    make("p", { class: "tools" }, ...(state.seeds.length > 1 ? [choose, " "] : []), close, " ", look, " ", save),
    make("p", {}, `Epoch ${cell.choice.epoch}: ${cell.choice.reason || cell.choice.policy}`),
    make("div", { class: "charts" }, ...curves(cell)),
    ...facts("Scores", cell.score),
    ...facts("Where it comes from", { seed, ...cell.training, checkpoint_sha256: cell.choice.sha256 }),
    make("details", {}, make("summary", {}, "config.py"), make("pre", { tabindex: "0" }, cell.config)),
  );
  if (!$("cell").open) $("cell").showModal();
  $("cell").scrollTop = 0;
}

function followAddress() {
  const name = readAddress().get("cell");
  if (!name) return;
  const [label, seed] = name.split("/seed");
  if (document.getElementById(`packed:cell/${label}/seed${seed ?? state.seeds[0]}`)) showCell(label, seed ?? state.seeds[0]);
}

window.addEventListener("hashchange", followAddress);
$("cell").addEventListener("close", () => { if (readAddress().get("cell")) history.replaceState(null, "", "#tables"); });
