// scripts/compare-models: the same load against every socket model.

import os from 'node:os';
import path from 'node:path';
import { durationMs, FLAG, ownArguments, TEXT } from './lib/base/arguments.mjs';
import { buildPair } from './lib/building/build.mjs';
import { MODELS_CHARTS } from './lib/drawing/charts/models.mjs';
import { writeWholeFile, readJson } from './lib/base/file.mjs';
import { escapeHtml, formatBytes, formatCount, formatDigits, formatNs, formatRate }
  from './lib/base/format.mjs';
import { cellsOf, impossible, parseModels, orderOf, pointsOf } from './lib/models/models.mjs';
import { judgeClaims } from './lib/models/claims.mjs';
import { playModel, listModels } from './lib/models/play.mjs';
import { chartsBody, wrapPage, table, verdict } from './lib/drawing/page/page.mjs';
import { ON_WINDOWS, ROOT, runFolder, shown } from './lib/base/paths.mjs';
import { runCommand, Failure, watchInterrupts } from './lib/base/process.mjs';
import { withBar } from './lib/base/progress.mjs';
import { writeCharts } from './lib/drawing/charts/svg.mjs';
import { endWine } from './lib/building/wine.mjs';

const USAGE = `usage: scripts/compare-models [options]

Plays the same scenario against every socket model of the server, interleaved and repeated, and
draws latency and CPU per request against the number of connections, the cost of idle connections,
and the throughput at saturation. Says for each claim about the models whether it held here. Takes
about ten minutes (Wine: fifteen). If the machine is busy with other work, fewer claims are decided.
  --connections 10,100,1000,5000   connections that share the rate, one point each (Wine: to 1000)
  --rate 2000            requests per second in all, at every point (Wine: 300)
  --handler echo         what is played: echo, chat or game
  --idle N               the same rate on 10 connections, alone and beside N idle ones (900; 0: no)
  --saturation N         connections that send without a rate (100; 0: no)
  --models a,b           only these (default: all with sockets)
  --repeats 5            runs of each point (Wine: 4); fewer than 4 decide no claim of speed
  --duration 3s          of each run, after a second of warm-up
  --threads N            of the server (one per CPU)
  --max-time 15m         start no further repeat after this time
  --windows              the Windows programs (under Wine: says nothing of Windows)
  --out FOLDER           where everything goes (results/models-...)
exit: 0 measured; 1 a run failed; 2 bad usage`;

const SCENARIOS = { echo: 'echo.json', chat: 'chat.json', game: 'game-lobby.json' };
const NUMBERS = ['rate', 'idle', 'saturation', 'repeats', 'threads'];
const OPTIONS = { ...Object.fromEntries([...NUMBERS, 'connections', 'models', 'handler', 'duration',
  'max-time', 'out'].map((name) => [name, TEXT])), windows: FLAG };

function readArguments(argv) {
  const { names, 'max-time': maxTime = '15m', ...words } = ownArguments(argv, OPTIONS, USAGE);
  if (names.length) throw new Failure(`${names[0]}: no such option\n${USAGE}`, 2);
  const given = { windows: ON_WINDOWS, idle: 900, saturation: 100, threads: null, handler: 'echo',
    duration: '3s', ...words, max_time: maxTime };
  for (const name of NUMBERS) if (words[name]) given[name] = Number(words[name]);
  given.connections &&= given.connections.split(',').map(Number);
  given.models &&= given.models.split(',');
  // Wine's own server is the limit there: 5,000 connections take it 15 s to make.
  const wine = given.windows && !ON_WINDOWS;
  given.rate ??= wine ? 300 : 2000;
  given.repeats ??= wine ? 4 : 5;
  given.connections ??= wine ? [10, 100, 1000] : [10, 100, 1000, 5000];
  checkArguments(given);
  return given;
}

