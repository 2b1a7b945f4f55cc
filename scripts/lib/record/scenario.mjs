// Sessions as a scenario: each is a behavior of one connection that plays once, on its own
// timeline.

import { Failure } from '../base/process.mjs';
import { framesOf, PAIR } from './framing.mjs';

const STEPS_MAX = 10000;

/** Printable text is for people; all else is hex. */
function bodyOf(bytes) {
  const text = bytes.toString('latin1');
  const plain = /^[\x20-\x7e\r\n\t]+$/.test(text) && !text.includes('${');
  if (plain) return { text };
  return bytes.length > 0 ? { hex: bytes.toString('hex') } : 'none';
}

const durationOf = (ns) => `${Number(ns / 1000n) / 1000}ms`;

/** A stream's messages with the time of their last (sent: first) byte. */
function messagesOf(pieces, framing, sent) {
  const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
  if (framing.type === 'raw') {
    return pieces.map((piece) => ({ timeNs: piece.timeNs, body: piece.bytes }));
  }
  const frames = framesOf(bytes, framing, sent);
  if (frames === null) {
    throw new Failure(`what ${sent ? 'a client' : 'the server'} sent does not come out even ` +
      'under this framing; try --framing raw');
  }
  let index = 0;
  let end = pieces[0]?.bytes.length ?? 0;
  return frames.map((frame) => {
    while (end <= frame.begin) end += pieces[++index].bytes.length;
    return { timeNs: pieces[index].timeNs, body: frame.body, id: frame.id,
      head: frame.head };
  });
}

/** Runs of messages of one side, in the order of time. */
function turnsOf(session, framing) {
  const all = [
    ...messagesOf(session.sent, framing, true).map((each) => ({ ...each, sent: true })),
    ...messagesOf(session.received, framing, false).map((each) => ({ ...each, sent: false })),
  ].map((each, order) => ({ ...each, order }));
  all.sort((a, b) => (a.timeNs === b.timeNs ? a.order - b.order : a.timeNs < b.timeNs ? -1 : 1));
  const turns = [];
  for (const message of all) {
    const last = turns.at(-1);
    // raw: the server's bytes between two sends are one reply, however they were cut.
    if (framing.type === 'raw' && last && !last.sent && !message.sent) {
      last.body = Buffer.concat([last.body, message.body]);
    } else {
      turns.push({ ...message });
    }
  }
  return turns;
}

const idOf = (message) => (message.id === undefined ? {} : { id: message.id });

function replyOf(message, { framing, replies }) {
  const verify = replies === 'verify' ? { verify: { equals: bodyOf(message.body) } } : {};
  if (framing.type === 'raw') return { bytes: message.body.length, ...verify };
  return { ...(message.id === undefined ? {} : { match: { id: message.id } }), ...verify };
}

const sendOf = (message) => ({ ...idOf(message),
  ...(Object.keys(message.head ?? {}).length ? { head: message.head } : {}),
  body: bodyOf(message.body) });

/** Whenever the server speaks, it answers what was sent last: a request each. */
const alternates = (turns) => turns.every((turn, i) => i === 0 || !turn.sent || !turns[i - 1].sent);

function playInTurn(turns, session, options) {
  const steps = [];
  turns.forEach((turn, i) => {
    if (turn.sent) {
      const answer = turns[i + 1];
      const answered = options.replies !== 'ignore' && answer && !answer.sent;
      steps.push({ wait_until_age: durationOf(turn.timeNs - session.startNs) });
      steps.push(answered
        ? { request: { name: 'recorded', send: sendOf(turn), ...replyOf(answer, options) } }
        : { send: sendOf(turn) });
    } else if (options.replies !== 'ignore' && (i === 0 || !turns[i - 1].sent)) {
      steps.push({ expect: replyOf(turn, options) });
    }
  });
  return steps;
}

/** Lane 0 sends on the timeline, lane 1 awaits what comes, in its order, whenever that is. */
function playInLanes(turns, session, options) {
  const sends = turns.filter(({ sent }) => sent).flatMap((turn) => [
    { wait_until_age: durationOf(turn.timeNs - session.startNs) }, { send: sendOf(turn) }]);
  const expects = turns.filter(({ sent }) => !sent)
    .map((turn) => ({ expect: { ...replyOf(turn, options), within: '30s' } }));
  if (options.replies === 'ignore') return sends;
  return [{ if: { value: '${lane}', equals: 0, then: sends, else: expects } }];
}

function endOf(session, lastNs) {
  const { end } = session;
  if (end?.byServer && !end.reset) return [{ expect_close: '10s' }];
  const at = end ?? { timeNs: lastNs };
  return [{ wait_until_age: durationOf(at.timeNs - session.startNs) },
    { disconnect: end?.reset && !end.byServer ? 'rst' : 'fin' }];
}

/** The scenario of the sessions. */
export function scenarioOf({ sessions, framing, replies, port, name, capture }) {
  const played = sessions.map((session) => ({ session, turns: turnsOf(session, framing) }));
  const lanes = replies === 'ignore' || played.every(({ turns }) => alternates(turns)) ? 1 : 2;
  const originNs = sessions[0].startNs;
  let endNs = 0n;
  const behaviors = played.map(({ session, turns }, i) => {
    const lastNs = turns.at(-1).timeNs;
    const lasts = session.end && session.end.timeNs > lastNs ? session.end.timeNs : lastNs;
    endNs = lasts - originNs > endNs ? lasts - originNs : endNs;
    const options = { framing, replies };
    const inLanes = lanes === 2 && !alternates(turns);
    const steps = inLanes ? playInLanes(turns, session, options)
      : playInTurn(turns, session, options);
    const only = lanes === 2 && !inLanes
      ? [{ if: { value: '${lane}', equals: 0, then: steps } }] : steps;
    const after = session.startNs - originNs;
    return {
      name: `session-${i + 1}`,
      connect: 'in_loop',
      loop: [
        { reconnect: after > 0n ? { after: durationOf(after) } : 'now' },
        ...only,
        ...endOf(session, lastNs),
        { think: '24h' }, // once is enough; the end of the run does not wait for it
      ],
    };
  });
  const count = JSON.stringify(behaviors).match(/"(at|send|request|expect|if|think)":/g).length;
  if (count > STEPS_MAX) {
    throw new Failure(`the sessions have about ${count} steps, and a scenario at most ` +
      `${STEPS_MAX}: take fewer with --sessions`);
  }
  const seconds = Math.ceil(Number(endNs / 1000000n) / 1000) + 1;
  return {
    $schema: './scenario.schema.json',
    name,
    description: `Recorded from ${capture}: each connection plays one session, as it was.`,
    target: { host: '127.0.0.1', port },
    ...(JSON.stringify(framing) === JSON.stringify(PAIR) ? {} : { framing }),
    load: { connections: behaviors.length, ...(lanes > 1 ? { in_flight: lanes } : {}),
      duration: `${seconds}s`, drain: '10s' },
    behaviors,
  };
}
