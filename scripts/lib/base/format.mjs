// Numbers for people: durations, bytes, counts. Pure; also runs in the report page.

const THIN = '\u202f';

/** Three significant digits, no exponent. */
export function formatDigits(value, digits = 3) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.max(0, digits - 1 - magnitude);
  return value.toFixed(Math.min(decimals, 6));
}

/** 1234567 -> "1 234 567" (thin spaces), or with another mark between; BigInt too. */
export function formatCount(value, mark = THIN) {
  if (value === undefined || value === null) return '–';
  const text = typeof value === 'bigint' ? String(value)
    : Number.isInteger(value) ? value.toFixed(0) : formatDigits(value, 4);
  const [whole, fraction] = text.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, mark);
  return fraction ? `${grouped}.${fraction}` : grouped;
}

/** 1234567 ns -> "1.23 ms". */
export function formatNs(ns, digits = 3) {
  if (ns === undefined || ns === null) return '–';
  const value = Number(ns);
  const size = Math.abs(value);
  if (size < 999.5) return `${formatDigits(value, digits)} ns`;
  if (size < 999.5e3) return `${formatDigits(value / 1e3, digits)} µs`;
  if (size < 999.5e6) return `${formatDigits(value / 1e6, digits)} ms`;
  return `${formatDigits(value / 1e9, digits)} s`;
}

/** Seconds on an axis or a clock: "45 s", "2:05", "1:02:03". */
export function formatSeconds(seconds) {
  const sign = seconds < 0 ? '−' : '';
  const all = Math.abs(seconds);
  if (all < 60) return `${sign}${Number(all.toFixed(3))} s`;
  const whole = Math.round(all);
  const two = (value) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${sign}${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${sign}${minutes}:${two(whole % 60)}`;
}

export function formatBytes(bytes) {
  if (bytes === undefined || bytes === null) return '–';
  const value = Number(bytes);
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 1023.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${unit === 0 ? formatCount(value) : formatDigits(scaled)} ${units[unit]}`;
}

export function formatRate(perSecond) {
  if (perSecond === undefined || perSecond === null) return '–';
  const value = Number(perSecond);
  const shown = Math.abs(value) < 100 ? formatDigits(value) : formatCount(Math.round(value));
  return `${shown}/s`;
}

export function formatPercent(fraction, digits = 2) {
  return `${(fraction * 100).toFixed(digits)}%`;
}

/** "+4.2%", "−12%": a ratio as a change. */
export function formatChange(ratio) {
  if (!Number.isFinite(ratio)) return '–';
  if (ratio >= 100) return `×${formatCount(Number(ratio.toPrecision(3)))}`;
  if (ratio >= 10) return `×${ratio.toFixed(1)}`;
  const percent = (ratio - 1) * 100;
  const text = Math.abs(percent) < 9.95 ? Math.abs(percent).toFixed(1)
    : Math.abs(percent).toFixed(0);
  return `${percent < 0 ? '−' : '+'}${text}%`;
}

// What reverses or hides text: a name must not rearrange the line that contains it.
const DIRECTIONS = /[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g;

/** Text of others on one line: control characters become visible ones (ESC is ␛). */
export function showText(text) {
  return String(text).replace(/[\u0000-\u001f]/g, (one) => (
    String.fromCharCode(0x2400 + one.charCodeAt(0)))).replaceAll('\u007f', '\u2421')
    .replace(/[\u0080-\u009f]/g, '\ufffd').replace(DIRECTIONS, '\ufffd');
}

/** The same of several lines; tabs stay, too. */
export function showLines(text) {
  return String(text).split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : showText(part))).join('');
}

/** The same for HTML; ends of line stay. */
export function escapeHtml(text) {
  const lines = String(text).split('\n').map(showText).join('\n');
  return lines.replace(/[&<>"']/g, (character) => (
    { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' }[character]));
}