function checkArguments(given) {
  const whole = (value, least) => Number.isInteger(value) && value >= least;
  if (!given.connections.every((count) => whole(count, 1))) {
    throw new Failure('--connections: whole numbers with commas, like 10,100,1000', 2);
  }
  given.connections = [...new Set(given.connections)].sort((a, b) => a - b);
  for (const name of NUMBERS) {
    const least = ['idle', 'saturation'].includes(name) ? 0 : 1;
    if (given[name] !== null && !whole(given[name], least)) {
      throw new Failure(`--${name}: a whole number from ${least}`, 2);
    }
  }
  if (!SCENARIOS[given.handler]) {
    throw new Failure(`--handler ${given.handler}: one of ${Object.keys(SCENARIOS).join(', ')}`, 2);
  }
  if (!durationMs(given.max_time)) {
    throw new Failure(`--max-time ${given.max_time}: a time, like 15m`, 2);
  }
  if (!durationMs(given.duration) || durationMs(given.duration) < 2000) {
    throw new Failure('--duration: 2s or more (the first second is warm-up)', 2);
  }
}

function chooseModels(listed, wanted) {
  const models = listed.filter(({ name }) => name !== 'null');
  const strange = wanted?.find((name) => !models.some((model) => model.name === name));
  if (strange !== undefined) {
    throw new Failure(`--models ${strange}: one of ${models.map(({ name }) => name).join(', ')}`,
      2);
  }
  return wanted ? models.filter(({ name }) => wanted.includes(name)) : models;
}

function pointText(point) {
  if (point.kind === 'most') return `${formatCount(point.connections)} connections, no rate`;
  if (point.kind === 'idle') {
    return `${formatCount(point.connections)} active, ${formatCount(point.idle)} idle`;
  }
  return `${formatCount(point.connections)} connections`;
}

const padded = (text, all) => text.padEnd(Math.max(...all.map(({ length }) => length)));

/** Of the runs of a cell those that do not count, in words; empty where all do. */
function invalidText(cell) {
  if (!cell.invalid) return '';
  return cell.invalid === cell.runs ? `no run of ${cell.runs} valid`
    : `${cell.invalid} of ${cell.runs} runs invalid and left out`;
}

function cellTexts(cell) {
  if (cell.missing) return [cell.missing, '', '', '', '', '', ''];
  return [formatRate(cell.rate_per_s), formatNs(cell.p50_ns), formatNs(cell.p99_ns),
    formatNs(cell.cpu_us * 1e3), formatDigits(cell.syscalls), formatCount(cell.threads),
    formatBytes(cell.rss_bytes)];
}

const HEAD = ['achieved', 'p50', 'p99', 'CPU/request', 'calls/request', 'threads', 'memory'];

function printTables(outcome, say) {
  const width = Math.max(...outcome.models.map(({ name }) => name.length));
  for (const point of outcome.points) {
    say(`\n${pointText(point)}`);
    say(`  ${' '.repeat(width)} ${HEAD.map((word) => word.padStart(14)).join('')}`);
    for (const { name } of outcome.models) {
      const cell = outcome.cells[name][point.key];
      const texts = cellTexts(cell);
      const note = cell.missing ? '' : [cell.errors ? `${cell.errors} errors` : '',
        invalidText(cell)].filter(Boolean).map((words) => `  ${words}`).join('');
      say(`  ${name.padEnd(width)} ${cell.missing ? `  ${cell.missing}`
        : texts.map((text) => text.padStart(14)).join('')}${note}`);
    }
  }
  say('\nclaims');
  for (const { text, state, why, figures } of outcome.claims) {
    say(`  ${state.padEnd(13)} ${text}${why ? ` (${why})` : ''}` +
      `${figures ? `\n${' '.repeat(16)}${figures}` : ''}`);
  }
  for (const [title, text] of notesOf(outcome)) say(`\n${title}: ${text}`);
  if (outcome.wine) say(`\n${WINE_NOTE}`);
}

const WINE_NOTE = 'These figures are Wine\'s: each socket call is a round trip to its server. ' +
  'They say nothing of Windows.';

