// Protocols that number all messages of a connection, write the time, and check parts of a message:
// FIX and Kafka, against servers that leave at the first mistake.

import assert from 'node:assert/strict';
import test from 'node:test';
import { errorsOf, LIMIT, said } from './harness.mjs';
import { assertAllAnswered, judge, play } from './judged.mjs';

const SOH = '\u0001';
const FIX = { type: 'length',
  header: [{ text: `8=FIX.4.4${SOH}9=` }, { size: 'digits', until: SOH }],
  tail: [{ text: '10=' }, { digits3: 'header_and_body' }, { text: SOH }] };

function fixMessage(fields) {
  const body = fields.map(([tag, value]) => `${tag}=${value}${SOH}`).join('');
  const front = `8=FIX.4.4${SOH}9=${body.length}${SOH}${body}`;
  const sum = [...Buffer.from(front, 'latin1')].reduce((total, byte) => total + byte, 0) % 256;
  return Buffer.from(`${front}10=${String(sum).padStart(3, '0')}${SOH}`, 'latin1');
}

/** One message off the front: its fields by their tags, or undefined as long as it is not whole. */
function readFix(bytes) {
  const text = bytes.toString('latin1');
  const head = new RegExp(`^8=FIX\\.4\\.4${SOH}9=(\\d+)${SOH}`).exec(text);
  if (!head) return assert.ok(text.length < 24, 'a header of FIX') ?? undefined;
  const end = head[0].length + Number(head[1]);
  if (text.length < end + 7) return undefined;
  const fields = text.slice(head[0].length, end).split(SOH).slice(0, -1)
    .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]);
  assert.deepEqual(fixMessage(fields), bytes.subarray(0, end + 7), 'length and checksum');
  return { taken: end + 7, fields, of: Object.fromEntries(fields) };
}

/** Asks for a heartbeat after every order, and numbers its messages as strictly as it reads. */
function fixServer(t, counts) {
  return judge(t, (bytes, socket, state) => {
    const message = readFix(bytes);
    if (message === undefined) return 0;
    const { of, fields, taken } = message;
    state.received = (state.received ?? 0) + 1;
    state.sent ??= 0;
    state.asked ??= [];
    const send = (type, ...more) => {
      state.sent += 1;
      socket.write(fixMessage([['35', type], ['34', state.sent], ['49', 'SRV'],
        ['52', '20240101-00:00:00.000'], ['56', of[49]], ...more]));
    };
    assert.deepEqual(fields.slice(0, 5).map(([tag]) => tag), ['35', '34', '49', '52', '56']);
    assert.equal(of[34], String(state.received), `MsgSeqNum of a message of type ${of[35]}`);
    assert.match(of[52], /^\d{8}-\d\d:\d\d:\d\d\.\d{3}$/);
    const [, ...part] = /^(\d{4})(\d\d)(\d\d)-(.*)$/.exec(of[52]);
    assert.ok(Number.isFinite(Date.parse(`${part.slice(0, 3).join('-')}T${part[3]}Z`)), of[52]);
    assert.equal(of[35] === 'A', state.received === 1, 'a logon first');
    if (of[35] === 'A') {
      send('A', ['98', '0'], ['108', '25']);
    } else if (of[35] === 'D') {
      counts.orders += 1;
      state.asked.push(`t${counts.orders}`);
      send('1', ['112', state.asked.at(-1)]);
      send('8', ['11', of[11]]);
    } else {
      assert.equal(of[35], '0');
      if (of[112]) assert.equal(of[112], state.asked.shift());
      counts[of[112] ? 'answers' : 'beats'] += 1;
    }
    return taken;
  });
}

const fix = (type, more = '') => ({ body: { text: `35=${type}${SOH}34=\${sequence}${SOH}` +
  `49=C\${conn}${SOH}52=\${utc(%Y%m%d-%H:%M:%S.%3f)}${SOH}56=SRV${SOH}${more}` } });
const tag = (number) => `after('${number}=')..until(0x01)`;
const typed = (type) => ({ field: { at: tag(35), equals: type } });

