import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { countsIndex, exportCsv, exportHdr, exportHlog, encodeHistogram }
  from '../../scripts/lib/results/export.mjs';
import { makeFolder, writeRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

/** Decodes what encodeHistogram() makes, by the published format: [[index, count], ...]. */
function decoded(bytes) {
  assert.equal(bytes.readInt32BE(0), 0x1c849314);
  assert.equal(bytes.readInt32BE(4), bytes.length - 8);
  const plain = zlib.inflateSync(bytes.subarray(8));
  assert.equal(plain.readInt32BE(0), 0x1c849313);
  assert.equal(plain.readInt32BE(4), plain.length - 40);
  assert.equal(plain.readBigInt64BE(24), 120000000000n);
  const counts = [];
  let index = 0;
  for (let at = 40; at < plain.length;) {
    let raw = 0n;
    for (let i = 0; ; i++) {
      const byte = plain[at++];
      if (i === 8) {
        raw |= BigInt(byte) << 56n;
        break;
      }
      raw |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) break;
    }
    const value = Number(raw & 1n ? -((raw + 1n) / 2n) : raw / 2n);
    if (value < 0) {
      index += -value;
    } else {
      counts.push([index, value]);
      index += 1;
    }
  }
  return { digits: plain.readInt32BE(12), counts };
}

test('counts are where HdrHistogram puts them', () => {
  // Of hdr_histogram.c, counts_index_for(), lowest 1: below the sub-buckets one by one, then
  // half as many per doubling.
  assert.deepEqual([0, 1, 255, 256, 257, 258, 511, 512].map((value) => countsIndex(value, 2)),
    [0, 1, 255, 256, 256, 257, 383, 384]);
  assert.deepEqual([1, 2047, 2048, 2050, 4095, 4096].map((value) => countsIndex(value, 3)),
    [1, 2047, 2048, 2049, 3071, 3072]);
});

test('an encoded histogram has every count, large ones too', () => {
  const buckets = [[1, 3], [300, 1], [1 << 20, 1e12], [119e9, 7]];
  for (const digits of [2, 3]) {
    const { digits: found, counts } = decoded(encodeHistogram(buckets, digits));
    assert.equal(found, digits);
    assert.deepEqual(counts, buckets.map(([value, count]) => [countsIndex(value, digits), count]));
  }
  assert.deepEqual(decoded(encodeHistogram([], 2)).counts, []);
});

test('the interval log has a line per entry of the series and loses no response', () => {
  const { client } = makeRun();
  const lines = exportHlog(client).trimEnd().split('\n');
  const head = lines.filter((line) => line.startsWith('#') || line.startsWith('"'));
  assert.equal(head.at(-1),
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"');
  assert.ok(head.includes('#[Histogram log format version 1.3]'));
  const rows = lines.slice(head.length).map((line) => line.split(','));
  assert.equal(rows.length, client.series.length);
  rows.forEach(([start, length, max, text], i) => {
    const entry = client.series[i];
    assert.equal(Number(start), entry.t_ns / 1e9);
    assert.ok(Number(length) >= 0 && Number(max) >= 0);
    const { counts } = decoded(Buffer.from(text, 'base64'));
    const sum = (list) => list.reduce((all, [, count]) => all + count, 0);
    assert.equal(sum(counts), sum(entry.buckets));
  });
});

test('the percentile text rises to the maximum and counts everything', () => {
  const { client } = makeRun();
  const { response } = client.latency_ns;
  const lines = exportHdr(client, 'response').trimEnd().split('\n');
  const rows = lines.slice(2).filter((line) => !line.startsWith('#'))
    .map((line) => line.trim().split(/ +/).map(Number));
  assert.ok(rows.length > 20);
  rows.reduce((before, row) => {
    assert.ok(row[0] >= before[0] && row[1] > before[1] && row[2] >= before[2], row.join(' '));
    return row;
  }, [0, -1, 0]);
  assert.deepEqual(rows.at(-1), [Number((response.max / 1e6).toFixed(3)), 1, response.count]);
  const p50 = rows.find(([, share]) => share === 0.5);
  assert.equal(p50[0], Number((response.p50 / 1e6).toFixed(3)));
  assert.match(lines.at(-2), new RegExp(`Total count {4}= +${response.count}\\]`));
  assert.throws(() => exportHdr(client, 'nothing'), /no latency "nothing"; it has response/);
});

test('the CSV has a column per key and a line per entry', () => {
  const { client } = makeRun();
  client.series[2].errors_by_kind = { reset: 3 };
  client.series[4].errors_by_kind = { mismatch: 1, reset: 2 };
  const rows = exportCsv(client).trimEnd().split('\n').map((line) => line.split(','));
  assert.equal(rows.length, client.series.length + 1);
  assert.ok(rows.every((row) => row.length === rows[0].length));
  const at = rows[0].indexOf('responses');
  const sum = rows.slice(1).reduce((all, row) => all + Number(row[at]), 0);
  assert.equal(sum, client.series.reduce((all, entry) => all + entry.responses, 0));
  const column = (name) => rows.slice(1).map((row) => row[rows[0].indexOf(name)]);
  assert.deepEqual(column('errors_reset').slice(2, 5), ['3', '0', '2']);
  assert.equal(column('errors_mismatch')[4], '1');
  assert.ok(rows.slice(1).flat().every((cell) => cell === '' || Number.isFinite(Number(cell))),
    'numbers only');
  assert.ok(rows[0].includes('response_p99_9_ns') && rows[0].includes('response_max_ns'));
});

test('the command writes each format, and says what is wrong', (t) => {
  const folder = makeFolder(t);
  const run = path.join(folder, 'run');
  writeRun(run, {});
  for (const format of ['hdr', 'hlog', 'csv']) {
    const out = path.join(folder, `out.${format}`);
    const done = runTool('export', [run, '--format', format, '-o', out]);
    assert.equal(done.status, 0, done.stderr);
    assert.equal(runTool('export', [run, '--format', format]).stdout,
      fs.readFileSync(out, 'utf8'));
  }
  const wrong = runTool('export', [run, '--format', 'xml']);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /hdr, hlog, csv, scenario, not xml/);
  assert.equal(runTool('export', []).status, 2);
});
