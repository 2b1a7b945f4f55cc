// A regression run as a duet: A and B at the same time, in blocks of some seconds.
//
// A block is whole or is played again. After the first two it is known whether pairing misleads
// (refusals.mjs): then nothing more is played. The order of the blocks, and what is judged, follow
// from their number alone; so a run that was interrupted continues as if it had not been.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ALPHA, compareRuns, directionOf, minEffect, PRIMARY } from './compare.mjs';
import { comparePaired } from './paired.mjs';
import { logRatios, pairsOf, readDuet } from './pairs.mjs';
import { heldUp, refusalsOf } from './refusals.mjs';
import { makeSequential, sequentialSensitivity } from './sequential.mjs';
import { failedSide } from './service.mjs';
import { midmean } from './statistics.mjs';
import { peekScenario } from '../playing/address.mjs';
import { blockArguments, playDuet } from '../playing/duet.mjs';
import { placeDuet, usableCpus } from '../playing/pinning.mjs';
import { playAgain, playRun } from '../playing/play.mjs';
import { formatChange } from '../base/format.mjs';
import { readJson, writeWholeFile } from '../base/file.mjs';
import { runIdOf } from '../base/paths.mjs';
import { Failure } from '../base/process.mjs';
import { readRun } from '../results/run.mjs';

const ATTEMPTS_MAX = 3;
const PILOT_BLOCKS = 2;
const FAILED_BLOCKS = 3;
/** More than a day of --until-sure is a mistake. */
const BLOCKS_MAX = 10000;

const nameOf = (scenario) => path.basename(scenario, '.json');
const folderOf = (folder, scenario) => path.join(folder, nameOf(scenario));
const blockFolder = (folder, scenario, block) =>
  path.join(folderOf(folder, scenario), `block-${String(block + 1).padStart(3, '0')}`);
const noteFile = (folder, scenario) => path.join(folderOf(folder, scenario), 'duet.json');
const isDone = (folder) => fs.existsSync(path.join(folder, 'done'));

/** What is known beside the blocks: { refused: [sentences] } or { started: { side, text } }. */
function readNote(folder, scenario) {
  const file = noteFile(folder, scenario);
  return fs.existsSync(file) ? readJson(file) : {};
}

/** The blocks of a scenario that are finished, in their order. */
export function readDuets(folder, scenario) {
  const where = folderOf(folder, scenario);
  if (!fs.existsSync(where)) return [];
  return fs.readdirSync(where).filter((name) => /^block-\d+$/.test(name))
    .map((name) => ({ number: Number(name.slice(6)), folder: path.join(where, name) }))
    .filter((one) => isDone(one.folder)).sort((one, other) => one.number - other.number)
    .map((one) => ({ ...readDuet(one.folder), block: one.number }));
}

/** The pairs of a metric that are judged: of blocks in which the generator was not disturbed. */
function blocksOfPairs(blocks, metric) {
  return blocks.filter(({ a }) => a.client.validity.valid)
    .map((block) => ({ swapped: block.swapped, pairs: pairsOf(block, metric) }))
    .filter(({ pairs }) => pairs.length)
    .map(({ swapped, pairs }) => ({ swapped, log_ratios: logRatios(pairs) }));
}

/** The log ratios of a metric for the sequential test: whole pairs of blocks of which the second
 *  was swapped, so that what a CPU or an order adds is in both with another sign. */
function sequentialRatios(blocks, metric) {
  const ratios = [];
  let open = null;
  for (const { swapped, log_ratios: logs } of blocksOfPairs(blocks, metric)) {
    if (!swapped) open = midmean(logs);
    else if (open !== null) {
      ratios.push(open, midmean(logs));
      open = null;
    }
  }
  return ratios;
}

/** Of several metrics each has its share of alpha. */
function sequentialOptions(metric, options) {
  const { primary = PRIMARY, alpha = ALPHA } = options;
  return { alpha: alpha / primary.length, effect: Math.log1p(minEffect(metric, options)) };
}

/** Where each primary metric stands after the blocks so far: [{ metric, sure, low, high,
 *  blocks_left_about ... }] (sequential.mjs). options: compareRuns'. */
function standingOf(blocks, options) {
  return (options.primary ?? PRIMARY).map((metric) => {
    const test = makeSequential(sequentialOptions(metric, options));
    let state = { sure: null, low: null, high: null, blocks_left_about: null };
    for (const ratio of sequentialRatios(blocks, metric)) state = test.add(ratio);
    return { metric, ...state };
  });
}

/** Whether it is known enough: every metric, or one that has become worse. */
function isSure(standing) {
  return standing.every(({ sure }) => sure !== null) ||
    standing.some(({ metric, sure, log_ratio: ratio }) => sure === 'changed' &&
      Math.sign(ratio) === (directionOf(metric) === 'higher' ? -1 : 1));
}

