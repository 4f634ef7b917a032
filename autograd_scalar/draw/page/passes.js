// --- The two passes -------------------------------------------------------------------------------

const numbersOf = (node, values) =>
  operandsOf(node).map((o) => (o < 0 ? DATA.constants[~o] : values[o]));

/** Put what these nodes come to into `values`, in the order of the graph. */
function compute(nodes, values) {
  for (const node of nodes) {
    if (isPythons(node)) {
      values[node] = DATA.python[node][0];
      continue;
    }
    const apply = functionOf(kindOf(node).primitive);
    const [start, end] = [START[node], START[node + 1]];
    const at = (i) => (OPERANDS[i] < 0 ? DATA.constants[~OPERANDS[i]] : values[OPERANDS[i]]);
    if (end - start === 1) values[node] = apply(at(start));
    else if (end - start === 2) values[node] = apply(at(start), at(start + 1));
    else values[node] = apply(...numbersOf(node, values));
  }
}

const COMPUTED = [...KINDS.keys()].filter((node) => !isLeaf(node));

/** The number of each node, for these numbers of the leaves. */
function valuesFor(leaves) {
  const values = leaves.slice();
  compute(COMPUTED, values);
  return values;
}

/** The decisions that would come out otherwise than in Python's run: there the graph is not right. */
const brokenGuards = (values) =>
  DATA.guards.filter(([node, outcome]) => (values[node] !== 0) !== outcome);

/** The gradient of each node, and of each operand what its node contributes to it. */
function passBack(values) {
  const gradients = new Float64Array(SIZE);
  const contributions = new Float64Array(START[SIZE]);
  gradients[OUTPUT] = 1;
  for (let node = OUTPUT; node >= 0; node--) {
    if (isLeaf(node)) continue;
    send(node, gradients[node], values, contributions);
    for (let i = START[node]; i < START[node + 1]; i++) {
      if (OPERANDS[i] >= 0) gradients[OPERANDS[i]] += contributions[i];
    }
  }
  return { gradients, contributions };
}

function send(node, g, values, contributions) {
  if (g === 0) return; // exactly zero contributes nothing, even multiplied by inf
  const [start, end] = [START[node], START[node + 1]];
  let next = 0;
  if (isPythons(node)) {
    const sent = DATA.python[node][2];
    for (let i = start; i < end; i++) if (OPERANDS[i] >= 0) contributions[i] = sent[next++];
    return;
  }
  const machine = ready(kindOf(node).rule);
  const { slots, first, outputs } = machine;
  slots[first] = g;
  slots[first + 1] = values[node];
  for (let i = start; i < end; i++) {
    const o = OPERANDS[i];
    slots[first + 2 + i - start] = o < 0 ? DATA.constants[~o] : values[o];
  }
  run(machine, 2 + end - start);
  for (let i = start; i < end; i++) {
    if (OPERANDS[i] >= 0) contributions[i] = slots[outputs[next++]];
  }
}

/** Both passes. */
function passesFor(leaves) {
  const values = valuesFor(leaves);
  return { leaves, values, broken: brokenGuards(values), ...passBack(values) };
}

/** The local derivatives of a node by its parents. */
function slopesOf(node) {
  if (isPythons(node)) return DATA.python[node][1];
  const numbers = [passes.values[node], ...numbersOf(node, passes.values)];
  return outputsOf(kindOf(node).slopes, [1, ...numbers]);
}

/** What a node contributes to each of its parents. */
function contributionsOf(node) {
  const found = [];
  for (let i = START[node]; i < START[node + 1]; i++) {
    if (OPERANDS[i] >= 0) found.push(passes.contributions[i]);
  }
  return found;
}

/** What has come of a leaf's change in the nodes that are computed from it, in order. */
let cone = { leaf: null, nodes: [] };
function coneOf(leaf) {
  if (cone.leaf === leaf) return cone.nodes;
  const reached = new Uint8Array(ALL);
  reached[leaf] = 1;
  const nodes = [];
  for (const node of COMPUTED) {
    for (let i = START[node]; i < START[node + 1]; i++) {
      if (OPERANDS[i] >= 0 && reached[OPERANDS[i]]) {
        reached[node] = 1;
        nodes.push(node);
        break;
      }
    }
  }
  cone = { leaf, nodes };
  return nodes;
}

/**
 * The derivative by a leaf from values alone: central differences of two steps, such that their
 * errors of second order cancel (Richardson 1911). Null where a step crosses a decision.
 */
function finiteDifference(leaf) {
  const x = passes.leaves[leaf];
  const step = 2 ** Math.round(Math.log2(5e-4 * Math.max(Math.abs(x), 0.1)));
  const central = (h) => {
    const [above, below] = [x + h, x - h].map((moved) => {
      const values = passes.values.slice();
      values[leaf] = moved;
      compute(coneOf(leaf), values);
      return values;
    });
    if (brokenGuards(above).length || brokenGuards(below).length) return null;
    return (above[OUTPUT] - below[OUTPUT]) / (x + h - (x - h));
  };
  const [wide, narrow] = [central(step), central(step / 2)];
  return wide === null || narrow === null ? null : (4 * narrow - wide) / 3;
}

// --- Time -----------------------------------------------------------------------------------------

const COUNT = RESULTS.length;
const BEGUN = COUNT + 1; // the step at which the gradient of the output is set to 1
const END = 2 * COUNT + 1;
const TURN_OF = new Int32Array(ALL); // of each result the step at which it is computed
RESULTS.forEach((node, i) => (TURN_OF[node] = i + 1));

/** The sums in grad as they are after so many steps of the backward pass. */
let sums = { passes: null, turn: 0, gradients: null };
function gradientsAfter(turn) {
  if (turn >= COUNT) return passes.gradients;
  if (sums.passes !== passes || sums.turn > turn) {
    sums = { passes, turn: 0, gradients: new Float64Array(SIZE) };
    sums.gradients[OUTPUT] = 1;
  }
  for (; sums.turn < turn; sums.turn++) {
    const node = RESULTS[COUNT - 1 - sums.turn];
    for (let i = START[node]; i < START[node + 1]; i++) {
      if (OPERANDS[i] >= 0) sums.gradients[OPERANDS[i]] += passes.contributions[i];
    }
  }
  return sums.gradients;
}
