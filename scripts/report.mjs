// scripts/report: charts from results, as one HTML page and as SVG files.

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { FLAG, OUT, ownArguments, TEXT } from './lib/base/arguments.mjs';
import { makeFolder, writeWholeFile } from './lib/base/file.mjs';
import { readEffect } from './lib/judging/compare.mjs';
import { makePage } from './lib/drawing/page/page.mjs';
import { runCommand } from './lib/base/process.mjs';
import { InputError } from './lib/results/result.mjs';
import { readRun, runLabels } from './lib/results/run.mjs';
import { prepareModules } from './lib/building/setup.mjs';
import { writeSvg } from './lib/drawing/charts/svg.mjs';
import { changeText, makeTrendPage, readTrend, severalHosts, trendChanges }
  from './lib/drawing/page/trend.mjs';
import { makeView } from './lib/drawing/view.mjs';

const USAGE = `usage: scripts/report RUN... [-o report.html] [--svg DIR] [--dark]
       scripts/report --trend DIR [--scenario NAME] [--min-effect 5%] [-o trend.html]

RUN is a run folder (client.json, and server.json beside it) or a client's result. With several,
their spectra and series are overlaid and the first is the baseline of the table.
  -o, --out FILE   the page; default: report.html in the folder of a single run, else here. A
                   folder that is missing is made
  --svg DIR        also write every chart as an SVG file
  --dark           dark SVG files (the page follows the reader's choice by itself)
  --trend DIR      every result below DIR over time, of one scenario (the most frequent)
  --min-effect 5%  the smallest change of level that a trend names (default: 5%; rates 2%, counts
                   10%); with the commits between which it happened, each host for itself
  --mixed          allow runs of different scenarios on one page
exit: 0 written; 1 could not be written; 2 bad input`;

function readArguments(argv) {
  const given = ownArguments(argv, { out: OUT, svg: TEXT, trend: TEXT, scenario: TEXT,
    'min-effect': TEXT, dark: FLAG, mixed: FLAG }, USAGE);
  if (given['min-effect'] && !given.trend) {
    throw new InputError('--min-effect belongs to --trend');
  }
  if (!given.names.length && !given.trend) throw new InputError(`no run given\n${USAGE}`);
  return given;
}

function checkScenarios(runs, mixed) {
  const name = (run) => run.client.run.name;
  for (const run of mixed ? [] : runs) {
    if (name(run) !== name(runs[0])) {
      throw new InputError(`${run.clientFile}: scenario "${name(run)}" is not that of ` +
        `${runs[0].clientFile}, "${name(runs[0])}" (--mixed allows this)`);
    }
  }
}

function defaultOut(given) {
  if (given.names.length > 1) return 'report.html';
  const where = given.names[0];
  const folder = fs.statSync(where).isDirectory() ? where : path.dirname(where);
  return path.join(folder, 'report.html');
}

async function writeTrend(given) {
  const trend = readTrend(given.trend, given.scenario);
  for (const message of trend.skipped) console.error(`left out: ${message}`);
  if (trend.others.length) {
    console.error(`other scenarios are there too (--scenario): ${trend.others.join(', ')}`);
  }
  const options = { effect: null, effects: {} };
  if (given['min-effect']) readEffect(given['min-effect'], options);
  trend.changes = trendChanges(trend, options.effect);
  await prepareModules(console.error);
  const out = given.out ?? 'trend.html';
  writeWholeFile(out, makeTrendPage(trend));
  for (const change of trend.changes) {
    console.log(`changed: ${changeText(change, severalHosts(trend))}`);
  }
  console.log(`${out}: ${trend.runs.length} results\n${pathToFileURL(path.resolve(out))}`);
  return 0;
}

runCommand('scripts/report', async (argv) => {
  const given = readArguments(argv);
  if (given.trend) {
    if (given.names.length) throw new InputError('--trend takes a folder, and no runs');
    return writeTrend(given);
  }
  const runs = given.names.map(readRun);
  await prepareModules(console.error);
  checkScenarios(runs, given.mixed);
  if (given.svg) makeFolder(given.svg);
  const labels = runLabels(runs);
  const views = runs.map((run, index) => makeView(run, labels[index], runs.length));
  const out = given.out ?? defaultOut(given);
  writeWholeFile(out, makePage(runs, views));
  console.log(`${out}\n${pathToFileURL(path.resolve(out))}`);
  if (given.svg) {
    const files = writeSvg(given.svg, views, given.dark ? 'dark' : 'light');
    console.log(`${files.length} SVG files in ${given.svg}`);
  }
  return 0;
}, USAGE);
