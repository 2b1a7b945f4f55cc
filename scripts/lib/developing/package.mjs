// Archives of the programs that run where they are unpacked.

import fs from 'node:fs';
import path from 'node:path';
import { BUILD, ROOT, shown } from '../base/paths.mjs';
import { Failure, runCommand, runOk } from '../base/process.mjs';
import { prepare } from '../building/setup.mjs';

const USAGE = `usage: scripts/package [linux|windows ...]

Builds the programs so that they run where they are unpacked, and packs them as
build/packages/dummyload-*.tar.gz and .zip; without a name, for both systems.
exit: 0 made; 1 failed; 2 bad usage`;

async function makePackage(name, env) {
  const folder = path.join(BUILD, `package-${name}`);
  const options = ['-DDUMMYLOAD_TESTS=OFF', '-DDUMMYLOAD_PORTABLE=ON'];
  for (const name of ['CJSON', 'CIVETWEB']) {
    const source = env[`DUMMYLOAD_${name}`];
    if (source) options.push(`-DFETCHCONTENT_SOURCE_DIR_${name}=${source}`);
  }
  const bounds = { env, cwd: ROOT, time_ms: 900000 };
  console.log(`building build/package-${name} ...`);
  await runOk('cmake', ['--preset', name, '-B', folder, ...options], bounds);
  await runOk('cmake', ['--build', folder, '--parallel'], bounds);
  const made = await runOk('cpack', ['--config', path.join(folder, 'CPackConfig.cmake')],
    { ...bounds, cwd: folder });
  const file = /package: (\S+) generated/.exec(made.stdout)?.[1];
  if (!file || !fs.existsSync(file)) throw made.failure('made no package');
  console.log(`${name}: ${shown(file)}`);
}

runCommand('scripts/package', async (args) => {
  const names = args.length ? args : ['linux', 'windows'];
  const unknown = names.find((name) => !['linux', 'windows'].includes(name));
  if (unknown) throw new Failure(`${unknown}: expected linux or windows\n${USAGE}`, 2);
  const env = await prepare({ windows: true, say: (text) => console.log(text) });
  for (const name of names) await makePackage(name, env);
  return 0;
}, USAGE);
