// scripts/soak, bounded: the pair under churn for some seconds; and that its judgement can fail.

import assert from 'node:assert/strict';
import test from 'node:test';
import { folderFor, LIMIT, programCall, WINDOWS } from './harness.mjs';
import { driftComplaints, latencyComplaints, playSoak }
  from '../../scripts/lib/developing/soak.mjs';

const steady = { rss_bytes: 50e6, descriptors: 70 };
const complaints = (what) => driftComplaints('x', series(what)).join();
const series = (what) => Array.from({ length: 100 }, (_, n) => ({ ...steady, ...what(n) }));

test('what drifts is complained about, and noise is not', () => {
  assert.deepEqual(driftComplaints('x', series(() => ({}))), []);
  assert.deepEqual(driftComplaints('x', series((n) => ({ rss_bytes: 50e6 + (n % 7) * 1e5 }))), []);
  // Grows at first, then stays: that is not a drift.
  assert.deepEqual(driftComplaints('x', series((n) => ({ rss_bytes: Math.min(n, 20) * 3e6 }))), []);
  assert.match(complaints((n) => ({ rss_bytes: 50e6 + n * 2e5 })), /memory/);
  assert.match(complaints((n) => ({ descriptors: 70 + n })), /descriptors/);
  const lines = (what) => Array.from({ length: 100 }, (_, n) => ({ phase: 'running', responses: 1,
    response_p99_ns: what(n) }));
  assert.deepEqual(latencyComplaints(lines((n) => 1e6 * (1 + n % 5))), []);
  assert.match(latencyComplaints(lines((n) => n * 5e6)).join(), /latency/);
});

if (!WINDOWS) {
  // Memory and descriptors are read as Linux shows them.
  test('sixteen seconds of churn: nothing drifts', LIMIT, async (t) => {
    const soak = await playSoak({ duration_ms: 16000, folder: folderFor(t),
      calls: { client: programCall('dummyclient'), server: programCall('dummyserver') } });
    // The latency of a machine that other tests use drifts by itself.
    assert.deepEqual(soak.complaints.filter((text) => !/latency drifts/.test(text)), []);
    assert.ok(Number(soak.client.totals.connects_ok) > 1000, 'there was no churn');
    assert.ok(Number(soak.server.errors.reset) > 100, 'no connection was reset');
  });
}
