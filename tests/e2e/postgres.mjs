// PostgreSQL, for the client to play against.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { folderFor, freePort, RUN_TIME_MS } from './harness.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';
import { startPeer } from './peers.mjs';

const POSTGRES = fs.existsSync('/usr/lib/postgresql') ? fs.readdirSync('/usr/lib/postgresql')
  .map((version) => `/usr/lib/postgresql/${version}/bin`).find((folder) =>
    fs.existsSync(path.join(folder, 'postgres'))) : undefined;

/** What a test says that skips itself; false when the server is there. */
export const postgresMissing = () => (POSTGRES ? false : 'postgres is not installed');

/** The framing of its messages: the kind, and a length that counts itself. */
export const POSTGRES_FRAMING = { type: 'length', byte_order: 'big', frame_bytes_max: 1000000,
  header: [{ id: 'u8' }, { size: 'u32', plus: 4 }] };

/** What a client says first, as hex: a message without a kind. */
export function postgresStartUp() {
  const text = Buffer.from('user\0load\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + text.length, 0);
  head.writeUInt32BE(196608, 4);
  return Buffer.concat([head, text]).toString('hex');
}

/** A server with a database of its own, which believes whoever connects; its port. With a
 * certificate it speaks TLS, too. */
export async function startPostgres(t, { cert, key } = {}) {
  const port = await freePort();
  const folder = folderFor(t);
  const data = path.join(folder, 'data');
  const root = process.getuid?.() === 0; // which it does not run as
  const call = (name, ...args) => root
    ? ['runuser', ['-u', 'postgres', '--', path.join(POSTGRES, name), ...args]]
    : [path.join(POSTGRES, name), args];
  if (root) execFileSync('chown', ['postgres', folder]);
  fs.chmodSync(folder, 0o755);
  execFileSync(...call('initdb', '-D', data, '-A', 'trust', '-U', 'load', '-N'),
    { cwd: '/', stdio: 'ignore' });
  const secured = [];
  if (cert) {
    const own = [['server.crt', cert], ['server.key', key]].map(([name, from]) => {
      const file = path.join(data, name);
      fs.copyFileSync(from, file);
      fs.chmodSync(file, 0o600);
      if (root) execFileSync('chown', ['postgres', file]);
      return file;
    });
    secured.push('-c', 'ssl=on', '-c', `ssl_cert_file=${own[0]}`, '-c', `ssl_key_file=${own[1]}`);
  }
  const [command, args] = call('postgres', '-D', data, '-p', String(port), '-k', '',
    '-h', '127.0.0.1', '-F', ...secured);
  await startPeer(t, command, args, port);
  /* It listens before it lets anybody in. */
  const state = path.join(data, 'postmaster.pid');
  for (const until_ms = Date.now() + RUN_TIME_MS;
    !/^ready\s*$/m.test(fs.readFileSync(state, 'utf8')); await sleep(20)) {
    if (Date.now() > until_ms) throw new Error('postgres is not ready');
  }
  return port;
}
