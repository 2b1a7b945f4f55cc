// The laws of measurement, on random scenarios against random servers, by the real programs. A
// case that breaks one is printed with its seed and kept; DUMMYLOAD_TEST_SEED=N plays it again.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { ROOT, WINDOWS } from '../e2e/harness.mjs';
import { absent } from '../e2e/peers.mjs';
import { lacksTls } from '../e2e/secure.mjs';
import { makeCase } from './generator.mjs';
import { judgeLaws } from './laws.mjs';
import { betweenWays } from './ways.mjs';
import { playCase, waysOf, wayText } from './player.mjs';

const ROUNDS = Number(process.env.DUMMYLOAD_TEST_ROUNDS ?? 0);
const SEED = process.env.DUMMYLOAD_TEST_SEED;
const CASES = SEED ? Math.max(1, ROUNDS) : Math.max(WINDOWS ? 3 : 12, Math.min(ROUNDS, 150));
const AT_ONCE = WINDOWS ? 2 : 4;
const KEPT = path.join(process.env.DUMMYLOAD_PROGRAMS ?? path.join(ROOT, 'build', 'linux'),
  'laws-failed');
const PLAIN = Boolean(lacksTls() ?? absent('openssl'));
/** Laws that do not hold yet: { law: reason }. */
const PENDING = JSON.parse(fs.readFileSync(new URL('./pending.json', import.meta.url), 'utf8'));

async function judgeCase(seed) {
  const played = makeCase(seed, { plain: PLAIN });
  const found = [];
  const plays = [];
  for (const way of waysOf(played)) {
    const play = { ...played, ...await playCase(played, way) };
    const add = (list) => found.push(...list.map((one) => ({ ...one, way: wayText(way) })));
    if (play.result === undefined) {
      add([{ law: 'resultIsWritten', problem: `no result\n${play.said}` }]);
      continue;
    }
    plays.push({ ...play, way });
    add(judgeLaws(play));
  }
  found.push(...betweenWays(plays));
  return { played, found };
}

/** Keeps what is needed to look at it, and says how to play it again. */
function keepCase({ played, found }) {
  fs.mkdirSync(KEPT, { recursive: true });
  const file = path.join(KEPT, `seed-${played.seed}.json`);
  fs.writeFileSync(file, JSON.stringify({ ...played, found }, null, 1));
  const lines = found.map(({ law, problem, way }) => `${law} (${way}): ${problem}`);
  return `DUMMYLOAD_TEST_SEED=${played.seed}  ${lines[0]}` +
    `${lines.length > 1 ? `  (and ${lines.length - 1} more in ${file})` : `  (${file})`}`;
}

test('the laws hold for random scenarios, servers, threads, ranks and backends',
  { timeout: 3600000 }, async (t) => {
    const first = SEED ? Number(SEED) : Math.floor(Math.random() * 1e9);
    t.diagnostic(`DUMMYLOAD_TEST_SEED=${first} (${CASES} cases)`);
    const failed = [];
    const pending = new Set();
    let next = first;
    const worker = async () => {
      while (next < first + CASES) {
        const judged = await judgeCase(next++);
        for (const { law } of judged.found) if (PENDING[law]) pending.add(law);
        judged.found = judged.found.filter(({ law }) => !PENDING[law]);
        if (judged.found.length) failed.push(keepCase(judged));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    for (const law of pending) t.diagnostic(`pending: ${law}: ${PENDING[law]}`);
    assert.deepEqual(failed, [], failed.join('\n'));
  });
