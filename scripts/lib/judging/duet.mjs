// A regression run as a duet: A and B at the same time, in blocks of some seconds.
//
// A block is whole or is played again. After the first two it is known whether pairing misleads
// (refusals.mjs): then nothing more is played, in this folder. The order of the blocks, and what is
// judged, follow from their number alone; so a run that was interrupted continues as if it had not
// been.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ALPHA, compareRuns } from './compare.mjs';
import { blockValue, comparePaired } from './paired.mjs';
import { pairsOf, ratiosOf, readDuet } from './pairs.mjs';
import { heldUp, refusalsOf, refusedBefore } from './refusals.mjs';
import { failedSide } from './service.mjs';
import { disturbedText, isSure, leftAbout, sequentialJudge, standingOf, standingText,
  UNTIL_SURE_MAX } from './standing.mjs';
import { peekScenario } from '../playing/address.mjs';
import { blockArguments, holdAlone, playDuet } from '../playing/duet.mjs';
import { placeDuet, usableCpus } from '../playing/pinning.mjs';
import { playAgain, playRun } from '../playing/play.mjs';
import { sharedOf } from '../playing/sharing.mjs';
import { readJson, writeWholeFile } from '../base/file.mjs';
import { runIdOf } from '../base/paths.mjs';
import { Failure } from '../base/process.mjs';
import { withBar } from '../base/progress.mjs';
import { readRun } from '../results/run.mjs';

const ATTEMPTS_MAX = 3;
const PILOT_BLOCKS = 2;
const FAILED_BLOCKS = 3;

const nameOf = (scenario) => path.basename(scenario, '.json');
const folderOf = (folder, scenario) => path.join(folder, nameOf(scenario));
const blockFolder = (folder, scenario, block) =>
  path.join(folderOf(folder, scenario), `block-${String(block + 1).padStart(3, '0')}`);
const noteFile = (folder, scenario) => path.join(folderOf(folder, scenario), 'duet.json');
const isDone = (folder) => fs.existsSync(path.join(folder, 'done'));

/** What is known beside the blocks: { refused: [sentences], started: { side, text } of a server
 *  that did not start, asked: the first blocks have been, and it may go on }. */
export function noteOf(folder, scenario) {
  const file = noteFile(folder, scenario);
  return fs.existsSync(file) ? readJson(file) : {};
}

/** The numbers of the blocks of a scenario that are finished, in their order. */
function blocksDone(folder, scenario) {
  const where = folderOf(folder, scenario);
  if (!fs.existsSync(where)) return [];
  return fs.readdirSync(where).filter((name) => /^block-\d+$/.test(name))
    .map((name) => Number(name.slice(6)))
    .filter((number) => isDone(blockFolder(folder, scenario, number - 1)))
    .sort((one, other) => one - other);
}

/** A block of a scenario, by its number from 1; null: it is not finished. */
export function readBlock(folder, scenario, number) {
  const where = blockFolder(folder, scenario, number - 1);
  return isDone(where) ? { ...readDuet(where), block: number } : null;
}

/** The blocks of a scenario that are finished, in their order. */
export function readDuets(folder, scenario) {
  return blocksDone(folder, scenario).map((number) => readBlock(folder, scenario, number));
}

/** The pairs of a metric that are judged: of blocks in which the generator was not disturbed. */
function blocksOfPairs(blocks, metric) {
  return blocks.filter(({ a }) => a.client.validity.valid)
    .map((block) => ({ swapped: block.swapped, pairs: pairsOf(block, metric) }))
    .filter(({ pairs }) => pairs.length)
    .map(({ swapped, pairs }) => ratiosOf(swapped, pairs));
}

/** The log ratio of each block, for the sequential test (standing.mjs). */
function valuesOf(blocks, metric) {
  return blocksOfPairs(blocks, metric).map((block) =>
    ({ swapped: block.swapped, value: blockValue(block).value }));
}

const standingAfter = (blocks, options) =>
  standingOf((metric) => valuesOf(blocks, metric), options);

