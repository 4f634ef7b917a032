// --- The camera: what part of the picture is seen, and how large ----------------------------------

const byId = (id) => document.getElementById(id);
const stage = byId("stage");
const picture = byId("picture");
const view = byId("view");
const LARGEST = 3;
const READABLE = 0.7; // a card's text is 12 px at 1
const LEGIBLE = 0.2; // below, text is not drawn: nobody can read it, and it is most of the work
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const camera = { zoom: 1, x: 0, y: 0 };
let flight = 0;

function look({ zoom, x, y }) {
  Object.assign(camera, { zoom, x, y });
  view.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
  stage.classList.toggle("far", zoom < LEGIBLE);
}

/** Move there within a fifth of a second, or at once for who wants no motion. */
function flyTo(goal) {
  cancelAnimationFrame(flight);
  if (STILL.matches || document.hidden) return look(goal);
  const from = { ...camera };
  const begun = performance.now();
  const fly = (now) => {
    const way = Math.min(1, Math.max(0, (now - begun) / 200));
    const eased = way * (2 - way);
    const between = (name) => from[name] + (goal[name] - from[name]) * eased;
    look({ zoom: between("zoom"), x: between("x"), y: between("y") });
    if (way < 1) flight = requestAnimationFrame(fly);
  };
  flight = requestAnimationFrame(fly);
}

const ground = () => picture.getBoundingClientRect();

const centred = (zoom, width, height) => ({
  zoom,
  x: (width - extent.width * zoom) / 2,
  y: (height - extent.height * zoom) / 2,
});

/** All of the picture, in the middle. */
function whole() {
  const { width, height } = ground();
  const zoom = Math.min(1.5, (width - 24) / extent.width, (height - 24) / extent.height);
  return centred(zoom, width, height);
}

/** All, or of a large picture the part around the output, large enough to be read. */
function opening() {
  const all = whole();
  if (all.zoom >= READABLE) return all;
  const { width, height } = ground();
  const zoom = READABLE;
  const [x, y, wide, high] = boxOf(standInOf(OUTPUT));
  const middle = centred(zoom, width, height);
  const left = Math.max(width - 16 - (x + wide) * zoom, width - extent.width * zoom - 16);
  return {
    zoom,
    x: extent.width * zoom <= width ? middle.x : left,
    y: extent.height * zoom <= height - 24 ? middle.y : height / 2 - (y + high / 2) * zoom,
  };
}

function zoomBy(factor, x = ground().width / 2, y = ground().height / 2) {
  cancelAnimationFrame(flight);
  const smallest = Math.min(0.1, whole().zoom);
  const zoom = Math.min(LARGEST, Math.max(smallest, camera.zoom * factor));
  const ratio = zoom / camera.zoom;
  look({ zoom, x: x - (x - camera.x) * ratio, y: y - (y - camera.y) * ratio });
}

function moveBy(x, y) {
  cancelAnimationFrame(flight);
  look({ zoom: camera.zoom, x: camera.x + x, y: camera.y + y });
}

/** Move as little as shows these things, the first at least. */
function show(things) {
  const { width, height } = ground();
  const margin = 14;
  const { zoom } = camera;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const thing of things) {
    const [x, y, wide, high] = boxOf(thing);
    const [l, t] = [Math.min(left, x), Math.min(top, y)];
    const [r, b] = [Math.max(right, x + wide), Math.max(bottom, y + high)];
    const fits = (r - l) * zoom <= width - 2 * margin && (b - t) * zoom <= height - 2 * margin;
    if (fits || left === Infinity) [left, top, right, bottom] = [l, t, r, b];
  }
  const moved = (at, low, high, room) => {
    if (low * zoom + at < margin) return margin - low * zoom;
    if (high * zoom + at > room - margin) return room - margin - high * zoom;
    return at;
  };
  const x = moved(camera.x, left, right, width);
  const y = moved(camera.y, top, bottom, height);
  if (x !== camera.x || y !== camera.y) flyTo({ zoom, x, y });
}

// Wheel, drag and pinch. A pointer that has hardly moved is a click, which is the node's.
const pointers = new Map();
const HARDLY = 4;
let dragged = false;

picture.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const { left, top } = ground();
    const lines = event.deltaMode ? 30 : 1;
    zoomBy(Math.exp(-event.deltaY * lines * 0.0015), event.clientX - left, event.clientY - top);
  },
  { passive: false },
);
picture.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pointers.size === 1) dragged = false;
});
addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
  if (!dragged && pointers.size === 1 && Math.hypot(dx, dy) < HARDLY) return;
  dragged = true;
  stage.classList.add("dragged");
  const others = [...pointers].filter(([id]) => id !== event.pointerId);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (!others.length) return moveBy(dx, dy);
  const [x, y] = others[0][1];
  const { left, top } = ground();
  const spread = (px, py) => Math.max(1, Math.hypot(px - x, py - y));
  const factor = spread(event.clientX, event.clientY) / spread(...before);
  zoomBy(factor, (x + event.clientX) / 2 - left, (y + event.clientY) / 2 - top);
  moveBy(dx / 2, dy / 2);
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) stage.classList.remove("dragged");
  });
}
byId("nearer").addEventListener("click", () => zoomBy(1.3));
byId("farther").addEventListener("click", () => zoomBy(1 / 1.3));
byId("whole").addEventListener("click", () => flyTo(whole()));
