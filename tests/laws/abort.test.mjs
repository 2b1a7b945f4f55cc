// Thresholds with abort_on_fail, by the whole program: the value may be in the figures of a thread
// whose connections have all ended by the time of the check.

import assert from 'node:assert/strict';
import test from 'node:test';
import { dueBetween, stagesOf } from './plan_model.mjs';
import { playCase } from './player.mjs';
import { PAIR_FRAMING } from './servers.mjs';

const ROWS = 300; // of two connections: each has half of them
const PLAN_S = 60;

const request = (name, more) => ({ request: { name, send: { id: 1, body: { text: 'hello' } },
  within: '5s', ...more } });
/** Ends when its rows have run out, long before the first look, and each reply is wrong to it. */
const GONE = { name: 'gone', loop: [{ log: '${rows.number}' },
  request('gone', { verify: { equals: { text: 'adieu' } } })] };
const STAYS = { name: 'stays', loop: [request('stays', { verify: 'same_body' }),
  { think: '20ms' }] };

/** Two connections, each with its own behavior and thread. */
function played(thresholds, seconds, reverse) {
  const stage = (duration) => ({ duration, connections: 2 });
  return { servers: [{ kind: 'echo' }], framing: PAIR_FRAMING,
    files: { 'rows.csv': `number\n${Array.from({ length: ROWS }, (_, i) => i).join('\n')}\n` },
    scenario: { name: 'abort', target: { host: '127.0.0.1', port: 7777 },
      load: { stages: [stage(`${seconds - 1}s`), stage('1s')], drain: '1s' },
      data: { rows: { file: 'rows.csv', pick: 'sequential', when_out: 'stop' } },
      behaviors: reverse ? [STAYS, GONE] : [GONE, STAYS], thresholds } };
}

const window_ns = ({ run }) => Number(run.window_end_ns) - Number(run.t0_ns);

/** They fail at the last message of the one that goes, and not before. */
const BREACHED = [`steps.gone.errors.mismatch < ${ROWS / 2}`, `errors.mismatch < ${ROWS / 2}`,
  `errors.total < ${ROWS / 2}`, `stages.1.errors.total < ${ROWS / 2}`,
  `steps.gone.latency.response.count < ${ROWS / 2}`, 'totals.connections_clean < 1'];

test('a threshold ends the run although the thread it is about has nothing left to do',
  { timeout: 3600000 }, async () => {
    await Promise.all(BREACHED.map(async (expr, i) => {
      const play = await playCase(played([{ expr, abort_on_fail: true }, 'errors.mismatch > 0'],
        PLAN_S, i % 2 === 1), { threads: 2 });
      assert.equal(play.exitCode, 99, `${expr}\n${play.said}`);
      assert.deepEqual(play.result.thresholds.map(({ pass, aborted }) => [pass, aborted]),
        [[false, true], [true, undefined]], expr);
      assert.ok(window_ns(play.result) < PLAN_S * 1e9, `${expr}: the plan was played whole`);
      assert.equal(Number(play.result.errors.mismatch), ROWS / 2, expr);
    }));
  });

test('one that holds, to the last count, ends nothing', { timeout: 3600000 }, async () => {
  for (const reverse of [false, true]) {
    const play = await playCase(played([`errors.mismatch <= ${ROWS / 2}`,
      `steps.gone.errors.total < ${ROWS / 2 + 1}`, 'totals.connections_clean <= 2',
      'errors.response_timeout == 0'].map((expr) => ({ expr, abort_on_fail: true })), 4, reverse),
    { threads: 2 });
    assert.equal(window_ns(play.result), 4e9, play.said);
    assert.ok(play.result.thresholds.every(({ pass, aborted }) => pass && !aborted), play.said);
    assert.equal(Number(play.result.errors.mismatch), ROWS / 2);
  }
});

test('a run that ends in its warm-up has an empty window, there where it ended',
  { timeout: 3600000 }, async () => {
    const scenario = { name: 'early', target: { host: '127.0.0.1', port: 7777 },
      load: { connections: 2, rate: '60/s', warmup: '50s', duration: `${PLAN_S}s`, drain: '1s' },
      data: { rows: { file: 'rows.csv', pick: 'sequential', when_out: 'stop' } },
      behaviors: [GONE] };
    const play = await playCase({ servers: [{ kind: 'echo' }], framing: PAIR_FRAMING, scenario,
      files: { 'rows.csv': 'number\n1\n2\n3\n4\n' } }, { threads: 1 });
    const { run, rate, series } = play.result;
    assert.equal(Number(rate.window_ns), 0, play.said);
    assert.equal(run.window_start_ns, run.window_end_ns);
    assert.ok(window_ns(play.result) < 50e9, 'the window stands where the run did not come to');
    const due = series.reduce((all, entry) => all + Number(entry.due), 0);
    assert.equal(due, dueBetween(stagesOf(scenario.load), 0, window_ns(play.result)));
  });
