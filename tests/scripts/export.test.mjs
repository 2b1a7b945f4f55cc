import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { countsIndex, exportCsv, exportHdr, exportHlog, encodeHistogram }
  from '../../scripts/lib/results/export.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';
import { freePort } from '../../scripts/lib/playing/server.mjs';
import { exportInflux } from '../../scripts/lib/results/influx.mjs';
import { exportOtlp } from '../../scripts/lib/results/otlp.mjs';
import { makeFolder, saveRun, SCRIPTS, writeRun, runTool } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

const protobuf = createRequire(path.join(SCRIPTS, 'package.json'))('protobufjs');

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
  assert.match(wrong.stderr, /hdr, hlog, csv, scenario, otlp, influx, not xml/);
  assert.equal(runTool('export', []).status, 2);
});

test('the scenario has what options gave, and those that it cannot say are named', (t) => {
  const folder = makeFolder(t);
  const run = makeRun({});
  run.client.plan.scenario = { name: 'a', target: { port: 1 }, load: { duration: '9s' } };
  run.client.plan.replay = { target: { port: 2 }, load: { duration: '1s' },
    options: ['--set', 'who=Ada L', '--tls'] };
  saveRun(folder, run);
  const done = runTool('export', [folder, '--format', 'scenario']);
  assert.equal(done.status, 0, done.stderr);
  assert.deepEqual(JSON.parse(done.stdout),
    { name: 'a', target: { port: 2 }, load: { duration: '1s' } });
  assert.match(done.stderr, /give it with --set ["']who=Ada L["'] --tls\n$/);
  delete run.client.plan.replay.target;
  run.client.plan.replay.options = [];
  saveRun(folder, run);
  const own = runTool('export', [folder, '--format', 'scenario']);
  assert.equal(own.stderr, '');
  assert.deepEqual(JSON.parse(own.stdout),
    { name: 'a', target: { port: 1 }, load: { duration: '1s' } });
});

/** The messages of opentelemetry-proto that a metrics request is made of (its field names). */
const OTLP_PROTO = `syntax = "proto3";
message Any { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3;
  double doubleValue = 4; } }
message KeyValue { string key = 1; Any value = 2; }
message Number { repeated KeyValue attributes = 7; fixed64 startTimeUnixNano = 2;
  fixed64 timeUnixNano = 3; oneof value { double asDouble = 4; sfixed64 asInt = 6; } }
message Buckets { sint32 offset = 1; repeated uint64 bucketCounts = 2; }
message Exponential { repeated KeyValue attributes = 1; fixed64 startTimeUnixNano = 2;
  fixed64 timeUnixNano = 3; fixed64 count = 4; double sum = 5; sint32 scale = 6;
  fixed64 zeroCount = 7; Buckets positive = 8; Buckets negative = 9; double min = 12;
  double max = 13; }
message Gauge { repeated Number dataPoints = 1; }
message Sum { repeated Number dataPoints = 1; int32 aggregationTemporality = 2;
  bool isMonotonic = 3; }
message ExponentialHistogram { repeated Exponential dataPoints = 1;
  int32 aggregationTemporality = 2; }
message Metric { string name = 1; string description = 2; string unit = 3; oneof data {
  Gauge gauge = 5; Sum sum = 7; ExponentialHistogram exponentialHistogram = 10; } }
message Scope { string name = 1; string version = 2; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scopeMetrics = 2; }
message Request { repeated ResourceMetrics resourceMetrics = 1; }`;

/** Every member that an object has is one of its message's: an unknown one would be lost. */
function assertKnown(type, object, where) {
  for (const [key, value] of Object.entries(object)) {
    const field = type.fields[key];
    assert.ok(field, `${where}.${key} is in no message ${type.name}`);
    const inner = field.resolve().resolvedType;
    for (const one of inner ? [value].flat() : []) assertKnown(inner, one, `${where}.${key}`);
  }
}

test('OTLP: every member is of its messages, and the figures are the result\'s', () => {
  const { client } = makeRun({ seconds: 20, stall_at: 5, timeouts: 7, steps: ['login', 'chat'] });
  client.series[5].errors_by_kind = { response_timeout: 7 };
  const document = JSON.parse(exportOtlp(client));
  const request = protobuf.parse(OTLP_PROTO).root.lookupType('Request');
  assertKnown(request, document, 'request');
  const bytes = request.encode(request.fromObject(document)).finish();
  assert.ok(bytes.length > 1000);
  const { metrics } = document.resourceMetrics[0].scopeMetrics[0];
  const of = (name) => metrics.find((metric) => metric.name === `dummyload.${name}`);
  const all = client.series.reduce((sum, { responses }) => sum + responses, 0);
  assert.equal(of('responses').sum.dataPoints.at(-1).asInt, String(all));
  assert.equal(of('errors').sum.dataPoints.at(-1).asInt, '7');
  const points = of('latency').exponentialHistogram.dataPoints;
  const response = points.find(({ attributes: list }) => list.length === 1 &&
    list[0].value.stringValue === 'response');
  assert.equal(response.count, String(client.latency_ns.response.count));
  // Its p99, by the upper edge of the bucket that holds the rank: 2.2% wide.
  const { scale, positive: { offset, bucketCounts } } = response;
  let seen = 0;
  const at = bucketCounts.findIndex((count) => {
    seen += Number(count);
    return seen >= client.latency_ns.response.count * 0.99;
  });
  const p99 = 2 ** ((offset + at + 1) / 2 ** scale) * 1e9;
  assert.ok(Math.abs(p99 / client.latency_ns.response.p99 - 1) < 0.05, `p99 ${p99}`);
  assert.ok(points.some(({ attributes: list }) => list.some(({ value }) =>
    value.stringValue === 'chat')));
  const times = of('response.duration').exponentialHistogram.dataPoints
    .map(({ timeUnixNano }) => BigInt(timeUnixNano));
  assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]));
  assert.equal(times[0], BigInt(Date.parse(client.run.started_utc)) * 1000000n +
    BigInt(client.series[1].t_ns));
});

