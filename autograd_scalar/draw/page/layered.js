// --- A layout for a group that came without one: in layers, by how far things are from the left ---

const LAYER_GAP = 64;
const ROW_GAP = 18;
const SWEEPS = 6;
const CHARACTER = 7.3; // the width of one at 12 px in fonts of one width, the widest of them

/** As interiors.py has it. */
function foldedWidth(thing) {
  if (!isBox(thing)) {
    const pill = pillWidth(signOf(thing));
    return Math.max(138, Math.round(18 + pill + (pill ? 7 : 0) + nameOfNode(thing).length * CHARACTER));
  }
  const lines = [shortened(titleAt(~thing)).length + 3, aboutBox(~thing).length + 3];
  const room = Math.max(...lines) * CHARACTER + 18 - 206;
  return 206 + 40 * Math.max(0, Math.ceil(room / 40));
}

/** The layout of a group, in the form of those from Python. */
function layered(group) {
  const things = thingsIn(group);
  const sources = things.map((thing) => sourcesOf(thing, group));
  const users = things.map(() => []);
  sources.forEach((found, i) => found.forEach((j) => users[j].push(i)));
  const layer = [];
  things.forEach((_, i) => {
    layer[i] = Math.max(-1, ...sources[i].filter((j) => j < i).map((j) => layer[j])) + 1;
  });
  // A source stands right before the first that uses it.
  for (let i = things.length - 1; i >= 0; i--) {
    const next = users[i].filter((j) => j > i).map((j) => layer[j]);
    if (!sources[i].length && next.length) layer[i] = Math.min(...next) - 1;
  }
  const rows = [...grouped([...things.keys()], (i) => layer[i])]
    .sort(([a], [b]) => a - b)
    .map(([, row]) => row);
  const place = [];
  const remember = (row) => row.forEach((i, k) => (place[i] = k - row.length / 2));
  rows.forEach(remember);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const beside = sweep % 2 ? users : sources;
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const wish = new Map(
        row.map((i) => {
          const near = beside[i].map((j) => place[j]);
          return [i, near.length ? near.reduce((a, b) => a + b) / near.length : place[i]];
        }),
      );
      row.sort((a, b) => wish.get(a) - wish.get(b) || a - b);
      remember(row);
    }
  }
  return stacked(things, rows);
}

function stacked(things, rows) {
  const corners = [];
  const high = (i) => (isBox(things[i]) ? BOX_HEIGHT : CARD_HEIGHT) + ROW_GAP;
  const heights = rows.map((row) => row.reduce((sum, i) => sum + high(i), -ROW_GAP));
  const height = Math.max(...heights);
  let x = 4;
  rows.forEach((row, k) => {
    const widths = row.map((i) => foldedWidth(things[i]));
    let y = 4 + (height - heights[k]) / 2;
    row.forEach((i, n) => {
      [corners[3 * i], corners[3 * i + 1], corners[3 * i + 2]] = [x, y, widths[n]];
      y += high(i);
    });
    x += Math.max(...widths) + LAYER_GAP;
  });
  return { width: x - LAYER_GAP + 4, height: height + 8, corners, paths: new Map() };
}

/** Which things of a group a thing of it is computed from, by their places in it. */
function sourcesOf(thing, group) {
  const found = new Set();
  for (const node of nodesOf(thing)) {
    for (const parent of parentsOf(node)) {
      const source = thingIn(group, parent);
      if (source !== null && source !== thing) found.add(PLACE_IN.get(source));
    }
  }
  return [...found];
}

/** The thing in a group that has a node, or null. */
function thingIn(group, node) {
  let thing = node;
  while (groupAround(thing) !== group) {
    if (groupAround(thing) === ROOT) return null;
    thing = ~groupAround(thing);
  }
  return thing;
}

/** All nodes in a thing. */
function nodesOf(thing) {
  if (!isBox(thing)) return [thing];
  const found = [];
  const ahead = [thing];
  while (ahead.length) {
    const next = ahead.pop();
    if (isBox(next)) ahead.push(...thingsIn(~next));
    else found.push(next);
  }
  return found;
}