/** Where it stands, and about how much is missing: of the metrics that are not sure yet. */
function standingText(standing) {
  const open = standing.filter(({ sure }) => sure === null);
  const texts = (open.length ? open : standing).map(({ metric, sure, ...state }) => {
    const limits = ['low', 'high'].map((key) => (state[key] === null ? '?'
      : formatChange(Math.exp(state[key]))));
    return `${metric.replace('latency.response.', '')} ${limits.join(' .. ')}` +
      `${sure ? ` ${sure}` : ''}`;
  });
  const left = Math.max(0, ...open.map(({ blocks_left_about: about }) => about ?? 0));
  return texts.join(', ') + (left ? `; about ${left} more blocks to be sure` : '');
}

/** Plays one block. Returns "stopped", { unstarted } (see playAgain), or the block as readDuet()
 *  gives it. */
async function playBlock(given, scenario, block) {
  const folder = blockFolder(given.folder, scenario, block);
  const played = await playAgain(() => (given.play ?? playDuet)({ servers: given.servers, scenario,
    folder, swapped: block % 2 === 1, args: given.args, onClient: given.onClient,
    runId: runIdOf(nameOf(scenario), `${block + 1}-${Date.now().toString(36)}`) }));
  if (played.unstarted) return played;
  if (given.stopped?.()) return 'stopped';
  if (!played.written || played.code === 2) {
    throw new Failure(`${folder}: no result (client exit ${played.code}): ` +
      `${played.said.split('\n').at(-1)}`, played.code === 2 ? 2 : 1);
  }
  return { ...readDuet(folder), block: block + 1 };
}

/** Plays one side alone, on the CPUs that it has in the first block: the client's result. */
async function playAlone(given, scenario, side) {
  const folder = path.join(folderOf(given.folder, scenario), `alone-${side}`);
  if (!isDone(folder)) {
    const places = placeDuet(usableCpus());
    await (given.playAlone ?? playRun)({ scenario, folder, onClient: given.onClient,
      server: { ...given.servers[side], cpus: places.servers }, clientCpus: places.client,
      args: blockArguments(peekScenario(scenario), given.args),
      runId: runIdOf(nameOf(scenario), `alone-${side}-${Date.now().toString(36)}`) });
    if (given.stopped?.()) return null;
    writeWholeFile(path.join(folder, 'done'), '0\n');
  }
  return readRun(folder).client;
}

/** Whether one of two servers is held up by the other: each is played alone, and again before that
 *  is believed, for the machine may have been busy. Sentences; null: stopped. */
async function askAlone(given, scenario, blocks) {
  for (let attempt = 1; ; attempt++) {
    const alone = {};
    for (const side of ['a', 'b']) {
      alone[side] = await playAlone(given, scenario, side);
      if (alone[side] === null) return null;
    }
    const reasons = heldUp(blocks, alone);
    if (!reasons.length || attempt === 2) return reasons;
    for (const side of ['a', 'b']) {
      fs.rmSync(path.join(folderOf(given.folder, scenario), `alone-${side}`), { recursive: true });
    }
  }
}

/** What a server that does not start says: of itself, or, where it starts alone, of both. */
async function judgeUnstarted(given, scenario, { side, besideOther, message }) {
  const [text] = message.split('\n');
  const started = { started: { side, text } };
  if (!besideOther) return started;
  try {
    await playAlone(given, scenario, side);
  } catch (error) {
    if (!error.isServerStart) throw error;
    return started;
  }
  const [it, other] = side === 'a' ? ['A', 'B'] : ['B', 'A'];
  return { refused: [`${it} starts alone, but not beside ${other}: they need the same port, file ` +
    `or lock (${text})`] };
}

const lastOf = ({ untilSure, repeats }) => (untilSure ? BLOCKS_MAX : repeats);

function leftText(given, played, index) {
  const each_ms = (Date.now() - given.started_ms) / played;
  const most_ms = given.until_ms - Date.now();
  const rest_ms = Math.min(most_ms, each_ms * (lastOf(given) - index - 1));
  const rest_s = Math.max(0, Math.ceil(rest_ms / 1000));
  return `  ${rest_ms < most_ms ? 'about' : 'at most'} ${rest_s} s left`;
}

/** Plays a block until the generator was not disturbed in it, a few times at most. */
async function playValid(given, scenario, index) {
  for (let attempt = 1; ; attempt++) {
    const block = await playBlock(given, scenario, index);
    if (block === 'stopped' || block.unstarted) return block;
    const failed = failedSide(block);
    if (block.a.client.validity.valid || failed || attempt === ATTEMPTS_MAX ||
        Date.now() > given.until_ms) {
      writeWholeFile(path.join(blockFolder(given.folder, scenario, index), 'done'), '0\n');
      return { ...block, failed };
    }
    given.say('        the generator was disturbed, the block is played again: ' +
      `${(block.a.client.validity.reasons ?? []).join('; ')}`);
  }
}

