// Mouse, fingers and keys of the canvas.

// Px of the image below a pointer.
function placeOf(event) {
  const [z, box] = [view.zoom * wholeZoom(), canvas.getBoundingClientRect()];
  const ratio = canvas.width / box.width;
  return [view.x + ((event.clientX - box.left) * ratio - canvas.width / 2) / z, view.y + ((event.clientY - box.top) * ratio - canvas.height / 2) / z];
}

// Zoom by a factor so that a place of the image stays where it is on the screen.
function zoomAt(factor, [x, y]) {
  const zoom = Math.max(1, Math.min(40, view.zoom * factor));
  const share = view.zoom / zoom;
  moveTo(x + (view.x - x) * share, y + (view.y - y) * share, zoom);
}

const fingers = new Map();
let dragged = 0;

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
  if (fingers.size === 1) dragged = 0;
});

canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const [now, then] = [placeOf(event), placeOf(before)];
  const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
  fingers.set(event.pointerId, event);
  dragged += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
  if (other) {
    const [far, near] = [event, before].map((one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY));
    zoomAt(far / (near || 1), placeOf({ clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 }));
  } else if (view.zoom > 1) moveTo(view.x - now[0] + then[0], view.y - now[1] + then[1]);
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (fingers.delete(event.pointerId) && name === "pointerup" && dragged < 6 && !fingers.size) chooseAt(...placeOf(event));
  });
}

// The wheel alone scrolls the page, which nobody would get past the image otherwise.
canvas.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoomAt(1.0015 ** -event.deltaY, placeOf(event));
}, { passive: false });

canvas.addEventListener("dblclick", (event) => zoomAt(2, placeOf(event)));

const step = () => Math.min(canvas.width, canvas.height) / (5 * view.zoom * wholeZoom());
const middle = () => [view.x, view.y];
const KEYS = {
  ArrowLeft: () => moveTo(view.x - step(), view.y), ArrowRight: () => moveTo(view.x + step(), view.y),
  ArrowUp: () => moveTo(view.x, view.y - step()), ArrowDown: () => moveTo(view.x, view.y + step()),
  "+": () => zoomAt(1.5, middle()), "=": () => zoomAt(1.5, middle()), "-": () => zoomAt(1 / 1.5, middle()),
  0: () => moveTo(0, 0, 1), n: () => stepError(1), p: () => stepError(-1), i: () => stepImage(1), u: () => stepImage(-1),
  t: () => toggle("t"), a: () => toggle("a"), b: () => toggle("b"), Enter: () => chooseAt(view.x, view.y), Escape: () => choose(null),
};

// Keys count while the canvas has the focus alone, so that they take nothing away from screen readers elsewhere.
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
