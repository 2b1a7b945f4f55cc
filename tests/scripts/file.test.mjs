// Files and folders that the scripts write where the user says.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { makeFolder as makeUserFolder, writeWholeFile } from '../../scripts/lib/base/file.mjs';
import { Failure } from '../../scripts/lib/base/process.mjs';
import { makeFolder, runTool, SCRIPTS, writeRun } from './helpers.mjs';

const ON_WINDOWS = process.platform === 'win32';
const oneLine = (text) => text.trim().split('\n').length === 1;

test('a FIFO is written to, and stays one', { skip: ON_WINDOWS }, async (t) => {
  const folder = makeFolder(t);
  const fifo = path.join(folder, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const reader = spawn('timeout', ['20', 'cat', fifo]);
  let read = '';
  reader.stdout.on('data', (data) => { read += data; });
  writeWholeFile(fifo, 'hello');
  await once(reader, 'close');
  assert.equal(read, 'hello');
  assert.ok(fs.lstatSync(fifo).isFIFO());
  assert.deepEqual(fs.readdirSync(folder), ['fifo']);
});

test('a symbolic link to a file stays, and the file is the new one', { skip: ON_WINDOWS }, (t) => {
  const folder = makeFolder(t);
  const [file, link] = [path.join(folder, 'file'), path.join(folder, 'link')];
  fs.writeFileSync(file, 'old');
  fs.symlinkSync('file', link);
  writeWholeFile(link, 'new');
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.equal(fs.readFileSync(file, 'utf8'), 'new');
  assert.deepEqual(fs.readdirSync(folder).sort(), ['file', 'link']);
});

test('a link that leads nowhere is followed, never replaced', { skip: ON_WINDOWS }, (t) => {
  const folder = makeFolder(t);
  const [link, lost] = [path.join(folder, 'link'), path.join(folder, 'lost')];
  fs.symlinkSync('made', link);
  fs.symlinkSync('missing/file', lost);
  writeWholeFile(link, 'new');
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.equal(fs.readFileSync(path.join(folder, 'made'), 'utf8'), 'new');
  assert.throws(() => writeWholeFile(lost, 'x'),
    (error) => error instanceof Failure && error.message.startsWith(`${lost}: cannot be written`));
  assert.equal(fs.readlinkSync(lost), 'missing/file');
  assert.deepEqual(fs.readdirSync(folder).sort(), ['link', 'lost', 'made']);
});

test('a file keeps its mode, a new one has the usual', { skip: ON_WINDOWS }, (t) => {
  const folder = makeFolder(t);
  const [file, fresh] = [path.join(folder, 'file'), path.join(folder, 'fresh')];
  fs.writeFileSync(file, 'old');
  fs.chmodSync(file, 0o640);
  writeWholeFile(file, 'new');
  assert.equal(fs.statSync(file).mode & 0o7777, 0o640);
  writeWholeFile(fresh, 'new');
  assert.equal(fs.statSync(fresh).mode & 0o7777, 0o666 & ~process.umask());
});

test('what is written is on the disk: the file, then its folder', { skip: ON_WINDOWS }, (t) => {
  const folder = makeFolder(t);
  const synced = [];
  const { fsyncSync } = fs;
  t.mock.method(fs, 'fsyncSync', (descriptor) => {
    synced.push(fs.fstatSync(descriptor).isDirectory() ? 'folder' : 'file');
    return fsyncSync(descriptor);
  });
  writeWholeFile(path.join(folder, 'file'), 'new');
  assert.deepEqual(synced, ['file', 'folder']);
});

test('a target that is a folder is a failure, and leaves nothing', (t) => {
  const folder = makeFolder(t);
  assert.throws(() => writeWholeFile(folder, 'x'), Failure);
  assert.deepEqual(fs.readdirSync(path.dirname(folder)).filter((name) =>
    name.startsWith(`${path.basename(folder)}.`)), []);
});

test('folders are made one by one; what is in the way is said', (t) => {
  const folder = makeFolder(t);
  makeUserFolder(path.join(folder, 'a', 'b', 'c'));
  makeUserFolder(path.join(folder, 'a', 'b', 'c'));
  assert.ok(fs.statSync(path.join(folder, 'a', 'b', 'c')).isDirectory());
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, '');
  for (const below of [file, path.join(file, 'x', 'y')]) {
    assert.throws(() => makeUserFolder(below),
      (error) => error instanceof Failure && error.message === `${file}: is no folder`);
  }
});

test('no folder can be made below /proc: that ends', { skip: !fs.existsSync('/proc/self') }, () => {
  const code = `import('${path.join(SCRIPTS, 'lib', 'base', 'file.mjs')}').then((file) => ` +
    "file.makeFolder('/proc/none/such')).catch((error) => console.log(error.message))";
  const done = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: 20000,
    killSignal: 'SIGKILL' });
  assert.match(done.stdout, /^\/proc\/none: cannot be made: no such file or directory$/m);
});

test('report: what cannot be the folder of the SVG files is said before', (t) => {
  const folder = makeFolder(t);
  const [file, page] = [path.join(folder, 'file'), path.join(folder, 'page.html')];
  fs.writeFileSync(file, '');
  const done = runTool('report', [writeRun(path.join(folder, 'run')), '-o', page, '--svg', file]);
  assert.equal(done.status, 1);
  assert.equal(done.stderr, `scripts/report: ${file}: is no folder\n`);
  assert.ok(!fs.existsSync(page));
});

test('package: --help prints the usage', () => {
  for (const word of ['--help', '-h']) {
    const done = runTool(path.join('lib', 'developing', 'package'), [word]);
    assert.equal(done.status, 0);
    assert.match(done.stdout, /^usage: scripts\/package /);
  }
});

const fullDevice = fs.existsSync('/dev/full') && fs.statSync('/dev/full').isCharacterDevice();

test('an error of the system is one line and exit 1', { skip: !fullDevice }, (t) => {
  const run = writeRun(path.join(makeFolder(t), 'run'));
  const full = fs.openSync('/dev/full', 'w');
  t.after(() => fs.closeSync(full));
  const done = runTool('export', [run, '--format', 'csv'], { stdio: ['ignore', full, 'pipe'] });
  assert.equal(done.status, 1);
  assert.match(done.stderr, /^scripts\/export: ENOSPC/);
  assert.ok(oneLine(done.stderr), done.stderr);
});
