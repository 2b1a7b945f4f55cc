// The two ways to play a comparison, and which of them is the steadier on this machine.
//
// A pilot plays the baseline against itself both ways. What it shows is how much a block (of a
// duet) or a pair of runs differs where nothing differs; the way with less of that for the same
// time of playing is taken. Noise falls with the square root of the time: a way with the spread s
// in units of t seconds is worth s * sqrt(t).

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PRIMARY } from './compare.mjs';
import { duetValues, playDuets, refusedOf } from './duet.mjs';
import { judgeDuet, judgeRegress, playRegress, turnsValues } from './regress.mjs';
import { refusedBefore } from './refusals.mjs';
import { readJson, writeWholeFile } from '../base/file.mjs';
import { formatPercent } from '../base/format.mjs';
import { peekScenario } from '../playing/address.mjs';
import { blockArguments, playDuet } from '../playing/duet.mjs';
import { playRun } from '../playing/play.mjs';

/** playOne: a block, or a run; values(folder, scenario): what was played, metric => its log ratios
 *  (standing.mjs); judge: of a scenario that was played so. */
const WAYS = {
  duet: { name: 'at once', of: 'block', play: playDuets, playOne: playDuet, values: duetValues,
    judge: judgeDuet },
  turns: { name: 'one after the other', of: 'pair of runs', play: playRegress, playOne: playRun,
    values: turnsValues, judge: judgeRegress },
};
const PILOT_UNITS = 4;

/** The spread of log ratios [{ swapped, value }] of a server and itself, less what the order adds;
 *  null: too few. */
function spreadOf(values) {
  if (values.length < PILOT_UNITS / 2) return null;
  const turned = values.map(({ swapped, value }) => (swapped ? -value : value));
  const mean = turned.reduce((sum, value) => sum + value, 0) / turned.length;
  return Math.sqrt(turned.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
    (turned.length - 1));
}

/** Which of two pilots ({ each_s, values: { metric: [{ swapped, value }] } }) is the steadier per
 *  unit of playing time: { way, text }. Of several metrics the mean of their logs decides; one that
 *  never differs tells nothing. */
export function steadierOf({ duet, turns }) {
  const spreads = Object.keys(duet.values).map((metric) => ({ metric,
    duet: spreadOf(duet.values[metric]), turns: spreadOf(turns.values[metric] ?? []) }));
  const metrics = spreads.filter((one) => one.duet > 0 && one.turns > 0);
  if (!metrics.length) {
    // What could not be measured at all is no way.
    const way = spreads.some((one) => one.duet > 0) ? 'duet' : 'turns';
    return { way, text: `${WAYS[way].name}: the pilot has too few valid ` +
      `${way === 'duet' ? 'runs of the other way' : 'blocks'} to compare both` };
  }
  const worth = (way) => metrics.reduce((sum, one) => sum + Math.log(one[way]), 0) /
    metrics.length + Math.log({ duet, turns }[way].each_s) / 2;
  const way = worth('duet') <= worth('turns') ? 'duet' : 'turns';
  const figures = (one) => metrics.map(({ metric, [one]: spread }) =>
    `${formatPercent(Math.expm1(spread), 1)} of ${metric}`).join(', ');
  const times = Math.exp(2 * Math.abs(worth('duet') - worth('turns')));
  return { way, text: `${WAYS[way].name}: the baseline differs from itself ` +
    ['duet', 'turns'].map((one) => `by ${figures(one)} in a ${WAYS[one].of} of ` +
      `${{ duet, turns }[one].each_s.toFixed(0)} s (${WAYS[one].name})`).join(', ') +
    `: the other way takes ${times.toFixed(1)} times as long for the same` };
}

/** Plays the pilot of one way into its folder: { each_s, values }, { refused: sentences }, or null:
 *  it was stopped. */
