// scripts/pull-request: is a revision of a project slower than its base? What action.yml calls.

import fs from 'node:fs';
import path from 'node:path';
import { commandText, ownArguments, splitWords, TEXT } from './lib/base/arguments.mjs';
import { readJson } from './lib/base/file.mjs';
import { ON_WINDOWS, runFolder, SCRIPTS, shown } from './lib/base/paths.mjs';
import { Failure, onInterrupt, Program, runCommand, runOk } from './lib/base/process.mjs';
import { withBar } from './lib/base/progress.mjs';
import { buildRevision, findCommit, makeWorktree, removeWorktree } from './lib/ci/revisions.mjs';
import { annotation, pullRequestOf, setOutput, silencer } from './lib/ci/github.mjs';
import { tellGithub } from './lib/ci/tell.mjs';

const USAGE = `usage: scripts/pull-request --build CMD --server CMD [options] [SCENARIO.json...]

Builds two revisions of the project in the current folder, each in a worktree of its own, and plays
scripts/regress with them. In GitHub Actions the step gets annotations, a summary and outputs, and
the pull request one comment, when something has changed. Every option may be given by the
environment instead: DUMMYLOAD_BUILD, DUMMYLOAD_SERVER ...; scenarios as DUMMYLOAD_SCENARIO, one on
a line.
  --build CMD            builds a revision, in its folder (nothing is built without it)
  --server CMD           starts it, in its folder; {port} is a free port
  --base REV             the old one (the base of the pull request)
  --head REV             the new one (HEAD)
  --options 'WORDS'      of scripts/regress, quoted as for a shell: '--repeats 10 -- --rate 2000'
  --out FOLDER           where the runs go (results/pull-request-...)
  --undecided fail|pass  what no conclusion is: exit code 3 (default), or 0 and a warning
  --comment yes|no       at the pull request (yes); needs DUMMYLOAD_TOKEN
  --name NAME            of the comment, where several jobs have one each (of workflow and job)
exit: as scripts/regress; 3 if the base cannot be built, 1 if the head cannot`;

const PLAY_MS = 24 * 3600000;
const OPTIONS = { build: TEXT, server: TEXT, base: TEXT, head: TEXT, options: TEXT, out: TEXT,
  undecided: TEXT, comment: TEXT, name: TEXT };
const CHOICES = { undecided: ['fail', 'pass'], comment: ['yes', 'no'] };

function readArguments(argv, env) {
  const { names, ...words } = ownArguments(argv, OPTIONS, USAGE);
  const given = { head: 'HEAD', undecided: 'fail', comment: 'yes',
    name: [env.GITHUB_WORKFLOW, env.GITHUB_JOB].filter(Boolean).join(' ') };
  for (const name of Object.keys(OPTIONS)) {
    // An input of an action that was not given is an empty variable.
    const value = words[name] ?? env[`DUMMYLOAD_${name.toUpperCase()}`];
    if (value) given[name] = value;
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (!choices.includes(given[name])) {
      throw new Failure(`--${name} ${given[name]}: expected ${choices.join(' or ')}`, 2);
    }
  }
  if (!given.server) throw new Failure(`give --server\n${USAGE}`, 2);
  if (!given.server.includes('{port}')) {
    throw new Failure(`--server "${given.server}": no {port} in it: each run takes a free one`, 2);
  }
  const listed = (env.DUMMYLOAD_SCENARIO ?? '').split('\n').map((line) => line.trim())
    .filter(Boolean);
  given.scenarios = names.length ? names : listed;
  const missing = given.scenarios.find((file) => !fs.existsSync(file));
  if (missing) throw new Failure(`${missing}: no such scenario`, 2);
  given.words = splitWords(given.options ?? '', '--options');
  return given;
}

/** The environment of what is not ours: it shall not write at the pull request. */
const CHILD_ENV = { DUMMYLOAD_TOKEN: undefined, DUMMYLOAD_OPTIONS: undefined };

