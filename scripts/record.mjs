// scripts/record: a capture of clients talking to a server, as a scenario that replays them.

import path from 'node:path';
import { OUT, ownArguments, TEXT } from './lib/base/arguments.mjs';
import { writeWholeFile } from './lib/base/file.mjs';
import { runCommand, Failure } from './lib/base/process.mjs';
import { readSegments } from './lib/record/capture.mjs';
import { framingLine, framingNamed, guessFraming, withRoom } from './lib/record/framing.mjs';
import { sessionsOf } from './lib/record/sessions.mjs';
import { scenarioOf } from './lib/record/scenario.mjs';

const USAGE = `usage: scripts/record CAPTURE.pcap [options] -o scenario.json

Reads a plain capture (none of TLS) with tshark, takes the clients of one server port, and writes a
scenario in which each captured session is one connection that sends the same bytes at the same
times after it connected.

  -o, --out FILE       where the scenario goes
  --port N             the server's port; default: the one most sessions go to
  --framing FORM       where a message ends: guess (default), raw, pair, or JSON as in a scenario:
                       '{"type":"delimiter","delimiter":"\\r\\n"}'. guess: the simplest that
                       divides all streams exactly (lengths, headers, delimiters, lines
                       that announce more, sizes by the id, http, resp)
  --replies WHAT       await (default): as many replies, whatever is in them; verify: the same
                       bytes; ignore: none is waited for
  --sessions N         use only the first N sessions (default and maximum: 256)
exit: 0 written; 1 it could not be read or written; 2 bad usage`;

function readArguments(argv) {
  const given = { framing: 'guess', replies: 'await', sessions: '256',
    ...ownArguments(argv, { out: OUT, port: TEXT, framing: TEXT, replies: TEXT, sessions: TEXT },
      USAGE) };
  const [capture, more] = given.names;
  if (more !== undefined) throw new Failure(`two captures: ${capture} and ${more}`, 2);
  if (capture === undefined) throw new Failure(`which capture?\n${USAGE}`, 2);
  if (given.out === undefined) throw new Failure('say with -o where the scenario goes', 2);
  if (!['await', 'verify', 'ignore'].includes(given.replies)) {
    throw new Failure(`--replies: expected await, verify or ignore, found ${given.replies}`, 2);
  }
  const whole = (name, least, most) => {
    const number = Number(given[name]);
    if (!Number.isInteger(number) || number < least || number > most) {
      throw new Failure(`--${name}: expected a whole number from ${least} to ${most}, found ` +
        `${given[name]}`, 2);
    }
    return number;
  };
  given.sessions = whole('sessions', 1, 256);
  if (given.framing !== 'guess') given.framing = framingNamed(given.framing);
  if (given.port !== undefined) given.port = whole('port', 1, 65535);
  return { ...given, capture };
}

runCommand('scripts/record', async (argv) => {
  const given = readArguments(argv);
  const { segments, notes } = await readSegments(given.capture);
  const recorded = sessionsOf(segments, given.port);
  const sessions = recorded.sessions.slice(0, given.sessions);
  const guessed = given.framing === 'guess';
  const framing = withRoom(guessed ? guessFraming(sessions) : given.framing, sessions);
  const name = path.basename(given.out).replace(/\.json$/, '');
  const scenario = scenarioOf({ sessions, framing, replies: given.replies, port: recorded.port,
    name, capture: path.basename(given.capture) });
  writeWholeFile(given.out, `${JSON.stringify(scenario, null, 2)}\n`);
  const left = recorded.sessions.length - sessions.length;
  console.log(`${given.out}: ${sessions.length} sessions with port ${recorded.port}` +
    `${left > 0 ? ` (${left} more were left out)` : ''}, replies: ${given.replies}`);
  console.log(`  ${framingLine(framing, sessions, guessed)}`);
  for (const note of [...notes, ...recorded.notes]) console.log(`  note: ${note}`);
  return 0;
}, USAGE);
