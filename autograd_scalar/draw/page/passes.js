// --- The two passes -------------------------------------------------------------------------------

/** The page's data, its numbers as they are. */
function dataOf(text) {
  const data = JSON.parse(text);
  const program = (p) => p && (p[1] = p[1].map(decoded));
  data.constants = data.constants.map(decoded);
  for (const entry of data.table) program(entry.kernel);
  for (const kind of data.kinds) (program(kind.rule), program(kind.slopes));
  for (const [node, x] of Object.entries(data.leaves)) data.leaves[node] = decoded(x);
  for (const [node, [y, slopes, contributions]] of Object.entries(data.python)) {
    data.python[node] = [decoded(y), slopes?.map(decoded), contributions?.map(decoded)];
  }
  return data;
}

const DATA = dataOf(document.getElementById("data").textContent);
const OUTPUT = DATA.size - 1;

/** What a node was applied to: places of nodes, and constants below 0. */
const operandsOf = (node) => DATA.nodes[node].slice(1);
const kindOf = (node) => DATA.kinds[DATA.nodes[node][0]];
const isLeaf = (node) => !DATA.nodes[node].length;
const parentsOf = (node) => operandsOf(node).filter((o) => o >= 0);

const numbersOf = (node, values) =>
  operandsOf(node).map((o) => (o < 0 ? DATA.constants[~o] : values[o]));

/** The number of each node, for these numbers of the leaves. */
function valuesFor(leaves) {
  const values = [];
  DATA.nodes.forEach((_, node) => {
    if (isLeaf(node)) values.push(leaves[node]);
    else if (node in DATA.python) values.push(DATA.python[node][0]);
    else values.push(applied(kindOf(node).primitive, numbersOf(node, values)));
  });
  return values;
}

/** The decisions that would come out otherwise than in Python's run: there the graph is not right. */
const brokenGuards = (values) =>
  DATA.guards.filter(([node, outcome]) => (values[node] !== 0) !== outcome);

/**
 * The gradient of each node, of each the local derivatives and contributions to its parents, and
 * the sums that grow: `history[node]` has pairs of a turn and the sum after it.
 */
function passBack(values) {
  const gradients = new Array(DATA.size).fill(0);
  const slopes = gradients.map(() => []);
  const contributions = gradients.map(() => []);
  const history = gradients.map(() => []);
  const before = gradients.map(() => []);
  gradients[OUTPUT] = 1;
  history[OUTPUT].push([0, 1]);
  let turn = 0;
  for (let node = OUTPUT; node >= 0; node--) {
    if (isLeaf(node)) continue;
    turn++;
    const g = gradients[node];
    [slopes[node], contributions[node]] = sentBy(node, g, values);
    parentsOf(node).forEach((parent, i) => {
      before[node].push(gradients[parent]);
      gradients[parent] += contributions[node][i];
      history[parent].push([turn, gradients[parent]]);
    });
  }
  return { gradients, slopes, contributions, history, before };
}

function sentBy(node, g, values) {
  if (node in DATA.python) return DATA.python[node].slice(1);
  const { rule, slopes } = kindOf(node);
  const numbers = [values[node], ...numbersOf(node, values)];
  // Exactly zero contributes nothing, even multiplied by inf.
  const sent = g === 0 ? parentsOf(node).map(() => 0) : outputsOf(rule, [g, ...numbers]);
  return [outputsOf(slopes, [1, ...numbers]), sent];
}

/** Both passes. */
function passesFor(leaves) {
  const values = valuesFor(leaves);
  return { leaves, values, broken: brokenGuards(values), ...passBack(values) };
}

/**
 * The derivative by a leaf from values alone: central differences of two steps, such that their
 * errors of second order cancel (Richardson 1911). Null where a step crosses a decision.
 */
function finiteDifference(leaves, leaf) {
  const x = leaves[leaf];
  const step = 2 ** Math.round(Math.log2(5e-4 * Math.max(Math.abs(x), 0.1)));
  const central = (h) => {
    const [above, below] = [x + h, x - h].map((moved) => valuesFor({ ...leaves, [leaf]: moved }));
    if (brokenGuards(above).length || brokenGuards(below).length) return null;
    return (above[OUTPUT] - below[OUTPUT]) / (x + h - (x - h));
  };
  const [wide, narrow] = [central(step), central(step / 2)];
  return wide === null || narrow === null ? null : (4 * narrow - wide) / 3;
}

// --- Paths to the output --------------------------------------------------------------------------

const USERS = DATA.nodes.map(() => []); // of each node the nodes that use it, and as which parent
for (let node = 0; node < DATA.size; node++) {
  parentsOf(node).forEach((parent, i) => USERS[parent].push([node, i]));
}

/** How many paths there are from each node to the output: they may be more than atoms. */
const PATHS = DATA.nodes.map(() => 0n);
PATHS[OUTPUT] = 1n;
for (let node = OUTPUT - 1; node >= 0; node--) {
  for (const [user] of USERS[node]) PATHS[node] += PATHS[user];
}

/** The first paths, each as `[[node, parent's place in it], ...]`. */
function pathsFrom(node, most) {
  const found = [];
  const ahead = [[node, []]];
  while (ahead.length && found.length < most) {
    const [end, path] = ahead.pop();
    if (end === OUTPUT) found.push(path);
    for (const [user, i] of [...USERS[end]].reverse()) ahead.push([user, [...path, [user, i]]]);
  }
  return found;
}

/** The product of the local derivatives, from the output on, as the chain rule multiplies them. */
const productAlong = (path, slopes) =>
  path.reduceRight((g, [node, i]) => (g === 0 ? 0 : g * slopes[node][i]), 1);

/** The node and all that is computed from it. */
function reachedFrom(node) {
  const reached = new Set([node]);
  for (let other = node + 1; other < DATA.size; other++) {
    if (parentsOf(other).some((parent) => reached.has(parent))) reached.add(other);
  }
  return reached;
}
