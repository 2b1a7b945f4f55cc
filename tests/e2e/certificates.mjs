// Keys and certificates for a test, made with openssl.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });

/** An issuer, ca.crt, in the folder: { ca, issue }. issue(name, { names, ends }) makes
 *  { cert, key } for these names, valid until then ("20200101000000Z"; else for two days). */
export function makeIssuer(folder, subject = 'issuer of the test') {
  const at = (name) => path.join(folder, name);
  openssl('req', '-x509', ...KEY, '-keyout', at('ca.key'), '-out', at('ca.crt'), '-subj',
    `/CN=${subject}`, '-days', '2');
  fs.mkdirSync(at('issued'));
  fs.writeFileSync(at('index.txt'), '');
  fs.writeFileSync(at('serial'), '01\n');
  const issue = (name, { names = ['DNS:localhost', 'IP:127.0.0.1'], ends } = {}) => {
    fs.writeFileSync(at('ca.cnf'), `[ca]\ndefault_ca = it\n[it]\ndatabase = ${at('index.txt')}
new_certs_dir = ${at('issued')}\nserial = ${at('serial')}\ndefault_md = sha256\npolicy = any
unique_subject = no\nx509_extensions = more\n[any]\ncommonName = supplied
[more]\nsubjectAltName = ${names.join(',')}\n`);
    openssl('req', ...KEY, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj',
      `/CN=${name}`);
    openssl('ca', '-batch', '-notext', '-config', at('ca.cnf'), '-cert', at('ca.crt'), '-keyfile',
      at('ca.key'), '-in', at(`${name}.csr`), '-out', at(`${name}.crt`),
      ...ends ? ['-startdate', '20190101000000Z', '-enddate', ends] : ['-days', '2']);
    return { cert: at(`${name}.crt`), key: at(`${name}.key`) };
  };
  return { ca: at('ca.crt'), issue };
}
