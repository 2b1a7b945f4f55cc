// Completions of the scripts, and of the programs that are built, for a shell.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MANY_RUNS_REFUSED, STRESS_REFUSED } from './lib/base/arguments.mjs';
import { ON_WINDOWS, programsFolder, SCRIPTS } from './lib/base/paths.mjs';
import { Failure, runCommand, runOk } from './lib/base/process.mjs';
import { bashCompletion } from './lib/shell/bash.mjs';
import { commandOfTable, commandOfUsage, readTable } from './lib/shell/commands.mjs';
import { CALLED, callOf } from './lib/shell/files.mjs';
import { fishCompletion } from './lib/shell/fish.mjs';
import { powershellCompletion } from './lib/shell/powershell.mjs';
import { zshCompletion } from './lib/shell/zsh.mjs';

const USAGE = `usage: scripts/completions bash|zsh|fish|powershell

Prints completions of the scripts, called as scripts/NAME, and of dummyclient and dummyserver as
they are built (build/linux). For this shell:

  bash        eval "$(scripts/completions bash)"
  zsh         eval "$(scripts/completions zsh)"         behind compinit
  fish        scripts/completions fish | source
  powershell  scripts\\completions.cmd powershell | Out-String | Invoke-Expression

To have them always, write what it prints into a file that the shell reads. The packages of
scripts/package have completions of the programs.
exit: 0 printed; 1 a program did not say its options; 2 bad usage`;

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion,
  powershell: powershellCompletion };

/** Every command of this folder, with the program that it starts; null: it is one itself. */
export function scriptFiles() {
  const files = {};
  for (const name of fs.readdirSync(SCRIPTS).sort()) {
    const file = path.join(SCRIPTS, name);
    if (!/^[a-z-]+$/.test(name) || !fs.statSync(file).isFile()) continue;
    const started = /start\.sh" \S+ (\S+\.mjs)/.exec(fs.readFileSync(file, 'utf8'));
    files[name] = started ? path.join(SCRIPTS, started[1]) : null;
  }
  return files;
}

/** What a script says for --help. */
export async function usageOf(name, file) {
  const [command, ...args] = file ? [process.execPath, file] : ['sh', path.join(SCRIPTS, name)];
  return (await runOk(command, [...args, '--help'], { time_ms: 60000 })).stdout;
}

async function programCommands() {
  const folder = programsFolder(ON_WINDOWS ? 'windows' : 'linux');
  const found = [];
  for (const name of Object.keys(CALLED)) {
    const file = path.join(folder, ON_WINDOWS ? `${name}.exe` : name);
    if (!fs.existsSync(file)) return [];
    found.push({ command: commandOfTable(await readTable(await callOf(folder, name))),
      called: CALLED[name] });
  }
  return found;
}

/** All commands: [{ command, called }]. shell: how it calls a script. */
async function allCommands(shell) {
  const programs = await programCommands();
  const known = programs.map(({ command }) => command);
  const files = Object.entries(scriptFiles()).filter(([, file]) => file || !ON_WINDOWS);
  const scripts = await Promise.all(files.map(async ([name, file]) => {
    const refused = name === 'stress' ? STRESS_REFUSED : MANY_RUNS_REFUSED;
    const command = commandOfUsage(name, await usageOf(name, file), known, refused);
    const called = shell === 'powershell' ? [`${name}.cmd`]
      : [`scripts/${name}`, ...shell === 'bash' ? [`./scripts/${name}`] : []];
    return { command: { ...command, name: `scripts_${name}` }, called };
  }));
  return [...programs, ...scripts];
}

async function main(argv) {
  const [shell] = argv;
  if (argv.length !== 1 || !Object.hasOwn(SHELLS, shell)) {
    throw new Failure(`${argv.length ? `${argv.join(' ')}: ` : ''}expected bash, zsh, fish or ` +
      `powershell\n${USAGE}`, 2);
  }
  const commands = await allCommands(shell);
  if (commands.every(({ command: { name } }) => name !== 'dummyclient')) {
    console.error('scripts/completions: dummyclient is not built (scripts/build): its options ' +
      'are left out');
  }
  console.log(SHELLS[shell](commands));
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  runCommand('scripts/completions', main, USAGE);
}
