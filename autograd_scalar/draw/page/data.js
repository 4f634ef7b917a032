// --- The page's data, its numbers as they are -----------------------------------------------------

const DATA = JSON.parse(document.getElementById("data").textContent);

/** Whole numbers as packing.py wrote them: each the one before and a difference. */
function unpacked(text) {
  const [near, wide] = text.split(".").map((part) => {
    const letters = atob(part);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  });
  const steps = new Int8Array(near.buffer);
  const far = new DataView(wide.buffer);
  const numbers = new Int32Array(steps.length);
  let number = 0;
  let next = 0;
  for (let i = 0; i < steps.length; i++) {
    if (steps[i] === -128) {
      number += far.getInt32(next, true);
      next += 4;
    } else {
      number += steps[i];
    }
    numbers[i] = number;
  }
  return numbers;
}

/** Texts of which there are many alike: a function from the place of one. */
function texts([table, places]) {
  const which = unpacked(places);
  return (place) => table[which[place]];
}

DATA.constants = DATA.constants.map(decoded);
for (const { kernel } of DATA.table) if (kernel) kernel[1] = kernel[1].map(decoded);
for (const kind of DATA.kinds) {
  for (const program of [kind.rule, kind.slopes]) program[1] = program[1].map(decoded);
}
for (const [node, lists] of Object.entries(DATA.python)) {
  const [y, slopes, contributions] = lists;
  DATA.python[node] = [decoded(y), slopes?.map(decoded), contributions?.map(decoded)];
}

const SIZE = DATA.size; // nodes of the graph; behind them those that only comparisons need
const OUTPUT = SIZE - 1;
const KINDS = unpacked(DATA.kindOf); // of each node; 0 for a leaf
const ALL = KINDS.length;
const OPERANDS = unpacked(DATA.operands); // of all nodes in a row; constants are below 0
const START = new Int32Array(ALL + 1); // of each node where its operands begin
for (let node = 0; node < ALL; node++) {
  START[node + 1] = START[node] + (KINDS[node] ? DATA.kinds[KINDS[node] - 1].rule[0] - 2 : 0);
}

const isLeaf = (node) => KINDS[node] === 0;
const kindOf = (node) => DATA.kinds[KINDS[node] - 1];
/** What a node was applied to: places of nodes, and constants below 0. */
const operandsOf = (node) => [...OPERANDS.subarray(START[node], START[node + 1])];
const parentsOf = (node) => operandsOf(node).filter((operand) => operand >= 0);
const isPythons = (node) => Object.hasOwn(DATA.python, node);

const nameOfNode = (node) => DATA.names[node] ?? `v${node}`;
const labelOf = (node) => DATA.labels[node] ?? "";
const signOf = texts(DATA.signs);
const lineOf = texts(DATA.lines);

const RESULTS = [];
const LEAVES = [];
const GIVEN = new Float64Array(ALL); // the numbers of the leaves
let given = 0;
for (let node = 0; node < ALL; node++) {
  if (isLeaf(node)) GIVEN[node] = decoded(DATA.leaves[given++]);
  if (node < SIZE) (isLeaf(node) ? LEAVES : RESULTS).push(node);
}
const PARAMETERS = new Set(unpacked(DATA.parameters));
