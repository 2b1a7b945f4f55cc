// The command lines of scripts/stress, scripts/regress and scripts/capacity: their own options, the
// scenarios, and what goes to the client, whose options are read as it reads them itself (-c5,
// --duration=5s, --dur 5s).

import { parseArgs } from 'node:util';
import { Failure } from './process.mjs';
import { nearestWord } from './suggest.mjs';

// dummyclient's: the short names of its options, and those that take a value. A test compares them
// with what dummyclient --help lists.
export const CLIENT_SHORT = { H: '--host', p: '--port', c: '--connections', r: '--rate',
  d: '--duration', t: '--threads', o: '--out', q: '--quiet', h: '--help' };
export const CLIENT_VALUES = new Set(['--host', '--port', '--target', '--duet', '--connections',
  '--connect-rate', '--connect-timeout', '--rate', '--rate-per-connection', '--duration',
  '--warmup', '--threads', '--seed', '--set', '--source', '--out', '--ndjson', '--run-id',
  '--openmetrics', '--threshold', '--io', '--spin', '--codec', '--trace', '--tls-ca', '--listen',
  '--listen-token', '--listen-server', '--send']);
export const CLIENT_FLAGS = new Set(['--no-strict', '--check', '--print-scenario', '--busy-poll',
  '--quiet', '--no-progress', '--no-keys', '--screen', '--list-options', '--version', '--help',
  '--tls', '--insecure']);

// What other programs call an option, and what is to be said beside it: dummyclient's own table
// (a test compares the two).
export const CLIENT_HABITS = [
  ['rps qps tps R throughput requests-per-second arrival-rate', 'rate'],
  ['concurrency users vus clients conns concurrent', 'connections'],
  ['time timelimit time-limit run-time runtime length z', 'duration'],
  ['n N i requests iterations num count loops', 'duration',
    'A run ends by time, not after a number of requests'],
  ['ramp-up rampup ramp spawn-rate hatch-rate', 'connect-rate',
    'More than that: `stages` of the scenario'],
  ['workers cpus', 'threads'],
  ['timeout request-timeout', 'connect-timeout',
    'How long a reply may take, `within` of the scenario says'],
  ['server address ip', 'host'],
  ['k skip-tls-verify insecure-skip-tls-verify no-verify', 'insecure'],
  ['ca cacert ca-file', 'tls-ca'],
  ['ssl https secure', 'tls'],
  ['json output output-file report result save summary-export', 'out'],
  ['v verbose debug log', 'trace'],
  ['dry-run validate plan', 'check'],
  ['assert fail-if sla', 'threshold'],
  ['env e var param', 'set'],
  ['V', 'version'],
  ['silent', 'quiet'],
  ['s f file script config scenario url uri u U', null,
    'the scenario, or a URL, is a word without an option: dummyclient scenario.json'],
  ['body data payload m message', 'send'],
];

/** What is to be said of an option that is none of the names (with their dashes). */
function unknownOption(given, names, habits = []) {
  const name = given.replace(/=.*$/, '');
  const word = name.replace(/^--?/, '');
  const habit = habits.find(([words]) => words.split(' ').includes(word) &&
    name.startsWith('--') === word.length > 1);
  const several = name.length > 2 ? names.filter((one) => one.startsWith(name)) : [];
  if (several.length > 1) {
    return new Failure(`${name} may be one of ${several.join(', ')}: write more of it`, 2);
  }
  const [, option, note] = habit ?? [];
  const near = habit ? option && `--${option}`
    : several[0] ?? (name.startsWith('--') && nearestWord(name, names));
  return new Failure([`unknown option ${given};`, near && `did you mean ${near}?`, note,
    !near && !note && 'see --help'].filter(Boolean).join(' '), 2);
}

/** Refuses the value of an option that is empty, as an unset variable makes it: it would be taken
 *  as not given. */
function demandText(name, value) {
  if (value === '') throw new Failure(`${name}: its value is empty`, 2);
  return value;
}

/** Reads a command line of own options alone, given as those of parseArgs (node:util). Returns
 *  { names: [what is no option], NAME: value }. Throws a Failure of code 2. */
export function ownArguments(argv, options, usage) {
  const { tokens, values, positionals } = parseArgs({ args: argv, options, strict: false,
    allowPositionals: true, tokens: true });
  for (const { name, rawName, value } of tokens.filter(({ kind }) => kind === 'option')) {
    const type = Object.hasOwn(options, name) ? options[name].type : null;
    if (type === null) {
      const { message } = unknownOption(rawName, Object.keys(options).map((own) => `--${own}`));
      throw new Failure(`${message}\n${usage}`, 2);
    }
    if (type === 'string' && value === undefined) throw new Failure(`${rawName} needs a value`, 2);
    if (type === 'boolean' && value !== undefined) {
      throw new Failure(`${rawName} takes no value`, 2);
    }
    demandText(rawName, value);
  }
  return { names: positionals, ...values };
}

