// A run that is made up, second by second, and a server that plays it as a client with --listen
// does: /, /events with Last-Event-ID, /plan, /control.

import http from 'node:http';
import { makeLivePage } from '../../scripts/lib/drawing/live/page.mjs';
import { gaussian, random as makeRandom } from './synthetic.mjs';

const SECOND_NS = 1e9;
const BEGAN_MS = Date.parse('2026-11-28T12:00:00Z');
const utcAt = (seconds) => new Date(BEGAN_MS + seconds * 1000).toISOString();

/** The lowest value of a record's bucket. */
function lowestOf(value) {
  const width = value < 64 ? 1 : 2 ** (Math.floor(Math.log2(value)) - 5);
  return Math.floor(value / width) * width;
}

function bucketsOf(random, count, median_ns) {
  const counts = new Map();
  const samples = Math.min(200, count);
  for (let i = 0; i < samples; i++) {
    const value = lowestOf(Math.max(1, Math.round(median_ns * Math.exp(0.5 * gaussian(random)))));
    counts.set(value, (counts.get(value) ?? 0) + count / samples);
  }
  return [...counts].map(([value, share]) => [value, Math.round(share) || 1])
    .sort((a, b) => a[0] - b[0]);
}

const stepOf = (name, count, median, errors) => ({ name, errors, response_ns: { count,
  p50: median, p90: median * 2, p99: median * 4, p99_9: median * 8, max: median * 12 } });

/** Records of a run of so many seconds, the load from t0_s on; the server is gone from fail_at. */
export function makeRecords({ seconds = 60, t0_s: t0 = 2, rate = 2000, connections = 100,
  fail_at: failAt = Infinity, seed = 1, run_id: id = 'made-up', behaviors = 2,
  marks = [] } = {}) {
  const random = makeRandom(seed);
  const all = { responses: 0, errors: 0 };
  return Array.from({ length: seconds }, (_, i) => {
    const at = i + 1;
    const loaded = at > t0;
    const gone = at > failAt;
    const due = loaded ? rate : 0;
    const responses = gone ? 0 : due;
    const failed = gone ? due : 0;
    all.responses += responses;
    all.errors += failed;
    const median_ns = 250e3 * (1 + 0.3 * Math.sin(at / 9));
    const share = (part) => ({ iterations: gone ? 0 : Math.round(due * part),
      requests: Math.round(due * part), responses: Math.round(responses * part),
      errors: Math.round(failed * part) });
    return { run_id: id, t_ns: at * SECOND_NS, interval_ns: SECOND_NS, utc: utcAt(at),
      phase: at === seconds ? 'ended' : loaded ? at > t0 + 1 ? 'running' : 'warmup' : 'connecting',
      t0_ns: loaded ? t0 * SECOND_NS : null, stop_ns: loaded ? seconds * SECOND_NS : null,
      connections: gone ? 0 : Math.min(connections, Math.round((connections * at) / t0)),
      connections_wanted: connections, connecting: gone ? connections : 0,
      due, iterations: gone ? 0 : due, requests: gone ? 0 : due, responses,
      messages_sent: due, messages_received: responses, bytes_sent: due * 40,
      bytes_received: responses * 40, response_buckets: responses
        ? bucketsOf(random, responses, median_ns) : [],
      errors: gone ? { connect_refused: failed, response_lost: at === failAt + 1 ? 7 : 0 } : {},
      behaviors: behaviors > 1 ? [{ name: 'walker', ...share(0.7) },
        { name: 'chatter', ...share(0.3) }] : [],
      steps: loaded ? [stepOf('move', Math.round(all.responses * 0.7), 240e3, 0),
        stepOf('chat', Math.round(all.responses * 0.3), 410e3, all.errors)] : [],
      thresholds: [{ expr: 'errors.total == 0', value: String(all.errors),
        pass: loaded ? all.errors === 0 : null },
      { expr: 'latency.response.p99 < 20ms', value: '812 µs', pass: loaded ? true : null }],
      marks: marks.filter(({ t_ns: t }) => t > i * SECOND_NS && t <= at * SECOND_NS) };
  });
}

