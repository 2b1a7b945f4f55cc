// OpenSSL as the Windows programs link it: static, and only what a TLS client and server need. A
// whole one takes three times as long.

import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Failure, runOk } from '../base/process.mjs';

/** SHA-256 of the archives that have been built and tested so. */
const ARCHIVES = {
  '3.0.22': '67ebca7e50d17383028045486653492195b83db95f8558709701bb47b5c1ef81',
};

/** TLS 1.2 and 1.3 with the ciphers, curves and files of today. A word that this version does not
 * have stops Configure: that is noticed when an archive is added. */
const LEFT_OUT = `shared tests engine legacy dso comp dtls ssl3 tls1 tls1_1 autoload-config
  cmp cms ts ct srp srtp psk ocsp ssl-trace nextprotoneg rfc3779 uplink ui-console padlockeng
  rc2 rc4 rc5 idea seed bf cast camellia aria md4 mdc2 rmd160 whirlpool sm2 sm3 sm4 siphash blake2
  gost ec2m ocb scrypt dsa des`;

/** Throws unless the archive is a pinned one. */
export function checkOpenssl(archive) {
  const digest = crypto.createHash('sha256').update(fs.readFileSync(archive)).digest('hex');
  if (Object.values(ARCHIVES).includes(digest)) return;
  const found = /_([^_]+)\.orig\.tar\.gz$/.exec(path.basename(archive))?.[1];
  const pinned = Object.keys(ARCHIVES).join(', ');
  throw new Failure((ARCHIVES[found] === undefined
    ? `the distribution's OpenSSL is ${found ?? path.basename(archive)}, and only ${pinned} ` +
      'is known to build for Windows: when it does, add it'
    : `${path.basename(archive)} is not the archive of that version that is known: if it is ` +
      'right, change it') +
    ` to ARCHIVES in scripts/lib/building/openssl.mjs (its SHA-256 is ${digest})`);
}

/** Builds the source in `folder`; include/ and lib/ of it go to `to`. */
export async function buildOpenssl(folder, to) {
  const without = LEFT_OUT.trim().split(/\s+/).map((word) => `no-${word}`);
  await runOk('perl', ['./Configure', 'mingw64', '--cross-compile-prefix=x86_64-w64-mingw32-',
    ...without], { cwd: folder, time_ms: 300000 });
  const jobs = `-j${os.cpus().length}`;
  for (const targets of [['build_generated'], ['libcrypto.a', 'libssl.a']]) {
    await runOk('make', ['-s', jobs, ...targets], { cwd: folder, time_ms: 3600000 });
  }
  const include = path.join(to, 'include', 'openssl');
  fs.mkdirSync(include, { recursive: true });
  fs.mkdirSync(path.join(to, 'lib'));
  for (const header of fs.readdirSync(path.join(folder, 'include', 'openssl'))) {
    if (!header.endsWith('.h')) continue;
    fs.copyFileSync(path.join(folder, 'include', 'openssl', header), path.join(include, header));
  }
  fs.copyFileSync(path.join(folder, 'LICENSE.txt'), path.join(to, 'LICENSE.txt'));
  for (const library of ['libcrypto.a', 'libssl.a']) {
    fs.copyFileSync(path.join(folder, library), path.join(to, 'lib', library));
  }
}