/** The kinds of options that ownArguments() takes. */
export const TEXT = { type: 'string' };
export const FLAG = { type: 'boolean' };
export const OUT = { type: 'string', short: 'o' };
/** Those of pushing a result to a service (results/push.mjs). */
export const PUSH = { push: TEXT, format: TEXT, header: { type: 'string', multiple: true } };

/** Time as the programs take it, in milliseconds; undefined when it is none. */
export function durationMs(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text ?? '');
  return match ? Number(match[1]) * { ms: 1, s: 1000, m: 60000, h: 3600000 }[match[2]] : undefined;
}

/** The client's long option that name is, or the only one it abbreviates; null: it is none. */
function clientName(name) {
  const all = [...CLIENT_VALUES, ...CLIENT_FLAGS];
  if (all.includes(name)) return name;
  const found = name.length > 2 ? all.filter((one) => one.startsWith(name)) : [];
  return found.length === 1 ? found[0] : null;
}

/** A word as [name, attached value or undefined]; null: it is no option. */
function splitOption(word, own) {
  if (word.startsWith('--')) {
    const at = word.indexOf('=');
    return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
  }
  if (!/^-[^-]/.test(word)) return null;
  if (Object.hasOwn(own, word)) return [word, undefined];
  // A value may hang on a short option, and one without a value may be followed by others.
  for (let i = 1; i < word.length; i++) {
    const name = CLIENT_SHORT[word[i]];
    if (!name) return [word, undefined];
    if (CLIENT_VALUES.has(name)) {
      return [`-${word[i]}`, word.slice(i + 1) || undefined, word.slice(1, i)];
    }
  }
  return ['', undefined, word.slice(1)];
}

/** Reads a command line. own: the caller's options, name to true (takes a value), 'empty' (takes
 *  one that may be empty) or false; refused: the client's that it cannot take, long name to why.
 *  Returns { own: [[name, value], ...], client: [words for the client], given: { long name: last
 *  value }, names: [what is no option] }. Words after "--" are the client's. Throws a Failure
 *  of code 2. */
export function commandLine(argv, own, refused = {}) {
  const read = { own: [], client: [], given: {}, names: [] };
  let mine = own;
  const take = (name, words, value) => {
    if (refused[name]) throw new Failure(`${words[0]}: ${refused[name]}`, 2);
    read.given[name] = value ?? true;
    read.client.push(...words);
  };
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--' && mine === own) {
      mine = {};
      continue;
    }
    const split = splitOption(argv[i], mine);
    if (!split) {
      read.names.push(argv[i]);
      continue;
    }
    const [name, attached, flags = ''] = split;
    for (const letter of flags) take(CLIENT_SHORT[letter], [`-${letter}`]);
    const long = name.startsWith('--') ? clientName(name) : CLIENT_SHORT[name[1]];
    if (name && !long && !Object.hasOwn(mine, name)) {
      throw unknownOption(argv[i], [...Object.keys(mine), ...CLIENT_VALUES, ...CLIENT_FLAGS],
        CLIENT_HABITS);
    }
    const takesValue = mine[name] ?? CLIENT_VALUES.has(long);
    const value = takesValue ? attached ?? argv[++i] : attached;
    if (takesValue && value === undefined) throw new Failure(`${name} needs a value`, 2);
    if (mine[name] === true) demandText(name, value);
    if (Object.hasOwn(mine, name)) read.own.push([name, value]);
    else if (takesValue) take(long, [name, value], value);
    else if (name) take(long, [argv[i]]);
  }
  return read;
}

/** Is it no file, but a URL, of which the client makes a scenario? */
export function isUrl(name) {
  return /^[a-z][a-z0-9+]+:\/\//i.test(name ?? '');
}

const STRESS_VALUES = { '--server-cmd': 'serverCommand', '--handler': 'handler', '--model': 'model',
  '--framing': 'framing', '--server-options': 'serverOptions', '--results': 'results' };
const STRESS_FLAGS = { '--windows': ['windows', true], '--no-page': ['page', false],
  '--tls': ['tls', true], '--live': ['live', true] };
const TWO_SERVERS = 'scripts/regress --duet plays two servers';
const OWN_FOLDER = 'scripts/stress chooses the run and its folder itself (--results FOLDER says ' +
  'where)';

/** The client's options that scripts/stress cannot take, and why. */
export const STRESS_REFUSED = { '--out': OWN_FOLDER, '--run-id': OWN_FOLDER,
  '--duet': TWO_SERVERS };

