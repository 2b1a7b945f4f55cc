// Streams whose messages begin with an id that says how long they are (framing `by_id`): to take
// them apart, and to find the sizes.

const WIDTHS = { u8: 1, u16: 2, u24: 3, u32: 4 };

function reader(format, order) {
  const [, kind, own] = /^(u\d+)(le|be)?$/.exec(format) ?? [];
  const width = WIDTHS[kind];
  const big = (own ?? order ?? 'little').startsWith('b');
  return { width, at: (bytes, at) => (at + width > bytes.length ? null
    : big ? bytes.readUIntBE(at, width) : bytes.readUIntLE(at, width)) };
}

/** The bytes of the whole message that begins here; null: it is none. */
function wholeAt(bytes, at, id, size, plus, sizes) {
  const fixed = sizes.get(id.at(bytes, at));
  if (fixed === undefined || fixed >= 0) return fixed ?? null;
  const said = size?.at(bytes, at + id.width) ?? null;
  return said === null ? null : id.width + size.width + said - plus;
}

function cut(bytes, id, size, plus, sizes) {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const whole = wholeAt(bytes, at, id, size, plus, sizes);
    const head = id.width + (sizes.get(id.at(bytes, at)) < 0 ? size.width : 0);
    if (whole === null || whole < head || at + whole > bytes.length) return null;
    frames.push({ begin: at, end: at + whole, id: id.at(bytes, at),
      body: bytes.subarray(at + head, at + whole) });
    at += whole;
  }
  return frames;
}

/** The frames of a stream; null when it does not come out even. */
export function cutById(bytes, framing) {
  const sizes = new Map(Object.entries(framing.sizes ?? {}).map(([key, one]) =>
    [Number(key), one]));
  return cut(bytes, reader(framing.id, framing.byte_order),
    framing.size && reader(framing.size, framing.byte_order), framing.plus ?? 0, sizes);
}

/* --- To find the sizes. */

/** What was sent at once, by the id that it begins with: messages, and more behind some. */
function piecesById(streams, id) {
  const pieces = new Map();
  for (const { bytes, ends } of streams) {
    ends.forEach((end, i) => {
      const piece = bytes.subarray(ends[i - 1] ?? 0, end);
      const found = id.at(piece, 0);
      if (found === null) return;
      if (!pieces.has(found)) pieces.set(found, []);
      pieces.get(found).push(piece);
    });
  }
  return pieces;
}

/** The bytes of the messages with this id: -1 where all pieces say so themselves, in several sizes;
 *  else the least, behind which other messages may be. */
function sizeOf(pieces, id, size, plus) {
  const lengths = new Set(pieces.map(({ length }) => length));
  const varies = lengths.size > 1 && pieces.every((piece) =>
    wholeAt(piece, 0, id, size, plus, new Map([[id.at(piece, 0), -1]])) === piece.length);
  return varies ? -1 : Math.min(...lengths);
}

function* candidates() {
  for (const idFormat of ['u8', 'u16']) {
    for (const order of WIDTHS[idFormat] > 1 ? ['little', 'big'] : ['big', 'little']) {
      for (const sizeFormat of ['u16', 'u8', 'u32']) {
        const head = WIDTHS[idFormat] + WIDTHS[sizeFormat];
        for (const plus of [head, 0, WIDTHS[sizeFormat]]) {
          yield { idFormat, order, sizeFormat, plus };
        }
      }
    }
  }
}

const MESSAGES_PER_ID = 3;

/** The framing by ids that takes all streams ({ bytes, ends }: where what was sent at once ends)
 *  apart; null: none does, or there are too few messages to believe it. */
export function findById(streams) {
  for (const { idFormat, order, sizeFormat, plus } of candidates()) {
    const id = reader(idFormat, order);
    const size = reader(sizeFormat, order);
    const sizes = new Map([...piecesById(streams, id)].map(([one, pieces]) =>
      [one, sizeOf(pieces, id, size, plus)]));
    // A table that only repeats what was seen proves nothing: several messages at once do, and
    // sizes that are said.
    if (sizes.size < 2 || [...sizes.values()].some((one) => one >= 0 && one < id.width)) continue;
    const frames = streams.map(({ bytes }) => cut(bytes, id, size, plus, sizes));
    if (frames.includes(null)) continue;
    const messages = frames.flat();
    const pieces = streams.reduce((sum, { ends }) => sum + ends.length, 0);
    const varies = [...sizes.values()].includes(-1);
    if (messages.length < MESSAGES_PER_ID * sizes.size ||
      !(varies || messages.length > pieces)) continue;
    return { type: 'by_id', id: idFormat, ...(varies ? { size: sizeFormat, plus } : {}),
      byte_order: order, sizes: Object.fromEntries([...sizes].sort(([a], [b]) => a - b)
        .map(([one, bytes]) => [`0x${one.toString(16).padStart(2 * id.width, '0')}`, bytes])) };
  }
  return null;
}