/** A client that wrote no result ends it all, with what it said. */
function demandResult(folder, { code, said = '' } = {}) {
  if (fs.existsSync(path.join(folder, 'client.json')) && code !== 2) return;
  throw new Failure(`${folder}: no result (client exit ${code}): ${said.split('\n').at(-1)}`,
    code === 2 ? 2 : 1);
}

/** Plays one block into a folder. Returns "stopped", { unstarted } (see playAgain), or the block as
 *  readDuet() gives it. */
async function playBlock(given, scenario, { folder, number, swapped }) {
  const played = await playAgain(() => (given.play ?? playDuet)({ servers: given.servers, scenario,
    folder, swapped, args: given.args, onClient: given.onClient,
    runId: runIdOf(nameOf(scenario), `${number}-${Date.now().toString(36)}`) }));
  if (played.unstarted) return played;
  if (given.stopped?.()) return 'stopped';
  demandResult(folder, played);
  return readDuet(folder);
}

/** Plays one side alone, on the CPUs that it has in the first block: the client's result; null:
 *  stopped. */
async function playAlone(given, scenario, side, attempt) {
  const folder = path.join(folderOf(given.folder, scenario), `alone-${side}-${attempt}`);
  if (!isDone(folder)) {
    const places = placeDuet(usableCpus());
    given.bar.begin(`${nameOf(scenario)} ${side.toUpperCase()} alone`);
    const played = await (given.playAlone ?? playRun)({ scenario, folder,
      onClient: given.onClient,
      server: { ...given.servers[side], cpus: places[side] }, clientCpus: places.client,
      args: blockArguments(peekScenario(scenario), given.args),
      runId: runIdOf(nameOf(scenario), `alone-${side}-${Date.now().toString(36)}`) });
    if (given.stopped?.()) return null;
    given.bar.pass();
    demandResult(folder, played);
    writeWholeFile(path.join(folder, 'done'), '0\n');
  }
  return readRun(folder).client;
}

/** Both beside each other once more, as often as in the pilot; null: stopped, or one does not start
 *  any more. */
async function playBeside(given, scenario) {
  const blocks = [];
  for (let n = 1; n <= PILOT_BLOCKS; n++) {
    const folder = path.join(folderOf(given.folder, scenario), `beside-${n}`);
    given.bar.begin(`${nameOf(scenario)} once more, block ${n}`);
    const block = isDone(folder) ? readDuet(folder)
      : await playBlock(given, scenario, { folder, number: `beside-${n}`, swapped: n % 2 === 0 });
    if (block === 'stopped' || block.unstarted) return null;
    if (!isDone(folder)) given.bar.pass();
    writeWholeFile(path.join(folder, 'done'), '0\n');
    blocks.push(block);
  }
  return blocks;
}

/** Whether one of two servers is held up by the other: each is played alone. The machine may have
 *  been busy in the blocks: before it is believed, both are played beside each other and alone
 *  again. Sentences; null: stopped. */
async function askAlone(given, scenario, pilot) {
  let blocks = pilot;
  for (let attempt = 1; ; attempt++) {
    const alone = {};
    for (const side of ['a', 'b']) {
      alone[side] = await playAlone(given, scenario, side, attempt);
      if (alone[side] === null) return null;
    }
    const reasons = heldUp(blocks, alone);
    if (!reasons.length || attempt === 2) return reasons;
    blocks = await playBeside(given, scenario);
    if (blocks === null) return null;
  }
}

/** What a server that does not start says: of itself, or, where it starts alone, of both. */
async function judgeUnstarted(given, scenario, { side, held, message }) {
  const [text] = message.split('\n');
  const started = { started: { side, text } };
  if (!held) return started;
  let own;
  try {
    own = await (given.holdAlone ?? holdAlone)({ server: given.servers[side],
      folder: path.join(folderOf(given.folder, scenario), `held-${side}`),
      runId: runIdOf(nameOf(scenario), `held-${side}-${Date.now().toString(36)}`) });
  } catch (error) {
    if (!error.isServerStart) throw error;
    return started;
  }
  const [it, other] = side === 'a' ? ['A', 'B'] : ['B', 'A'];
  const shared = sharedOf(held, own);
  return { refused: [`${it} starts alone, but not beside ${other}: ` +
    `${shared.length ? shared.join(', ') : 'they need the same port, file or lock'} (${text})`] };
}

