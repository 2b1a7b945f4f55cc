// The command line of scripts/stress: its own options, the scenario, and what goes to the client.

import { Failure } from './process.mjs';

// dummyclient's options that take a value: their values are not the scenario.
const CLIENT_VALUES = new Set(['-H', '--host', '-p', '--port', '--target', '-c', '--connections',
  '--connect-rate', '-r', '--rate', '--rate-per-connection', '-d', '--duration', '--warmup', '-t',
  '--threads', '--seed', '--set', '--source', '--ndjson', '--openmetrics', '--threshold', '--io']);

const OWN_VALUES = { '--server-cmd': 'serverCommand', '--handler': 'handler', '--model': 'model',
  '--framing': 'framing', '--server-options': 'serverOptions', '--results': 'results' };

/** Time as the programs take it, in milliseconds; undefined when it is none. */
export function durationMs(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text ?? '');
  return match ? Number(match[1]) * { ms: 1, s: 1000, m: 60000, h: 3600000 }[match[2]] : undefined;
}

/** Splits the command line. Throws a Failure of code 2. */
export function stressArguments(argv) {
  const options = { windows: false, help: false, page: true, client: [], scenario: undefined,
    given: {} };
  for (let i = 0; i < argv.length; i++) {
    const [name, ...rest] = argv[i].startsWith('--') ? argv[i].split('=') : [argv[i]];
    const attached = rest.length ? rest.join('=') : undefined;
    const value = () => {
      if (attached !== undefined) return attached;
      i += 1;
      if (i >= argv.length) throw new Failure(`${name} needs a value`, 2);
      return argv[i];
    };
    if (name === '--windows') {
      options.windows = true;
    } else if (name === '--no-page') {
      options.page = false;
    } else if (name === '--help' || name === '-h') {
      options.help = true;
    } else if (name in OWN_VALUES) {
      options[OWN_VALUES[name]] = value();
    } else if (name === '-o' || name === '--out' || name === '--run-id') {
      throw new Failure(`${name}: scripts/stress chooses the run and its folder itself ` +
        '(--results FOLDER says where)', 2);
    } else if (CLIENT_VALUES.has(name)) {
      const given = value();
      options.given[name] = given;
      options.client.push(name, given);
    } else if (name.startsWith('-') && name !== '-') {
      options.client.push(argv[i]);
    } else if (options.scenario === undefined) {
      options.scenario = argv[i];
    } else {
      throw new Failure(`two scenarios: ${options.scenario} and ${argv[i]}`, 2);
    }
  }
  return options;
}

/** How long the client may take, in milliseconds: its plan, and a reserve for both ends of it. */
export function clientBoundMs(options, scenario) {
  const load = scenario?.load ?? {};
  const stages = (load.stages ?? []).map((stage) => durationMs(stage.duration));
  const planned = durationMs(options.given['-d'] ?? options.given['--duration']) ??
    (stages.length && stages.every(Number.isFinite) ? stages.reduce((a, b) => a + b, 0)
      : durationMs(load.duration));
  if (planned === undefined) return 24 * 3600000;
  const ends = (durationMs(options.given['--warmup'] ?? load.warmup) ?? 0) +
    (durationMs(load.drain) ?? 0);
  return planned + ends + 180000;
}
