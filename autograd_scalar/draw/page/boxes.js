// --- Groups: what is in them, which are unfolded, and what is seen --------------------------------

// A thing is what stands in a picture: a node, by its place, or the box of a group, by ~ its place.
const ROOT = -1;
const OUTER = unpacked(DATA.groups); // of each group the one it is in, or ROOT
const HOMES = unpacked(DATA.homes); // of each node its innermost group, or ROOT
const LAYOUT_OF = unpacked(DATA.layoutOf); // of ROOT and then of each group
const titleAt = texts(DATA.titles);
const detailAt = texts(DATA.details);

const isBox = (thing) => thing < 0;
const groupAround = (thing) => (isBox(thing) ? OUTER[~thing] : HOMES[thing]);

const THINGS = Array.from({ length: OUTER.length + 1 }, () => []); // in ROOT and in each group
const WITHIN = new Int32Array(OUTER.length); // how many nodes are in a group, at any depth
const PLACE_IN = new Map(); // of each thing which one it is in its group
{
  const seen = new Uint8Array(OUTER.length);
  const add = (thing) => {
    const things = THINGS[groupAround(thing) + 1];
    PLACE_IN.set(thing, things.length);
    things.push(thing);
  };
  for (let node = 0; node < SIZE; node++) {
    add(node);
    for (let group = HOMES[node]; group !== ROOT && !seen[group]; group = OUTER[group]) {
      seen[group] = 1;
      add(~group);
    }
  }
  for (let node = 0; node < SIZE; node++) if (HOMES[node] !== ROOT) WITHIN[HOMES[node]]++;
  for (let group = OUTER.length - 1; group >= 0; group--) {
    if (OUTER[group] !== ROOT) WITHIN[OUTER[group]] += WITHIN[group];
  }
}
const thingsIn = (group) => THINGS[group + 1];
const counted = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

const unfolded = new Set(DATA.unfolded);

let seen = []; // all things in the order of the graph; an unfolded group before what is in it
let standIns = new Int32Array(SIZE); // of each node the thing that it is seen as

function lookAgain() {
  seen = [];
  const enter = (group) => {
    for (const thing of thingsIn(group)) {
      seen.push(thing);
      if (isOpen(thing)) enter(~thing);
    }
  };
  enter(ROOT);
  const boxes = new Int32Array(OUTER.length); // what each group is seen as; itself if unfolded
  OUTER.forEach((outer, group) => {
    const around = outer === ROOT ? null : boxes[outer];
    const inOpen = around === null || (around === ~outer && unfolded.has(outer));
    boxes[group] = inOpen ? ~group : around;
  });
  for (let node = 0; node < SIZE; node++) {
    const home = HOMES[node];
    const isSeen = home === ROOT || (boxes[home] === ~home && unfolded.has(home));
    standIns[node] = isSeen ? node : boxes[home];
  }
}

const isOpen = (thing) => isBox(thing) && unfolded.has(~thing);
const standInOf = (node) => standIns[node];
const countSeen = () => seen.reduce((count, thing) => count + !isOpen(thing), 0);

/** The groups around a thing, the innermost first, ROOT last. */
function groupsAround(thing) {
  const found = [];
  for (let group = groupAround(thing); group !== ROOT; group = OUTER[group]) found.push(group);
  return [...found, ROOT];
}

/** The innermost group around both, and the things in it that have the one and the other. */
function meeting(one, other) {
  const path = (thing) => [...groupsAround(thing).reverse(), null];
  const [a, b] = [path(one), path(other)];
  let depth = 0;
  while (a[depth + 1] !== null && a[depth + 1] === b[depth + 1]) depth++;
  const inside = (groups, thing) => (groups[depth + 1] === null ? thing : ~groups[depth + 1]);
  return { group: a[depth], tail: inside(a, one), head: inside(b, other) };
}

// --- Names ----------------------------------------------------------------------------------------

function nameOfThing(thing) {
  return isBox(thing) ? titleAt(~thing) : nameOfNode(thing);
}

/** `"layers.0 · Layer · 46 values"` without the title. */
function aboutBox(group) {
  const detail = detailAt(group);
  const size = counted(WITHIN[group], "value");
  return detail ? `${shortened(detail)} · ${size}` : size;
}

const LONGEST_TITLE = 30;
function shortened(text, longest = LONGEST_TITLE) {
  const letters = [...text];
  if (letters.length <= longest) return text;
  const tail = Math.floor(longest / 3) + 1;
  const head = letters.slice(0, longest - tail - 1);
  return `${head.join("")}…${letters.slice(-tail).join("")}`;
}

// --- The numbers in a box -------------------------------------------------------------------------

const empty = () => ({ low: Infinity, high: -Infinity, known: 0, nans: 0, zeros: 0 });

function add(range, x) {
  range.known++;
  if (x !== x) range.nans++;
  else {
    if (x === 0) range.zeros++;
    if (x < range.low) range.low = x;
    if (x > range.high) range.high = x;
  }
}

/** Of each folded box that is seen the numbers in it now: their least, their greatest. */
function rangesNow() {
  const ranges = new Map();
  for (const thing of seen) {
    if (isBox(thing) && !isOpen(thing)) ranges.set(thing, { data: empty(), grad: empty() });
  }
  if (!ranges.size || isBroken()) return ranges;
  const gradients = time < BEGUN ? null : gradientsAfter(time - BEGUN);
  let last = null;
  let range = null;
  for (let node = 0; node < SIZE; node++) {
    const thing = standIns[node];
    if (thing >= 0) continue;
    if (thing !== last) [last, range] = [thing, ranges.get(thing)];
    if (TURN_OF[node] <= time) add(range.data, passes.values[node]);
    if (gradients) add(range.grad, Math.abs(gradients[node]));
  }
  return ranges;
}

function rangeText({ low, high, known, nans }) {
  if (!known) return "";
  const ends = low > high ? [] : low === high ? [brief(low, 2)] : [brief(low, 2), brief(high, 2)];
  return [ends.join("…"), nans ? "nan" : ""].filter(Boolean).join(" ");
}
