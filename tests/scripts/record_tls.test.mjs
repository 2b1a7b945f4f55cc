// scripts/record takes plain captures only: what TLS has encrypted is refused in one line.

import assert from 'node:assert/strict';
import test from 'node:test';
import { sessionsOf } from '../../scripts/lib/record/sessions.mjs';

const HELLO = Buffer.from('160301020001000001fc0303', 'hex');

/** The segments of one client that says these things. */
function segmentsOf(...payloads) {
  const segment = (more) => ({ stream: 0, timeNs: 0n, source: '127.0.0.1:1', sourcePort: 1,
    targetPort: 7, sequence: 0, payload: Buffer.alloc(0), ...more });
  let sequence = 1;
  return [segment({ syn: true }), ...payloads.map((payload) => {
    const one = segment({ payload, sequence });
    sequence += payload.length;
    return one;
  })];
}

test('sessions of TLS are refused, from the beginning or after STARTTLS', () => {
  for (const payloads of [[HELLO], [Buffer.from('STARTTLS\r\n'), HELLO]]) {
    assert.throws(() => sessionsOf(segmentsOf(...payloads)),
      /^[^\n]*sessions with port 7 are encrypted \(TLS\)[^\n]*Capture them where they are plain/);
  }
});

test('what only looks a little like TLS is recorded', () => {
  for (const text of ['16', '1603', '160301020002000001fc', 'STARTTLS']) {
    const payload = /^\d/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text);
    assert.equal(sessionsOf(segmentsOf(payload)).sessions.length, 1, text);
  }
});
