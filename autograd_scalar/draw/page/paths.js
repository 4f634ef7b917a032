// --- Who uses a node, and the paths to the output -------------------------------------------------

const USED_FROM = new Int32Array(SIZE + 1); // of each node where its uses begin among
const USES = new Int32Array(START[SIZE]); // the places of operands, as the backward pass meets them
const OWNER = new Int32Array(START[SIZE]); // of each operand the node whose it is
for (let i = 0; i < USES.length; i++) if (OPERANDS[i] >= 0) USED_FROM[OPERANDS[i] + 1]++;
for (let node = 0; node < SIZE; node++) USED_FROM[node + 1] += USED_FROM[node];
{
  const next = USED_FROM.slice();
  for (let node = OUTPUT; node >= 0; node--) {
    for (let i = START[node]; i < START[node + 1]; i++) {
      OWNER[i] = node;
      if (OPERANDS[i] >= 0) USES[next[OPERANDS[i]]++] = i;
    }
  }
}

/** The first nodes that use one, the last of them first, and as which parent. */
function usersOf(node, most) {
  const found = [];
  const end = USED_FROM[node + 1];
  for (let k = Math.max(USED_FROM[node], end - most); k < end; k++) {
    const user = OWNER[USES[k]];
    let parent = 0;
    for (let i = START[user]; i < USES[k]; i++) if (OPERANDS[i] >= 0) parent++;
    found.push([user, parent]);
  }
  return found;
}

const MOST_COUNTED = 10n ** 40n;
let counts = null;

/** How many paths there are from a node to the output: they may be more than atoms. */
function pathsOf(node) {
  if (counts === null) {
    counts = new Float64Array(SIZE);
    counts[OUTPUT] = 1;
    addUses(counts);
    if (counts.some((count) => count > Number.MAX_SAFE_INTEGER)) {
      counts = new Array(SIZE).fill(0n);
      counts[OUTPUT] = 1n;
      addUses(counts, (count) => (count > MOST_COUNTED ? MOST_COUNTED : count));
    }
  }
  return BigInt(counts[node]);
}

function addUses(counts, limited = (count) => count) {
  for (let node = OUTPUT - 1; node >= 0; node--) {
    let count = counts[node];
    for (let k = USED_FROM[node]; k < USED_FROM[node + 1]; k++) count += counts[OWNER[USES[k]]];
    counts[node] = limited(count);
  }
}

const LONGEST_PATH = 300; // nodes
const MOST_WAYS = 5000; // tried

/** The first paths, each as `[[node, parent's place in it], ...]`; none that are too long. */
function pathsFrom(node, most) {
  const found = [];
  const ahead = [{ end: node, before: null, length: 0 }];
  for (let tried = 0; ahead.length && found.length < most && tried < MOST_WAYS; tried++) {
    const way = ahead.pop();
    if (way.end === OUTPUT) {
      const path = [];
      for (let at = way; at.before; at = at.before) path.push(at.step);
      found.push(path.reverse());
    }
    if (way.length === LONGEST_PATH) continue;
    const users = usersOf(way.end, MOST_WAYS);
    for (const step of users) {
      ahead.push({ end: step[0], before: way, step, length: way.length + 1 });
    }
  }
  return found;
}

/** The product of the local derivatives, from the output on, as the chain rule multiplies them. */
const productAlong = (path) =>
  path.reduceRight((g, [node, i]) => (g === 0 ? 0 : g * slopesOf(node)[i]), 1);

/** The node and all that is computed from it, in no order, and a mark for each node whether it is. */
function reachedFrom(node) {
  const marks = new Uint8Array(SIZE);
  const nodes = [node];
  marks[node] = 1;
  for (let at = 0; at < nodes.length; at++) {
    for (let k = USED_FROM[nodes[at]]; k < USED_FROM[nodes[at] + 1]; k++) {
      const user = OWNER[USES[k]];
      if (!marks[user]) {
        marks[user] = 1;
        nodes.push(user);
      }
    }
  }
  return { nodes, marks };
}
