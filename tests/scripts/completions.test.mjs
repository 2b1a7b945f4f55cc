// Manual pages and completions: made from what the programs and scripts say of themselves, and
// tried in the shells themselves.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { scriptFiles, usageOf } from '../../scripts/completions.mjs';
import { PROGRAMS_GIVEN, ROOT, SCRIPTS } from '../../scripts/lib/base/paths.mjs';
import { commandOfTable, commandOfUsage, firstWords, readTable, valueOf }
  from '../../scripts/lib/shell/commands.mjs';
import { callOf, filesOf } from '../../scripts/lib/shell/files.mjs';
import { manPage } from '../../scripts/lib/shell/man.mjs';

const LIMIT = { timeout: 600000 };
const PROGRAMS = path.resolve(PROGRAMS_GIVEN ?? path.join(ROOT, 'build', 'linux'));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-'));
const tables = {};
let files;

const at = (name) => path.join(folder, ...name.split('/'));

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: 120000, cwd: folder,
    ...options });
  assert.equal(done.error, undefined, `${command}: ${done.error?.message}`);
  return done;
}

before(async () => {
  files = await filesOf(PROGRAMS);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    fs.writeFileSync(at(name), text);
  }
  for (const name of ['dummyclient', 'dummyserver']) {
    tables[name] = await readTable(await callOf(PROGRAMS, name));
  }
  fs.mkdirSync(at('a folder'));
  fs.writeFileSync(at('my scenario.json'), '{}');
  fs.writeFileSync(at('notes.txt'), '');
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** The long names of the options of a program, or of "PROGRAM COMMAND", as --help lists them. */
const namesOf = (line) => [...run(path.join(PROGRAMS, line.split(' ')[0]),
  [...line.split(' ').slice(1), '--help']).stdout
  .matchAll(/^ {2}(?:-\w,| {3}) (--[a-z-]+)/gm)].map(([, name]) => name);

// ---- What is known of a command --------------------------------------------------------------

test('the table that a program prints is what its --help lists', LIMIT, () => {
  for (const [name, table] of Object.entries(tables)) {
    const names = table.options.filter((one) => one.name).map((one) => `--${one.name}`);
    assert.ok(names.length > 10);
    assert.deepEqual(names, namesOf(name));
  }
});

test('so is the table of a word that begins another command line', LIMIT, () => {
  const [init] = tables.dummyclient.commands;
  assert.equal(init.program, 'dummyclient init');
  assert.deepEqual(init.options.filter((one) => one.name).map((one) => `--${one.name}`),
    namesOf('dummyclient init'));
  assert.deepEqual(tables.dummyserver.commands, []);
});

test('a value is what its argument says', () => {
  assert.equal(valueOf(null), null);
  assert.deepEqual(valueOf('N'), { kind: 'any' });
  assert.deepEqual(valueOf('FILE'), { kind: 'file' });
  assert.deepEqual(valueOf('FOLDER'), { kind: 'folder' });
  assert.deepEqual(valueOf('a|b').words.map(({ word }) => word), ['a', 'b']);
  assert.equal(firstWords('print nothing but errors; ever'), 'print nothing but errors');
});

test('every option that a script describes, it takes', LIMIT, async () => {
  let asked = 0;
  for (const [name, file] of Object.entries(scriptFiles())) {
    const usage = await usageOf(name, file);
    assert.match(usage, /scripts\//, name);
    const { options } = commandOfUsage(name, usage);
    // Those that pass what they do not know on to the client would play.
    if (!file || /\[options of (dummyclient|the client)\]/.test(usage) ||
        /^(build|package|setup|completions)$/.test(name)) continue;
    const words = options.filter((option) => option.name !== 'help').flatMap(
      (option) => (option.value ? [`--${option.name}`, '1'] : [`--${option.name}`]));
    const done = run(process.execPath, [file, ...words, '--no-such-option']);
    assert.equal(done.status, 2, `${name}: ${done.stderr}`);
    assert.match(done.stderr, /unknown option --no-such-option/, `${name} ${words.join(' ')}`);
    asked += words.length;
  }
  assert.ok(asked > 40, `${asked}`);
});

test('what a script says of its options is read', async () => {
  const { setup, export: exporter } = scriptFiles();
  assert.equal(setup, null);
  const words = (command, name) => command.options.find((one) => one.name === name).value.words
    .map(({ word }) => word);
  const set = commandOfUsage('setup', await usageOf('setup', null));
  assert.deepEqual(words(set, 'for').slice(-2), ['mpi', 'bench']);
  const known = commandOfUsage('export', await usageOf('export', exporter));
  assert.ok(words(known, 'format').includes('csv'));
  assert.equal(known.options.find((one) => one.name === 'out').letter, 'o');
  const { regress } = scriptFiles();
  const compared = commandOfUsage('regress', await usageOf('regress', regress));
  assert.deepEqual(compared.options.find((one) => one.name === 'duet').value,
    { kind: 'words', optional: true, words: [{ word: 'auto', meaning: null }] });
});

// ---- Manual pages ----------------------------------------------------------------------------

test('the manual pages are clean to mandoc and to groff', LIMIT, () => {
  const pages = Object.keys(files).filter((name) => name.startsWith('share/man/'));
  assert.equal(pages.length, 2);
  for (const page of pages) {
    const lint = run('mandoc', ['-T', 'lint', at(page)]);
    assert.equal(lint.status, 0, lint.stdout + lint.stderr);
    assert.equal(lint.stdout, '');
    const shown = run('man', ['--warnings', '-l', at(page)], { env: { ...process.env, LC_ALL: 'C',
      MANPAGER: 'cat' } });
    assert.equal(shown.status, 0, shown.stderr);
    assert.equal(shown.stderr, '');
    const program = path.basename(page, '.1');
    for (const name of namesOf(program)) {
      assert.match(shown.stdout, new RegExp(`^ +(-\\w, )?${name}\\b`, 'm'), `${program} ${name}`);
    }
    const [, init] = shown.stdout.split('\nDUMMYCLIENT INIT\n');
    for (const name of program === 'dummyclient' ? namesOf('dummyclient init') : []) {
      assert.match(init, new RegExp(`^ +(-\\w, )?${name}\\b`, 'm'), name);
    }
    assert.match(shown.stdout, /EXIT STATUS\n +0 +(ok|served)/);
  }
});

test('nothing in a help text is a request of roff', () => {
  const table = { program: 'dummyserver', summary: 'a - b', usage: 'dummyserver [options]',
    notes: 'Exit status: 0 ok; 1 not.', commands: [], options: [{ name: 'x-y', letter: 'x',
      argument: 'F', help: '.so /etc/passwd \\n \'quoted\' --x-y', choices: [] }] };
  const page = manPage(table, { version: '1', date: '2020-01-02' });
  assert.match(page, /^\\&\.so \/etc\/passwd \\en 'quoted' \\-\\-x\\-y$/m);
  assert.match(page, /^\.TH DUMMYSERVER 1 2020-01-02 "Dummyload 1" "User Commands"$/m);
});

// ---- Shells ----------------------------------------------------------------------------------

const COMPLETIONS = { bash: 'share/bash-completion/completions', zsh: 'share/zsh/site-functions',
  fish: 'share/fish/vendor_completions.d' };

/** What bash offers for a line: the function that is registered is called as bash calls it. */
function bashOffers(words) {
  const script = `source "$1" && shift
    COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    line=$(complete -p "$1") || exit 9
    [[ $line =~ -F\\ ([^ ]+) ]] && "\${BASH_REMATCH[1]}" "$1"
    (( \${#COMPREPLY[@]} )) && printf '%s\\n' "\${COMPREPLY[@]}"; exit 0`;
  const done = run('bash', ['--norc', '-c', script, 'bash',
    at(`${COMPLETIONS.bash}/${words[0].replace('-mpi', '')}`), ...words]);
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stderr, '');
  return done.stdout.split('\n').filter(Boolean).sort();
}

function fishOffers(words) {
  const done = run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C "$argv[2..]"',
    at(`${COMPLETIONS.fish}/${words[0]}.fish`), ...words]);
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stderr, '');
  return done.stdout.split('\n').filter(Boolean).map((line) => line.split('\t')[0]).sort();
}

