// The two ways to play a comparison, and which of them is the steadier on this machine.
//
// A pilot plays the baseline against itself both ways, in turn, so that both see the same machine.
// What it shows is how much a block (of a duet) or a pair of runs differs where nothing differs:
// the way with less of that for the same time of playing is taken. Noise falls with the square root
// of the time: a way with the spread s in units of t seconds is worth s * sqrt(t).
//
// The pilot has a part of the time and no more: where it cannot tell, a duet is played, as noise
// hits both of its sides, and one that would mislead is refused anyway (refusals.mjs).

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PRIMARY } from './compare.mjs';
import { duetValues, playDuets, readDuets, refusedOf } from './duet.mjs';
import { judgeDuet, judgeRegress, playRegress, readRegress, turnsValues } from './regress.mjs';
import { refusedBefore } from './refusals.mjs';
import { readJson, writeWholeFile } from '../base/file.mjs';
import { formatChange } from '../base/format.mjs';
import { formatLeft, partOf, withBar } from '../base/progress.mjs';
import { peekScenario } from '../playing/address.mjs';
import { blockArguments, playDuet } from '../playing/duet.mjs';
import { playRun } from '../playing/play.mjs';

/** of: what the units are. playOne: a block, or a run; runs: of them in a unit; count(folder,
 *  scenario): the units that were played; values(folder, scenario): metric => their log ratios
 *  (standing.mjs); judge: of a scenario that was played so. */
const WAYS = {
  duet: { name: 'at once', of: 'blocks', runs: 1, play: playDuets, playOne: playDuet,
    count: (...where) => readDuets(...where).length, values: duetValues, judge: judgeDuet },
  turns: { name: 'one after the other', of: 'pairs of runs', runs: 2, play: playRegress,
    playOne: playRun, count: (...where) => readRegress(...where, Infinity).a.length,
    values: turnsValues, judge: judgeRegress },
};
const PILOT_UNITS = 4;
/** Fewer have no spread. */
const PILOT_LEAST = 2;
/** The part of the time that is left which the pilot may take. */
const PILOT_SHARE = 0.25;
/** Of so few units a smaller ratio of times may as well be chance. */
const TIMES_TELL = 4;
const TIMES_MOST = 100;

/** The spread of log ratios [{ swapped, value }] of a server and itself, less what the order adds;
 *  null: too few. */
function spreadOf(values) {
  if (values.length < PILOT_LEAST) return null;
  const turned = values.map(({ swapped, value }) => (swapped ? -value : value));
  const mean = turned.reduce((sum, value) => sum + value, 0) / turned.length;
  return Math.sqrt(turned.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
    (turned.length - 1));
}

const shortName = (metric) => metric.replace('latency.response.', '');

/** Which way is taken where the pilot has no spreads of the same metric: { way, text }. */
function withoutFigures(spreads) {
  const has = (way) => spreads.some((one) => one[way] !== null);
  if (has('duet') && has('turns')) {
    return { way: 'duet', text: 'at once: in the pilot the baseline never differed from itself' };
  }
  const [way, other] = has('turns') ? ['turns', 'duet'] : ['duet', 'turns'];
  const few = `too few ${WAYS[other].of} of the pilot were measurements`;
  return { way, text: has(way) ? `${WAYS[way].name}: ${few} (${WAYS[other].name})`
    : `at once: which way is the steadier is not known, as too few blocks and ${few}` };
}

/** Which of two pilots ({ each_s, values: { metric: [{ swapped, value }] } }) is the steadier per
 *  unit of playing time: { way, text }. Of several metrics the mean of their logs decides; one that
 *  never differs tells nothing. */
export function steadierOf({ duet, turns }) {
  const spreads = Object.keys(duet.values).map((metric) => ({ metric,
    duet: spreadOf(duet.values[metric]), turns: spreadOf(turns.values[metric] ?? []) }));
  const metrics = spreads.filter((one) => one.duet > 0 && one.turns > 0);
  if (!metrics.length) return withoutFigures(spreads);
  const worth = (way) => metrics.reduce((sum, one) => sum + Math.log(one[way]), 0) /
    metrics.length + Math.log({ duet, turns }[way].each_s) / 2;
  const [way, other] = worth('duet') <= worth('turns') ? ['duet', 'turns'] : ['turns', 'duet'];
  const figures = (one) => `${WAYS[one].of} of ${{ duet, turns }[one].each_s.toFixed(0)} s by ` +
    metrics.map(({ metric, [one]: spread }) =>
      `${formatChange(Math.exp(spread)).replace('+', '')} (${shortName(metric)})`).join(', ');
  const times = Math.exp(2 * (worth(other) - worth(way)));
  const more = times < TIMES_TELL ? 'the pilot is too short to call either the steadier'
    : `${WAYS[other].name} takes ${times > TIMES_MOST ? `more than ${TIMES_MOST}`
      : `about ${times.toFixed(0)}`} times as long for the same`;
  return { way, text: `${WAYS[way].name}: the baseline and itself differed in ${figures('duet')} ` +
    `(${WAYS.duet.name}), in ${figures('turns')} (${WAYS.turns.name}): ${more}` };
}

/** What the latest unit of a pilot showed, in words. before: how many values each metric had. */
function unitText(values, before) {
  const latest = Object.entries(values).filter(([metric, list]) => list.length > before[metric])
    .map(([metric, list]) => [metric, list.at(-1).value]);
  if (!latest.length) return 'is no measurement and does not count';
  const differing = latest.filter(([, value]) => Math.abs(value) > 1e-9);
  return differing.length ? differing.map(([metric, value]) =>
    `${shortName(metric)} ${formatChange(Math.exp(value))}`).join(', ') : 'no difference';
}

