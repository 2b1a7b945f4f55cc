// Probabilities and quantiles of the normal distribution and of Student's t.

const STEPS_MAX = 300;
const TINY = 1e-300;

/** P(Z > z) of the standard normal, z >= 0 (Abramowitz and Stegun 7.1.26 on erfc). */
export function normalTail(z) {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 +
    t * (-1.453152027 + t * 1.061405429))));
  return 0.5 * poly * Math.exp(-x * x);
}

/** The logarithm of the gamma function (Lanczos 1964, the coefficients of Numerical Recipes). */
function logGamma(x) {
  const terms = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155,
    0.1208650973866179e-2, -0.5395239384953e-5];
  const sum = terms.reduce((total, term, i) => total + term / (x + 1 + i), 1.000000000190015);
  return (x + 0.5) * Math.log(x + 5.5) - (x + 5.5) + Math.log((2.5066282746310005 * sum) / x);
}

const away = (value) => (Math.abs(value) < TINY ? TINY : value);

/** The continued fraction of the incomplete beta function (Lentz 1976). */
function betaFraction(x, a, b) {
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let product = d;
  for (let m = 1; m < STEPS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    const before = product;
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      product *= c * d;
    }
    if (Math.abs(product / before - 1) < 1e-13) break;
  }
  return product;
}

/** The regularised incomplete beta function I_x(a, b). */
function betaShare(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) +
    b * Math.log(1 - x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** P(T > t) of Student's t with `freedom` degrees of freedom, t >= 0. */
export function studentTail(t, freedom) {
  return 0.5 * betaShare(freedom / (freedom + t * t), freedom / 2, 0.5);
}

/** Where a falling tail(x), x >= 0, comes down to share. */
function quantileOf(tail, share) {
  let [low, high] = [0, 1];
  while (tail(high) > share && high < 1e12) [low, high] = [high, high * 2];
  for (let i = 0; i < 60; i++) {
    const half = (low + high) / 2;
    if (tail(half) > share) low = half;
    else high = half;
  }
  return high;
}

/** The t that is exceeded with probability share (at most 0.5). */
export function studentQuantile(share, freedom) {
  return quantileOf((t) => studentTail(t, freedom), share);
}

/** What a standard deviation from few values is of the true one, in the mean (of a normal
 *  distribution). */
function deviationBias(freedom) {
  return Math.sqrt(2 / freedom) * Math.exp(logGamma((freedom + 1) / 2) - logGamma(freedom / 2));
}

/** How many standard errors (as they were estimated) a change must have to be found with
 *  probability power, in a two-sided test at alpha. */
export function detectableErrors(alpha, power, freedom) {
  return (studentQuantile(alpha / 2, freedom) + studentQuantile(1 - power, freedom)) /
    deviationBias(freedom);
}
