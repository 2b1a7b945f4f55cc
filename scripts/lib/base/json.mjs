// JSON whose integers survive: one beyond 2^53 becomes a BigInt when read, and is printed exactly.
//
// JSON.parse alone would round the byte counts of a long run without a word.

const DIGITS_PAST_SAFE = /[0-9]{16}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/g;
const INTEGER = /^-?[0-9]+$/;
const MARK = '\u0001integer:';

/** Parses text; throws SyntaxError as JSON.parse does. Unsafe integers come back as BigInt. */
export function parseExact(text) {
  const plain = JSON.parse(text);
  if (!DIGITS_PAST_SAFE.test(text)) return plain;
  let found = false;
  const marked = text.replace(TOKEN, (token) => {
    if (token[0] === '"' || !INTEGER.test(token) || Number.isSafeInteger(Number(token))) {
      return token;
    }
    found = true;
    return JSON.stringify(MARK + token);
  });
  if (!found) return plain;
  return JSON.parse(marked, (key, value) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value);
}

/** JSON text; BigInt values are written as plain integers. */
export function printExact(value, indent = 0) {
  const text = JSON.stringify(
    value, (key, item) => (typeof item === 'bigint' ? `${MARK}${item}` : item), indent);
  // The mark's control character is always escaped by JSON.stringify, so nothing else matches.
  return text.replace(/"\\u0001integer:(-?[0-9]+)"/g, '$1');
}

/** The same count as the smallest honest type: a number where it is exact, else a BigInt. */
function integerFrom(value) {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  return value;
}

/** a + b without rounding. */
export function addIntegers(a, b) {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return integerFrom(BigInt(a) + BigInt(b));
}

/** a - b without rounding. */
export function subtractIntegers(a, b) {
  return addIntegers(a, typeof b === 'bigint' ? -b : -b);
}

/** -1, 0 or 1. */
export function compareIntegers(a, b) {
  if (a === b) return 0;
  return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0;
}