// Of one CPU: from here on the machine was not this comparison's alone.
const OTHERS_CPUS = 0.25;

/** Remarks on the figures: [title, text]. */
function notesOf(outcome) {
  const cells = Object.values(outcome.cells).flatMap((one) => Object.values(one));
  const sum = (key) => cells.reduce((total, cell) => total + (cell[key] ?? 0), 0);
  const notes = [];
  const others = outcome.runs.map((run) => run.figures?.others_cpus ?? 0);
  const busy = others.filter((cpus) => cpus >= OTHERS_CPUS).length;
  if (busy > 0) {
    notes.push(['The machine did other work, too', `in ${busy} of ${others.length} runs other ` +
      `programs used over ${OTHERS_CPUS} CPUs, ${formatDigits(Math.max(...others))} of ` +
      `${outcome.cpus} at most`]);
  }
  if (sum('invalid') > 0) {
    notes.push([`${sum('invalid')} of ${sum('runs')} runs were invalid`, 'the generator was ' +
      'their limit. Their latencies and rates are left out, but where a model has no others']);
  }
  if (outcome.repeats < outcome.repeats_wanted) {
    notes.push([`Only ${outcome.repeats} of ${outcome.repeats_wanted} repeats were played`,
      `after ${outcome.max_time} no further one begins (--max-time)`]);
  }
  return notes;
}

/** The claims as a list: a table's columns would leave the figures no room on a small screen. */
function claimsPanel(outcome) {
  const marks = { held: ['good', '✓ held'], 'not held': ['bad', '✗ did not hold'] };
  const one = ({ text, state, why, figures }) => {
    const [look, words] = marks[state] ?? ['', state];
    return `<li><b class="${look}">${words}</b> ${escapeHtml(text)}<div class="soft">` +
      `${escapeHtml([why, figures].filter(Boolean).join(' – '))}</div></li>`;
  };
  return '<div class="panel wide"><h3>Claims about the models, on this machine</h3>' +
    `<ul class="claims">${outcome.claims.map(one).join('\n')}</ul></div>`;
}

function pageOf(outcome) {
  const claims = claimsPanel(outcome);
  const limits = table('The models', ['', 'waits for', 'connections per thread', 'in all'],
    outcome.models.map((model) => [model.name, { proactor: 'completions', reactor: 'readiness',
      blocking: 'its calls' }[model.kind] ?? '', model.per_thread === null ? 'no limit'
      : formatCount(model.per_thread), model.in_all === null ? 'no limit'
      : formatCount(model.in_all)]));
  const points = outcome.points.map((point) => table(pointText(point),
    ['', ...HEAD, 'errors', 'runs'], outcome.models.map(({ name }) => [name,
      ...cellTexts(outcome.cells[name][point.key]),
      formatCount(outcome.cells[name][point.key].errors ?? 0),
      runsText(outcome.cells[name][point.key])])));
  const notes = [outcome.wine ? verdict('warn', 'Under Wine', WINE_NOTE) : '',
    ...notesOf(outcome).map(([title, text]) => verdict('warn', title, text))].join('');
  const head = `<p class="soft">${escapeHtml(outcome.machine)} · ${outcome.repeats} runs of ` +
    `${escapeHtml(outcome.duration)} each, interleaved; medians · handler ` +
    `${escapeHtml(outcome.handler)} · CPU is the server's${outcome.cpu_window ? ' in the measured '
      + 'window' : ', connecting included'}</p>`;
  return wrapPage('Socket models – Dummyload', 'Every socket model, under the same load',
    chartsBody(MODELS_CHARTS, 'models', outcome, head + (notes && `<div class="verdicts">${notes}` +
      '</div>')) + `<div class="charts" style="margin-top:14px">${claims}${limits}` +
      `${points.join('')}</div>`, outcome);
}