/** What becomes of lines when Tab is pressed behind each, in a zsh with a terminal. */
function zshCompletes(lines) {
  const out = at('completed');
  fs.rmSync(out, { force: true });
  fs.writeFileSync(at('.zshrc'), `PS1='> '; fpath=('${at(COMPLETIONS.zsh)}' $fpath)
autoload -Uz compinit && compinit -u -D
unsetopt list_beep beep auto_list auto_menu
complete_all() {
    local line
    while IFS= read -r line <&3; do
        BUFFER=$line; CURSOR=$#BUFFER
        zle complete-word
        print -r -- "$BUFFER" >>'${out}'
    done
    exit
}
zle -N complete_all
zle -N zle-line-init complete_all
exec 3<'${at('lines')}'
`);
  fs.writeFileSync(at('lines'), `${lines.join('\n')}\n`);
  run('script', ['-qec', 'zsh -i', '/dev/null'], { env: { ...process.env, ZDOTDIR: folder,
    TERM: 'xterm' }, stdio: ['pipe', 'ignore', 'pipe'] });
  const completed = fs.readFileSync(out, 'utf8').split('\n').slice(0, -1);
  assert.equal(completed.length, lines.length);
  return completed;
}

test('bash and fish offer every option, and no other', LIMIT, () => {
  for (const program of ['dummyclient', 'dummyserver']) {
    const names = namesOf(program).sort();
    const long = (offered) => offered.filter((word) => word.startsWith('--')).sort();
    assert.deepEqual(long(bashOffers([program, '--'])), names, `bash, ${program}`);
    assert.deepEqual(long(fishOffers([program, '--'])), names, `fish, ${program}`);
  }
  assert.deepEqual(bashOffers(['dummyclient-mpi', '--openm']), ['--openmetrics']);
});