const lastOf = ({ untilSure, repeats }) => (untilSure ? UNTIL_SURE_MAX : repeats);

/** Plays a block until the generator was not disturbed in it, a few times at most. */
async function playValid(given, scenario, index) {
  const folder = blockFolder(given.folder, scenario, index);
  for (let attempt = 1; ; attempt++) {
    given.bar.begin(`${nameOf(scenario)} block ${index + 1}`);
    const block = await playBlock(given, scenario, { folder, number: index + 1,
      swapped: index % 2 === 1 });
    if (block === 'stopped' || block.unstarted) return block;
    const again = !block.a.client.validity.valid && !failedSide(block);
    const last = attempt >= (given.attempts ?? ATTEMPTS_MAX) || Date.now() > given.until_ms;
    if (again) given.say(disturbedText('block', last, block.a));
    if (!again || last) {
      writeWholeFile(path.join(folder, 'done'), '0\n');
      return { ...block, block: index + 1 };
    }
    given.bar.pass();
  }
}

/** One scenario of a duet, as far as it was played. */
class Duet {
  constructor(given, scenario) {
    this.given = given;
    this.scenario = scenario;
    this.blocks = readDuets(given.folder, scenario);
    this.note = noteOf(given.folder, scenario);
    this.cpus = given.cpus ?? os.availableParallelism();
    // It may start now.
    delete this.note.started;
  }

  keep(note) {
    Object.assign(this.note, note);
    writeWholeFile(noteFile(this.given.folder, this.scenario), `${JSON.stringify(this.note)}\n`);
  }

  refuse(refused) {
    for (const text of refused) this.given.say(`        no duet: ${text}`);
    this.keep({ refused });
    return 'refused';
  }

  /** Whether pairing misleads is asked once, of the first blocks in which no server failed. Returns
   *  "refused", "stopped", or null: it goes on. */
  async askPilot() {
    if (this.note.refused) return this.refuse(this.note.refused);
    const pilot = this.blocks.filter((block) => !failedSide(block)).slice(0, PILOT_BLOCKS);
    if (this.note.asked || pilot.length < PILOT_BLOCKS) return null;
    const reasons = refusalsOf(pilot, this.cpus);
    const refused = reasons.length || this.given.alone === false ? reasons
      : await askAlone(this.given, this.scenario, pilot);
    if (refused === null) return 'stopped';
    if (refused.length) return this.refuse(refused);
    this.keep({ asked: true });
    return null;
  }

  async unstarted(error) {
    const note = await judgeUnstarted(this.given, this.scenario, error);
    if (note.refused) return this.refuse(note.refused);
    this.given.say(`        ${note.started.side.toUpperCase()} does not start: ` +
      `${note.started.text}`);
    this.keep(note);
    return 'played';
  }

  /** The same side failed the players of all blocks, which are enough to say so. */
  hasFailed() {
    const sides = this.blocks.map(failedSide);
    return sides.length >= FAILED_BLOCKS && sides[0] !== null &&
      sides.every((side) => side === sides[0]);
  }

