// --- The cards and boxes, at a time ---------------------------------------------------------------

const MOST_PATHS = 20;
const MOST_ROWS = 60;
const UNCHANGEABLE = Object.keys(DATA.python).map((node) => primitiveName(Number(node)));

let passes = passesFor(GIVEN);
let time = END;
let chosen = null; // by focus or click: a thing
let pointed = null; // by the mouse: a thing
let playing = 0;

// Making elements: text is only ever text.

function made(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const figure = (x, kind = "") =>
  made("data", { value: exact(x), title: exact(x), class: kind }, brief(x));
/** A number behind a sign: in parentheses if it has one of its own. */
const signed = (x, kind) =>
  x < 0 || Object.is(x, -0) ? made("span", {}, "(", figure(x, kind), ")") : figure(x, kind);
const gradientOf = (x) => figure(x, "of-grad");
const valueOf = (x) => figure(x, "of-data");
const code = (text) => made("code", {}, text);
const partial = (node, by) => `∂${nameOfNode(node)}/∂${nameOfNode(by)}`;

const isBroken = () => passes.broken.length > 0;

function numberAt(node) {
  if (isLeaf(node)) return passes.values[node];
  return !isBroken() && TURN_OF[node] <= time ? passes.values[node] : null;
}

function gradientAt(node) {
  return time < BEGUN || isBroken() ? null : gradientsAfter(time - BEGUN)[node];
}

// --- What is seen ---------------------------------------------------------------------------------

const cards = new Map(); // of each thing that is seen its element and what is written there
const thingAt = new WeakMap(); // of each element
const thingOf = (target) => {
  const element = target.closest?.(".node, .title");
  return element ? (thingAt.get(element) ?? null) : null;
};

/** Make what is seen anew, of the old what is still there. */
function rebuild() {
  lookAgain();
  placeAll();
  const before = new Map(cards);
  cards.clear();
  const frames = [];
  for (const thing of seen) {
    const old = before.get(thing);
    const card = old?.isOpen === isOpen(thing) ? old : newCard(thing);
    cards.set(thing, card);
    thingAt.set(card.element, thing);
    const [x, y, width, height] = boxOf(thing);
    card.element.setAttribute("transform", `translate(${rounded(x)} ${rounded(y)})`);
    if (!card.frame) continue;
    const size = { x: rounded(x), y: rounded(y), width: rounded(width), height: rounded(height) };
    filled(card.frame, size, []);
    frames.push(card.frame);
  }
  byId("frames").replaceChildren(...frames);
  putInOrder(byId("nodes"), [...cards.values()].map(({ element }) => element));
  drawArrows();
}

/** Children in that order; what has not moved is not touched, and so keeps the focus. */
function putInOrder(parent, children) {
  const kept = new Set(children);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

function svgElement(tag, attributes, ...children) {
  return filled(document.createElementNS(picture.namespaceURI, tag), attributes, children);
}

const pillWidth = (sign) => (sign ? Math.max(24, sign.length * 7.3 + 14) : 0);

function newCard(thing) {
  if (isOpen(thing)) return newTitle(thing);
  const [, , width, height] = boxOf(thing);
  const element = svgElement("g", { role: "button", tabindex: 0 });
  const text = (kind, x, y, what = "") => svgElement("text", { class: kind, x, y }, what);
  const rows = (captions, top) =>
    captions.flatMap((caption, i) => [
      text("cap", 9, top + 17 * i, caption),
      " ",
      text(i ? "num grad" : "num", width - 9, top + 17 * i),
      " ",
    ]);
  const ground = svgElement("rect", { class: "card", width, height, rx: 9 });
  const sign = text("sign", width - 9, 20.5);
  if (isBox(thing)) {
    element.setAttribute("class", "node box");
    element.setAttribute("aria-expanded", "false");
    element.append(
      svgElement("rect", { class: "sheet", x: 4, y: 4, width, height, rx: 9 }),
      ground,
      text("name", 9, 20.5, shortened(titleAt(~thing))),
      " ",
      text("cap", 9, 38, aboutBox(~thing)),
      " ",
      ...rows(["data", "|grad|"], 57),
      sign,
    );
  } else {
    const kind = !isLeaf(thing) ? "result" : PARAMETERS.has(thing) ? "parameter" : "input";
    element.setAttribute("class", `node ${kind}${thing === OUTPUT ? " output" : ""}`);
    const pill = pillWidth(signOf(thing));
    element.append(ground);
    if (pill) {
      element.append(
        svgElement("rect", { class: "pill", x: 9, y: 7, width: Math.round(pill), height: 19, rx: 9.5 }),
        text("op", 9 + pill / 2, 20.5, signOf(thing)),
        " ",
      );
    }
    const left = Math.round(9 + pill + (pill ? 7 : 0));
    element.append(text("name", left, 20.5, nameOfNode(thing)), " ", ...rows(["data", "grad"], 41), sign);
  }
  const [data, grad] = element.querySelectorAll(".num");
  return { element, ground, data, grad, sign, state: null, isOpen: false };
}

/** The title of an unfolded group, which folds it, and the frame around what is in it. */
function newTitle(thing) {
  const title = shortened(titleAt(~thing));
  const about = aboutBox(~thing);
  const element = svgElement(
    "g",
    {
      class: "title",
      role: "button",
      tabindex: 0,
      "aria-expanded": "true",
      "aria-label": `− ${title}, unfolded, ${about}`,
    },
    svgElement("rect", { class: "handle", x: 6, y: 5, width: 20, height: 20, rx: 5 }),
    svgElement("path", { class: "minus", d: "M11 15h10" }),
    svgElement("text", { class: "name", x: 33, y: 19.5 }, title),
  );
  const { width } = { width: boxOf(thing)[2] };
  const room = width - 33 - 14 - (title.length + about.length + 2) * 7.3;
  if (room > 0) {
    element.append(" ", svgElement("text", { class: "cap", x: 33 + (title.length + 2) * 7.3, y: 19.5 }, about));
  }
  const depth = groupsAround(thing).length % 2 ? "frame" : "frame deep";
  return { element, frame: svgElement("rect", { class: depth, rx: 12 }), isOpen: true };
}

// --- What is written on it ------------------------------------------------------------------------

const spokenNumber = (x) => (x === null || x === "" ? "" : ` ${typeof x === "number" ? brief(x) : x}`);

function fillCard(node) {
  const [x, g] = [numberAt(node), gradientAt(node)];
  const card = cards.get(node);
  const state = `${x === null ? "" : exact(x)};${g === null ? "" : exact(g)}`;
  if (state === card.state) return;
  card.state = state;
  fill(card.data, x);
  fill(card.grad, g);
  card.element.classList.toggle("ahead", x === null);
  // In the order in which it is seen, so that who speaks to the page can say what they see.
  const named = `${isLeaf(node) ? "" : `${signOf(node)} `}${nameOfNode(node)}`;
  const last = isLeaf(node) ? ", leaf" : "";
  const label = `${named}, data${spokenNumber(x)}, grad${spokenNumber(g)}${last}`;
  card.element.setAttribute("aria-label", label);
}

function fillBox(thing, { data, grad }) {
  const card = cards.get(thing);
  const [low, high] = [rangeText(data), rangeText(grad)];
  const state = `${low};${high}`;
  if (state === card.state) return;
  card.state = state;
  card.data.textContent = low;
  card.grad.textContent = high;
  card.element.classList.toggle("ahead", !data.known);
  const label = `${shortened(titleAt(~thing))}, folded, ${aboutBox(~thing)}`;
  const numbers = `data${spokenNumber(low)}, |grad|${spokenNumber(high)}`;
  card.element.setAttribute("aria-label", `${label}, ${numbers}`);
}

function fill(text, x) {
  text.textContent = x === null ? "" : brief(x);
  if (x === null) delete text.dataset.value;
  else text.dataset.value = exact(x);
}

/** What happens at this time: the node it happens at, and in which pass. */
function event() {
  if (isBroken()) return { pass: "broken", node: null };
  if (time >= 1 && time <= COUNT) return { pass: "forward", node: RESULTS[time - 1] };
  if (time > BEGUN) return { pass: "backward", node: RESULTS[END - time] };
  return { pass: time ? "seed" : "leaves", node: time ? OUTPUT : null };
}

let ranges = new Map(); // of the boxes that are seen

function render() {
  ranges = rangesNow();
  for (const thing of cards.keys()) {
    if (!isBox(thing)) fillCard(thing);
    else if (!isOpen(thing)) fillBox(thing, ranges.get(thing));
  }
  const { pass, node } = event();
  const isBack = pass === "backward" || pass === "seed";
  const here = node === null ? null : standInOf(node);
  const getting = new Set();
  if (pass === "backward" && passes.gradients[node] !== 0) {
    for (const parent of parentsOf(node)) getting.add(standInOf(parent));
    if (here !== null && isBox(here)) getting.delete(here);
  }
  for (const [thing, { element }] of cards) {
    element.classList.toggle("now", thing === here);
    element.classList.toggle("backwards", thing === here && isBack);
    element.classList.toggle("gets", getting.has(thing));
  }
  mark("flows", pass === "forward" ? usesIn(node) : []);
  mark("returns", pass === "backward" ? usesIn(node) : []);
  document.body.dataset.pass = pass;
  byId("time").value = time;
  showHeat();
  tellStep(pass, node);
  showAlert();
  showDetails();
}

function showAlert() {
  const alert = byId("alert");
  const text = passes.broken.map(([, outcome, line]) => {
    const where = line ? ` (${line})` : "";
    return `With these numbers a comparison comes out ${outcome ? "false" : "true"} that was ${
      outcome ? "true" : "false"
    }${where}: Python would have computed something else, so no result is shown.`;
  });
  const said = [...new Set(text)].join(" ");
  if (alert.textContent !== said) alert.textContent = said;
  alert.hidden = !said;
}
