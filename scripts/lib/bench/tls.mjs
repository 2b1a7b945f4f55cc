// TLS against what the field has: wrk for HTTPS at nginx, openssl s_time for handshakes; and what
// an idle connection holds.

import fs from 'node:fs';
import { GET, nginxConfiguration } from './codecs.mjs';
import { playIdle, tell } from './idle.mjs';
import { CLIENTS, SERVERS, against, closedLoad } from './players.mjs';
import { needProgram } from './run.mjs';
import { runOk } from '../base/process.mjs';
import { freePort } from '../playing/server.mjs';

const GOAL = 13;
// A connection holds 15 KB; pages that many handshakes at once have used are kept by malloc.
const IDLE_BYTES = 40960;

/** A key on P-256 and its certificate, for nginx. */
async function makeCertificate(bench) {
  const [cert, key] = [bench.file('tls.crt'), bench.file('tls.key')];
  await runOk('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', key, '-out', cert], { time_ms: 60000 });
  return { cert, key };
}

async function startNginx(bench, { cert, key }) {
  const port = await freePort();
  const file = bench.file('nginx-tls.conf');
  fs.writeFileSync(file, nginxConfiguration(bench, `127.0.0.1:${port} ssl`,
    `ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3;`));
  return SERVERS.foreign('nginx', ['-e', 'stderr', '-p', bench.folder, '-c', file], port);
}

/** As wrk does it: no certificate is looked at. */
const unverified = { tls: { verify: false } };

async function keepAlive(bench, files) {
  needProgram('wrk');
  for (const connections of [50, 500]) {
    // wrk's figures have its handshakes in them: that is to be little.
    const seconds = bench.seconds * Math.max(1, connections / 100);
    const scenario = bench.scenario(`https-${connections}`,
      { load: closedLoad(connections, seconds), target: unverified, ...GET });
    const samples = await bench.interleave(`GET over TLS at nginx, ${connections} connections`, {
      wrk: () => against(startNginx(bench, files), (to) => CLIENTS.foreign(to, 'wrk', ['-t1', '-c',
        String(connections), '-d', `${Math.ceil(seconds)}s`, `https://127.0.0.1:${to.port}/`],
      (text) => Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1] ?? NaN))),
      ours: () => against(startNginx(bench, files), (to) => CLIENTS.ours(to, scenario,
        { out: bench.file(`https-${connections}.json`), args: ['--threads', '1'] })),
    }, bench.quick ? 2 : 5);
    bench.ratioRow(GOAL, `https: client / wrk, requests/s, ${connections}`, samples,
      ['ours', 'wrk'], 'per_s', 0.95);
    bench.ratioRow(GOAL, `https: client's CPU per request / wrk's, ${connections}`, samples,
      ['ours', 'wrk'], 'client_us', 1, '<=');
  }
}

/** s_time counts connections; how long it took is taken from outside, its own seconds are whole. */
function sTime(to, seconds, args) {
  const begun_ms = Date.now();
  return CLIENTS.foreign(to, 'openssl', ['s_time', '-connect', `127.0.0.1:${to.port}`, '-time',
    String(Math.ceil(seconds)), ...args], (text) => {
    const count = [.../(\d+) connections in [\d.]+ real seconds/.exec(text) ?? []][1];
    return Number(count ?? NaN) / ((Date.now() - begun_ms) / 1000);
  });
}

const CONNECT = [{ name: 'visitor', setup: [{ disconnect: 'rst' }],
  loop: [{ reconnect: 'now' }, { disconnect: 'rst' }] }];

const OLD = { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' };

// Both check the certificate. s_time resumes in 1.2 only: the tickets of 1.3 come behind the
// handshake, and it reads nothing.
const HANDSHAKES = [
  { name: 'full, 1.3', tls: { min_version: '1.3' }, args: ['-new', '-tls1_3'] },
  { name: 'full, 1.2', tls: OLD, args: ['-new', '-tls1_2'] },
  { name: 'resumed, 1.2', tls: { ...OLD, resume: true }, args: ['-reuse', '-tls1_2'] },
];

async function handshakes(bench, files) {
  needProgram('openssl');
  for (const { name, tls, args } of HANDSHAKES) {
    const scenario = bench.scenario(`handshakes-${name.replace(/\W+/g, '-')}`,
      { load: closedLoad(1, bench.seconds), behaviors: CONNECT,
        target: { tls: { server_name: 'localhost', ca: files.cert, ...tls } } });
    const samples = await bench.interleave(`handshakes, ${name}`, {
      s_time: () => against(startNginx(bench, files), (to) => sTime(to, bench.seconds,
        ['-CAfile', files.cert, ...args])),
      ours: () => against(startNginx(bench, files), (to) => CLIENTS.ours(to, scenario,
        { out: bench.file('handshakes.json'), args: ['--threads', '1'] })),
    }, bench.quick ? 2 : 5);
    bench.ratioRow(GOAL, `handshakes: client / s_time, per second, ${name}`, samples,
      ['ours', 's_time'], 'per_s', 0.9);
    bench.ratioRow(GOAL, `handshakes: client's CPU of one / s_time's, ${name}`, samples,
      ['ours', 's_time'], 'client_us', 1.11, '<=');
  }
}

async function idle(bench) {
  const [few, many] = [500, 4500];
  const play = (connections) => playIdle(bench, connections, { args: ['--tls-self-signed'],
    target: unverified });
  const small = await play(few);
  const large = await play(many);
  for (const side of ['client', 'server']) {
    tell(bench, `${side} with TLS`, (large[side] - small[side]) / (many - few), IDLE_BYTES);
  }
}

export async function tls(bench) {
  let files = null;
  await bench.attempt(GOAL, 'a certificate', async () => {
    for (const name of ['openssl', 'nginx']) needProgram(name);
    files = await makeCertificate(bench);
  });
  for (const play of files ? [keepAlive, handshakes] : []) {
    await bench.attempt(GOAL, play.name, () => play(bench, files));
  }
  await bench.attempt(GOAL, 'idle', () => idle(bench));
}