  /** Plays what is missing. Returns "stopped", "refused", "late" or "played". */
  async play() {
    const { given, scenario, blocks } = this;
    const last = lastOf(given);
    const few = refusedBefore(this.cpus);
    if (few.length) return this.refuse(few);
    if (blocks.length) given.say(`${blocks.length} blocks are here already`);
    const there = new Set(blocks.map(({ block }) => block));
    let standing = given.untilSure ? standingAfter(blocks, given.options) : null;
    for (let index = 0; index < last; index++) {
      if (there.has(index + 1)) continue;
      const end = await this.askPilot();
      if (end) return end;
      if (!given.pilot && this.hasFailed()) {
        given.say(`the players were failed in the first ${FAILED_BLOCKS} blocks: no more are ` +
          'played');
        return 'played';
      }
      if (given.untilSure && isSure(standing)) break;
      if (Date.now() > given.until_ms) return 'late';
      const block = await playValid(given, scenario, index);
      if (block === 'stopped') return block;
      if (block.unstarted) return this.unstarted(block.unstarted);
      blocks.push(block);
      const number = String(index + 1).padStart(3);
      if (given.untilSure) {
        standing = standingAfter(blocks, given.options);
        const about = leftAbout(standing);
        given.bar.foresee(about ? about + 1 : null);
        given.bar.end(`${number}  ${nameOf(scenario)}  ${standingText(standing, 'blocks')}`);
      } else {
        given.bar.end(`${number}/${last}  ${nameOf(scenario)}`);
      }
    }
    return await this.askPilot() ?? 'played';
  }
}

/** Plays what is missing. given: { folder, scenarios, servers: { a, b }, repeats, args, until_ms,
 *  untilSure (instead of repeats: on to the end), pilot (also where players are failed), alone
 *  (false: whether one holds up the other is not asked), attempts (at a block in which the
 *  generator is disturbed), options (compareRuns'), say, onClient, stopped(), cpus, play,
 *  playAlone, holdAlone (for tests) }. Returns false when it was stopped, else true. */
export async function playDuets(given) {
  const wanted = (scenarios) => (given.untilSure ? null : scenarios.reduce((sum, scenario) =>
    sum + Math.max(0, given.repeats - blocksDone(given.folder, scenario).length), 0));
  return withBar(given, { total: wanted(given.scenarios) }, async (all) => {
    for (const [i, scenario] of given.scenarios.entries()) {
      const end = await new Duet(all, scenario).play();
      if (end === 'stopped') return false;
      if (end === 'late') given.say('the time is up: the blocks so far are judged');
      all.bar.foresee(wanted(given.scenarios.slice(i + 1)));
    }
    return true;
  });
}

/** What was played of a scenario: metric => its log ratios (standing.mjs). */
export function duetValues(folder, scenario) {
  const blocks = readDuets(folder, scenario);
  return (metric) => valuesOf(blocks, metric);
}

/** The log ratio of a block of readDuets(); NaN: it has none of this metric. */
export function blockRatio(block, metric) {
  return valuesOf([block], metric)[0]?.value ?? NaN;
}

/** Why a duet of the scenario was refused: sentences; [] where it was not. */
export function refusedOf(folder, scenario) {
  return noteOf(folder, scenario).refused ?? [];
}

/** How a metric is judged: by its pairs of seconds; null: as compareRuns() does. */
function judgePairs(blocks, metric, { alpha = ALPHA }) {
  const judged = comparePaired(blocksOfPairs(blocks, metric), { alpha, confidence: 1 - alpha });
  return judged.blocks ? { ...judged, method: 'paired' } : null;
}

/** The comparison of a scenario's blocks, in compareRuns' form, with what was in them second by
 *  second: { outcome, runs }; null where there is nothing to judge. What was looked at after every
 *  block (untilSure) is judged by the test that may be. given: { untilSure, options
 *  (compareRuns') }. */
export function compareDuet(folder, scenario, { options, untilSure }) {
  const blocks = readDuets(folder, scenario);
  const { refused = [], started = null } = noteOf(folder, scenario);
  if (!blocks.length && !refused.length && !started) return null;
  const runs = { a: blocks.map(({ a }) => a), b: blocks.map(({ b }) => b) };
  const judge = untilSure ? sequentialJudge((metric) => valuesOf(blocks, metric), options)
    : (metric) => judgePairs(blocks, metric, options);
  const outcome = compareRuns(runs.a, runs.b, { ...options, started, judge, together: true,
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
