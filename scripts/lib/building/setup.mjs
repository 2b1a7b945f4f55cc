// The half of the set-up that needs no root: sources of libraries, the packages of these scripts,
// the Wine prefix. Everything that is there is skipped; all of it lies inside this folder.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD, ON_WINDOWS, SCRIPTS } from '../base/paths.mjs';
import { Failure, runCommand, runOk } from '../base/process.mjs';
import { sourcesEnv, prepareSources, prepareWindowsNode } from './sources.mjs';
import { prepareWine } from './wine.mjs';

/** The packages of the lock file, exactly, in scripts/node_modules. */
export async function prepareModules(say = () => {}) {
  const modules = path.join(SCRIPTS, 'node_modules');
  const stamp = path.join(modules, '.dummyload-lock');
  const lock = fs.readFileSync(path.join(SCRIPTS, 'package-lock.json'));
  const digest = crypto.createHash('sha256').update(lock).digest('hex');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return;
  say('installing the packages of the scripts (npm ci) ...');
  const npm = ['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // Node.js refuses to start a batch file, as npm.cmd is, by itself.
  const [command, ...args] = ON_WINDOWS ? ['cmd.exe', '/d', '/c', ...npm] : npm;
  await runOk(command, args, { cwd: SCRIPTS, time_ms: 300000 });
  fs.writeFileSync(stamp, digest);
}

function writeEnvFile() {
  const lines = Object.entries(sourcesEnv()).map(([name, folder]) => `export ${name}='${folder}'`);
  const text = `# For calling cmake by hand: . build/env.sh\n${lines.join('\n')}\n`;
  const file = path.join(BUILD, 'env.sh');
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  fs.writeFileSync(file, text);
}

/** Prepares what a build of these kinds needs; returns the environment for CMake.
 *
 * wanted: { windows, portable (libraries are linked in), modules, tests (of the Windows programs),
 * say }. */
export async function prepare(wanted = {}) {
  const { windows = false, portable = false, modules = false, tests = false,
    say = () => {} } = wanted;
  fs.mkdirSync(BUILD, { recursive: true });
  if (!ON_WINDOWS) {
    await prepareSources({ windows, portable }, say);
    writeEnvFile();
    if (windows) await prepareWine(undefined, say);
    if (windows && tests) await prepareWindowsNode(say);
  }
  if (modules) await prepareModules(say);
  return sourcesEnv();
}

const WANTED = ['tools', 'run', 'build', 'package', 'windows', 'test', 'record', 'mpi', 'bench',
  'all'];

async function main(args) {
  const wanted = args[0] === '--for' ? args[1] : 'all';
  if (!WANTED.includes(wanted)) {
    throw new Failure(`--for ${wanted}: expected ${WANTED.slice(1, -1).join(', ')} or all`, 2);
  }
  await prepare({
    windows: ['windows', 'test', 'bench', 'all'].includes(wanted),
    portable: wanted === 'package',
    modules: ['tools', 'run', 'package', 'test', 'all'].includes(wanted),
    tests: ['test', 'all'].includes(wanted),
    say: (text) => console.log(text),
  });
  console.log('scripts/setup: everything is here');
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/setup', main);