/** Splits the command line of scripts/stress. Throws a Failure of code 2. */
export function stressArguments(argv) {
  const own = {};
  for (const name of Object.keys(STRESS_VALUES)) own[name] = true;
  own['--server-options'] = 'empty';
  for (const name of Object.keys(PUSH)) own[`--${name}`] = true;
  for (const name of Object.keys(STRESS_FLAGS)) own[name] = false;
  const read = commandLine(argv, own, STRESS_REFUSED);
  const options = { windows: false, page: true, client: read.client,
    scenario: read.names[0], given: read.given, pushed: {} };
  if (read.names.length > 1) {
    throw new Failure(`two scenarios: ${read.names[0]} and ${read.names[1]}`, 2);
  }
  for (const [name, value] of read.own) {
    const [key, set] = STRESS_FLAGS[name] ?? [STRESS_VALUES[name], value];
    const pushed = name.slice(2);
    if (key !== undefined) options[key] = set;
    else if (PUSH[pushed].multiple) (options.pushed[pushed] ??= []).push(value);
    else options.pushed[pushed] = value;
  }
  if (!options.pushed.push && read.own.some(([name]) => Object.hasOwn(PUSH, name.slice(2)))) {
    throw new Failure('--format and --header belong to --push', 2);
  }
  if (options.scenario === '-') {
    throw new Failure('the scenario is read more than once: give a file, not standard input', 2);
  }
  options.remote = isUrl(options.scenario) ||
    ['--host', '--target'].some((name) => name in read.given);
  if (options.remote && options.serverCommand) {
    throw new Failure('--server-cmd starts a server here, --host, --target and a URL name one ' +
      'that runs already: give one of them', 2);
  }
  const { serverCommand } = options;
  if (serverCommand && !serverCommand.includes('{port}') && !Number(read.given['--port'])) {
    throw new Failure(`--server-cmd "${serverCommand}": no {port} in it, and no --port says ` +
      'where it listens', 2);
  }
  return options;
}

/** The client's options without some, by their long names. */
export function clientWithout(words, names) {
  const rest = [];
  for (let i = 0; i < words.length; i++) {
    const long = words[i].startsWith('--') ? clientName(words[i]) : CLIENT_SHORT[words[i][1]];
    const width = CLIENT_VALUES.has(long) ? 2 : 1;
    if (!names.includes(long)) rest.push(...words.slice(i, i + width));
    i += width - 1;
  }
  return rest;
}

/** Every value that a client's option was given, by its long name. */
export function clientValues(words, name) {
  const values = [];
  for (let i = 0; i < words.length; i++) {
    const long = words[i].startsWith('--') ? clientName(words[i]) : CLIENT_SHORT[words[i][1]];
    if (!CLIENT_VALUES.has(long)) continue;
    i += 1;
    if (long === name) values.push(words[i]);
  }
  return values;
}

/** Refuses conditions on figures of a server that writes no result: they could never be judged. */
export function refuseServerConditions(exprs) {
  const expr = exprs.find((one) => /^\s*server\.(?!resources\.)/.test(one));
  if (expr !== undefined) {
    throw new Failure(`"${expr}": a server that is not this project's own writes no result, so ` +
      'this cannot be judged (server.resources.* are sampled from outside)', 2);
  }
}

const OWN_SERVER = 'every run starts the server on a free port';
const EACH_RUN = 'every run would overwrite it';

/** The client's options that a call of many runs cannot take, and why. */
export const MANY_RUNS_REFUSED = { '--host': OWN_SERVER, '--port': OWN_SERVER,
  '--target': OWN_SERVER, '--run-id': 'every run has its own', '--ndjson': EACH_RUN,
  '--openmetrics': EACH_RUN, '--out': 'every run has its own folder (--out FOLDER: the one above)',
  '--duet': TWO_SERVERS,
  '--check': 'scripts/stress --check prints the plan', '--version': 'dummyclient has that' };

/** The words of a line with quotes as a shell's ('...' as it is, "..." with \\ before a mark);
 *  nothing in them is expanded or run. Throws a Failure of code 2. */
export function splitWords(line, what) {
  const words = [];
  let rest = line.trim();
  while (rest) {
    const [whole] = /^(?:'[^']*'|"(?:[^"\\]|\\[^])*"|\\[^]|[^\s'"\\])*/.exec(rest);
    if (!whole) throw new Failure(`${what}: a quote is not closed: ${rest}`, 2);
    words.push(whole.replace(/'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])/g,
      (_, plain, quoted, single) => plain ?? quoted?.replace(/\\(["\\$`])/g, '$1') ?? single));
    const after = rest.slice(whole.length);
    if (after && !/^\s/.test(after)) {
      throw new Failure(`${what}: a quote is not closed: ${after}`, 2);
    }
    rest = after.trim();
  }
  return words;
}

/** Words as a shell of this system (or of `platform`) reads them from one line. */
export function commandText(words, platform = process.platform) {
  return words.map((word) => {
    if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
    return platform === 'win32' ? `"${word.replaceAll('"', '\\"')}"`
      : `'${word.replaceAll('\'', '\'\\\'\'')}'`;
  }).join(' ');
}
