// --- The derivatives of lgamma, as autograd_scalar/special.py computes them -----------------------

const minusOneTo = (n) => (n % 2 ? -1 : 1);
const polynomial = (coefficients, z) => coefficients.reduceRight((total, c) => total * z + c, 0);
const isPole = (x) => x !== x || x === -Infinity || (x <= 0 && x === Math.floor(x));

function digamma(x) {
  return polygamma(0, x);
}

function polygamma(n, x) {
  if (!(Number.isInteger(n) && n >= 0 && n <= 1000) || isPole(x)) return NaN;
  if (x < -50) return minusOneTo(n) * polygamma(n, 1 - x) - cotangentDerivative(n, x);
  if (n === 0) return digammaUpwards(x);
  if (x === Infinity) return 0;
  const steps = Math.max(0, Math.ceil(10 + 2 * n - Math.min(x, 1000 + 2 * n)));
  // In units of a power of two: powers of large and of small numbers would leave the range.
  let unit = Infinity;
  for (let k = 0; k <= steps; k++) unit = Math.min(unit, exponentOf(x + k) - 1);
  const terms = [];
  for (let k = 0; k < steps; k++) terms.push(scaledInversePower(x, k, unit, n + 1));
  const z = x + steps;
  const last = scaledInversePower(x, steps, unit, n + 1);
  terms.push(last * (z / n), last * 0.5);
  DATA.gamma.BERNOULLI.forEach((b, i) => {
    const k = i + 1;
    terms.push(last * (((b * choices(2 * k + n - 1, n)) / (2 * k)) * Math.pow(z, 1 - 2 * k)));
  });
  const [fraction, bits] = factorial(n);
  return minusOneTo(n + 1) * ldexp(fsum(...terms) * fraction, bits - (n + 1) * unit);
}

/** For x > -50, not a pole: up to 12 by recurrence, then the asymptotic series. */
function digammaUpwards(x) {
  const { DIGAMMA_ROOT, DIGAMMA_ROOT_ERROR, DIGAMMA_AT_ROOT, LOG_12, LOG_12_ERROR, BERNOULLI } =
    DATA.gamma;
  const fromRoot = x - DIGAMMA_ROOT - DIGAMMA_ROOT_ERROR;
  if (Math.abs(fromRoot) < 0.6) return fromRoot * polynomial(DIGAMMA_AT_ROOT, fromRoot);
  const steps = Math.max(0, Math.round(12 - Math.min(x, 1000)));
  const z = x + steps;
  const terms = steps ? [LOG_12, LOG_12_ERROR, Math.log1p((x - (12 - steps)) / 12)] : [Math.log(z)];
  terms.push(-0.5 / z);
  BERNOULLI.forEach((b, i) => terms.push((-b / (2 * i + 2)) * Math.pow(z, -2 * i - 2)));
  for (let k = 0; k < steps; k++) terms.push(-1 / (x + k));
  return fsum(...terms);
}

/** (2**unit / (x + k))**n; the rounding error of the sum (Knuth 1969) is put back. */
function scaledInversePower(x, k, unit, n) {
  const z = x + k;
  const back = z - x;
  const lost = x - (z - back) + (k - back);
  const power = Math.pow(ldexp(z, -unit), -n);
  return Number.isFinite(power) ? power * (1 - (n * lost) / z) : 0;
}

/** The n-th derivative of pi * cot(pi * x), a polynomial in c = cot(pi * x): c' = -pi (1 + c*c). */
function cotangentDerivative(n, x) {
  const phase = Math.PI * (x - Math.round(x));
  const c = Math.cos(phase) / Math.sin(phase);
  let coefficients = [0, 1];
  for (let i = 0; i < n; i++) {
    const slope = coefficients.map((a, k) => k * a).slice(1);
    coefficients = [...slope, 0, 0].map((a, k) => -(a + (k < 2 ? 0 : slope[k - 2])));
  }
  const terms = coefficients.map((a, k) => a * Math.pow(c, k));
  return Math.pow(Math.PI, n + 1) * fsum(...terms.filter((term) => term !== 0));
}

/** n! as a fraction of a power of two, and which. */
function factorial(n) {
  let product = 1n;
  for (let k = 2n; k <= n; k++) product *= k;
  const bits = product.toString(2).length;
  const extra = BigInt(Math.max(0, bits - 64));
  return [Number(product >> extra) / 2 ** (bits - Number(extra)), bits];
}

/** The binomial coefficient. */
function choices(n, k) {
  let product = 1;
  for (let i = 1; i <= n - k; i++) product = (product * (k + i)) / i;
  return product;
}
