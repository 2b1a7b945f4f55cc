// What the end-to-end tests do about a machine that is busy elsewhere: such a play is played again,
// and a wrong one is a failure immediately.

import assert from 'node:assert/strict';
import test from 'node:test';
import { disturbanceOf, hostWatch, undisturbed } from '../e2e/harness.mjs';

const calm = () => ({ validity: { valid: true, limited_by: null, reasons: [] },
  clock: { stalled_ns: 0, wall_step_max_ns: 0 },
  latency_ns: { send_lag: { max: 1e5 }, poll_gap: { max: 1e5 } } });
const disturbed = () => Object.assign(calm(), { validity: { valid: false, limited_by: 'client',
  reasons: ['in whatever words'] } });

/** A test's own context: what it said of a skip. */
const contextMake = () => ({ skipped: null, skip(why) { this.skipped = why; }, diagnostic() {} });

const QUIET = () => () => null;
const BUSY = () => () => 'somebody else had the CPU';

/** Plays these results, one after the other, on such a host; the judge wants a valid one:
 *  { plays, skipped, failed }. */
async function played(watch, ...results) {
  const t = contextMake();
  let plays = 0;
  let failed = false;
  try {
    await undisturbed(t, () => ({ result: results[Math.min(plays++, results.length - 1)] }),
      ({ result }) => assert.equal(result.validity.valid, true), watch);
  } catch (error) {
    failed = error.code === 'ERR_ASSERTION';
  }
  return { plays, skipped: t.skipped, failed };
}

test('a result says by its figures whether its client was disturbed', () => {
  assert.equal(disturbanceOf(calm()), null);
  for (const change of [(it) => { it.validity.limited_by = 'client'; },
    (it) => { it.clock.stalled_ns = 77; }, (it) => { it.clock.wall_step_max_ns = 3e9; },
    (it) => { it.latency_ns.send_lag.max = 5e7; }, (it) => { it.latency_ns.poll_gap.max = 5e7; }]) {
    const result = calm();
    change(result);
    assert.ok(disturbanceOf(result), String(change));
  }
});

test('a disturbed play is played again; disturbed each time, it is a skip with its reason',
  async () => {
    const good = { skipped: null, failed: false };
    assert.deepEqual(await played(QUIET, calm()), { plays: 1, ...good });
    assert.deepEqual(await played(QUIET, disturbed(), disturbed(), calm()), { plays: 3, ...good });
    const { plays, skipped } = await played(BUSY, disturbed());
    assert.equal(plays, 5);
    assert.match(skipped, /^the host disturbed each of 5 plays \(the last: /);
  });

test('a client that is late each time on a quiet host is a failure', async () => {
  assert.deepEqual(await played(QUIET, disturbed()), { plays: 5, skipped: null, failed: true });
});

test('a test program that is stalled is detected', async () => {
  const host = hostWatch();
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  for (const until_ms = Date.now() + 60; Date.now() < until_ms;);
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  assert.match(host(), /stood still|waited for a CPU/);
});

test('a wrong play that nothing disturbed is a failure, as is an error of the test', async () => {
  const wrong = { ...calm(), validity: { valid: false, limited_by: null, reasons: [] } };
  assert.deepEqual(await played(QUIET, wrong), { plays: 1, skipped: null, failed: true });
  await assert.rejects(undisturbed(contextMake(), () => ({ result: disturbed() }),
    () => { throw new TypeError('a mistake'); }), TypeError);
});