test('`dummyclient init` is offered first, and then its own options alone', LIMIT, () => {
  const names = namesOf('dummyclient init');
  for (const offers of [bashOffers, fishOffers]) {
    assert.deepEqual(offers(['dummyclient', 'init', '--']).filter((word) => /^--/.test(word)),
      [...names].sort());
    assert.ok(offers(['dummyclient', '']).includes('init'));
    assert.ok(!offers(['dummyclient', '-c', '5', 'in']).includes('init'));
    assert.ok(!offers(['dummyclient', '--']).includes('--redis'));
    assert.deepEqual(offers(['dummyclient', 'init', '--rat']), ['--rate']);
  }
  const lines = zshCompletes(['dummyclient ini', 'dummyclient init --redi',
    'dummyclient --redi', 'dummyclient init --openm', 'dummyclient init note']);
  assert.deepEqual(lines.map((line) => line.trimEnd()), ['dummyclient init',
    'dummyclient init --redis', 'dummyclient --redi', 'dummyclient init --openm',
    'dummyclient init notes.txt']);
});

test('zsh completes every option', LIMIT, () => {
  for (const program of ['dummyclient', 'dummyserver']) {
    const names = namesOf(program);
    const whole = names.filter((name) => !names.some((other) => other !== name &&
      other.startsWith(name)));
    assert.ok(whole.length > 10);
    const completed = zshCompletes([...whole.map((name) => `${program} ${name}`),
      `${program} --no-such-opt`]);
    completed.slice(0, -1).forEach((line, i) => {
      assert.match(line, new RegExp(`^${program} ${whole[i]}[= ]$`));
    });
    assert.equal(completed.at(-1), `${program} --no-such-opt`);
  }
});

test('values are completed: words, files, and nothing where anything may stand', LIMIT, () => {
  const models = tables.dummyserver.options.find(({ name }) => name === 'model').choices
    .map(({ word }) => word).sort();
  assert.ok(models.length > 3);
  for (const offers of [bashOffers, fishOffers]) {
    assert.deepEqual(offers(['dummyserver', '--model', '']), models);
    assert.deepEqual(offers(['dummyserver', '--handler', 'c']), ['chat']);
    assert.deepEqual(offers(['dummyclient', '--io', '']), ['epoll', 'uring']);
    assert.deepEqual(offers(['dummyclient', '-c', '']), []);
    assert.ok(offers(['dummyclient', '--out', '']).some((one) => /notes\.txt/.test(one)));
    assert.deepEqual(offers(['dummyserver', '']), []);
  }
  assert.deepEqual(bashOffers(['dummyserver', '--model', '=', 'thr']), ['threads']);
  assert.deepEqual(fishOffers(['dummyserver', '--model=thr']), ['--model=threads']);
  const lines = zshCompletes(['dummyserver --handler c', 'dummyserver --model=thr',
    'dummyclient --io e', 'dummyclient my', 'dummyclient --out note']);
  assert.deepEqual(lines.map((line) => line.trimEnd()), ['dummyserver --handler chat',
    'dummyserver --model=threads', 'dummyclient --io epoll', 'dummyclient my\\ scenario.json',
    'dummyclient --out notes.txt']);
});

