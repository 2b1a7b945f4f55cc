// Streams of HTTP and of RESP (Redis) as messages: what a client sends, and what it is answered.

const EMPTY_LINE = '\r\n\r\n';

/** Where the chunks end, and what is in them; null: they do not end, or are none. */
function chunksOf(bytes, from) {
  const parts = [];
  for (let at = from;;) {
    const line = bytes.indexOf('\r\n', at);
    const [, hex] = line < 0 ? [] : /^([0-9a-f]{1,8})\s*(;.*)?$/i.exec(
      bytes.toString('latin1', at, line)) ?? [];
    if (hex === undefined) return null;
    const size = parseInt(hex, 16);
    if (size === 0) {
      // The trailer: lines up to an empty one.
      for (at = line + 2; ;) {
        const end = bytes.indexOf('\r\n', at);
        if (end < 0) return null;
        if (end === at) return { end: end + 2, body: Buffer.concat(parts) };
        at = end + 2;
      }
    }
    if (bytes.toString('latin1', line + 2 + size, line + 4 + size) !== '\r\n') return null;
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}

/** { end, body } behind the head: by chunks, by Content-Length, or as the first line says. */
function httpBody(bytes, from, head, sent) {
  const [, status] = sent ? [] : /^HTTP\/1\.[01] (\d{3})/.exec(head);
  const none = { end: from, body: Buffer.alloc(0) };
  if (!sent && (status === '204' || status === '304')) return none;
  if (/^transfer-encoding:[^\r]*\bchunked\s*\r?$/im.test(head)) return chunksOf(bytes, from);
  const [, length] = /^content-length:\s*(\d{1,15})\s*$/im.exec(head) ?? [];
  if (length === undefined && sent) return none;
  // A response without either lasts as long as its connection.
  const end = length === undefined ? bytes.length : from + Number(length);
  return end > bytes.length ? null : { end, body: bytes.subarray(from, end) };
}

/** Requests go out as they are; a response is seen without what its chunks add. HEAD and CONNECT
 *  have responses whose end is not in their text. */
export function cutByHttp(bytes, framing, sent) {
  const first = sent ? /^(?!HEAD |CONNECT )[A-Z]{3,12} \S+ HTTP\/1\.[01]\r\n/
    : /^HTTP\/1\.[01] [1-5]\d\d[ \r]/;
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    let begin = at;
    let head;
    do { // 1xx belong to the response behind them
      const end = bytes.indexOf(EMPTY_LINE, begin);
      if (end < 0) return null;
      head = bytes.toString('latin1', begin, end + EMPTY_LINE.length);
      if (!first.test(head)) return null;
      if (!sent && head.startsWith('101', 9)) return null; // another protocol follows
      begin = end + EMPTY_LINE.length;
    } while (!sent && head[9] === '1');
    const found = httpBody(bytes, begin, head, sent);
    if (found === null) return null;
    frames.push({ begin: at, end: found.end, body: sent ? bytes.subarray(at, found.end)
      : Buffer.concat([Buffer.from(head, 'latin1'), found.body]) });
    at = found.end;
  }
  return frames;
}

/** How many values follow the header of a RESP value; a map has two for each member. */
const nestedOf = (type, count) => ('*~>'.includes(type) ? count : type === '%' || type === '|'
  ? 2 * count : 0);

/** Where the value that begins here ends; -1: there is none. */
function respEnd(bytes, from) {
  let at = from;
  for (let open = 1; open > 0; open -= 1) {
    const line = bytes.indexOf('\r\n', at);
    const head = line < 0 ? '' : bytes.toString('latin1', at, line);
    if (!/^[+\-:$*_#,(!=%~>|]/.test(head)) return -1;
    at = line + 2;
    if ('$*!=%~>|'.includes(head[0])) {
      if (!/^.(-1|\d{1,10})$/.test(head)) return -1;
      const count = Number(head.slice(1));
      if (count > 0) open += nestedOf(head[0], count);
      if (head[0] === '|') open += 1; // attributes stand before their value
      if ('$!='.includes(head[0]) && count >= 0) {
        if (bytes.toString('latin1', at + count, at + count + 2) !== '\r\n') return -1;
        at += count + 2;
      }
    }
  }
  return at;
}

/** A client sends arrays: lines that begin with a plus are no RESP of themselves. */
export function cutByResp(bytes, framing, sent) {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const end = sent && bytes[at] !== 0x2a ? -1 : respEnd(bytes, at);
    if (end < 0) return null;
    frames.push({ begin: at, end, body: bytes.subarray(at, end) });
    at = end;
  }
  return frames;
}