test('Influx: what could break a line is escaped, and a field has one type', () => {
  const { client } = makeRun({ seconds: 5 });
  client.run.name = 'a, b=c \\';
  client.marks = [{ t_ns: 2e9, text: 'he said "go"\nand \\ went' }];
  const lines = exportInflux(client).trimEnd().split('\n');
  for (const line of lines) {
    assert.match(line, /^\w+(,\w+=(\\[, =]|[^, =])+)+ \w+=("(\\.|[^"\\])*"|\S+) \d{19}$/, line);
    assert.ok(line.includes(',scenario=a\\,\\ b\\=c\\ ,'), line);
  }
  assert.ok(lines.some((line) => line.includes('text="he said \\"go\\" and \\\\ went"')));
  const series = lines.filter((line) => line.startsWith('dummyload,'));
  assert.equal(series.length, client.series.length);
  assert.match(series[3], /responses=\d+i.*response_p99_ns=\d+i/);
  assert.match(lines.find((line) => line.startsWith('dummyload_run')), /achieved_per_s=[\d.]+[, ]/);
});

test('a late reply is in no sum of errors, also where others take it', () => {
  const { client } = makeRun({ seconds: 5 });
  client.series[2].errors_by_kind = { response_timeout: 3, response_late: 2 };
  client.series[3].errors_by_kind = { response_late: 1 };
  const { metrics } = JSON.parse(exportOtlp(client)).resourceMetrics[0].scopeMetrics[0];
  const last = (name) => {
    const points = metrics.find((metric) => metric.name === name).sum.dataPoints;
    const kinds = new Map(points.map((point) => [JSON.stringify(point.attributes), point]));
    return [...kinds.values()].reduce((sum, { asInt }) => sum + Number(asInt), 0);
  };
  assert.equal(last('dummyload.errors'), 3);
  assert.equal(last('dummyload.response_late'), 3);
  const lines = exportInflux(client).trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('dummyload_errors,'));
  assert.equal(errors.length, 1);
  assert.match(errors[0], /,kind=response_timeout count=3i /);
  assert.equal(lines.filter((line) => / .*\bresponse_late=[12]i/.test(line)).length, 2);
});

