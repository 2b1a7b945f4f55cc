// Where one message of a recorded protocol ends: given, or guessed from the bytes of both sides.

import { Failure } from '../base/process.mjs';

const length = (sizeBytes, order, included, idBytes = 0) => ({ type: 'length',
  size_bytes: sizeBytes, ...(idBytes ? { id_bytes: idBytes } : {}), byte_order: order,
  size_includes_header: included });

export const PAIR = length(2, 'little', true, 2);

/** The likelier first: what takes a whole stream apart, to the byte, is believed. */
const CANDIDATES = [
  PAIR,
  ...['big', 'little'].flatMap((order) => [4, 2].flatMap((size) => [false, true].flatMap((own) =>
    [0, 2, 4].map((id) => length(size, order, own, id))))),
  ...['\r\n', '\n', '\0'].map((delimiter) => ({ type: 'delimiter', delimiter })),
];

const numberAt = (bytes, at, count, order) =>
  (order === 'big' ? bytes.readUIntBE(at, count) : bytes.readUIntLE(at, count));

function cutByLength(bytes, framing) {
  const header = framing.header_bytes ?? (framing.size_offset ?? 0) + framing.size_bytes +
    (framing.id_bytes ?? 0);
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < header) return null;
    const size = numberAt(bytes, at + (framing.size_offset ?? 0), framing.size_bytes,
      framing.byte_order ?? 'little');
    const whole = framing.size_includes_header ? size : size + header;
    if (whole < header || at + whole > bytes.length) return null;
    const idAt = framing.id_offset ?? (framing.size_offset ?? 0) + framing.size_bytes;
    const id = framing.id_bytes
      ? numberAt(bytes, at + idAt, framing.id_bytes, framing.byte_order ?? 'little') : undefined;
    frames.push({ begin: at, end: at + whole, body: bytes.subarray(at + header, at + whole), id });
    at += whole;
  }
  return frames;
}

function cutByDelimiter(bytes, framing) {
  const mark = Buffer.from(framing.delimiter.hex ?? framing.delimiter,
    framing.delimiter.hex === undefined ? 'utf8' : 'hex');
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(mark, at);
    if (end < 0) return null;
    frames.push({ begin: at, end: end + mark.length, body: bytes.subarray(at, end) });
    at = end + mark.length;
  }
  return frames;
}

function cutBySize(bytes, size) {
  if (bytes.length % size !== 0) return null;
  return Array.from({ length: bytes.length / size }, (_, i) => ({ begin: i * size,
    end: (i + 1) * size, body: bytes.subarray(i * size, (i + 1) * size) }));
}

/** The frames { begin, end, body, id } of a stream; null when it does not come out even. */
export function framesOf(bytes, framing) {
  if (framing.type === 'length') return cutByLength(bytes, framing);
  if (framing.type === 'delimiter') return cutByDelimiter(bytes, framing);
  if (framing.type === 'fixed') return cutBySize(bytes, framing.bytes);
  return [{ begin: 0, end: bytes.length, body: bytes }];
}

const joined = (pieces) => Buffer.concat(pieces.map(({ bytes }) => bytes));

/** Takes all streams apart, into more than one message each on the average; else raw. */
export function guessFraming(sessions) {
  const streams = sessions.flatMap(({ sent, received }) => [joined(sent), joined(received)])
    .filter((bytes) => bytes.length > 0);
  for (const framing of CANDIDATES) {
    let frames = 0;
    const fits = streams.every((bytes) => {
      const found = framesOf(bytes, framing);
      // A message of size 0 again and again is a stream of zeros.
      frames += found?.length ?? 0;
      return found !== null && found.some(({ body }) => body.length > 0);
    });
    if (fits && frames > streams.length) return framing;
  }
  return { type: 'raw' };
}

export function framingNamed(text) {
  if (text === 'raw') return { type: 'raw' };
  if (text === 'pair') return PAIR;
  try {
    const framing = JSON.parse(text);
    if (['length', 'delimiter', 'fixed', 'raw'].includes(framing.type)) return framing;
  } catch {
    // said below
  }
  throw new Failure(`--framing: expected guess, raw, pair or the JSON of a framing, found ${text}`,
    2);
}
