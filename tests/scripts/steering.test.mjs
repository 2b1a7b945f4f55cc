// Names, ids, hosts and errors in results may hold anything: no script lets them steer a terminal,
// a page or a report for CI.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeFolder, runTool, saveRun } from './helpers.mjs';
import { makeRun } from './synthetic.mjs';

const EVIL = 'x\u001b[2J\u007f\u009b31m\u202ey\u0007';
const STEERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

function assertPlain(text, what) {
  const found = STEERS.exec(text);
  assert.equal(found && `${what}: ${JSON.stringify(text.slice(found.index - 60,
    found.index + 20))}`, null);
}

/** Every text of a document that is somebody else's word. */
function evilRun(seed, valid) {
  const run = makeRun({ name: EVIL, steps: [EVIL, 'b'], seed, commit: EVIL, id: `run-${EVIL}` });
  for (const side of [run.client, run.server]) {
    Object.assign(side.host, { name: EVIL, os: EVIL, kernel: EVIL, cpu_model: EVIL });
    Object.assign(side.build, { version: EVIL, commit: EVIL, compiler: EVIL, flags: EVIL });
  }
  run.client.marks = [{ t_ns: 2e9, text: EVIL }];
  run.client.thresholds[0].expr = EVIL;
  if (!valid) {
    run.client.failures = [EVIL];
    Object.assign(run.client.validity, { valid, reasons: [EVIL] });
  }
  Object.assign(run.server.server, { model: EVIL, handler: EVIL, listening: EVIL });
  return run;
}

test('what results hold steers no terminal, page or report', (t) => {
  const folder = makeFolder(t);
  const runs = [1, 2].map((seed) => saveRun(path.join(folder, `r${seed}`),
    evilRun(seed, false)));
  const sides = Array.from({ length: 12 }, (_, i) => saveRun(path.join(folder, `s${i}`),
    evilRun(i + 10, true)));
  const out = (name) => path.join(folder, name);
  const calls = [
    ['report', [runs[0]]], ['report', [...runs, '-o', out('both.html')]],
    ['compare', [...sides.slice(0, 6), '--junit', out('junit.xml'), '--markdown', out('c.md'), '--',
      ...sides.slice(6)]], ['compare', [runs[0], '--', runs[1]]],
    ['merge', [...runs, '-o', out('merged')]], ['reconcile', [runs[0]]],
    ['reconcile', [runs[0], '--json']],
    ['export', [runs[0], '--format', 'csv']], ['export', [runs[0], '--format', 'hdr']],
    ['export', [runs[0], '--format', 'hlog']], ['report', [out(EVIL)]],
    ['compare', [out(EVIL), '--', EVIL]],
    ['merge', [EVIL, out(EVIL)]], ['export', [EVIL, '--format', EVIL]], ['reconcile', [EVIL]],
    ['capacity', [EVIL]], ['regress', [EVIL]], ['record', [EVIL]], ['report', [`--${EVIL}`]],
  ];
  for (const [name, args] of calls) {
    const done = runTool(name, args);
    assertPlain(done.stdout, `${name} ${args.slice(-1)}, standard output`);
    assertPlain(done.stderr, `${name} ${args.slice(-1)}, standard error`);
  }
  const files = fs.readdirSync(folder, { recursive: true }).map((file) => out(file))
    .filter((file) => /\.(html|xml|md)$/.test(file));
  assert.ok(files.length >= 4, files.join());
  for (const file of files) assertPlain(fs.readFileSync(file, 'utf8'), file);
});