/** A service that takes what is posted: { url, taken: [{ path, headers, text }] }. */
async function startService(t, status = 200, answer = '') {
  const taken = [];
  const service = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => { text += chunk; }).on('end', () => {
      taken.push({ path: request.url, headers: request.headers, text });
      response.writeHead(status).end(answer);
    });
  });
  await new Promise((resolve) => { service.listen(0, '127.0.0.1', resolve); });
  t.after(() => service.close());
  return { url: `http://127.0.0.1:${service.address().port}`, taken };
}

/** One that answers so, and then sends bytes without end, or (cuts) leaves in the middle. */
async function startLongAnswer(t, status, { cuts = false } = {}) {
  const service = http.createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'Content-Length': 2 ** 40 }).write('no room here ');
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(1 << 16)));
      };
      if (cuts) setTimeout(() => response.destroy(), 100);
      else response.on('drain', more).on('error', () => {});
      if (!cuts) more();
    });
  });
  await new Promise((resolve) => { service.listen(0, '127.0.0.1', resolve); });
  t.after(() => service.close());
  return `http://127.0.0.1:${service.address().port}`;
}

/** Runs scripts/export beside a service of this process. */
const runExport = async (args) => {
  const program = new Program(process.execPath, [path.join(SCRIPTS, 'export.mjs'), ...args]);
  await program.wait(600000);
  return program;
};

