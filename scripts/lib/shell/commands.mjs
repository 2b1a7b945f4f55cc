// What a shell has to know of a command, from where it is written down: a program's own table of
// options (--list-options), or what a script says for --help.
//
// A command: { name, options: [{ letter, name, argument, value, about }], others, commands } with
// value and others (the words that are no options) one of: null (none), { kind: 'any' },
// { kind: 'file' }, { kind: 'folder' }, { kind: 'scenario' }, { kind: 'words', words: [{ word,
// meaning }], optional: may it be left out }. commands: [{ word, about, command }], of the lines
// that begin with this word.

import { Failure, runOk } from '../base/process.mjs';

const ABOUT_LETTERS_MAX = 60;

/** The first thing that a text says, in one line. */
export function firstWords(text) {
  const line = text.replace(/\s+/g, ' ').trim();
  const [clause] = /^.*?(?=;|: | \(|\. |, |$)/.exec(line);
  const whole = clause.length >= 12 ? clause : line.split(/;|\. /)[0];
  if (whole.length <= ABOUT_LETTERS_MAX) return whole.replace(/[.:,]$/, '');
  return `${whole.slice(0, ABOUT_LETTERS_MAX).replace(/\s+\S*$/, '')} ...`;
}

/** What an argument's name says of its value. */
export function valueOf(argument, choices = []) {
  if (argument === null) return null;
  if (choices.length) return { kind: 'words', words: choices };
  if (/^[a-z0-9]+(\|[a-z0-9]+)+$/.test(argument)) {
    return { kind: 'words', words: argument.split('|').map((word) => ({ word, meaning: null })) };
  }
  if (/^(FOLDER|DIR)$/.test(argument)) return { kind: 'folder' };
  return { kind: /^(\w+\.json|FILE)$/.test(argument) ? 'file' : 'any' };
}

/** The command of a program's table. */
export function commandOfTable(table) {
  const options = table.options.filter(({ name }) => name).map(
    ({ letter, name, argument, help, choices }) => ({ letter, name, argument,
      value: valueOf(argument, choices), about: firstWords(help) }));
  const [line] = table.usage.split('\n');
  const others = /SCENARIO/.test(line) ? { kind: 'scenario' }
    : /\[FILE\]/.test(line) ? { kind: 'file' } : null;
  const commands = table.commands.map((one) => ({ word: one.program.split(' ').at(-1),
    about: firstWords(one.summary), command: commandOfTable(one) }));
  return { name: table.program, options, others, commands };
}

function parsed(command, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(`${command} --list-options: this is no JSON: ${text.slice(0, 80)}`);
  }
}

/** A program's table, from the program, with those of its commands. call: { command, args, env }
 *  before its own arguments. */
export async function readTable({ command, args, env }) {
  const program = await runOk(command, [...args, '--list-options'], { env, time_ms: 180000 });
  const table = parsed(command, program.stdout);
  const commands = await Promise.all(table.commands.map((word) =>
    readTable({ command, args: [...args, word], env })));
  return { ...table, commands };
}

// "-o, --out FILE" and its like; what is quoted has blanks in it.
const OPTION = /(?:-(\w), )?--([a-z][a-z-]*)(?: ('[^']*'|[A-Za-z0-9[][^\s,]*))?/g;

function wordsOf(usage) {
  const named = /\[([a-z0-9-]+(?:\|[a-z0-9-]+)+) \.\.\.\]/.exec(usage);
  if (named) return named[1].split('|').map((word) => ({ word, meaning: null }));
  if (!/\[(CHECK|PART) ?\.\.\.\]/.test(usage)) return null;
  return [...usage.matchAll(/^ {2}([a-z][a-z-]*) {2,}(\S.*)$/gm)].map(([, word, text]) => (
    { word, meaning: firstWords(text) }));
}

function othersOf(usage) {
  const words = wordsOf(usage);
  if (words) return { kind: 'words', words };
  const [line] = usage.split('\n\n');
  if (/SCENARIO/.test(line)) return { kind: 'scenario' };
  return /RUN|RESULT|BASELINE|CAPTURE|CLIENT|TARGET/.test(line) ? { kind: 'file' } : null;
}

/** Of the words of usage lines and of "  --name ARGUMENT   what it is": the part with the names. */
function headOf(line) {
  if (/^(usage:)? *scripts\/|^ +\[/.test(line)) return line.replace(/(\S) {2,}[^ -].*$/, '$1');
  return /^ +-/.test(line) ? line.replace(/^( +-.*?) {2,}[^- ].*$/, '$1') : '';
}

/** Of an option that a text names several times, perhaps each time with another of its words;
 *  alone: once without any. */
function valueOfAll(given, alone) {
  const values = given.map((argument) => valueOf(argument));
  const several = new Set(given.filter((argument) => /^[a-z]+$/.test(argument))).size > !alone;
  const words = values.flatMap((value, i) => (value.kind === 'words' ? value.words
    : several ? [{ word: given[i], meaning: null }] : []));
  if (!words.length) return values[0] ?? null;
  return { kind: 'words', optional: alone, words: words.filter(({ word }, i) =>
    words.findIndex((other) => other.word === word) === i) };
}

/** The command that a script's --help describes. programs: the commands of dummyclient and
 *  dummyserver, for scripts that take their options, too; refused: those of the client's that this
 *  one does not take. */
export function commandOfUsage(name, usage, programs = [], refused = {}) {
  const found = new Map();
  for (const line of usage.split('\n')) {
    const head = headOf(line);
    const about = /^ +-/.test(line) ? firstWords(line.slice(head.length)) : '';
    for (const [, letter = null, long, given] of head.matchAll(OPTION)) {
      const known = found.get(long) ?? { letter, given: [], alone: false, about };
      if (given) known.given.push(given.replace(/\]$/, ''));
      else known.alone ||= /^ +-/.test(line);
      found.set(long, { ...known, about: known.about || about });
    }
  }
  const [client, server] = ['dummyclient', 'dummyserver'].map((program) =>
    programs.find((one) => one.name === program)?.options ?? []);
  const more = /\[options of (dummyclient|the client)\]/.test(usage)
    ? client.filter((option) => !refused[`--${option.name}`]) : [];
  const own = [...found].map(([long, { letter, given, alone, about }]) => {
    const value = valueOfAll(given, alone);
    // A handler, a model or a framing is the server's.
    const theirs = value?.kind === 'any' && server.find((other) => other.name === long &&
      other.value?.kind === 'words');
    // What a script only mentions of the client's options, the client describes.
    return (!about && more.find((other) => other.name === long)) || { letter, name: long,
      argument: given[0] ?? null, value: theirs ? theirs.value : value, about };
  });
  const help = { letter: 'h', name: 'help', argument: null, value: null,
    about: 'print what it does' };
  const options = [...own, ...more, help].filter((one, i, all) =>
    all.findIndex((other) => other.name === one.name) === i);
  return { name, options, others: othersOf(usage), commands: [] };
}
