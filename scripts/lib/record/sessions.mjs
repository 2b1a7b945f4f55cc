// Segments as sessions: who said what when, in order, without what was sent twice.

import { Failure } from '../base/process.mjs';

/** The port that most connections were opened to. */
function guessPort(segments) {
  const counts = new Map();
  for (const { syn, ack, targetPort } of segments) {
    if (syn && !ack) counts.set(targetPort, (counts.get(targetPort) ?? 0) + 1);
  }
  const [best] = [...counts].sort((a, b) => b[1] - a[1]);
  if (!best) {
    throw new Failure('no connection begins in this capture: say with --port which port is the ' +
      'server\'s');
  }
  return best[0];
}

/** One direction's bytes: pieces { timeNs, bytes } in the order of the stream. */
function streamOf(segments, notes) {
  const pieces = [];
  const data = segments.filter(({ payload }) => payload.length > 0);
  let next = data.length ? Math.min(...data.map(({ sequence }) => sequence)) : 0;
  const first = segments.find(({ syn }) => syn);
  if (first) next = first.sequence + 1;
  let gap = 0;
  for (const segment of [...data].sort((a, b) => a.sequence - b.sequence)) {
    const known = next - segment.sequence;
    if (known >= segment.payload.length) continue; // sent again
    if (known < 0) gap += -known; // the capture missed it
    pieces.push({ timeNs: segment.timeNs, bytes: segment.payload.subarray(Math.max(0, known)) });
    next = segment.sequence + segment.payload.length;
  }
  if (gap > 0) notes.push(`${gap} bytes of ${segments[0].source} are missing in the capture`);
  return pieces;
}

function sessionOf(segments, port, notes) {
  const client = segments.filter(({ targetPort }) => targetPort === port);
  const server = segments.filter(({ targetPort }) => targetPort !== port);
  const begin = segments.find(({ syn, ack }) => syn && ack) ?? segments[0];
  const end = segments.find(({ fin, reset }) => fin || reset);
  return {
    startNs: begin.timeNs,
    sent: streamOf(client, notes),
    received: streamOf(server, notes),
    end: end === undefined ? undefined
      : { timeNs: end.timeNs, byServer: end.targetPort !== port, reset: end.reset },
  };
}

/** Does a client begin TLS: with a record that holds a ClientHello, at the beginning or later? */
function beginsTls({ sent }) {
  return sent.some(({ bytes }) => bytes.length > 6 && bytes[0] === 0x16 && bytes[1] === 3 &&
    bytes[5] === 1 && bytes[6] === 0);
}

/** { port, sessions, notes }: the sessions of clients with this port, in the order of their
 * beginnings. */
export function sessionsOf(segments, wanted) {
  const port = wanted ?? guessPort(segments);
  const notes = [];
  const streams = new Map();
  for (const segment of segments) {
    if (segment.targetPort !== port && segment.sourcePort !== port) continue;
    if (!streams.has(segment.stream)) streams.set(segment.stream, []);
    streams.get(segment.stream).push(segment);
  }
  const sessions = [...streams.values()].map((each) => sessionOf(each, port, notes))
    .filter(({ sent, received }) => sent.length + received.length > 0)
    .sort((a, b) => (a.startNs < b.startNs ? -1 : 1));
  if (sessions.length === 0) throw new Failure(`no session with port ${port} in this capture`);
  if (sessions.some(beginsTls)) {
    throw new Failure(`the sessions with port ${port} are encrypted (TLS): what was said cannot ` +
      'be read. Capture them where they are plain, behind a proxy or with TLS turned off');
  }
  return { port, sessions, notes };
}
