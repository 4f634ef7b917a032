// --- Machine operations: what every kernel is made of (tape/kernels.py) ---------------------------

const TWO_OVER_SQRT_PI = 1.1283791670955126;

/** a * b less its rounded value (Dekker 1971). */
function productError(a, b) {
  const split = 134217729; // 2**27 + 1 cuts the 53 bits of a double in two halves
  const aHigh = split * a - (split * a - a);
  const bHigh = split * b - (split * b - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (a * b - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** exp(-x * x): the rounding error of the square, which exp magnifies, is put back. */
const expMinusSquare = (x) => (Math.abs(x) > 50 ? 0 : Math.exp(-x * x) * (1 - productError(x, x)));

const SERIES_ENDS = 2; // up to there erf by its series, from there on erfc by its fraction

/** erf by its series of positive terms (Abramowitz and Stegun 1964, 7.1.6). */
function erf(x) {
  if (x !== x) return NaN;
  if (Math.abs(x) >= SERIES_ENDS) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1;
  let term = x;
  let total = x;
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(total); k++) {
    term *= (2 * x * x) / (2 * k + 1);
    total += term;
  }
  return TWO_OVER_SQRT_PI * expMinusSquare(x) * total;
}

/** erfc by its continued fraction (7.1.14), from the inside out. */
function erfc(x) {
  if (x !== x) return NaN;
  if (x < SERIES_ENDS) return 1 - erf(x);
  if (x > 28) return 0;
  let fraction = x;
  for (let k = Math.ceil(20 + 400 / (x * x)); k > 0; k--) fraction = x + (0.5 * k) / fraction;
  return (0.5 * TWO_OVER_SQRT_PI * expMinusSquare(x)) / fraction;
}

/** x ** n as C has it, except that n = 2 rounds once, as in rules.py. */
function power(x, n) {
  if (n === 2) return x * x;
  if (x === 1 || (x === -1 && !Number.isFinite(n) && n === n)) return 1; // JavaScript: nan
  return Math.pow(x, n);
}

/** The whole e with 0.5 <= |x| / 2**e < 1; 0 for 0, inf and nan. */
function exponentOf(x) {
  if (x === 0 || !Number.isFinite(x)) return 0;
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, x);
  const exponent = (bits.getUint16(0) >> 4) & 0x7ff;
  return exponent ? exponent - 1022 : exponentOf(x * 2 ** 64) - 64;
}

/** x * 2**n for a whole n, rounded once. */
function ldexp(x, n) {
  if (!(Math.abs(n) < 2 ** 31 && Number.isInteger(n))) return NaN;
  if (x === 0 || !Number.isFinite(x)) return x;
  const size = exponentOf(x);
  if (size + n > 1024) return x * Infinity;
  if (size + n < -1080) return x < 0 ? -0 : 0;
  // The fraction first, exactly; then at most one product that rounds.
  const half = Math.trunc(-size / 2);
  const fraction = x * 2 ** half * 2 ** (-size - half);
  const end = size + n;
  if (end > 1000) return fraction * 2 ** 1000 * 2 ** (end - 1000);
  return end < -1000 ? fraction * 2 ** -1000 * 2 ** (end + 1000) : fraction * 2 ** end;
}

/** The sum, rounded once (Shewchuk 1997). */
function fsum(...xs) {
  const endless = xs.filter((x) => !Number.isFinite(x));
  if (endless.length) return endless.reduce((a, b) => a + b);
  const parts = []; // which do not overlap, from the smallest on
  for (let x of xs) {
    let kept = 0;
    for (let y of parts) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low !== 0) parts[kept++] = low;
      x = high;
    }
    parts.length = kept;
    if (x !== 0) parts.push(x);
    if (!Number.isFinite(x)) return fsum(...xs.map((x) => x * 2 ** -64)) * 2 ** 64;
  }
  let at = parts.length;
  let total = at ? parts[--at] : 0;
  while (at) {
    const high = total + parts[--at];
    const low = parts[at] - (high - total);
    total = high;
    if (low === 0) continue;
    // Half an ulp is rounded by what lies below it.
    if (at && Math.sign(low) === Math.sign(parts[at - 1])) {
      const further = total + 2 * low;
      if (2 * low === further - total) total = further;
    }
    break;
  }
  return total;
}

function dot(...xs) {
  const half = xs.length / 2;
  let total = -0;
  for (let i = 0; i < half; i++) total += xs[i] * xs[half + i];
  return total;
}

const MACHINE = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  "**": power,
  neg: (x) => -x,
  where: (condition, a, b) => (condition !== 0 ? a : b),
  pick: (index, ...xs) => (Number.isInteger(index) && index >= 0 ? (xs[index] ?? NaN) : NaN),
  exp2: (x) => Math.pow(2, x),
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
  fmod: (a, b) => a % b,
  exponent: exponentOf,
  c_cbrt: Math.cbrt,
  product_error: productError,
  ldexp,
  erf,
  erfc,
  fsum,
  dot,
  digamma,
  polygamma,
};
for (const name of [
  "abs",
  "sqrt",
  "floor",
  "ceil",
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "atan2",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "hypot",
])
  MACHINE[name] = Math[name];

const prepared = new Map();

/**
 * A program `[inputs, constants, nodes, outputs]`, ready to run: in `slots` are its constants, its
 * inputs and what its nodes come to, and `steps` are these with their operands' places there.
 */
function ready(program) {
  if (prepared.has(program)) return prepared.get(program);
  const [inputs, constants, nodes, outputs] = program;
  const slots = new Float64Array(constants.length + inputs + nodes.length);
  slots.set(constants);
  const place = (o) => (o < 0 ? ~o : constants.length + o);
  const found = {
    slots,
    first: constants.length,
    steps: nodes.map(([primitive, ...operands]) => ({
      apply: functionOf(primitive),
      operands: operands.map(place),
    })),
    outputs: outputs.map(place),
  };
  prepared.set(program, found);
  return found;
}

/** Compute the slots from the inputs, which are there already. */
function run({ slots, first, steps }, inputs) {
  let at = first + inputs;
  for (const { apply, operands } of steps) {
    if (operands.length === 1) slots[at++] = apply(slots[operands[0]]);
    else if (operands.length === 2) slots[at++] = apply(slots[operands[0]], slots[operands[1]]);
    else slots[at++] = apply(...operands.map((o) => slots[o]));
  }
}

function outputsOf(program, inputs) {
  const machine = ready(program);
  machine.slots.set(inputs, machine.first);
  run(machine, inputs.length);
  return machine.outputs.map((o) => machine.slots[o]);
}

/** What all nodes of a program come to, behind its inputs. */
function slotsOf(program, inputs) {
  outputsOf(program, inputs);
  const { slots, first } = ready(program);
  return [...slots.subarray(first)];
}

const functions = [];

/** A primitive of the table as a function of numbers; nan where only Python knows it. */
function functionOf(primitive) {
  const { name, kernel } = DATA.table[primitive];
  functions[primitive] ??= kernel
    ? (...xs) => outputsOf(kernel, xs)[0]
    : Object.hasOwn(MACHINE, name)
      ? MACHINE[name]
      : () => NaN;
  return functions[primitive];
}