/** The blocks of one scenario. Returns "stopped", "played", or "late". */
async function playScenario(given, scenario) {
  const blocks = readDuets(given.folder, scenario);
  const there = new Set(blocks.map(({ block }) => block));
  const last = lastOf(given);
  const refuse = (refused) => {
    for (const text of refused) given.say(`        no duet: ${text}`);
    writeWholeFile(noteFile(given.folder, scenario), `${JSON.stringify({ refused })}\n`);
    return 'played';
  };
  fs.rmSync(noteFile(given.folder, scenario), { force: true });
  if (blocks.length) given.say(`${blocks.length} blocks are here already`);
  const seen = { a: 0, b: 0, both: 0 };
  let standing = standingOf(blocks, given.options);
  for (let index = 0, played = 0; index < last; index++) {
    if (there.has(index + 1)) continue;
    if (given.untilSure && isSure(standing)) break;
    if (Date.now() > given.until_ms) return 'late';
    const block = await playValid(given, scenario, index);
    if (block === 'stopped') return block;
    if (block.unstarted) {
      const note = await judgeUnstarted(given, scenario, block.unstarted);
      if (note.refused) return refuse(note.refused);
      given.say(`        ${note.started.side.toUpperCase()} does not start: ${note.started.text}`);
      writeWholeFile(noteFile(given.folder, scenario), `${JSON.stringify(note)}\n`);
      return 'played';
    }
    blocks.push(block);
    standing = standingOf(blocks, given.options);
    played += 1;
    given.say(`${String(index + 1).padStart(3)}${given.untilSure ? '' : `/${last}`}  ` +
      `${nameOf(scenario)}  ${standingText(standing)}` +
      leftText(given, played, index));
    if (block.failed) seen[block.failed] += 1;
    if (Object.values(seen).includes(FAILED_BLOCKS) && blocks.length === FAILED_BLOCKS) {
      given.say(`the players were failed in the first ${FAILED_BLOCKS} blocks: no more are played`);
      return 'played';
    }
    if (blocks.length !== PILOT_BLOCKS || block.failed) continue;
    const reasons = refusalsOf(blocks, os.cpus().length);
    const held = reasons.length ? [] : await askAlone(given, scenario, blocks);
    if (held === null) return 'stopped';
    if (reasons.length || held.length) return refuse([...reasons, ...held]);
  }
  return 'played';
}

/** Plays what is missing. given: { folder, scenarios, servers: { a, b }, repeats, args, until_ms,
 *  untilSure (instead of repeats: on to the end), options (compareRuns'), say, onClient, stopped(),
 *  play, playAlone (for tests) }. Returns false when it was stopped. */
export async function playDuets(given) {
  const all = { ...given, started_ms: Date.now() };
  for (const scenario of given.scenarios) {
    const end = await playScenario(all, scenario);
    if (end === 'stopped') return false;
    if (end === 'late') given.say('the time is up: the blocks so far are judged');
  }
  return true;
}

/** How a metric is judged: by its pairs of seconds; null: as compareRuns() does. What was looked at
 *  after every block is judged by the test that may be. */
function judgePairs(blocks, metric, { options, untilSure, standing }) {
  if (untilSure) {
    const one = standing.find((state) => state.metric === metric);
    if (!one?.blocks) return null;
    return { ...one, method: 'sequential', seen: sequentialSensitivity(
      sequentialRatios(blocks, metric), sequentialOptions(metric, options)) };
  }
  const { alpha = ALPHA } = options;
  const judged = comparePaired(blocksOfPairs(blocks, metric), { alpha, confidence: 1 - alpha });
  return judged.blocks ? { ...judged, method: 'paired' } : null;
}

/** The comparison of a scenario's blocks, in compareRuns' form, with what was in them second by
 *  second: { outcome, runs }; null where there is nothing to judge. given: { untilSure, options
 *  (compareRuns') }. */
export function compareDuet(folder, scenario, { options, untilSure }) {
  const blocks = readDuets(folder, scenario);
  const { refused = [], started = null } = readNote(folder, scenario);
  if (!blocks.length && !refused.length && !started) return null;
  const runs = { a: blocks.map(({ a }) => a), b: blocks.map(({ b }) => b) };
  const standing = untilSure ? standingOf(blocks, options) : null;
  const outcome = compareRuns(runs.a, runs.b, { ...options, started,
    judge: (metric) => judgePairs(blocks, metric, { options, untilSure, standing }),
    refused: refused.map((text) => `a duet would mislead: ${text}`), scenario: nameOf(scenario) });
  outcome.duet = duetDocument(blocks, outcome.rows);
  return { outcome, runs };
}

/** What of the blocks is kept in compare.json (scripts/README.md): every pair of seconds. */
function duetDocument(blocks, rows) {
  return { placement: blocks[0]?.places.kind ?? null,
    blocks: blocks.map((block) => ({ block: block.block, swapped: block.swapped,
      valid: block.a.client.validity.valid,
      pairs: Object.fromEntries(rows.map(({ metric }) => [metric, pairsOf(block, metric)])
        .filter(([, pairs]) => pairs.length)) })) };
}
