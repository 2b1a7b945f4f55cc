// A header as a scenario draws it (framing.header): to take a stream apart by it, and to find one
// that takes all streams apart.

const WIDTHS = { u8: 1, u16: 2, u24: 3, u32: 4 };
const CHECK_BYTES = { sum8: 1, xor8: 1, sum16: 2, crc16: 2, crc16_modbus: 2, crc16_ccitt: 2,
  crc32: 4, crc32c: 4, adler32: 4, digits3: 3 };

/** { value, bytes } of a number of this format at a position; null: there is none. */
function numberOf(bytes, at, format, { order, field }) {
  const [, kind, own] = /^(.*?)(le|be)?$/.exec(format);
  const width = WIDTHS[kind];
  if (width) {
    if (at + width > bytes.length) return null;
    return { bytes: width, value: (own ?? order).startsWith('b') ? bytes.readUIntBE(at, width)
      : bytes.readUIntLE(at, width) };
  }
  if (kind === 'varint') {
    let value = 0;
    for (let i = 0; i < 5 && at + i < bytes.length; i += 1) {
      value += (bytes[at + i] & 0x7f) * 2 ** (7 * i);
      if (bytes[at + i] < 0x80) return { bytes: i + 1, value };
    }
    return null;
  }
  if (kind === 'ber') {
    const first = bytes[at];
    const count = first & 0x7f;
    if (first < 0x80) return { bytes: 1, value: first };
    if (!(count >= 1 && count <= 4) || at + 1 + count > bytes.length) return null;
    return { bytes: 1 + count, value: bytes.readUIntBE(at + 1, count) };
  }
  const end = field.bytes ? at + field.bytes : bytes.indexOf(field.until, at);
  const text = end < at ? '' : bytes.toString('latin1', at, end);
  if (!/^\d{1,10}$/.test(text)) return null;
  return { bytes: text.length + (field.bytes ? 0 : field.until.length), value: Number(text) };
}

const constantOf = ({ text, hex }) => (text !== undefined ? Buffer.from(text, 'utf8')
  : hex !== undefined ? Buffer.from(hex.replaceAll(' ', ''), 'hex') : null);

/** One field of a header: its bytes, and what it says of the frame; null where it does not fit. */
function readField(bytes, at, field, order, frame) {
  const constant = constantOf(field);
  if (constant) {
    return bytes.subarray(at, at + constant.length).equals(constant) ? constant.length : null;
  }
  const [key] = Object.keys(field).filter((one) => !['name', 'plus', 'bytes', 'until', 'first',
    'last', 'byte_order'].includes(one));
  if (CHECK_BYTES[key]) return CHECK_BYTES[key];
  const format = ['size', 'id', 'sequence'].includes(key) ? field[key] : key;
  const number = numberOf(bytes, at, format, { order, field });
  if (number === null) return null;
  if (key === 'size') frame.size = number.value - (field.plus ?? 0);
  else if (key === 'id') frame.id = number.value;
  else if (key !== 'sequence' && field.name) frame.head[field.name] = number.value;
  else if (typeof field[key] === 'number' && field[key] !== number.value) return null;
  return number.bytes;
}

/** The frames of a stream under a framing with a header; null when it does not come out even. */
export function cutByHeader(bytes, framing) {
  const order = framing.byte_order ?? 'little';
  const fields = (list, at, frame) => list.reduce((place, field) => {
    const length = place === null ? null : readField(bytes, place, field, order, frame);
    return length === null || place + length > bytes.length ? null : place + length;
  }, at);
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const frame = { begin: at, head: {} };
    const body = fields(framing.header, at, frame);
    if (body === null || !(frame.size >= 0) || body + frame.size > bytes.length) return null;
    frame.body = bytes.subarray(body, body + frame.size);
    frame.end = fields(framing.tail ?? [], body + frame.size, frame);
    if (frame.end === null) return null;
    frames.push(frame);
    at = frame.end;
  }
  return frames;
}

