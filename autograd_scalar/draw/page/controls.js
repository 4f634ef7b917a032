// --- Keys, focus and the mouse, and the beginning of all -----------------------------------------

const MOVE = 60;
const KEYS = {
  ArrowLeft: () => jump(next(-1)),
  ArrowRight: () => jump(next(1)),
  Home: () => jump(0),
  End: () => jump(END),
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
  const thing = thingOf(target);
  if (thing !== null && act(thing, key, event.shiftKey)) return event.preventDefault();
  const hasKeys = target.matches?.("input[type=range], select"); // these have keys of their own
  if (hasKeys && key !== " ") return;
  if (key === " " && target.matches?.("button, summary, select")) return;
  const action = event.shiftKey && SHIFTED[key] ? SHIFTED[key] : KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
});

/** The keys of a card or a box; whether this was one. */
function act(thing, key, shift) {
  if (shift) return false;
  if (key === "ArrowUp" || key === "ArrowDown") {
    const next = seen.indexOf(thing) + (key === "ArrowDown" ? 1 : -1);
    focusOn(seen[Math.min(seen.length - 1, Math.max(0, next))]);
    return true;
  }
  if (key !== "Enter") return false;
  if (isBox(thing)) toggleFold(thing);
  else choose(thing);
  if (editor && !editor.field.disabled) {
    editor.field.focus();
    editor.field.select();
  }
  return true;
}

function focusOn(thing) {
  cards.get(thing)?.element.focus();
}

function choose(thing) {
  chosen = thing;
  pointed = null;
  showDetails();
}

// Not on the picture: Chromium takes an element of SVG that listens to focus for one to tab to.
stage.addEventListener("focusin", (event) => {
  const thing = thingOf(event.target);
  if (thing === null) return;
  stage.scrollTo(0, 0);
  choose(thing);
  if (!pointers.size) show([thing]);
});
view.addEventListener("click", (event) => {
  const thing = thingOf(event.target);
  if (thing === null || dragged) return;
  if (isBox(thing)) toggleFold(thing);
  else choose(thing);
});
picture.addEventListener("click", (event) => {
  if (thingOf(event.target) === null && !dragged) choose(null);
});
view.addEventListener("pointerover", (event) => {
  const thing = thingOf(event.target);
  if (thing === null || pointers.size || event.pointerType === "touch" || isEditing()) return;
  pointed = thing;
  showDetails();
});
view.addEventListener("pointerout", (event) => {
  if (pointed === null || thingOf(event.relatedTarget ?? picture) === pointed) return;
  pointed = null;
  if (!isEditing()) showDetails();
});
const isEditing = () => byId("editor").contains(document.activeElement);

const LONGEST_HEADING = 70;
function titleOf(node) {
  if (isLeaf(node)) return nameOfNode(node);
  const { text } = expression(node, passes.values);
  return `${nameOfNode(node)} = ${text.length <= LONGEST_HEADING ? text : definition(node, passes.values)}`;
}

byId("time").max = END;
byId("forward-phase").style.flexGrow = COUNT + 0.5;
byId("backward-phase").style.flexGrow = COUNT + 0.5;
byId("title").textContent = titleOf(OUTPUT);
picture.removeAttribute("viewBox");
for (const side of ["width", "height"]) picture.setAttribute(side, "100%");
document.documentElement.classList.remove("still");
rebuild();
showFolding();
look(opening());
render();
let roomBefore = ground().width;
new ResizeObserver(() => {
  if (Math.abs(ground().width - roomBefore) > 1) look(opening());
  roomBefore = ground().width;
}).observe(stage);
// On paper there is all of the picture, as wide as the paper; the style sheet puts the camera aside.
addEventListener("beforeprint", () => picture.setAttribute("viewBox", `0 0 ${extent.width} ${extent.height}`));
addEventListener("afterprint", () => picture.removeAttribute("viewBox"));
