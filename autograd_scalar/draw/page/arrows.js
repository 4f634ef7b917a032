// --- Arrows between what is seen ------------------------------------------------------------------

// Two nodes of one group have an arrow for each operand. All other arrows between two things are
// one, drawn in pieces: from box to box in the innermost group around both, and, where these are
// unfolded, from the thing inside to there and on.

const MANY = 40; // pieces at one end of an arrow: more are only shown when they matter
const arrowsLayer = byId("arrows");

let pieces = new Map(); // by their ends
let pairs = new Map(); // of two things that are seen, the pieces between them
let own = new Map(); // of an operand the piece that is its own

const pairKey = (tail, head) => (tail + OUTER.length) * (SIZE + OUTER.length) + head + OUTER.length;

function drawArrows() {
  const before = pieces;
  [pieces, pairs, own] = [new Map(), new Map(), new Map()];
  for (let node = 0; node < SIZE; node++) {
    const tail = standIns[node];
    let last = tail;
    for (let k = USED_FROM[node]; k < USED_FROM[node + 1]; k++) {
      const user = OWNER[USES[k]];
      const head = standIns[user];
      if (head === tail) continue;
      if (tail >= 0 && head >= 0 && HOMES[tail] === HOMES[head]) {
        own.set(USES[k], piece("main", tail, head, { use: USES[k] }));
        continue;
      }
      if (head === last) continue; // this value has been counted for it
      last = head;
      const key = pairKey(tail, head);
      if (!pairs.has(key)) pairs.set(key, pair(tail, head));
      for (const part of pairs.get(key)) {
        if (part.counted !== node) [part.counted, part.count] = [node, part.count + 1];
      }
    }
  }
  placeArrows();
  for (const [key, part] of pieces) {
    part.element = before.get(key)?.element ?? svgElement("path", { class: "arrow" });
    part.element.setAttribute("d", svgPath(part.points));
    part.element.classList.toggle("inner", part.isInner);
  }
  showMany();
  arrowsLayer.replaceChildren(...[...pieces.values()].map(({ element }) => element));
  drawCounts();
}

function pair(tail, head) {
  const { tail: from, head: to } = meeting(tail, head);
  const main = piece("main", from, to);
  const found = [main];
  if (from !== tail) found.push(piece("out", tail, head, { main }));
  if (to !== head) found.push(piece("in", tail, head, { main }));
  return found;
}

/** The piece that it is, made if there is none. A way in or out is shared by all that go it. */
function piece(kind, tail, head, { main = null, use = null } = {}) {
  const end = kind === "out" ? tail : kind === "in" ? head : `${tail}>${head}`;
  const key = `${kind} ${end} ${use ?? ""} ${main?.key ?? ""}`;
  if (!pieces.has(key)) pieces.set(key, { key, kind, tail, head, main, use, count: 0 });
  return pieces.get(key);
}

function placeArrows() {
  const drawn = new Map(); // how many arrows from operand to node there are so far
  for (const part of pieces.values()) {
    if (part.kind !== "main") continue;
    const ends = `${part.tail}>${part.head}`;
    const which = drawn.get(ends) ?? 0;
    drawn.set(ends, which + 1);
    part.points = pathBetween(groupAround(part.tail), part.tail, part.head, which);
    part.isInner = isOpen(part.head);
  }
  for (const part of pieces.values()) {
    const { points } = part.main ?? {};
    if (part.kind === "out") part.points = curve(rightOf(part.tail), points[0]);
    if (part.kind === "in") {
      const [x, y, , height] = boxOf(part.head);
      part.points = curve(points.at(-1), [x - TIP + 1, y + height / 2]);
    }
    if (part.kind !== "main") part.isInner = part.kind === "out";
  }
}

/** Ways in and out, and arrows at one thing, of which there are too many to be told apart. */
function showMany() {
  const ends = grouped(
    [...pieces.values()].filter(({ kind }) => kind !== "main"),
    ({ kind, main }) => `${kind} ${main.key}`,
  );
  const fans = grouped(
    [...pieces.values()].filter(({ kind, use }) => kind === "main" && use === null),
    ({ tail }) => tail,
  );
  const toOne = grouped(
    [...pieces.values()].filter(({ kind }) => kind === "main"),
    ({ head }) => head,
  );
  for (const part of pieces.values()) part.element.classList.remove("many");
  for (const list of [...ends.values(), ...fans.values(), ...toOne.values()]) {
    if (list.length > MANY) for (const { element } of list) element.classList.add("many");
  }
}

/** How many values go over an arrow from or to a box. */
function drawCounts() {
  const labels = [];
  for (const { kind, tail, head, count, points } of pieces.values()) {
    if (kind !== "main" || count < 2 || !(isBox(tail) || isBox(head))) continue;
    const [x, y] = middleOf(points);
    labels.push(svgElement("text", { class: "count", x: rounded(x), y: rounded(y - 5) }, count.toLocaleString("en")));
  }
  byId("counts").replaceChildren(...(labels.length > MOST_COUNTS ? [] : labels));
}
const MOST_COUNTS = 300;

function middleOf(points) {
  const curves = (points.length - 1) / 3;
  if (curves % 2 === 0) return points[(curves / 2) * 3];
  const [a, b, c, d] = points.slice(Math.floor(curves / 2) * 3).slice(0, 4);
  return [0, 1].map((i) => (a[i] + 3 * b[i] + 3 * c[i] + d[i]) / 8);
}

/** The pieces by which an operand of a node is seen. */
function piecesOf(use) {
  if (own.has(use)) return [own.get(use)];
  return pairs.get(pairKey(standInOf(OPERANDS[use]), standInOf(OWNER[use]))) ?? [];
}

function mark(name, uses) {
  for (const element of arrowsLayer.querySelectorAll(`.${name}`)) element.classList.remove(name);
  for (const use of uses) {
    for (const { element } of piecesOf(use)) element.classList.add(name);
  }
}

const usesIn = (node) =>
  Array.from({ length: START[node + 1] - START[node] }, (_, i) => START[node] + i).filter(
    (use) => OPERANDS[use] >= 0,
  );
const usesOf = (node) => USES.subarray(USED_FROM[node], USED_FROM[node + 1]);
