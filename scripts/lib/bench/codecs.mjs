// Goal 12: what the codecs cost: frames as before, Redis, HTTP and a codec of one's own.

import fs from 'node:fs';
import path from 'node:path';
import { needProgram } from './run.mjs';
import { CLIENTS, ECHO, SERVERS, WIRE_BYTES, against, closedLoad } from './players.mjs';
import { startRedis } from './latency.mjs';
import { buildFolder } from '../base/paths.mjs';
import { Failure } from '../base/process.mjs';
import { buildBaseline } from '../building/baseline.mjs';
import { prepare } from '../building/setup.mjs';
import { freePort } from '../playing/server.mjs';

/** The last revision in which frames were no codec yet: what --base is without being given. */
const BEFORE = 'a56e230~1';

async function frames(bench) {
  const { base = BEFORE } = bench.options;
  const program = await buildBaseline(base, await prepare({ say: bench.say }), bench.say,
    'dummyclient');
  for (const connections of [50, 1000]) {
    const scenario = bench.scenario(`frames-${connections}`,
      { load: closedLoad(connections, bench.seconds / 2), behaviors: [ECHO] });
    const play = (name, under) => () => against(SERVERS.ours(), (to) => CLIENTS.ours(to, scenario,
      { out: bench.file(`frames-${name}-${connections}.json`), under }));
    const samples = await bench.interleave(`echo ${WIRE_BYTES} bytes, ${connections} connections`, {
      before: play('before', (call) => ({ ...call, command: program })),
      now: play('now'),
    }, bench.quick ? 2 : 15); // many short ones: 2% are little
    bench.ratioRow(12, `echo: client / that of ${base}, round trips/s, ${connections}`, samples,
      ['now', 'before'], 'per_s', 0.98);
    bench.ratioRow(12, `echo: its CPU per round trip / that of ${base}, ${connections}`, samples,
      ['now', 'before'], 'client_us', 1.02, '<=');
  }
}

const PING = {
  framing: { type: 'resp' },
  behaviors: [{ name: 'ping', loop: [{ request: { name: 'ping',
    send: { body: { text: '*1\r\n$4\r\nPING\r\n' } },
    verify: { equals: { text: '+PONG\r\n' } } } }] }],
};

async function redis(bench) {
  for (const name of ['redis-server', 'redis-benchmark']) needProgram(name);
  const requests = Math.round(90000 * bench.seconds);
  for (const connections of [50, 1000]) {
    const scenario = bench.scenario(`resp-${connections}`,
      { load: closedLoad(connections, bench.seconds), ...PING });
    const samples = await bench.interleave(`PING by resp, ${connections} connections`, {
      'redis-benchmark': () => against(startRedis(), (to) => CLIENTS.foreign(to, 'redis-benchmark',
        ['-p', String(to.port), '-c', String(connections), '-n', String(requests), '-t',
          'ping_mbulk', '--csv'],
        (text) => Number(/"PING_(?:MBULK|BULK)","([\d.]+)"/.exec(text)?.[1] ?? NaN))),
      ours: () => against(startRedis(), (to) => CLIENTS.ours(to, scenario,
        { out: bench.file(`resp-${connections}.json`) })),
    });
    bench.ratioRow(12, `resp: client / redis-benchmark, requests/s, ${connections}`, samples,
      ['ours', 'redis-benchmark'], 'per_s', 1);
    bench.ratioRow(12, `resp: client's CPU per request / redis-benchmark's, ${connections}`,
      samples, ['ours', 'redis-benchmark'], 'client_us', 0.7, '<=');
  }
}

const BODY = 'x'.repeat(612); // as the page that nginx comes with

// One process: what it uses is what it costs. Keep-alive without end.
export const nginxConfiguration = (bench, listen, more = '') => `daemon off;
master_process off;
pid ${bench.file('nginx.pid')};
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${bench.file('nginx-body')};
  proxy_temp_path ${bench.file('nginx-proxy')};
  fastcgi_temp_path ${bench.file('nginx-fastcgi')};
  uwsgi_temp_path ${bench.file('nginx-uwsgi')};
  scgi_temp_path ${bench.file('nginx-scgi')};
  server {
    listen ${listen} backlog=4096;
    ${more}
    location / { default_type text/plain; return 200 '${BODY}'; }
  }
}
`;

async function startNginx(bench) {
  const port = await freePort();
  const file = bench.file('nginx.conf');
  fs.writeFileSync(file, nginxConfiguration(bench, `127.0.0.1:${port}`));
  return SERVERS.foreign('nginx', ['-e', 'stderr', '-p', bench.folder, '-c', file], port);
}

export const GET = {
  framing: { type: 'http' },
  behaviors: [{ name: 'get', loop: [{ request: { name: 'get',
    send: { body: { text: 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' } },
    verify: { starts_with: { text: 'HTTP/1.1 200' } } } }] }],
};

async function http(bench) {
  for (const name of ['nginx', 'wrk']) needProgram(name);
  for (const connections of [50, 500]) {
    const scenario = bench.scenario(`http-${connections}`,
      { load: closedLoad(connections, bench.seconds), ...GET });
    const samples = await bench.interleave(`GET at nginx, ${connections} connections`, {
      wrk: () => against(startNginx(bench), (to) => CLIENTS.foreign(to, 'wrk', ['-t1', '-c',
        String(connections), '-d', `${Math.ceil(bench.seconds)}s`, `http://127.0.0.1:${to.port}/`],
      (text) => Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1] ?? NaN))),
      ours: () => against(startNginx(bench), (to) => CLIENTS.ours(to, scenario,
        { out: bench.file(`http-${connections}.json`), args: ['--threads', '1'] })),
    }, bench.quick ? 2 : 5);
    bench.ratioRow(12, `http: client / wrk, requests/s, ${connections}`, samples, ['ours', 'wrk'],
      'per_s', 0.95);
    bench.ratioRow(12, `http: client's CPU per request / wrk's, ${connections}`, samples,
      ['ours', 'wrk'], 'client_us', 0.9, '<=');
  }
}

const XOR = { framing: { type: 'codec', options: { code: 119, key: 50 } }, behaviors: [ECHO] };

/** The example of a user's own codec. What it sends is what it reads: a server that knows nothing
 *  of it returns the bytes, and those of plain frames alike. */
async function plugin(bench) {
  const library = path.join(buildFolder('linux'), 'codecs', 'xor_header.so');
  if (!fs.existsSync(library)) throw new Failure(`${library} was not built`);
  for (const connections of [50, 1000]) {
    const play = (name, what, args) => {
      const scenario = bench.scenario(`plugin-${name}-${connections}`,
        { load: closedLoad(connections, bench.seconds), ...what });
      return () => against(SERVERS.ours({ args: ['--framing', 'raw'] }), (to) =>
        CLIENTS.ours(to, scenario,
          { out: bench.file(`plugin-${name}-${connections}.json`), args }));
    };
    const samples = await bench.interleave(`echo by a plug-in, ${connections} connections`, {
      plain: play('plain', { behaviors: [ECHO] }, []),
      xor: play('xor', XOR, ['--codec', library]),
    }, bench.quick ? 2 : 9);
    bench.ratioRow(12, `XOR plug-in: CPU per round trip / plain frames, ${connections}`, samples,
      ['xor', 'plain'], 'client_us', 1.15, '<=');
  }
}

export async function codecs(bench) {
  for (const play of [frames, redis, http, plugin]) {
    await bench.attempt(12, play.name, () => play(bench));
  }
}
