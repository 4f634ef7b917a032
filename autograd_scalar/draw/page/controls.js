// --- Keys, focus and the mouse, and the beginning of all -----------------------------------------

const MOVE = 60;
const KEYS = {
  ArrowLeft: () => stepBy(-1),
  ArrowRight: () => stepBy(1),
  Home: () => stepBy(-END),
  End: () => stepBy(END),
  " ": toggle,
  "+": () => zoomBy(1.2),
  "=": () => zoomBy(1.2),
  "-": () => zoomBy(1 / 1.2),
  0: () => flyTo(whole()),
  Escape: () => choose(null),
};
const SHIFTED = {
  ArrowLeft: () => moveBy(MOVE, 0),
  ArrowRight: () => moveBy(-MOVE, 0),
  ArrowUp: () => moveBy(0, MOVE),
  ArrowDown: () => moveBy(0, -MOVE),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.id === "number") return;
  const node = cards.indexOf(target.closest?.(".node") ?? null);
  if (node >= 0 && act(node, key, event.shiftKey)) return event.preventDefault();
  const own = target.matches?.("input[type=range], select"); // these have keys of their own
  if (own && key !== " ") return;
  if (key === " " && target.matches?.("button, summary, select")) return;
  const action = event.shiftKey && SHIFTED[key] ? SHIFTED[key] : KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
});

/** The keys of a card; whether this was one. */
function act(node, key, shift) {
  if (shift) return false;
  if (key === "ArrowUp" || key === "ArrowDown") {
    const next = node + (key === "ArrowDown" ? 1 : -1);
    cards[Math.min(OUTPUT, Math.max(0, next))].focus();
    return true;
  }
  if (key !== "Enter") return false;
  choose(node);
  if (editor && !editor.field.disabled) {
    editor.field.focus();
    editor.field.select();
  }
  return true;
}

function choose(node) {
  chosen = node;
  pointed = null;
  showDetails();
}

const cardOf = (target) => cards.indexOf(target.closest?.(".node") ?? null);

// Not on the picture: Chromium takes an element of SVG that listens to focus for one to tab to.
stage.addEventListener("focusin", (event) => {
  const node = cardOf(event.target);
  if (node < 0) return;
  stage.scrollTo(0, 0);
  choose(node);
  if (!pointers.size) show([node]);
});
view.addEventListener("click", (event) => {
  const node = cardOf(event.target);
  if (node >= 0 && !dragged) choose(node);
});
picture.addEventListener("click", (event) => {
  if (cardOf(event.target) < 0 && !dragged) choose(null);
});
view.addEventListener("pointerover", (event) => {
  const node = cardOf(event.target);
  if (node < 0 || pointers.size || event.pointerType === "touch" || isEditing()) return;
  pointed = node;
  showDetails();
});
view.addEventListener("pointerout", (event) => {
  if (pointed === null || cardOf(event.relatedTarget ?? picture) === pointed) return;
  pointed = null;
  if (!isEditing()) showDetails();
});
const isEditing = () => byId("editor").contains(document.activeElement);

const LONGEST_TITLE = 70;
function titleOf(node) {
  if (isLeaf(node)) return DATA.names[node];
  const whole = expressionTexts()[node];
  const text = whole.length <= LONGEST_TITLE ? whole : definition(node, passes.values);
  return `${DATA.names[node]} = ${text}`;
}

byId("time").max = END;
byId("forward-phase").style.flexGrow = COUNT + 0.5;
byId("backward-phase").style.flexGrow = COUNT + 0.5;
byId("title").textContent = titleOf(OUTPUT);
picture.removeAttribute("viewBox");
for (const side of ["width", "height"]) picture.setAttribute(side, "100%");
document.documentElement.classList.remove("still");
look(opening());
render();
let roomBefore = ground().width;
new ResizeObserver(() => {
  if (Math.abs(ground().width - roomBefore) > 1) look(opening());
  roomBefore = ground().width;
}).observe(stage);
// On paper there is all of the picture, as wide as the paper; the style sheet puts the camera aside.
addEventListener("beforeprint", () => picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`));
addEventListener("afterprint", () => picture.removeAttribute("viewBox"));
