// scripts/build: what a configuration that was not finished leaves behind.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

test('a folder that was configured half-way is configured anew, and is none to ninja meanwhile', {
  skip: process.platform === 'win32' ? 'the CMake of this test is a shell script' : false,
}, (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'build-test-'));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  fs.cpSync(path.join(ROOT, 'scripts', 'lib'), path.join(root, 'scripts', 'lib'),
    { recursive: true });
  const presets = path.join(root, 'CMakePresets.json');
  fs.writeFileSync(presets, '1');
  // Configures, and ends itself in the midst of that where it finds a file "die".
  fs.writeFileSync(path.join(root, 'cmake'), `#!/bin/sh
[ "$1" = --preset ] || exit 0
echo configured >> "${root}/calls"
[ -e "${root}/die" ] && kill -9 $PPID $$
touch "${root}/build/linux/build.ninja"
`, { mode: 0o755 });
  const script = `import { build } from ${JSON.stringify(path.join(root, 'scripts', 'lib',
    'building', 'build.mjs'))}; await build('linux', { env: {} });`;
  const env = { ...process.env, PATH: `${root}:${process.env.PATH}`, DUMMYLOAD_PROGRAMS: '' };
  const build = () => spawnSync(process.execPath, ['--input-type=module', '-e', script],
    { env, encoding: 'utf8' });
  const configured = () => fs.readFileSync(path.join(root, 'calls'), 'utf8').split('\n').length - 1;
  const ninja = path.join(root, 'build', 'linux', 'build.ninja');
  for (let i = 0; i < 2; i++) {
    const built = build();
    assert.equal(built.status, 0, built.stderr);
    assert.equal(configured(), 1);
  }
  fs.writeFileSync(presets, '2');
  fs.writeFileSync(path.join(root, 'die'), '');
  assert.equal(build().signal, 'SIGKILL');
  assert.equal(fs.existsSync(ninja), false);
  fs.rmSync(path.join(root, 'die'));
  fs.writeFileSync(presets, '1'); // as it was when the folder was whole
  const built = build();
  assert.equal(built.status, 0, built.stderr);
  assert.equal(configured(), 3);
  assert.ok(fs.existsSync(ninja));
});
