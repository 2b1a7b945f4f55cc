// scripts/bisect: which commit changed the server?

import fs from 'node:fs';
import path from 'node:path';
import { clientValues, commandLine, durationMs, MANY_RUNS_REFUSED,
  refuseServerConditions } from './lib/base/arguments.mjs';
import { callAgain, interruptedText } from './lib/base/again.mjs';
import { readJson, writeWholeFile } from './lib/base/file.mjs';
import { formatChange } from './lib/base/format.mjs';
import { runFolder, shown } from './lib/base/paths.mjs';
import { Failure, runCommand, watchInterrupts } from './lib/base/process.mjs';
import { openProgress } from './lib/base/progress.mjs';
import { buildPair } from './lib/building/build.mjs';
import { addWorktree, buildCommit, readHistory, removeWorktree } from './lib/building/history.mjs';
import { bisect, openState, playPairOf } from './lib/judging/bisect.mjs';
import { bisectDocument, bisectLines, bisectMarkdown } from './lib/judging/bisect_text.mjs';
import { ALPHA } from './lib/judging/compare.mjs';

const USAGE = `usage: scripts/bisect --good REV --bad REV --build CMD --server 'CMD {port}'
                      [options] SCENARIO.json [options of dummyclient]

Finds the commit between two revisions that made a server slower or faster. Commits are built in
worktrees of their own and played against the good end, in pairs of runs (scripts/regress), until it
is sure which one it was. Commits that cannot be built, started or told are skipped.
  --good REV, --bad REV  the older and the newer end; the newer one may also be the faster one
  --build CMD            builds a commit, in its top folder (the shell's exit code 0: built)
  --server 'CMD {port}'  starts its server, in the same folder; {port} is a free port
  --repo FOLDER          the repository (the current folder); its checkout is not touched, and what
                         is not committed is not tested
  --metric NAME          the figure that changed (latency.response.p50)
  --min-effect 5%        a smaller change between the ends is none
  --alpha 0.05           how often ends that do not differ may be taken for different
  --duet                 good end and commit at the same time, in blocks (scripts/regress --duet):
                         noise hits both, so fewer pairs are needed
  --max-step-time 10m    play no commit longer, then skip it; the ends, without which there is no
                         answer, are played until it is sure whether they differ
  --max-time 2h          start nothing new after this time, and say what is known
  --out FOLDER           where everything goes (results/bisect-...); with the same folder an
                         interrupted call continues
History is followed by first parents: a merge is one commit.
exit: 0 an answer: a culprit, or that the ends do not differ ("verdict" in bisect-result.json);
      3 none; 1 failed (an end cannot be built or started); 2 bad usage;
      130 interrupted (call again with --out to continue)`;

const OWN = { '--good': true, '--bad': true, '--build': true, '--server': true, '--repo': true,
  '--metric': true, '--min-effect': true, '--alpha': true, '--max-step-time': true,
  '--max-time': true, '--out': true, '--duet': false };
const TIMES = { '--max-step-time': 'step_ms', '--max-time': 'max_ms' };
const BUILD_MS = 1800e3;

function readArguments(argv) {
  const { own, client, names } = commandLine(argv, OWN, MANY_RUNS_REFUSED);
  const given = { repo: '.', metric: 'latency.response.p50', 'min-effect': '5%',
    alpha: String(ALPHA), step_ms: 600e3, max_ms: 7200e3, duet: false, out: null, client };
  for (const [name, value] of own) {
    if (name === '--duet' && value !== undefined) {
      throw new Failure(`--duet=${value}: --duet takes no value`, 2);
    }
    given[TIMES[name] ?? name.slice(2)] = TIMES[name] ? durationMs(value) : value ?? true;
    if (TIMES[name] && !durationMs(value)) throw new Failure(`${name}: a time such as 30m`, 2);
  }
  for (const name of ['good', 'bad', 'build', 'server']) {
    if (!given[name]) throw new Failure(`give --${name}\n${USAGE}`, 2);
  }
  if (!given.server.includes('{port}')) {
    throw new Failure(`--server "${given.server}": no {port} in it: each run takes a free one`, 2);
  }
  if (names.length !== 1) {
    throw new Failure(names.length ? `two scenarios: ${names[0]} and ${names[1]}`
      : `give a scenario\n${USAGE}`, 2);
  }
  const effect = /^(\d+(?:\.\d+)?)%$/.exec(given['min-effect'])?.[1] / 100;
  if (!(effect > 0)) throw new Failure('--min-effect: a percentage such as 5%', 2);
  const alpha = Number(given.alpha);
  if (!(alpha > 0 && alpha < 1)) throw new Failure('--alpha: between 0 and 1', 2);
  const scenario = path.resolve(names[0]);
  if (!fs.existsSync(scenario)) throw new Failure(`${names[0]}: no such scenario`, 2);
  refuseServerConditions([given.metric, ...clientValues(client, '--threshold')]);
  return { ...given, effect, alpha, scenario, repo: path.resolve(given.repo) };
}

