// Where one message of a recorded protocol ends: given, or guessed from the bytes of both sides.

import { Failure } from '../base/process.mjs';
import { cutById, findById } from './by_id.mjs';
import { cutByHeader, findHeader } from './header.mjs';
import { cutByLines, findLines } from './lines.mjs';
import { cutByHttp, cutByResp } from './texts.mjs';

const length = (sizeBytes, order, included, idBytes = 0) => ({ type: 'length',
  size_bytes: sizeBytes, ...(idBytes ? { id_bytes: idBytes } : {}), byte_order: order,
  size_includes_header: included });

export const PAIR = length(2, 'little', true, 2);

/** Names its protocol, and its ends. */
const TEXTS = [{ type: 'http' }, { type: 'resp' }];

/** The likelier first: what takes a whole stream apart, to the byte, is believed. */
const LENGTHS = [
  PAIR,
  ...['big', 'little'].flatMap((order) => [4, 2].flatMap((size) => [false, true].flatMap((own) =>
    [0, 2, 4].map((id) => length(size, order, own, id))))),
];
const DELIMITERS = ['\r\n', '\n', '\0'].map((delimiter) => ({ type: 'delimiter', delimiter }));

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

const CUTS = {
  length: (bytes, framing) => (framing.header ? cutByHeader : cutByLength)(bytes, framing),
  delimiter: cutByDelimiter,
  fixed: (bytes, framing) => cutBySize(bytes, framing.bytes),
  raw: (bytes) => [{ begin: 0, end: bytes.length, body: bytes }],
  http: cutByHttp,
  resp: cutByResp,
  lines: cutByLines,
  by_id: cutById,
};

/** The frames { begin, end, body, id, head } of a stream; null when it does not come out even.
 *  sent: a client's. */
export const framesOf = (bytes, framing, sent) => CUTS[framing.type](bytes, framing, sent);

/** Both sides of all sessions: { bytes, ends, sent }, where ends are those of the pieces. */
function streamsOf(sessions) {
  return sessions.flatMap(({ sent, received }) => [[sent, true], [received, false]])
    .filter(([pieces]) => pieces.length > 0)
    .map(([pieces, sent]) => {
      let end = 0;
      return { sent, bytes: Buffer.concat(pieces.map(({ bytes }) => bytes)),
        ends: pieces.map(({ bytes }) => { end += bytes.length; return end; }) };
    });
}

/** A delimiter that is no end of a line: what all streams end with, if that is no letter. */
function otherDelimiter(streams) {
  const [first] = streams;
  const last = first?.bytes.at(-1);
  if (!streams.every(({ bytes }) => bytes.at(-1) === last)) return [];
  if (!(last < 0x80) || /[\w\s]/.test(String.fromCharCode(last)) || last === 0) return [];
  const delimiter = last < 0x20 || last === 0x7f ? { hex: last.toString(16).padStart(2, '0') }
    : String.fromCharCode(last);
  return [{ type: 'delimiter', delimiter }];
}

/** Whether all streams come out even, into more than one message each on the average. */
function divides(streams, framing) {
  let frames = 0;
  const fits = streams.every(({ bytes, sent }) => {
    const found = framesOf(bytes, framing, sent);
    // A message of size 0 again and again is a stream of zeros.
    frames += found?.length ?? 0;
    return found !== null && found.some(({ body }) => body.length > 0);
  });
  // A text that names its protocol and its ends needs no second message.
  return fits && (TEXTS.includes(framing) || frames > streams.length);
}

/** Takes all streams apart; of several that do, the simplest; else raw. */
export function guessFraming(sessions) {
  const streams = streamsOf(sessions);
  const lines = findLines(streams);
  return [...TEXTS, ...LENGTHS, ...(lines ? [lines] : []), ...DELIMITERS,
    ...otherDelimiter(streams)].find((framing) => divides(streams, framing)) ??
    findHeader(streams) ?? findById(streams) ?? { type: 'raw' };
}

const FRAME_BYTES_MAX = 65535;

/** The framing, with room for the largest message of the sessions. */
export function withRoom(framing, sessions) {
  if (!['length', 'delimiter', 'by_id'].includes(framing.type)) return framing;
  const most = streamsOf(sessions).reduce((all, { bytes, sent }) =>
    (framesOf(bytes, framing, sent) ?? []).reduce((large, { begin, end }) =>
      Math.max(large, end - begin), all), framing.frame_bytes_max ?? FRAME_BYTES_MAX);
  return most > FRAME_BYTES_MAX ? { ...framing, frame_bytes_max: most } : framing;
}

/** One line for people: what the framing is, and what it makes of the sessions. */
export function framingLine(framing, sessions, guessed) {
  const streams = streamsOf(sessions);
  const how = guessed ? 'guessed' : 'given';
  if (framing.type === 'raw') {
    return `framing (${how}): raw${guessed ? '; no other divides all streams exactly' : ''}`;
  }
  const messages = streams.reduce((sum, { bytes, sent }) =>
    sum + (framesOf(bytes, framing, sent)?.length ?? 0), 0);
  return `framing (${how}): ${JSON.stringify(framing)}; it divides all ${streams.length} streams ` +
    `exactly, into ${messages} messages`;
}

export function framingNamed(text) {
  if (text === 'raw') return { type: 'raw' };
  if (text === 'pair') return PAIR;
  try {
    const framing = JSON.parse(text);
    if (Object.hasOwn(CUTS, framing.type)) return framing;
  } catch {
    // said below
  }
  throw new Failure('--framing: expected guess, raw, pair or the JSON of a framing of the type ' +
    `${Object.keys(CUTS).join(', ')}, found ${text}`, 2);
}
