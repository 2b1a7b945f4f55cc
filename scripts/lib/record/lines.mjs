// Streams of lines that announce more (framing.rules of a scenario): to take them apart, and to
// find the rules that do.

const DIGITS = /^\d{1,8}$/;
const textOf = (delimiter) => Buffer.from(delimiter.hex ?? delimiter,
  delimiter.hex === undefined ? 'utf8' : 'hex');

const isLike = (text, like) => text.length >= like.length && [...like].every((c, i) =>
  c === '?' || (c === '#' ? /\d/.test(text[i]) : c === text[i]));

const isOf = (line, { starts_with: begin, like, ends_with: end }) =>
  (begin === undefined || line.startsWith(begin)) && (like === undefined || isLike(line, like)) &&
  (end === undefined || line.endsWith(end));

/** Is it the line up to which more follow? */
const isLast = (line, until) => (typeof until === 'string' ? line === until : isOf(line, until));

/** How many bytes the line announces; null: it does not say. */
function sizeOf(line, size) {
  const words = line.split(' ').filter((word) => word !== '');
  if (size === 'last_number') {
    const last = /(\d+)\D*$/.exec(line);
    return last ? Number(last[1]) : null;
  }
  const text = size.word !== undefined ? words[size.word]
    : new RegExp(`^${size.after}\\s*(\\d+)`, 'i').exec(line)?.[1];
  return DIGITS.test(text ?? '') ? Number(text) : null;
}

/** { text, next } of the line that begins here; null: it does not end. */
function lineAt(bytes, at, mark) {
  const end = bytes.indexOf(mark, at);
  return end < 0 ? null : { text: bytes.toString('latin1', at, end), next: end + mark.length };
}

/** Where what the line announces ends; null: it does not. */
function payloadEnd(bytes, line, rule, mark) {
  const size = rule.size === undefined ? null : sizeOf(line.text, rule.size);
  if (size === null) return rule.size === undefined ? line.next : null;
  const end = rule.end === undefined ? mark : textOf(rule.end);
  const next = line.next + size + end.length;
  return next <= bytes.length && bytes.subarray(line.next + size, next).equals(end) ? next : null;
}

/** Where the message that begins here ends; null: it does not. */
function messageEnd(bytes, at, { rules = [] }, mark) {
  let until;
  for (let place = at; ;) {
    const line = lineAt(bytes, place, mark);
    if (line === null) return null;
    const rule = rules.find((one) => isOf(line.text, one));
    if (until !== undefined && isLast(line.text, until)) return line.next;
    const end = rule ? payloadEnd(bytes, line, rule, mark) : line.next;
    if (end === null) return null;
    until ??= rule?.until;
    if (until === undefined) return end;
    place = end;
  }
}

/** The frames of a stream; null when it does not come out even. The last delimiter is no part of
 *  a body. */
export function cutByLines(bytes, framing) {
  const mark = textOf(framing.delimiter);
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const end = messageEnd(bytes, at, framing, mark);
    if (end === null) return null;
    frames.push({ begin: at, end, body: bytes.subarray(at, end - mark.length) });
    at = end;
  }
  return frames;
}

/* --- To find the rules. */

const RULES_MAX = 16;
const wordOf = (line) => /^[A-Za-z+-]{2,16} /.exec(line)?.[0];

/** All lines of the streams that no payload hides: { line, bytes }. */
function linesOf(streams, framing) {
  const mark = textOf(framing.delimiter);
  return streams.flatMap(({ bytes, sent }) => {
    const lines = [];
    for (let at = 0; at < bytes.length;) {
      const line = lineAt(bytes, at, mark);
      if (line === null) break;
      const rule = framing.rules.find((one) => isOf(line.text, one));
      lines.push({ line, bytes, sent });
      at = (rule && payloadEnd(bytes, line, rule, mark)) || line.next;
    }
    return lines;
  });
}

const SIZES = ['last_number', ...Array.from({ length: 8 }, (_, i) => ({ word: i + 1 }))];

/** A rule for lines with this word, if each of them is followed by as many bytes as it says. first:
 *  the first of them, which no such rule hides: most words are ruled out by it alone. */
function sizeRule(streams, framing, word, first) {
  const mark = textOf(framing.delimiter);
  const saidBy = ({ line, bytes }, rule) =>
    payloadEnd(bytes, line, rule, mark) && sizeOf(line.text, rule.size);
  return SIZES.map((size) => ({ starts_with: word, size })).find((rule) => {
    if (saidBy(first, rule) === null) return false;
    const sizes = linesOf(streams, { ...framing, rules: [...framing.rules, rule] })
      .filter(({ line }) => line.text.startsWith(word)).map((one) => saidBy(one, rule));
    return sizes.length >= 2 && sizes.every((one) => one !== null) && sizes.some((one) => one > 0);
  });
}

/** The first line with each word. */
function firstWords(lines) {
  const firsts = new Map();
  for (const one of lines) {
    const word = wordOf(one.line.text);
    if (word && !firsts.has(word)) firsts.set(word, one);
  }
  return firsts;
}

/** The line that always ends what the server says behind such a payload, if there is one. */
function lastLine(streams, framing, rule) {
  const mark = textOf(framing.delimiter);
  const found = new Set();
  for (const { bytes, ends, sent } of streams) {
    for (let at = 0, open = false; at < bytes.length;) {
      const line = lineAt(bytes, at, mark);
      if (line === null) return undefined;
      const of = framing.rules.find((one) => isOf(line.text, one));
      if (of === rule && sent) return undefined;
      if (open && of === undefined) {
        if (!ends.includes(line.next)) return undefined; // of the same answer
        found.add(line.text);
      }
      open = of === rule;
      at = (of && payloadEnd(bytes, line, of, mark)) || line.next;
    }
  }
  const [last] = found;
  return found.size === 1 && /^[A-Z.]{1,16}$/.test(last) ? last : undefined;
}

const CODES = { like: '###-', until: { like: '### ' } };

/** The replies of SMTP and FTP: lines with a code, of which all but the last have a dash. */
function hasCodes(streams, mark) {
  const lines = streams.filter(({ sent }) => !sent)
    .flatMap(({ bytes }) => bytes.toString('latin1').split(mark.toString('latin1')).slice(0, -1));
  return lines.some((line) => isLike(line, CODES.like)) && lines.every((line, i) =>
    /^\d{3}[ -]/.test(line) && (line[3] === ' ' || lines[i + 1]?.startsWith(line.slice(0, 3))));
}

/** The framing whose lines announce payloads or more lines, which all streams ({ bytes, ends, sent
 *  }) bear out; null: nothing is announced. */
export function findLines(streams) {
  for (const delimiter of ['\r\n', '\n']) {
    const framing = { type: 'lines', delimiter, rules: [] };
    const mark = textOf(delimiter);
    if (!streams.every(({ bytes }) => bytes.subarray(-mark.length).equals(mark))) continue;
    if (hasCodes(streams, mark)) framing.rules.push(CODES);
    for (let more = true; more;) { // what a rule hides may have looked like lines
      let rule;
      for (const [word, first] of firstWords(linesOf(streams, framing))) {
        if (framing.rules.some((one) => one.starts_with === word)) continue;
        rule = sizeRule(streams, framing, word, first);
        if (rule) break;
      }
      if (rule) framing.rules.push(rule);
      more = rule !== undefined && framing.rules.length < RULES_MAX;
    }
    for (const rule of framing.rules.filter(({ size }) => size !== undefined)) {
      const until = lastLine(streams, framing, rule);
      if (until !== undefined) rule.until = until;
    }
    if (framing.rules.length > 0) return framing;
  }
  return null;
}