for (const [name, load] of Object.entries({ 'one order after the other': {},
  'four at a time, and new connections': { in_flight: 4, stages: [
    { duration: '500ms', connections: 6 }, { duration: '500ms', connections: 2 },
    { duration: '500ms', connections: 5 }], duration: undefined, connections: undefined } })) {
  test(`FIX 4.4: orders, heartbeats and their requests are numbered together: ${name}`, LIMIT,
    async (t) => {
      const counts = { orders: 0, answers: 0, beats: 0 };
      const server = await fixServer(t, counts);
      const played = await play(t, server.port, { framing: FIX, load: { rate: '60/s', ...load },
        behavior: {
          setup: [{ request: { send: fix('A', `98=0${SOH}108=30${SOH}`), match: typed('A'),
            within: '2m', capture: { beat: `dec(${tag(108)})` } } }],
          loop: [{ request: { within: '2m',
            send: fix('D', `11=\${conn}-\${lane}-\${iteration}${SOH}`),
            match: { field: { at: tag(11), equals: '${conn}-${lane}-${iteration}' } } } }],
          on_push: [{ match: typed('1'), capture: { test: tag(112) },
            send: fix('0', `112=\${test}${SOH}`) }],
          every: [{ period: '${beat}ms', from: 'after_setup', send: fix('0') }] } });
      assert.deepEqual(server.wrong, []);
      assertAllAnswered(played);
      const { totals } = played.result;
      assert.equal(counts.answers, counts.orders);
      assert.equal(Number(totals.answers), counts.answers);
      assert.equal(Number(totals.heartbeats), counts.beats);
      assert.ok(counts.orders > 20 && counts.beats > 20, JSON.stringify(counts));
    });
}

test('FIX 4.4: a server finds the number that a heartbeat repeats', LIMIT, async (t) => {
  const counts = { orders: 0, answers: 0, beats: 0 };
  const server = await fixServer(t, counts);
  const stale = fix('0');
  stale.body.text = stale.body.text.replace('${sequence}', '2');
  const { program, result } = await play(t, server.port, { framing: FIX, load: { rate: '60/s' },
    behavior: { setup: [{ request: { send: fix('A'), match: typed('A'), within: '2m' } }],
      loop: [{ think: '1h' }], every: [{ period: '5ms', from: 'after_setup', send: stale }] } });
  assert.ok(server.wrong.some((line) => /MsgSeqNum of a message of type 0/.test(line)),
    said(program));
  assert.ok(Number(errorsOf(result).unexpected_close) > 0);
});

