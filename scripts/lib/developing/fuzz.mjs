// scripts/fuzz: runs the libFuzzer targets, each for a bounded time, from the seed corpus.

import fs from 'node:fs';
import path from 'node:path';
import { FLAG, ownArguments, TEXT } from '../base/arguments.mjs';
import { build } from '../building/build.mjs';
import { ROOT, shown } from '../base/paths.mjs';
import { Failure, runCommand, run } from '../base/process.mjs';
import { prepare } from '../building/setup.mjs';

const USAGE = `usage: scripts/fuzz [--seconds N] [--keep] [TARGET ...]

Builds the preset fuzz (clang: libFuzzer, ASan, UBSan) and runs each target for N seconds (5).
New inputs are kept in build/fuzz/corpus, where the next run starts; --keep also adds them,
minimised, to tests/fuzz/corpus. An input that breaks a target is written to build/fuzz/broken; the
same command with that file as TARGET=FILE runs it once.

exit: 0 nothing broke; 1 something did; 2 bad usage`;

const SEEDS = path.join(ROOT, 'tests', 'fuzz', 'corpus');
const INPUT_TIME_S = 120; // it hangs
const MEMORY_MIB = 2048;

function allTargets() {
  return fs.readdirSync(SEEDS).sort();
}

function readArguments(argv) {
  const { names, seconds = '5', keep } = ownArguments(argv, { seconds: TEXT, keep: FLAG }, USAGE);
  if (!(seconds >= 1 && seconds <= 86400)) {
    throw new Failure(`--seconds ${seconds}: expected 1..86400`, 2);
  }
  const targets = names.map((word) => {
    const [name, file] = word.split(/=(.*)/s);
    if (!allTargets().includes(name)) {
      throw new Failure(`${name}: expected one of ${allTargets().join(', ')}`, 2);
    }
    return { name, file };
  });
  return { seconds: Number(seconds), keep,
    targets: targets.length ? targets : allTargets().map((name) => ({ name })) };
}

/** Runs one target. Returns { ok, said }. */
async function runTarget(folder, { name, file }, seconds) {
  const program = path.join(folder, 'tests', `fuzz_${name}`);
  const env = { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' };
  if (file) {
    const played = await run(program, [file], { env, time_ms: 60000 });
    return { ok: played.code === 0, said: played.stderr };
  }
  const corpus = path.join(folder, 'corpus', name);
  const broken = path.join(folder, 'broken');
  fs.mkdirSync(corpus, { recursive: true });
  fs.mkdirSync(broken, { recursive: true });
  const played = await run(program, [`-max_total_time=${seconds}`, `-timeout=${INPUT_TIME_S}`,
    `-rss_limit_mb=${MEMORY_MIB}`, '-max_len=6000', '-print_final_stats=1',
    `-artifact_prefix=${path.join(broken, `${name}-`)}`, corpus, path.join(SEEDS, name)],
  { env, time_ms: (seconds + 120) * 1000 });
  return { ok: played.code === 0, said: played.stderr };
}

async function keepCorpus(folder, name) {
  const merge = await run(path.join(folder, 'tests', `fuzz_${name}`),
    ['-merge=1', path.join(SEEDS, name), path.join(folder, 'corpus', name)], { time_ms: 600000 });
  if (merge.code !== 0) throw merge.failure('could not merge the corpus');
}

async function main(argv) {
  const options = readArguments(argv);
  const say = (text) => console.log(text);
  const env = await prepare({ say });
  const folder = await build('fuzz', { env, targets: ['fuzzers'], say });
  let failed = 0;
  for (const target of options.targets) {
    const { ok, said } = await runTarget(folder, target, options.seconds);
    const runs = /stat::number_of_executed_units: (\d+)/.exec(said)?.[1] ?? '1';
    console.log(`${ok ? 'ok' : 'BROKEN'}  ${target.name}: ${runs} inputs`);
    if (!ok) {
      failed += 1;
      console.log(said.trimEnd().split('\n').slice(-60).join('\n'));
      console.log(`the input: ${shown(path.join(folder, 'broken'))}; play it again with ` +
        `scripts/fuzz ${target.name}=FILE`);
    } else if (options.keep && !target.file) {
      await keepCorpus(folder, target.name);
    }
  }
  console.log(`${options.targets.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed ? 1 : 0;
}

runCommand('scripts/fuzz', main, USAGE);
