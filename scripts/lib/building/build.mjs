// Configures and builds the presets of CMakePresets.json into build/<preset>.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD, ON_WINDOWS, PROGRAMS_GIVEN, ROOT, buildFolder, shown } from '../base/paths.mjs';
import { Failure, runCommand, run } from '../base/process.mjs';
import { prepare } from './setup.mjs';

const PRESETS = ['linux', 'windows', 'asan', 'tsan', 'linux-clang', 'fuzz'];

function presetOf(name) {
  return ON_WINDOWS ? 'msvc' : name;
}

// A configuration is made anew when what it was made from has changed; ninja sees the rest.
function configurationKey(name, env, tests) {
  const presets = fs.readFileSync(path.join(ROOT, 'CMakePresets.json'));
  return crypto.createHash('sha256').update(presets)
    .update(JSON.stringify([ROOT, name, env, tests])).digest('hex');
}

/** Configures, with the tests where they are to be built; without them (and their libraries) is
 *  enough to play, but a folder that has them keeps them. */
async function configure(name, { folder, env, tests, say, log }) {
  const stamp = path.join(folder, '.configured');
  const found = fs.existsSync(stamp) ? fs.readFileSync(stamp, 'utf8') : null;
  const keys = [true, tests].map((one) => configurationKey(name, env, one));
  if (keys.includes(found)) return;
  // Where this is ended in its midst, the folder is half of two configurations: neither this
  // program nor ninja called by hand is to take it for one.
  for (const file of [stamp, path.join(folder, 'build.ninja')]) fs.rmSync(file, { force: true });
  say(`configuring build/${name} ...`);
  await step(`configuring ${name}`, 'cmake', ['--preset', presetOf(name),
    `-DDUMMYLOAD_TESTS=${tests ? 'ON' : 'OFF'}`], env, log);
  fs.writeFileSync(stamp, keys[1]);
}

async function step(what, command, args, env, log) {
  const program = await run(command, args, { env, cwd: ROOT, time_ms: 1800000 });
  fs.appendFileSync(log, program.stdout + program.stderr);
  if (program.code !== 0) {
    const printed = `${program.stdout}\n${program.stderr}`.trim().split('\n').slice(-40).join('\n');
    throw new Failure(`${what} failed (all of it is in ${shown(log)}):\n${printed}` +
      (program.error ? `\n${program.error.message}` : ''));
  }
}

/** What plays; everything else (fuzzers, the programs of the bench) belongs to the tests. */
const PAIR = ['dummyclient', 'dummyserver'];

/** Builds the targets (all without any) of a preset. env: from prepare(). With
 * DUMMYLOAD_PROGRAMS set nothing is built: those programs are used. */
export async function build(name, { env = {}, targets = [], say = () => {} } = {}) {
  if (PROGRAMS_GIVEN) return PROGRAMS_GIVEN;
  const folder = buildFolder(ON_WINDOWS ? 'windows' : name);
  const log = path.join(folder, 'build.log');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(log, '');
  const started = Date.now();
  const tests = targets.length === 0 || targets.some((target) => !PAIR.includes(target));
  await configure(name, { folder, env, tests, say, log });
  const slow = setTimeout(() => say(`building build/${name} ...`), 1500);
  const args = ['--build', folder, '--parallel'];
  if (ON_WINDOWS) args.push('--config', 'RelWithDebInfo');
  if (targets.length) args.push('--target', ...targets);
  try {
    await step(`building ${name}`, 'cmake', args, env, log);
  } finally {
    clearTimeout(slow);
  }
  const seconds = (Date.now() - started) / 1000;
  if (seconds > 3) say(`built build/${name} in ${seconds.toFixed(0)} s`);
  return folder;
}

/** Prepares and builds the client and the server: what every command does that plays. */
export async function buildPair({ windows = false, modules = false, say }) {
  const env = await prepare({ windows, modules, say });
  await build(windows ? 'windows' : 'linux', { env, targets: PAIR, say });
  return env;
}

async function main(args) {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(`usage: scripts/build [${PRESETS.join('|')} ...]   (linux by default)`);
    return 0;
  }
  const names = args.length ? args : [ON_WINDOWS ? 'windows' : 'linux'];
  const unknown = names.find((name) => !PRESETS.includes(name));
  if (unknown) throw new Failure(`${unknown}: expected ${PRESETS.join(', ')}`, 2);
  const say = (text) => console.log(text);
  const env = await prepare({ windows: names.includes('windows'), say });
  for (const name of names) {
    await build(name, { env, say });
    console.log(`${name}: ${shown(path.join(BUILD, name))}`);
  }
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runCommand('scripts/build', main);