test('an answer without end, or that is cut off, is one line', async (t) => {
  const run = writeRun(path.join(makeFolder(t), 'run'), { seconds: 5 });
  for (const [status, options, words] of [
    [507, {}, /^scripts\/export: \S+ refused it with 507: no room here x{200,287}\n$/],
    [200, { cuts: true }, /^scripts\/export: \S+ answered 200, and not to its end \([^\n]+\n$/]]) {
    const done = await runExport([run, '--format', 'otlp', '--push',
      await startLongAnswer(t, status, options)]);
    assert.equal(done.code, 1);
    assert.match(done.stderr, words);
  }
});

test('a result is pushed, with headers, to where a service takes it', async (t) => {
  const run = writeRun(path.join(makeFolder(t), 'run'), { seconds: 5 });
  const service = await startService(t);
  for (const [format, where] of [['otlp', '/v1/metrics'], ['influx', '/write?db=dummyload']]) {
    const done = await runExport([run, '--format', format, '--push', service.url, '--header',
      'Authorization: Token abc']);
    assert.equal(done.code, 0, done.stderr);
    const { path: found, headers, text } = service.taken.at(-1);
    assert.equal(found, where);
    assert.equal(headers.authorization, 'Token abc');
    assert.match(headers['content-type'], format === 'otlp' ? /^application\/json/
      : /^text\/plain/);
    assert.match(text, format === 'otlp' ? /^\{"resourceMetrics"/ : /^dummyload,side=client/);
  }
  await runExport([run, '--format', 'influx', '--push',
    `${service.url}/api/v2/write?org=a&bucket=b`]);
  assert.equal(service.taken.at(-1).path, '/api/v2/write?org=a&bucket=b');
  // The format follows from the address where it is not given.
  for (const [address, words] of [['/', /^\{"resourceMetrics"/], ['/write?db=a', /^dummyload,/]]) {
    await runExport([run, '--push', service.url + address]);
    assert.match(service.taken.at(-1).text, words);
  }
});

test('what a service does not take is no success, and says why', async (t) => {
  const run = writeRun(path.join(makeFolder(t), 'run'), { seconds: 5 });
  const refusing = await startService(t, 401, 'who are you?');
  const refused = await runExport([run, '--format', 'otlp', '--push', refusing.url]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /127\.0\.0\.1:\d+ refused it with 401: who are you\?/);
  const part = await startService(t, 200, JSON.stringify({ partialSuccess: {
    rejectedDataPoints: '3', errorMessage: 'too old' } }));
  const some = await runExport([run, '--format', 'otlp', '--push', part.url]);
  assert.equal(some.code, 1);
  assert.match(some.stderr, /took it but for 3 points: too old/);
  for (const [args, words] of [[['--format', 'csv', '--push', refusing.url], /--push takes/],
    [['--format', 'otlp', '--push', 'ftp://a'], /expected http/],
    [['--format', 'otlp', '--push', 'nowhere'], /expected an address/],
    [['--push', 'http:/127.0.0.1:4318'], /expected an address/],
    [['--format', 'influx', '--push', `${refusing.url}/write`], /expected \?db= in .*write\?db=/],
    [['--push', `${refusing.url}/api/v2/write?org=a`], /expected \?bucket= in the address/],
    [['--format', 'otlp', '--push', 'http://u:p@127.0.0.1/'], /no password: use --header/],
    [['--format', 'otlp', '--push', refusing.url, '--header', 'x'], /expected 'NAME: VALUE'/],
    [['--format', 'otlp', '--header', 'a: b'], /belongs to --push/]]) {
    const bad = await runExport([run, ...args]);
    assert.equal(bad.code, 2, bad.stderr);
    assert.match(bad.stderr, words);
  }
});

const INFLUX = ['/usr/bin/influxd', '/usr/local/bin/influxd'].find((file) => fs.existsSync(file));

/** A real InfluxDB of version 1 on a free port, with a database: { url, query(text) }. */
async function startInflux(t) {
  const folder = makeFolder(t);
  const [port, other] = [await freePort(), await freePort()];
  const program = new Program(INFLUX, ['-config', '/dev/null'], { group: true, env: {
    INFLUXDB_DATA_DIR: `${folder}/data`, INFLUXDB_DATA_WAL_DIR: `${folder}/wal`,
    INFLUXDB_META_DIR: `${folder}/meta`, INFLUXDB_HTTP_BIND_ADDRESS: `127.0.0.1:${port}`,
    INFLUXDB_BIND_ADDRESS: `127.0.0.1:${other}`, INFLUXDB_REPORTING_DISABLED: 'true' } });
  t.after(() => program.kill());
  const url = `http://127.0.0.1:${port}`;
  const query = async (text) => {
    for (;;) {
      assert.ok(!program.ended, program.stderr);
      const answer = await fetch(`${url}/query?db=dummyload&q=${encodeURIComponent(text)}`,
        { method: 'POST' }).then((one) => one.json(), () => null);
      if (answer) return answer.results[0].series?.[0];
      await sleep(100);
    }
  };
  await query('CREATE DATABASE dummyload');
  return { url, query };
}

test('a real InfluxDB takes all of it, and has the result\'s figures',
  { skip: !INFLUX && 'InfluxDB is not installed', timeout: 600000 }, async (t) => {
    const { url, query } = await startInflux(t);
    const run = makeRun({ seconds: 20, stall_at: 5, timeouts: 7, steps: ['login', 'chat'] });
    run.client.run.name = 'a, b=c';
    const folder = saveRun(path.join(makeFolder(t), 'run'), run);
    const done = await runExport([folder, '--format', 'influx', '--push', url]);
    assert.equal(done.code, 0, done.stderr);
    const one = async (text) => (await query(text)).values[0][1];
    assert.equal(await one('SELECT sum(responses) FROM dummyload'),
      run.client.series.reduce((sum, { responses }) => sum + responses, 0));
    assert.equal(await one('SELECT p99_ns FROM dummyload_latency WHERE kind = \'response\' ' +
      'AND step = \'\''), run.client.latency_ns.response.p99);
    assert.equal(await one('SELECT held FROM dummyload_threshold'),
      run.client.thresholds[0].pass);
    const { values } = await query('SHOW TAG VALUES FROM dummyload WITH KEY = scenario');
    assert.deepEqual(values, [['scenario', 'a, b=c']]);
  });