/** Where the commits of this call are, and how they are built and started. */
function makeCommits(given, folder, watch, { say, bar }) {
  const all = path.join(folder, 'commits');
  const place = (sha) => path.join(all, sha.slice(0, 12));
  return { shown: shown(all), isThere: (sha) => fs.existsSync(place(sha)),
    server: (sha) => ({ command: given.server, cwd: place(sha) }),
    async build(sha) {
      say(`building ${sha.slice(0, 12)} ...`);
      bar.begin(`building ${sha.slice(0, 12)}`);
      await addWorktree(given.repo, place(sha), sha);
      return buildCommit(given.build, place(sha), { log: `${place(sha)}.log`, time_ms: BUILD_MS,
        onProgram: watch });
    },
    async removeAll(shas) {
      for (const sha of shas) {
        if (fs.existsSync(place(sha))) await removeWorktree(given.repo, place(sha));
      }
    } };
}

/** A line per pair: what it said, and what is left. */
function makeTellers(bar, count) {
  const line = (commit, index, text) => bar.end(`${`${index}/${count}`.padStart(7)}  ` +
    `${commit.sha.slice(0, 12)}  ${text}`);
  return { skip: (commit, index, why) => line(commit, index, `skipped: ${why}`),
    tell(step, commit, index, pair) {
      const pairs = step.pairs[index].length;
      const found = pair.failed ? 'fails its players'
        : pair.log_ratio === null ? 'does not count' : formatChange(Math.exp(pair.log_ratio));
      const { range } = step;
      const { state, pairs_left: more } = step.ends;
      const left = range ? `  among ${range.first} .. ${range.last}`
        : state === null && more ? `  about ${more} more to know whether the ends differ` : '';
      line(commit, index, `pair ${String(pairs).padStart(2)}  ${found}${left}`);
    } };
}

/** Everything that decides what is played: a folder of another question is refused. */
function askedOf(given, history) {
  const { build, server, metric, effect, alpha, scenario, client, duet } = given;
  return { ...(duet ? { duet } : {}), good: history.good, bad: history.bad, build, server, metric,
    min_effect: effect, alpha, scenario: readJson(scenario), client };
}

async function main(argv) {
  const given = readArguments(argv);
  const say = (text) => console.log(text);
  const history = await readHistory(given.repo, given.good, given.bad);
  await buildPair({ modules: true, say });
  const folder = runFolder('bisect', given.out);
  const { commits } = history;
  say(`${commits.length} commit${commits.length === 1 ? '' : 's'} (first parents only) from ` +
    `${history.good.slice(0, 12)} to ${history.bad.slice(0, 12)}, into ${shown(folder)}`);
  const { stopped, watch } = watchInterrupts();
  const until_ms = Date.now() + given.max_ms;
  const bar = openProgress({ say, until_ms });
  const work = makeCommits(given, folder, watch, { say, bar });
  const play = { folder, scenario: given.scenario, args: given.client, metric: given.metric,
    duet: given.duet, good: history.good, server: work.server, until_ms, say, bar,
    onClient: watch, stopped };
  const removeAll = () => work.removeAll([history.good, ...commits.map(({ sha }) => sha)]);
  const file = path.join(folder, 'bisect.json');
  const state = openState(file, askedOf(given, history));
  const outcome = await bisect({ file, state, good: history.good, commits,
    step_ms: given.step_ms, options: { alpha: given.alpha, effect: given.effect },
    over: () => Date.now() > until_ms, stopped, build: work.build, isThere: work.isThere,
    play: (commit, number) => playPairOf(play, commit, number),
    ...makeTellers(bar, commits.length) }).finally(bar.close).catch(async (error) => {
    await removeAll();
    throw error;
  });
  if (outcome === null) {
    say(interruptedText('bisect', argv, folder));
    return 130;
  }
  const code = finish(given, { history, folder, outcome,
    repeat: callAgain('bisect', argv, given.out), say });
  if (code === 3) say(`kept    ${work.shown}: what was built, for a call that continues`);
  else await removeAll();
  return code;
}

/** Says and writes the answer. Returns the exit code. */
function finish(given, { history, folder, outcome, repeat, say }) {
  const document = bisectDocument({ outcome, commits: history.commits, good: history.good,
    bad: history.bad, metric: given.metric, alpha: given.alpha,
    min_effect: given.effect, repeat });
  writeWholeFile(path.join(folder, 'bisect-result.json'), `${JSON.stringify(document, null, 1)}\n`);
  writeWholeFile(path.join(folder, 'bisect.md'), bisectMarkdown(document));
  say(['', ...bisectLines(document), `repeat  ${repeat}`,
    `files   ${shown(path.join(folder, 'bisect.md'))}`].join('\n'));
  return document.verdict === 'cannot tell' ? 3 : 0;
}

runCommand('scripts/bisect', main, USAGE);