/** Builds both. Returns null, or { code, text } of what nothing can be compared for. */
async function buildBoth(given, sides, say) {
  if (!given.build) return null;
  for (const { side, folder, commit } of sides) {
    say(`building ${side} (${commit.slice(0, 12)}): ${given.build}`);
    const failed = await withBar({ say }, {}, ({ bar }) => {
      bar.begin(`building ${side}`);
      return buildRevision(folder, given.build, CHILD_ENV);
    });
    const code = side === 'base' ? 3 : 1;
    if (failed) return { code, text: `the ${side} is not built: ${failed}` };
  }
  return null;
}

/** This call, for two commits that stay what they are. */
function repeatText(given, sides) {
  const [base, head] = sides.map(({ commit }) => commit);
  const optional = ['build', 'options'].filter((name) => given[name])
    .flatMap((name) => [`--${name}`, given[name]]);
  return commandText([shown(path.join(SCRIPTS, ON_WINDOWS ? 'pull-request.cmd' : 'pull-request')),
    '--base', base, '--head', head, '--server', given.server, ...optional, ...given.scenarios]);
}

async function regress(given, sides, out) {
  const start = (folder) => `${ON_WINDOWS ? 'cd /d' : 'cd'} ${commandText([folder])} && ` +
    given.server;
  const at = given.words.indexOf('--');
  const end = at < 0 ? given.words.length : at;
  const [base, head] = sides.map(({ folder }) => start(folder));
  const program = new Program(process.execPath, [path.join(SCRIPTS, 'regress.mjs'), '--a', base,
    '--b', head, '--out', out, '--history', `${out}-history.json`,
    '--repeat', repeatText(given, sides),
    ...given.words.slice(0, end), ...given.scenarios, ...given.words.slice(end)],
  { env: CHILD_ENV, output: 'show' });
  onInterrupt(() => program.interrupt());
  await program.wait(PLAY_MS);
  return program.exitCode;
}

/** What was judged, by scenario: { file, outcome, markdown }. */
function readOutcomes(given, out) {
  const names = given.scenarios.length ? given.scenarios : ['echo.json'];
  return names.map((file) => ({ file: given.scenarios.length ? file : null,
    folder: path.join(out, path.basename(file, '.json')) }))
    .filter(({ folder }) => fs.existsSync(path.join(folder, 'compare.json')))
    .map(({ file, folder }) => ({ file, outcome: readJson(path.join(folder, 'compare.json')),
      markdown: fs.readFileSync(path.join(folder, 'compare.md'), 'utf8') }));
}

async function main(argv) {
  const { env } = process;
  const given = readArguments(argv, env);
  const actions = env.GITHUB_ACTIONS === 'true';
  const say = (text) => console.log(text);
  const base = given.base ?? pullRequestOf(env)?.base;
  if (!base) throw new Failure(`give --base REV: this is no pull request\n${USAGE}`, 2);
  const found = await runOk('git', ['rev-parse', '--show-toplevel']);
  const repo = found.stdout.trim();
  const out = runFolder('pull-request', given.out);
  const sides = [];
  for (const [side, revision] of [['base', base], ['head', given.head]]) {
    sides.push({ side, commit: await findCommit(repo, revision),
      folder: path.join(out, 'source', side) });
  }
  const silence = silencer();
  let played;
  if (actions) say(silence.begin);
  try {
    for (const { commit, folder } of sides) await makeWorktree(repo, commit, folder);
    const failed = await buildBoth(given, sides, say);
    played = failed ?? { code: await regress(given, sides, out), text: null };
  } finally {
    if (actions) say(silence.end);
    for (const { folder } of sides) await removeWorktree(repo, folder);
  }
  return tell(given, { ...played, out, actions, env, say });
}

/** Says how it went where it is read. text: why nothing was played. Returns the exit code. */
async function tell(given, { code, text, out, actions, env, say }) {
  const results = text ? [] : readOutcomes(given, out);
  if (text) {
    say(actions ? annotation(code === 3 ? 'warning' : 'error', text, { title: 'Dummyload' })
      : text);
  }
  if (actions) {
    setOutput(env, 'folder', shown(out));
    const comment = await tellGithub(results, { env, say, code, name: given.name,
      token: env.DUMMYLOAD_TOKEN, comment: given.comment === 'yes' });
    if (comment) say(`comment at the pull request: ${comment}`);
  }
  return code === 3 && given.undecided === 'pass' ? 0 : code;
}

runCommand('scripts/pull-request', main, USAGE);