const FRONT_MAX = 16;
const BEHIND_MAX = 8;
const FRAMES_MIN = 4;
const FORMATS = ['u32', 'u24', 'u16', 'u8', 'varint', 'ber'];

/** A header with `front` bytes of anything before the size: no more than where messages end. */
const bare = (front, format, plus, order) => ({ type: 'length', header: [
  ...Array.from({ length: front }, (_, i) => ({ u8: 0, name: `front_${i}` })),
  { size: format, ...(plus ? { plus } : {}) }], byte_order: order });

/** What the size may count beyond its body, the likelier first. */
const plusesOf = (front, width) => [...new Set([0, front + width, width,
  ...Array.from({ length: BEHIND_MAX }, (_, i) => -i - 1)])];

function* candidates() {
  for (let front = 0; front <= FRONT_MAX; front += 1) {
    for (const format of FORMATS) {
      const width = WIDTHS[format] ?? 0;
      for (const order of width > 1 ? ['big', 'little'] : ['big']) {
        // What counts a size of no fixed width cannot be constant, unless it is behind it.
        for (const plus of width ? plusesOf(front, width) : [0]) {
          yield { front, framing: bare(front, format, plus, order) };
        }
      }
    }
  }
}

/** The bytes before the size, as fields: constants, then the id, then numbers that a send sets. */
function fieldsOf(columns) {
  const fields = [];
  let hasId = false;
  for (let at = 0; at < columns.length;) {
    const isConstant = (i) => columns[i].size === 1;
    let end = at + 1;
    const most = isConstant(at) ? FRONT_MAX : 4;
    while (end < columns.length && end - at < most && isConstant(end) === isConstant(at)) end += 1;
    if (isConstant(at)) {
      fields.push({ hex: Buffer.from(columns.slice(at, end).map(([...set]) => set[0]))
        .toString('hex') });
    } else if (!hasId) {
      fields.push({ id: `u${8 * (end - at)}` });
      hasId = true;
    } else {
      fields.push({ [`u${8 * (end - at)}`]: 0, name: `field_${at}` });
    }
    at = end;
  }
  return fields;
}

/** The framing with what is known of the bytes in front of its size. */
function namedFraming({ front, framing }, cut) {
  const columns = Array.from({ length: front }, () => new Set());
  for (const { bytes, frames } of cut) {
    for (const { begin } of frames) columns.forEach((set, i) => set.add(bytes[begin + i]));
  }
  const constants = columns.map((set) => Object.assign([...set], { size: set.size }));
  return { ...framing, header: [...fieldsOf(constants), framing.header.at(-1)] };
}

/** How many of the pieces that were sent end where a message does. */
function alignment(streams, cut) {
  let aligned = 0;
  let pieces = 0;
  streams.forEach(({ ends }, i) => {
    const frames = new Set(cut[i].frames.map(({ end }) => end));
    pieces += ends.length;
    aligned += ends.filter((end) => frames.has(end)).length;
  });
  return aligned / pieces;
}

/** The framing with a header that takes all streams ({ bytes, ends }: where the pieces end) apart,
 *  into messages of several sizes; of several, the one whose messages the pieces were, then the
 *  simplest. null: none. */
export function findHeader(streams) {
  let best = null;
  for (const candidate of candidates()) {
    const cut = [];
    for (const { bytes } of streams) {
      const frames = cutByHeader(bytes, candidate.framing);
      if (frames === null) break;
      cut.push({ bytes, frames });
    }
    if (cut.length < streams.length) continue;
    const frames = cut.flatMap((one) => one.frames);
    const sizes = new Set(frames.map(({ begin, end }) => end - begin));
    if (frames.length < FRAMES_MIN || sizes.size < 2) continue;
    const aligned = alignment(streams, cut);
    if (aligned >= 0.5 && aligned > (best?.aligned ?? 0)) best = { aligned, candidate, cut };
  }
  return best && namedFraming(best.candidate, best.cut);
}
