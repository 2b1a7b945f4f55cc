// Packages of the programs: archives that run where they are unpacked, and a .deb.

import fs from 'node:fs';
import path from 'node:path';
import { BUILD, ROOT, shown } from '../base/paths.mjs';
import { Failure, run, runCommand, runOk } from '../base/process.mjs';
import { prepare } from '../building/setup.mjs';

const USAGE = `usage: scripts/package [linux|deb|windows ...]

Builds the programs and packs them into build/packages; without a name, all of these:
  linux    dummyload-*.tar.gz: runs where it is unpacked
  deb      dummyload_*.deb: for Debian and its relatives, with this one's libraries
  windows  dummyload-*.zip: runs where it is unpacked
All have manual pages and completions. Of one commit and with the same tools, the packages are the
same to the byte.
exit: 0 made; 1 failed; 2 bad usage`;

const KINDS = {
  linux: { preset: 'linux', generator: 'TGZ', options: ['-DDUMMYLOAD_PORTABLE=ON'] },
  deb: { preset: 'linux', generator: 'DEB', options: ['-DDUMMYLOAD_MPI=OFF'] },
  windows: { preset: 'windows', generator: 'ZIP', options: ['-DDUMMYLOAD_PORTABLE=ON'] },
};

/** The libraries that are linked in. */
const INSIDE = { DUMMYLOAD_CJSON: 'CJSON', DUMMYLOAD_CIVETWEB: 'CIVETWEB' };

/** The time of the commit, which all times in a package are: a second call makes the same bytes. */
async function commitTime() {
  if (process.env.SOURCE_DATE_EPOCH) return process.env.SOURCE_DATE_EPOCH;
  const git = await run('git', ['-C', ROOT, 'log', '-1', '--format=%ct'], { time_ms: 60000 });
  return git.code === 0 ? git.stdout.trim() : String(Math.floor(Date.now() / 1000));
}

async function makePackage(name, env) {
  const { preset, generator, options } = KINDS[name];
  const folder = path.join(BUILD, `package-${name}`);
  const sources = options.includes('-DDUMMYLOAD_PORTABLE=ON') ? Object.entries(INSIDE)
    .filter(([variable]) => env[variable])
    .map(([variable, library]) => `-DFETCHCONTENT_SOURCE_DIR_${library}=${env[variable]}`) : [];
  const bounds = { env, cwd: ROOT, time_ms: 1800000 };
  console.log(`building build/package-${name} ...`);
  await runOk('cmake', ['--preset', preset, '-B', folder, '-DDUMMYLOAD_TESTS=OFF', ...options,
    ...sources], bounds);
  await runOk('cmake', ['--build', folder, '--parallel'], bounds);
  const made = await runOk('cpack', ['-G', generator, '--config',
    path.join(folder, 'CPackConfig.cmake')], { ...bounds, cwd: folder });
  const file = /package: (\S+) generated/.exec(made.stdout)?.[1];
  if (!file || !fs.existsSync(file)) throw made.failure('made no package');
  console.log(`${name}: ${shown(file)}`);
}

runCommand('scripts/package', async (args) => {
  const names = args.length ? args : Object.keys(KINDS);
  const unknown = names.find((name) => !Object.hasOwn(KINDS, name));
  if (unknown) throw new Failure(`${unknown}: expected linux, deb or windows\n${USAGE}`, 2);
  process.umask(0o022);
  const prepared = await prepare({ windows: names.includes('windows'), portable: true,
    modules: true, say: (text) => console.log(text) });
  const env = { ...prepared, SOURCE_DATE_EPOCH: await commitTime() };
  for (const name of names) await makePackage(name, env);
  return 0;
}, USAGE);