async function playPilot(way, given, scenario) {
  const { play, playOne, values: valuesOf } = WAYS[way];
  const folder = path.join(given.folder, 'pilot', way);
  const { a } = given.servers;
  fs.rmSync(folder, { recursive: true, force: true });
  let spent_ms = 0;
  const timed = async (one) => {
    const began_ms = performance.now();
    const done = await (given.play ?? playOne)(one);
    spent_ms += performance.now() - began_ms;
    return done;
  };
  // As long as a block both ways.
  const args = blockArguments(peekScenario(scenario), given.args);
  const whole = await play({ ...given, args, folder, scenarios: [scenario], play: timed,
    servers: { a, b: a }, repeats: PILOT_UNITS, untilSure: false, pilot: true });
  if (!whole) return null;
  const refused = way === 'duet' ? refusedOf(folder, scenario) : [];
  if (refused.length) return { refused };
  const read = valuesOf(folder, scenario);
  const values = Object.fromEntries((given.options.primary ?? PRIMARY).map((metric) =>
    [metric, read(metric)]));
  // What did not count took time as well.
  const valid = Math.max(1, ...Object.values(values).map((list) => list.length));
  return { each_s: spent_ms / 1000 / valid, values };
}

const wayFile = (folder, scenario) =>
  path.join(folder, `${path.basename(scenario, '.json')}-way.json`);

function keepWay(given, scenario, chosen) {
  given.say(`        ${chosen.text}`);
  writeWholeFile(wayFile(given.folder, scenario), `${JSON.stringify(chosen)}\n`);
  return chosen;
}

const withoutDuet = (reasons) => ({ way: 'turns',
  text: `one after the other: a duet would mislead: ${reasons.join('; ')}` });

/** Chooses how a scenario is played: { way, text }; null: it was stopped. A folder remembers it. */
async function chooseWay(given, scenario) {
  const file = wayFile(given.folder, scenario);
  if (fs.existsSync(file)) return readJson(file);
  const few = refusedBefore(given.cpus ?? os.availableParallelism());
  if (few.length) return keepWay(given, scenario, withoutDuet(few));
  given.say(`        pilot: the baseline against itself, ${PILOT_UNITS} blocks at once and ` +
    `${PILOT_UNITS} pairs of runs one after the other`);
  const pilots = {};
  for (const way of Object.keys(WAYS)) {
    pilots[way] = await playPilot(way, given, scenario);
    if (pilots[way] === null) return null;
    if (pilots[way].refused) return keepWay(given, scenario, withoutDuet(pilots[way].refused));
  }
  return keepWay(given, scenario, steadierOf(pilots));
}

/** Plays each scenario the steadier way; what then is refused as a duet, one after the other. */
async function playSteadier(given) {
  const ways = new Map();
  for (const scenario of given.scenarios) {
    const one = { ...given, scenarios: [scenario] };
    let chosen = await chooseWay(given, scenario);
    if (chosen?.way === 'duet') {
      if (!await playDuets(one)) return null;
      const refused = refusedOf(given.folder, scenario);
      if (refused.length) chosen = keepWay(given, scenario, withoutDuet(refused));
    }
    if (!chosen || (chosen.way === 'turns' && !await playRegress(one))) return null;
    ways.set(scenario, chosen);
  }
  return ways;
}

/** Plays what is missing, as duet says: true (at once), false (one after the other) or "auto".
 *  given: what playDuets() and playRegress() take. Returns null when it was stopped, else
 *  judge(folder, scenario, given). */
export async function playWays(duet, given) {
  if (duet !== 'auto') {
    const { play, judge } = WAYS[duet ? 'duet' : 'turns'];
    return await play(given) ? judge : null;
  }
  const ways = await playSteadier(given);
  return ways && ((folder, scenario, more) => {
    const { way, text } = ways.get(scenario);
    return WAYS[way].judge(folder, scenario, { ...more,
      options: { ...more.options, notes: [`played ${text}`] } });
  });
}