/** "5", or "3 of 5" where the others are invalid. */
function runsText(cell) {
  if (cell.missing) return '';
  return cell.invalid ? `${cell.runs - cell.invalid} of ${cell.runs}` : String(cell.runs);
}

function writeResults(folder, outcome) {
  writeWholeFile(path.join(folder, 'models.json'), `${JSON.stringify(outcome, null, 1)}\n`);
  writeWholeFile(path.join(folder, 'report.html'), pageOf(outcome));
  writeCharts(folder, MODELS_CHARTS, outcome);
}

async function playRuns(given, models, points, folder, { say, bar, stopped, onClient }) {
  const scenario = readJson(path.join(ROOT, 'scenarios', SCENARIOS[given.handler]));
  delete scenario.load.stages;
  const order = orderOf(models, points, given.repeats);
  const runs = [];
  const begun_ms = Date.now();
  let failed = 0;
  for (const [index, { repeat, point, model }] of order.entries()) {
    if (stopped()) throw new Failure('interrupted', 130);
    const spent_ms = Date.now() - begun_ms;
    if (index % (order.length / given.repeats) === 0 && repeat > 0 &&
      spent_ms > durationMs(given.max_time)) {
      say(`${given.max_time} are over: ${repeat} of ${given.repeats} repeats were played`);
      break;
    }
    const missing = impossible(model, point);
    const one = { model: model.name, point: point.key, repeat };
    if (missing) {
      runs.push({ ...one, missing });
      bar.foresee(order.length - index - 1);
      continue;
    }
    const at = `${String(index + 1).padStart(4)}/${order.length}  ` +
      `${padded(model.name, models.map(({ name }) => name))}  ` +
      `${padded(pointText(point), points.map(pointText))}  `;
    bar.begin(`${model.name}, ${pointText(point)}`);
    try {
      const figures = await playModel({ ...given, model: model.name, point, scenario,
        folder: path.join(folder, `${point.key}-${model.name}-${repeat + 1}`), onClient });
      runs.push({ ...one, figures });
      bar.end(`${at}${formatRate(figures.rate_per_s).padStart(9)}  ` +
        `${figures.valid ? `p99 ${formatNs(figures.p99_ns).padStart(7)}` : 'invalid'}`);
    } catch (error) {
      if (!(error instanceof Failure) || stopped()) throw error;
      failed += 1;
      runs.push({ ...one, missing: 'it failed' });
      bar.end(`${at}failed: ${error.message}`);
    }
  }
  return { runs, failed };
}

async function main(argv) {
  const given = readArguments(argv);
  const say = (text) => console.log(text);
  await buildPair({ windows: given.windows, modules: true, say });
  const models = chooseModels(parseModels(await listModels(given.windows)), given.models);
  const folder = runFolder('models', given.out);
  const { stopped, watch } = watchInterrupts();
  const points = pointsOf(given);
  const { runs, failed } = await withBar({ say }, { total: orderOf(models, points,
    given.repeats).length }, ({ bar }) =>
    playRuns(given, models, points, folder, { say, bar, stopped, onClient: watch }));
  const wine = given.windows && !ON_WINDOWS;
  if (wine) await endWine();
  const outcome = { machine: `${os.cpus()[0].model}, ${os.cpus().length} CPUs, ${os.type()} ` +
    `${os.release()}${wine ? ', Wine' : ''}`, windows: given.windows, wine,
  handler: given.handler, rate_per_s: given.rate, cpus: os.cpus().length,
  repeats: Math.max(...runs.map(({ repeat }) => repeat)) + 1, repeats_wanted: given.repeats,
  max_time: given.max_time, duration: given.duration, models, points, cells: cellsOf(runs), runs,
  cpu_window: runs.some((one) => one.figures?.cpu_window) };
  outcome.claims = judgeClaims(outcome);
  writeResults(folder, outcome);
  printTables(outcome, say);
  say(`\npage  ${shown(path.join(folder, 'report.html'))}`);
  return failed ? 1 : 0;
}

runCommand('scripts/compare-models', main, USAGE);