test('a scenario is completed among the files', LIMIT, () => {
  assert.deepEqual(bashOffers(['dummyclient', 'my']), ['my scenario.json']);
  assert.deepEqual(bashOffers(['dummyclient', 'a']), ['a folder']);
  assert.deepEqual(bashOffers(['dummyclient', 'notes']), []);
  assert.ok(fishOffers(['dummyclient', 'my']).some((one) => /^my.*scenario\.json$/.test(one)));
});

// PowerShell is not in Debian: its file is held against the table, and its brackets and quotes
// against each other.
test('PowerShell is offered every option and word, in a file whose brackets are whole', () => {
  const text = files['share/dummyload/completions.ps1'];
  const code = text.replace(/^ *#.*$/gm, '').replace(/'(?:[^']|'')*'/g, '0');
  assert.doesNotMatch(code, /['"]/);
  const open = [];
  for (const [sign] of code.matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(sign)) open.push(sign);
    else assert.equal('([{'[')]}'.indexOf(sign)], open.pop());
  }
  assert.deepEqual(open, []);
  for (const [name, table] of Object.entries(tables)) {
    const { options, commands } = commandOfTable(table);
    assert.match(text, new RegExp(`-CommandName .*'${name}'`));
    for (const option of [options, ...commands.map(({ command }) => command.options)].flat()) {
      assert.ok(text.includes(`'--${option.name} `), option.name);
      for (const { word } of option.value?.words ?? []) assert.ok(text.includes(`'${word} `), word);
    }
  }
});

test('scripts/completions is read by each shell, and knows the scripts and the programs', LIMIT,
  () => {
    const made = (shell) => {
      const done = run(process.execPath, [path.join(SCRIPTS, 'completions.mjs'), shell],
        { env: { ...process.env, DUMMYLOAD_PROGRAMS: PROGRAMS } });
      assert.equal(done.status, 0, done.stderr);
      assert.equal(done.stderr, '');
      return done.stdout;
    };
    for (const [shell, args] of [['bash', ['--norc']], ['zsh', ['-f']], ['fish', []]]) {
      fs.writeFileSync(at(`all.${shell}`), made(shell));
      const done = run(shell, [...args, '-n', at(`all.${shell}`)]);
      assert.equal(done.status, 0, done.stderr);
    }
    const offered = (...words) => run('bash', ['--norc', '-c', `source all.bash; COMP_WORDS=("$@")
      COMP_CWORD=$(($# - 1)); line=$(complete -p "$1"); [[ $line =~ -F\\ ([^ ]+) ]]
      "\${BASH_REMATCH[1]}"; echo "\${COMPREPLY[@]}"`, 'bash', ...words]).stdout.trim().split(' ');
    assert.ok(offered('scripts/export', '--format', '').includes('csv'));
    assert.deepEqual(offered('scripts/regress', '--duet', 'a').sort(), ['auto']);
    assert.ok(offered('scripts/regress', '--duet', '').includes('auto'));
    assert.ok(offered('scripts/regress', '--duet', '--base').includes('--baseline'));
    fs.mkdirSync(at('scripts'), { recursive: true });
    fs.writeFileSync(at('scripts/setup'), '#!/bin/sh\n', { mode: 0o755 });
    const fish = run('fish', ['--no-config', '-c',
      'source all.fish; complete -C "scripts/setup --for b"']);
    assert.deepEqual(fish.stdout.split('\n').filter(Boolean), ['bench', 'build']);
    assert.match(made('powershell'), /-CommandName 'stress\.cmd'/);
    const refused = run(process.execPath, [path.join(SCRIPTS, 'completions.mjs'), 'tcsh']);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /^scripts\/completions: tcsh: expected bash, zsh, fish or power/);
  });
