// --- The cards and the arrows, at a time ---------------------------------------------------------

const cards = [...document.querySelectorAll("#nodes > .node")];
const arrowPaths = [...document.querySelectorAll("#arrows > .arrow")];
const ARROWS = []; // of each arrow its ends and which parent of the node it comes from
for (let node = 0; node < DATA.size; node++) {
  parentsOf(node).forEach((parent, i) => ARROWS.push({ parent, node, i }));
}
const RESULTS = [...DATA.nodes.keys()].filter((node) => node < DATA.size && !isLeaf(node));
const LEAVES = [...DATA.nodes.keys()].filter((node) => node < DATA.size && isLeaf(node));
const COUNT = RESULTS.length;
const SEED = COUNT + 1; // the step at which the gradient of the output is set to 1
const END = 2 * COUNT + 1;
const TURN_OF = new Map(RESULTS.map((node, i) => [node, i + 1]));
const MOST_PATHS = 20;
const MOST_ROWS = 60;
const UNCHANGEABLE = Object.keys(DATA.python).map((node) => primitiveName(Number(node)));

const CORNERS = cards.map((card) => {
  const { e, f } = card.transform.baseVal.consolidate().matrix;
  const { width, height } = card.querySelector(".card");
  return [e, f, width.baseVal.value, height.baseVal.value];
});
function boxOf(node) {
  return CORNERS[node];
}

let passes = passesFor(DATA.leaves);
let time = END;
let chosen = null; // by focus or click
let pointed = null; // by the mouse
let playing = 0;

// Making elements: text is only ever text.

function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
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
const partial = (node, by) => `∂${DATA.names[node]}/∂${DATA.names[by]}`;

const isBroken = () => passes.broken.length > 0;

function numberAt(node) {
  if (isLeaf(node)) return passes.values[node];
  return !isBroken() && TURN_OF.get(node) <= time ? passes.values[node] : null;
}

function gradientAt(node) {
  const turn = time - SEED;
  if (turn < 0 || isBroken()) return null;
  return passes.history[node].findLast(([when]) => when <= turn)?.[1] ?? 0;
}

const shown = cards.map((card) => {
  const [data, grad] = card.querySelectorAll(".num");
  return { data, grad, state: null };
});

function fillCard(node) {
  const [x, g] = [numberAt(node), gradientAt(node)];
  const card = shown[node];
  const state = `${x === null ? "" : exact(x)};${g === null ? "" : exact(g)}`;
  if (state === card.state) return;
  card.state = state;
  fill(card.data, x);
  fill(card.grad, g);
  cards[node].classList.toggle("ahead", x === null);
  // In the order in which it is seen, so that who speaks to the page can say what they see.
  const said = (x) => (x === null ? "" : ` ${brief(x)}`);
  const named = `${isLeaf(node) ? "" : `${DATA.signs[node]} `}${DATA.names[node]}`;
  const label = `${named}, data${said(x)}, grad${said(g)}${isLeaf(node) ? ", leaf" : ""}`;
  cards[node].setAttribute("aria-label", label);
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
  if (time > SEED) return { pass: "backward", node: RESULTS[END - time] };
  return { pass: time ? "seed" : "leaves", node: time ? OUTPUT : null };
}

function render() {
  cards.forEach((_, node) => fillCard(node));
  const { pass, node } = event();
  const getting = new Set(
    pass === "backward" && passes.gradients[node] !== 0 ? parentsOf(node) : [],
  );
  cards.forEach((card, other) => {
    card.classList.toggle("now", other === node);
    card.classList.toggle("backwards", other === node && (pass === "backward" || pass === "seed"));
    card.classList.toggle("gets", getting.has(other));
  });
  ARROWS.forEach((arrow, i) => {
    const classes = arrowPaths[i].classList;
    classes.toggle("flows", arrow.node === node && pass === "forward");
    classes.toggle("returns", arrow.node === node && pass === "backward");
  });
  document.body.dataset.pass = pass;
  byId("time").value = time;
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
