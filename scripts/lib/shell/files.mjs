// node files.mjs PROGRAMS FOLDER [VENDOR]: the manual pages and completions of the programs in
// PROGRAMS, as FOLDER/share/..., where man and the shells look for them below a prefix. With VENDOR
// (as a .deb has it) zsh's are where Debian's packages have theirs. cmake --install calls it.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ON_WINDOWS } from '../base/paths.mjs';
import { Failure, runCommand, runOk } from '../base/process.mjs';
import { prepareWine, wineCall } from '../building/wine.mjs';
import { bashCompletion } from './bash.mjs';
import { commandOfTable, readTable } from './commands.mjs';
import { fishCompletion } from './fish.mjs';
import { manPage } from './man.mjs';
import { powershellCompletion } from './powershell.mjs';
import { zshFile } from './zsh.mjs';

const PROGRAMS = ['dummyclient', 'dummyserver'];
/** dummyclient-mpi takes the options of dummyclient. */
export const CALLED = { dummyclient: ['dummyclient', 'dummyclient-mpi'],
  dummyserver: ['dummyserver'] };

/** How to call a program of a folder, whichever system it is for. */
export async function callOf(folder, name) {
  const file = path.join(folder, name);
  if (fs.existsSync(file)) return { command: file, args: [], env: {} };
  if (!fs.existsSync(`${file}.exe`)) throw new Failure(`${file}: there is no such program`);
  if (ON_WINDOWS) return { command: `${file}.exe`, args: [], env: {} };
  await prepareWine();
  return wineCall(`${file}.exe`);
}

/** Of what is to be the same when it is made again, SOURCE_DATE_EPOCH is the time. */
const today = () => new Date(process.env.SOURCE_DATE_EPOCH
  ? process.env.SOURCE_DATE_EPOCH * 1000 : Date.now()).toISOString().slice(0, 10);

/** { path below the prefix: text }. */
export async function filesOf(folder, { vendor = false } = {}) {
  const files = {};
  const known = [];
  for (const name of PROGRAMS) {
    const call = await callOf(folder, name);
    const table = await readTable(call);
    const said = await runOk(call.command, [...call.args, '--version'], { env: call.env });
    const version = said.stdout.trim().split(' ')[1];
    const one = { command: commandOfTable(table), called: CALLED[name] };
    known.push(one);
    files[`share/man/man1/${name}.1`] = manPage(table, { version, date: today() });
    files[`share/bash-completion/completions/${name}`] = bashCompletion([one]);
    files[`share/zsh/${vendor ? 'vendor-completions' : 'site-functions'}/_${name}`] = zshFile(one);
    files[`share/fish/vendor_completions.d/${name}.fish`] = fishCompletion([one]);
  }
  files['share/dummyload/completions.ps1'] = powershellCompletion(known);
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  runCommand('scripts/lib/shell/files.mjs', async ([programs, folder, vendor]) => {
    const files = await filesOf(programs, { vendor: vendor === 'VENDOR' });
    fs.rmSync(path.join(folder, 'share'), { recursive: true, force: true });
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(folder, ...name.split('/'));
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    }
    return 0;
  });
}
