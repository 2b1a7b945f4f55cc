// The laws with the pair's own server as the peer: both sides' totals agree to the byte and the
// message, whatever the scenario, and the client's figures keep the laws as well.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { runClient, fileFor, folderFor, resultOf, said, endServer, runServer,
  WINDOWS } from '../e2e/harness.mjs';
import { lacksTls } from '../e2e/secure.mjs';
import { reconcile } from '../../scripts/lib/results/reconcile.mjs';
import { makeCase } from './generator.mjs';
import { judgeLaws } from './laws.mjs';
import { wayText } from './player.mjs';

const SEED = process.env.DUMMYLOAD_TEST_SEED;
const ROUNDS = Number(process.env.DUMMYLOAD_TEST_ROUNDS ?? 0);
const PLAIN = lacksTls() !== null;
const CASES = SEED ? Math.max(1, ROUNDS) : Math.max(WINDOWS ? 2 : 5, Math.min(ROUNDS, 60));

/** The next case from seed on that the pair's server can play: its frames, and no harm. */
function caseFor(seed) {
  const played = makeCase(seed, { kind: true, plain: PLAIN });
  // The server makes its own certificate.
  if (played.tls) {
    delete played.tls.settings.ca;
    played.tls.settings.verify = false;
  }
  return played.scenario.framing ? undefined : played;
}

async function playPair(t, played, { threads, handler }) {
  const folder = folderFor(t);
  const scenario = path.join(folder, 'law.json');
  fs.writeFileSync(scenario, JSON.stringify(played.scenario));
  for (const [name, text] of Object.entries(played.files)) {
    fs.writeFileSync(path.join(folder, name), text);
  }
  const out = path.join(folder, 'server.json');
  const server = await runServer(t, ['--run-id', 'law', '--handler', handler, '--out',
    fileFor(out), ...(played.tls ? ['--tls-self-signed'] : [])]);
  const file = path.join(folder, 'client.json');
  const program = await runClient(t, [fileFor(scenario), '--target', `127.0.0.1:${server.port}`,
    '--threads', threads, '--run-id', 'law', '--no-strict', '--no-progress', '--out',
    fileFor(file)]);
  await endServer(server);
  assert.ok(fs.existsSync(file), said(program));
  return { exitCode: program.exitCode, result: resultOf(file), server: resultOf(out) };
}

test('both sides agree to the byte on random scenarios, and the laws hold',
  { timeout: 3600000 }, async (t) => {
    const first = SEED ? Number(SEED) : Math.floor(Math.random() * 1e9);
    t.diagnostic(`DUMMYLOAD_TEST_SEED=${first} (${CASES} cases)`);
    const failed = [];
    let left = CASES;
    for (let seed = first; left > 0; seed++) {
      const played = caseFor(seed);
      if (!played) {
        if (SEED && CASES === 1) left = 0;
        continue;
      }
      left -= 1;
      // Without its own match a player would take another's line for its reply: chat answers all
      // connections, so only the totals are compared.
      const handler = seed % 3 === 0 ? 'chat' : 'echo';
      const threads = 1 + seed % 4;
      const { server, ...play } = await playPair(t, played, { threads, handler });
      const { problems } = reconcile([play.result], server);
      const found = judgeLaws({ ...played, ...play, servers: [],
        traits: { ...played.traits, kind: handler === 'echo' } })
        .map(({ law, problem }) => `${law}: ${problem}`);
      for (const problem of [...problems, ...found]) {
        failed.push(`DUMMYLOAD_TEST_SEED=${seed} (${wayText({ threads })}, ${handler}) ${problem}`);
      }
    }
    assert.deepEqual(failed, [], failed.join('\n'));
  });
