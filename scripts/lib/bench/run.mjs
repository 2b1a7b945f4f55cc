// One call of scripts/bench: what was measured, what was held, what could not be measured.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { median } from '../judging/statistics.mjs';
import { Failure } from '../base/process.mjs';

export class Bench {
  /** options: what else was given on the command line, for the part that takes it. */
  constructor({ id, folder, quick, say, options = {} }) {
    this.id = id;
    this.folder = folder;
    this.quick = quick;
    this.say = say;
    this.options = options;
    this.seconds = quick ? 1 : 2;
    this.repeats = quick ? 2 : 3;
    this.started = new Date();
    this.rows = [];
    this.samples = [];
    this.missing = [];
    this.part = '';
    fs.mkdirSync(folder, { recursive: true });
  }

  /** A line of the table. held: true, false, or null for what is only told. */
  row(goal, what, measured, held, more = {}) {
    this.rows.push({ part: this.part, goal, what, measured, held, ...more });
    const verdict = held === null ? '' : held ? 'held' : 'NOT HELD';
    this.say(`  ${String(goal).padStart(2)}  ${what.padEnd(52)} ${measured.padEnd(40)} ${verdict}`);
  }

  /** A ratio of two players, by the median of the ratios of their neighbouring runs. */
  ratioRow(goal, what, samples, [ours, peer], key, bound, sign = '>=') {
    const ratios = samples[ours].map((one, i) => one[key] / samples[peer][i][key])
      .filter(Number.isFinite);
    if (!ratios.length) {
      this.absent(goal, what, `${key} of ${ours} or ${peer} is unknown`);
      return NaN;
    }
    const value = median(ratios);
    const held = sign === '>=' ? value >= bound : value <= bound;
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
    const aim = bound === null ? '' : `, goal ${sign} ${bound}`;
    this.row(goal, what, `${value.toFixed(3)} (${low.toFixed(2)}..${high.toFixed(2)})${aim}`,
      bound === null ? null : held, { value, ratios, bound, sign });
    return value;
  }

  /** Something of a goal that could not be measured here, and why. */
  absent(goal, what, why) {
    this.missing.push({ part: this.part, goal, what, why });
    this.say(`  ${String(goal).padStart(2)}  ${what.padEnd(52)} not measured: ${why}`);
  }

  /** Plays something that this machine may lack what it needs for: then it is not measured. */
  async attempt(goal, what, play) {
    try {
      await play();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.absent(goal, what, error.message);
    }
  }

  /** Plays all players one after the other, `repeats` times: { name: [figures, ...] }. The order
   *  turns each time, so that none always follows the same one. */
  async interleave(group, players, repeats = this.repeats) {
    const names = Object.keys(players);
    const samples = Object.fromEntries(names.map((name) => [name, []]));
    for (let i = 0; i < repeats; i++) {
      for (let j = 0; j < names.length; j++) {
        const name = names[(i + j) % names.length];
        samples[name].push(await players[name]());
      }
    }
    for (const name of names) {
      this.samples.push({ part: this.part, group, name, runs: samples[name].map(plain) });
    }
    const each = names.map((name) => `${name} ${shortly(samples[name])}`).join(', ');
    this.say(`    ${group}: ${each}`);
    return samples;
  }

  /** A file in the folder of this bench. */
  file(name) {
    return path.join(this.folder, name);
  }

  /** Writes a scenario there; returns its path. */
  scenario(name, { load, target, framing, behaviors }) {
    const file = this.file(`${name}.scenario.json`);
    const text = { name, target, framing, load: { connections: 1, ...load }, behaviors };
    fs.writeFileSync(file, `${JSON.stringify(text, null, 1)}\n`);
    return file;
  }

  get heldAll() {
    return this.rows.every((row) => row.held !== false);
  }

  document() {
    return {
      schema_version: 1,
      side: 'bench',
      run: { id: this.id, name: 'bench', started_utc: this.started.toISOString(),
        duration_ns: (Date.now() - this.started.getTime()) * 1e6, quick: this.quick },
      host: { name: os.hostname(), os: os.type(), kernel: os.release(), cpus: os.cpus().length,
        cpu_model: os.cpus()[0].model, load_average: os.loadavg() },
      held: this.heldAll,
      goals: this.rows,
      not_measured: this.missing,
      samples: this.samples,
    };
  }
}

// The figures of a run, without the documents they came from.
function plain(figures) {
  return Object.fromEntries(Object.entries(figures)
    .filter(([, value]) => typeof value === 'number'));
}

function shortly(runs) {
  const of = (key) => median(runs.map((run) => run[key]).filter(Number.isFinite));
  if (runs[0].per_s === undefined) return `${(of('p50_ns') / 1000).toFixed(1)} us`;
  const cpu = Number.isFinite(runs[0].client_us)
    ? ` (CPU ${of('client_us').toFixed(2)}` +
      `${Number.isFinite(runs[0].server_us) ? `+${of('server_us').toFixed(2)}` : ''} us)` : '';
  return `${Math.round(of('per_s')).toLocaleString('en-US')}/s${cpu}`;
}

/** Fails with a reason that names the package when a program of a peer is not there. */
export function programExists(name) {
  return (process.env.PATH ?? '').split(path.delimiter)
    .some((folder) => fs.existsSync(path.join(folder, name)));
}

export function needProgram(name) {
  if (programExists(name)) return;
  throw new Failure(`${name} is not installed (scripts/setup --for bench)`);
}