/** The pilot of one way. */
class Pilot {
  constructor(way, given, scenario) {
    this.way = WAYS[way];
    this.folder = path.join(given.folder, 'pilot', way);
    this.scenario = scenario;
    this.metrics = given.options.primary ?? PRIMARY;
    Object.assign(this, { spent_ms: 0, runs: 0, units: 0 });
    const { a } = given.servers;
    // As long as a block both ways.
    const args = blockArguments(peekScenario(scenario), given.args);
    this.given = { ...given, args, folder: this.folder, scenarios: [scenario],
      play: (one) => this.timed(given.play ?? this.way.playOne, one), servers: { a, b: a },
      untilSure: false, pilot: true, alone: false, attempts: 1, bar: partOf(given.bar, 'pilot,'),
      say: (text) => { if (/^ {8}\S/.test(text)) given.say(text); } };
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  async timed(play, one) {
    const began_ms = Date.now();
    const done = await play(one);
    this.spent_ms += Date.now() - began_ms;
    this.runs += 1;
    return done;
  }

  values() {
    const read = this.way.values(this.folder, this.scenario);
    return Object.fromEntries(this.metrics.map((metric) => [metric, read(metric)]));
  }

  /** How many of its units count. */
  valid() {
    return Math.max(0, ...Object.values(this.values()).map((list) => list.length));
  }

  /** Plays one more unit: what it showed, in words; null: it was stopped; undefined: there was no
   *  time for it, or it could not be played. */
  async add() {
    const before = Object.fromEntries(Object.entries(this.values())
      .map(([metric, list]) => [metric, list.length]));
    if (!await this.way.play({ ...this.given, repeats: this.units + 1 })) return null;
    const units = this.way.count(this.folder, this.scenario);
    if (units === this.units) return undefined;
    this.units = units;
    return unitText(this.values(), before);
  }

  /** What did not count took time as well. */
  result() {
    return { each_s: this.spent_ms / 1000 / Math.max(1, this.valid()), values: this.values() };
  }
}

/** What the least that tells still takes of both pilots, as far as it is known. */
function leastMs(pilots) {
  const sum = (read) => pilots.reduce((all, pilot) => all + read(pilot), 0);
  return sum((pilot) => Math.max(0, PILOT_LEAST - pilot.units) * pilot.way.runs) *
    (sum((pilot) => pilot.spent_ms) / Math.max(1, sum((pilot) => pilot.runs)));
}

const withoutDuet = (reasons) => ({ way: 'turns',
  text: `one after the other: a duet would mislead: ${reasons.join('; ')}` });

/** Plays the pilots, in turn: { way, text }; null: it was stopped. given.until_ms is their own. */
async function playPilots(given, scenario, time_ms) {
  const pilots = { duet: new Pilot('duet', given, scenario),
    turns: new Pilot('turns', given, scenario) };
  const both = Object.values(pilots);
  for (let n = 0; n < 2 * PILOT_UNITS; n++) {
    const pilot = both[n % 2];
    const told = await pilot.add();
    if (told === null) return null;
    const refused = refusedOf(pilots.duet.folder, scenario);
    if (refused.length) return withoutDuet(refused);
    if (told === undefined) break;
    given.bar.end(`        pilot ${1 + (n >> 1)}/${PILOT_UNITS}, ${pilot.way.name}: ${told}`,
      pilot.way.runs);
    if (Date.now() + leastMs(both) > given.until_ms) break;
    if (n + 1 === 2 * PILOT_LEAST && both.every((one) => !one.valid())) break;
  }
  if (both.every(({ units }) => units >= PILOT_LEAST)) {
    return steadierOf({ duet: pilots.duet.result(), turns: pilots.turns.result() });
  }
  const why = Number.isFinite(time_ms) ? `the pilot has ${formatLeft(time_ms)} of --max-time and ` +
    'would take longer' : 'the pilot could not be played';
  return { way: 'duet', text: `at once: which way is the steadier is not known, as ${why}` };
}

const wayFile = (folder, scenario) =>
  path.join(folder, `${path.basename(scenario, '.json')}-way.json`);

function keepWay(given, scenario, chosen) {
  given.say(`        ${chosen.text}`);
  writeWholeFile(wayFile(given.folder, scenario), `${JSON.stringify(chosen)}\n`);
  return chosen;
}

/** Chooses how a scenario is played: { way, text }; null: it was stopped. A folder remembers it.
 *  share: of the time that is left, for the pilot. */
async function chooseWay(given, scenario, share) {
  const file = wayFile(given.folder, scenario);
  if (fs.existsSync(file)) return readJson(file);
  const few = refusedBefore(given.cpus ?? os.availableParallelism());
  if (few.length) return keepWay(given, scenario, withoutDuet(few));
  const time_ms = Math.max(0, given.until_ms - Date.now()) * share;
  given.say(`        pilot: the baseline against itself, ${PILOT_UNITS} blocks at once and ` +
    `${PILOT_UNITS} pairs of runs one after the other` +
    `${Number.isFinite(time_ms) ? `, in ${formatLeft(time_ms)} at most` : ''}`);
  const runs = PILOT_UNITS * (WAYS.duet.runs + WAYS.turns.runs);
  const chosen = await withBar({ ...given, until_ms: Date.now() + time_ms }, { total: runs },
    (one) => playPilots(one, scenario, time_ms));
  return chosen && keepWay(given, scenario, chosen);
}

/** Plays each scenario the steadier way; what then is refused as a duet, one after the other. */
async function playSteadier(given) {
  const ways = new Map();
  for (const [i, scenario] of given.scenarios.entries()) {
    const one = { ...given, scenarios: [scenario] };
    let chosen = await chooseWay(given, scenario, PILOT_SHARE / (given.scenarios.length - i));
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