/** Castagnoli's CRC, bit by bit. */
function crc32c(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Reads as a broker does: what is left over, or too short, is a mistake. */
function reader(bytes) {
  let at = 0;
  const take = (count) => {
    assert.ok(at + count <= bytes.length, `${count} bytes at ${at} of ${bytes.length}`);
    at += count;
    return bytes.subarray(at - count, at);
  };
  const zigzag = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const [byte] = take(1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
  };
  return { take, zigzag, i8: () => take(1).readInt8(0), i16: () => take(2).readInt16BE(0),
    i32: () => take(4).readInt32BE(0), i64: () => take(8).readBigInt64BE(0),
    u32: () => take(4).readUInt32BE(0), text: () => {
      const count = take(2).readInt16BE(0);
      return count < 0 ? null : take(count).toString();
    },
    done: (what) => assert.equal(at, bytes.length, `nothing behind ${what}`) };
}

function readBatch(bytes) {
  const batch = reader(bytes);
  assert.equal(batch.i64(), 0n, 'baseOffset');
  const rest = reader(batch.take(batch.i32()));
  batch.done('the batch');
  assert.equal(rest.i32(), -1, 'partitionLeaderEpoch');
  assert.equal(rest.i8(), 2, 'magic');
  const crc = rest.u32();
  assert.equal(crc, crc32c(bytes.subarray(21)), 'the CRC of the batch');
  assert.equal(rest.i16(), 0, 'attributes');
  const last = rest.i32();
  const [first, most] = [rest.i64(), rest.i64()];
  assert.ok(first > 1600000000000n && first === most, 'its time');
  assert.deepEqual([rest.i64(), rest.i16(), rest.i32()], [-1n, -1, -1], 'no producer');
  const count = rest.i32();
  assert.equal(last, count - 1);
  const values = [];
  for (let i = 0; i < count; i += 1) {
    const record = reader(rest.take(rest.zigzag()));
    assert.deepEqual([record.i8(), record.zigzag(), record.zigzag()], [0, 0, i]);
    const key = record.take(record.zigzag()).toString();
    const value = record.take(record.zigzag());
    assert.equal(record.zigzag(), 0, 'headers');
    record.done('a record');
    values.push([key, value]);
  }
  rest.done('the records');
  return values;
}

const record = (index) => ({ length: 'zigzag', of: [{ i8: 0 }, { zigzag: 0 }, { zigzag: index },
  { string: 'player-${conn}', length: 'zigzag' },
  { length: 'zigzag', of: [{ bytes: { random: { bytes: [0, 300] } } }] }, { zigzag: 0 }] });
const BATCH = { fields: [
  { i16be: -1 }, { i16be: 1 }, { i32be: 30000 }, // no transaction; acks; timeout
  { i32be: 1 }, { string: 'events', length: 'u16be' }, // one topic,
  { i32be: 1 }, { i32be: 0 }, // one partition
  { length: 'u32be', of: [{ i64be: 0 }, { length: 'u32be', of: [{ i32be: -1 }, { i8: 2 },
    { crc32c: [{ i16be: 0 }, { i32be: 1 }, { i64be: '${now_ms}' }, { i64be: '${now_ms}' },
      { i64be: -1 }, { i16be: -1 }, { i32be: -1 }, { i32be: 2 }, record(0), record(1)] }] }] }] };

test('Kafka: record batches with the CRC that a broker checks', LIMIT, async (t) => {
  let records = 0;
  const server = await judge(t, (bytes, socket) => {
    if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt32BE(0)) return 0;
    const size = 4 + bytes.readUInt32BE(0);
    const request = reader(bytes.subarray(4, size));
    assert.deepEqual([request.i16(), request.i16()], [0, 3], 'Produce, version 3');
    const correlation = request.u32();
    assert.match(request.text(), /^load-\d+$/);
    assert.deepEqual([request.text(), request.i16(), request.i32()], [null, 1, 30000]);
    assert.deepEqual([request.i32(), request.text(), request.i32(), request.i32()],
      [1, 'events', 1, 0]);
    const values = readBatch(request.take(request.i32()));
    request.done('the request');
    assert.deepEqual(values.map(([key]) => /^player-\d+$/.test(key)), [true, true]);
    records += values.length;
    const answer = Buffer.alloc(4 + 4 + 4 + 2 + 6 + 4 + 4 + 2 + 8 + 8 + 4);
    answer.writeUInt32BE(answer.length - 4, 0);
    answer.writeUInt32BE(correlation, 4);
    answer.writeUInt32BE(1, 8);
    answer.writeUInt16BE(6, 12);
    answer.write('events', 14);
    answer.writeUInt32BE(1, 20);
    socket.write(answer);
    return size;
  });
  const played = await play(t, server.port, { load: { in_flight: 3 },
    framing: { type: 'length', byte_order: 'big', header: [{ size: 'u32', plus: 0 }] },
    behavior: { loop: [{ request: { name: 'produce', within: '2m',
      send: { body: { fields: [{ i16: 0 }, { i16: 3 }, { u32: '${sequence}' },
        { string: 'load-${conn}', length: 'u16' }, { bytes: BATCH }] } },
      match: { field: { at: 'u32@0', sent: 'u32@4' } },
      verify: { field: { at: 'i16@24', equals: 0 } } } }] } });
  assert.deepEqual(server.wrong, []);
  assertAllAnswered(played);
  assert.equal(records, 2 * Number(played.result.totals.requests));
});
