// The certificate of a run with --tls of this project's own server.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { programPath } from './server.mjs';

const NONE = { ownArgs: () => [], clientArgs: [], end: () => {} };

/** For a run by these arguments of the client: { ownArgs() of a server, clientArgs besides, end }.
 *  The first server makes the certificate, others of the run serve with the same. The key lies in
 *  a folder that ends with the run: it has no place among results. */
export function makeCertificate(args, windows) {
  if (!args.includes('--tls')) return NONE;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-tls-'));
  const files = ['cert.pem', 'key.pem'].map((name) => path.join(folder, name));
  const [cert, key] = files.map((file) => programPath(file, windows));
  const trusts = args.some((arg) => /^--(insecure|tls-ca)\b/.test(arg));
  return { ownArgs: () => [...(fs.existsSync(files[0]) ? [] : ['--tls-self-signed']),
    '--tls-cert', cert, '--tls-key', key],
    clientArgs: trusts ? [] : ['--tls-ca', cert],
    end: () => fs.rmSync(folder, { recursive: true, force: true }) };
}