/** Records of the server of that run, which began so much before it. */
export function makeServerRecords({ seconds = 60, before_s: before = 100.4, t0_s: t0 = 2,
  rate = 2000, connections = 100, run_id: id = 'made-up' } = {}) {
  return Array.from({ length: Math.round(before) + seconds }, (_, i) => {
    const at = i + 1;
    const load = at - before > t0 + 0.5 ? rate : 0;
    return { run_id: id, t_ns: at * SECOND_NS, interval_ns: SECOND_NS, utc: utcAt(at - before),
      phase: 'running', connections: load ? connections : 0, cpu_s: 0.001 * at + (load ? 0.25 *
        (at - before) : 0), rss_bytes: 8 << 20, connects_ok: 0, messages_received: load,
      messages_sent: load, bytes_received: load * 40, bytes_sent: load * 40, errors: {} };
  });
}

export const PLAN = { targets: ['127.0.0.1:7777'], load: { loop: 'open',
  warmup_ns: SECOND_NS, connections: 100, stages: [
    { duration_ns: 20 * SECOND_NS, rate_from_per_s: 2000, rate_to_per_s: 2000 },
    { duration_ns: 38 * SECOND_NS, rate_from_per_s: 2000, rate_to_per_s: 2000 }] },
scenario: { name: 'game-lobby', description: 'Players log in, walk about and chat.' } };

/** Serves a run on a free port, or on the given one: { port, say(record), end(end), cut(), mute(),
 *  orders, streams, next(records, plan), close() }. server: where its server's figures are; origin:
 *  whose page may read these; records: those that are known already. cut()
 *  ends all streams, and so does next(): another run on the port; mute() leaves them open, and says
 *  nothing more on them, as a network that went away. */
export async function playLive({ records = [], plan = PLAN, port = 0, control = true, server: other,
  origin } = {}) {
  const page = makeLivePage();
  let known = [...records];
  let shown = plan;
  const readers = new Set();
  const played = { orders: [], streams: 0 };
  const write = (response, index) => response.write(
    `id: ${index + 1}\ndata: ${JSON.stringify(known[index])}\n\n`);
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname === '/') {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(page);
    } else if (pathname === '/plan') {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(shown));
    } else if (pathname === '/events') {
      played.streams += 1;
      response.writeHead(200, { 'Content-Type': 'text/event-stream',
        ...(origin ? { 'Access-Control-Allow-Origin': origin } : {}) });
      response.write(`retry: 300\n\nevent: run\ndata: ${JSON.stringify({ control,
        run_id: known[0]?.run_id, server: other })}\n\n`);
      const last = Number(request.headers['last-event-id'] ?? 0);
      for (let i = last <= known.length ? last : 0; i < known.length; i++) write(response, i);
      readers.add(response);
      request.on('close', () => readers.delete(response));
    } else if (pathname === '/control' && request.method === 'POST') {
      let text = '';
      request.on('data', (chunk) => { text += chunk; });
      request.on('end', () => {
        played.orders.push({ order: JSON.parse(text),
          authorization: request.headers.authorization });
        response.end('done\n');
      });
    } else {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return Object.assign(played, { port: server.address().port,
    say: (record) => {
      known.push(record);
      for (const reader of readers) write(reader, known.length - 1);
    },
    end: (end) => {
      for (const reader of readers) reader.end(`event: end\ndata: ${JSON.stringify(end)}\n\n`);
    },
    mute: () => readers.clear(),
    cut: () => { for (const reader of readers) reader.destroy(); },
    next: (others, otherPlan) => {
      [known, shown] = [others, otherPlan];
      for (const reader of readers) reader.destroy();
    },
    close: () => {
      for (const reader of readers) reader.destroy();
      server.close();
    } });
}
