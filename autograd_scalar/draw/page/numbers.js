// --- Numbers: read, written, decoded --------------------------------------------------------------

/** A number of the page's data, where nan and the infinities are strings. */
const decoded = (x) => ({ nan: NaN, inf: Infinity, "-inf": -Infinity })[x] ?? x;

/** A number on a card, to four digits: what `draw` writes (draw/text.py). */
function brief(x, least = 4) {
  if (!Number.isFinite(x)) return endless(x);
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const size = Math.abs(x);
  const beforeThePoint = size >= 1 && size < 1e6 ? String(Math.trunc(size)).length : 0;
  const digits = Math.max(least, beforeThePoint);
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  if (exponent < -4 || exponent >= digits) return `${withoutZeros(mantissa)}e${Number(exponent)}`;
  return withoutZeros(x.toFixed(Math.max(0, digits - 1 - exponent)));
}

/** All the digits of a number, as Python's repr has them but for the form of the exponent. */
function exact(x) {
  if (!Number.isFinite(x)) return endless(x);
  if (Object.is(x, -0)) return "-0.0";
  return Number.isInteger(x) && Math.abs(x) < 1e16 ? `${x}.0` : String(x);
}

const endless = (x) => (x !== x ? "nan" : x > 0 ? "inf" : "-inf");
const withoutZeros = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** The number that a text says in Python's way, or null: `2`, `-1e-3`, `.5`, `inf`, `nan`. */
function numberIn(text) {
  const word = text.trim().toLowerCase().replace("\u2212", "-");
  const named = /^([+-]?)(inf|infinity|nan)$/.exec(word);
  if (named) return (named[1] === "-" ? -1 : 1) * (named[2] === "nan" ? NaN : Infinity);
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(word) ? Number(word) : null;
}
