// Somebody steers a run by hand: what they do has its effect, is in the result, and can be played
// again.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { endServer, fileFor, folderFor, freePort, LIMIT, programCall, resultOf, ROOT, RUN_TIME_MS,
  runClient, runServer, said, startClient, TAME, WINDOWS } from './harness.mjs';
import { mpiMissing, startMpi } from './mpi_harness.mjs';
import { sleep } from '../../scripts/lib/base/process.mjs';

function scenarioOf(folder, load) {
  const file = path.join(folder, 'scenario.json');
  fs.writeFileSync(file, JSON.stringify({ name: 'steered',
    target: { host: '127.0.0.1', port: 7777 }, load,
    behaviors: [{ name: 'a', loop: [{ request: { name: 'x',
      send: { id: 1, body: { random: { bytes: 32 } } } } }, { mark: 'passed' }] }] }));
  return file;
}

async function order(port, what) {
  const response = await fetch(`http://127.0.0.1:${port}/control`, { method: 'POST',
    headers: { 'content-type': 'application/json' }, body: JSON.stringify(what) });
  return { status: response.status, ...await response.json() };
}

/** Plays the scenario; hands: orders, each with the time it is given at, since the first one that
 *  the run took. */
async function steer(t, folder, server, load, hands, start = startClient) {
  const out = path.join(folder, 'steered.json');
  const stream = path.join(folder, 'records.ndjson');
  const port = await freePort();
  const client = start(t, [fileFor(scenarioOf(folder, load)), '--port', server.port,
    '--listen', `127.0.0.1:${port}`, '--out', fileFor(out), '--ndjson', fileFor(stream), ...TAME]);
  const until_ms = Date.now() + RUN_TIME_MS;
  let began_s;
  while (began_s === undefined) {
    const { at_s: at, done } = await order(port, { rate: '+1%' }).catch(() => ({}));
    began_s = done && at;
    assert.ok(Date.now() < until_ms && client.exitCode === null, said(client));
    await sleep(20);
  }
  const answers = [];
  for (const { after_ms: after, ...what } of hands) {
    await sleep(after);
    answers.push(await order(port, what));
  }
  const ended = hands.at(-1).end === 'run'; /* then nobody may answer any more */
  const replay = ended ? null : await (await fetch(`http://127.0.0.1:${port}/scenario`)).json();
  await client.wait(RUN_TIME_MS);
  assert.equal(client.exitCode, 0, said(client));
  const records = fs.readFileSync(stream, 'utf8').trim().split('\n').map(JSON.parse);
  return { result: resultOf(out), out, answers, replay, client, began_s, records };
}

/** Arrivals due until the end of each second of the run. */
function dueUntil(result) {
  let sum = 0;
  return result.series.map(({ due = 0 }) => { sum += due; return sum; });
}

/** Both have the same arrivals, at the same times since t0: at most so many are in another second
 *  as come in the time by which their beginnings differ. */
function assertSameLoad(a, b, most_per_s) {
  assert.equal(a.rate.intended, b.rate.intended);
  const apart_s = Math.abs(Number(a.run.t0_ns) - Number(b.run.t0_ns)) / 1e9;
  const [first, second] = [dueUntil(a), dueUntil(b)];
  for (let i = 0; i < Math.min(first.length, second.length); i++) {
    const apart = Math.abs(first[i] - second[i]);
    assert.ok(apart <= Math.ceil(most_per_s * apart_s) + 1, `second ${i}: ${first} and ${second}`);
  }
}

async function assertReplays(t, folder, server, steered, most_per_s) {
  const file = path.join(folder, 'replay.json');
  const out = path.join(folder, 'replayed.json');
  const exported = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'export.mjs'),
    steered.out, '--format', 'scenario', '-o', file], { encoding: 'utf8' });
  assert.equal(exported.status, 0, exported.stderr);
  assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')).load, steered.replay.load);
  // Its target is the one that was played, not what the scenario said.
  assert.equal(steered.replay.target.port, server.port);
  const client = await runClient(t, [fileFor(file), '--out', fileFor(out), '--no-strict',
    '--no-progress']);
  assert.equal(client.exitCode, 0, said(client));
  const result = resultOf(out);
  assert.equal(result.run.steered, false);
  assert.equal(result.steering, undefined);
  assertSameLoad(steered.result, result, most_per_s);
}

test('orders have their effect, are marks in the result, and replay as a scenario', LIMIT,
  async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const steered = await steer(t, folder, server,
      // Far longer than the hands need, also where they are slow: they end the first two.
      { connections: 10, stages: [{ duration: '60s', rate: { from: '100/s', to: '200/s' } },
        { duration: '60s', rate: '50/s' }, { duration: '3s', rate: '80/s' }] },
      [{ after_ms: 300, rate: '+50%' }, { after_ms: 300, connections: 3 },
        { after_ms: 100, mark: 'a "mark"' }, { after_ms: 100, pause: true },
        { after_ms: 400, pause: false }, { after_ms: 100, end: 'stage' },
        { after_ms: 300, rate: 333 }, { after_ms: 300, end: 'stage' }]);
    const { result, answers } = steered;
    assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(200));
    assert.equal(result.run.steered, true);
    assert.deepEqual(result.steering.marks.map(({ kind, text }) => `${kind}: ${text}`),
      ['rate: rate +1%', 'rate: rate +50%', 'connections: connections 3', 'mark: a "mark"',
        'pause: pause', 'resume: resume', 'end: end of the stage', 'rate: rate 333/s',
        'end: end of the stage']);
    assert.ok(result.steering.marks.every(({ who }) => who.includes('127.0.0.1')));
    // One clock: what was answered is what the mark says.
    assert.equal(Math.round(steered.began_s * 1e9), Number(result.steering.marks[0].t_ns));
    // The scenario's own marks are in the records, too.
    const notes = steered.records.flatMap((record) => record.notes ?? []);
    assert.ok(notes.every(({ text }) => text === 'passed'));
    assert.equal(notes.reduce((sum, { count }) => sum + count, 0),
      result.marks.reduce((sum, { count }) => sum + Number(count), 0));
    // The stages are as long as the hand made them: the second took 600 ms of its 60 s.
    const [first, second, third] = result.stages;
    assert.equal(first.end_ns, second.start_ns);
    assert.equal(second.end_ns, third.start_ns);
    const at = (i) => Number(result.steering.marks[i].since_t0_ns);
    assert.equal(Number(second.start_ns), at(6));
    assert.equal(Number(second.end_ns), at(8));
    assert.equal(Number(third.end_ns) - Number(third.start_ns), 3e9);
    // Nothing was due in the pause, and what was due is what was asked for.
    const { begun, dropped, never_started: never, intended } = result.rate;
    assert.equal(begun + dropped + never, intended);
    assert.ok(Math.abs(result.rate.target_per_s * Number(result.rate.window_ns) / 1e9 -
      intended) <= 1, JSON.stringify(result.rate));
    assert.match(steered.client.stdout, /steered +by hand, 8 times/);
    await assertReplays(t, folder, server, steered, 500);
    await endServer(server);
  });

test('Poisson arrivals and a rate of each connection are drawn alike when played again', LIMIT,
  async (t) => {
    const server = await runServer(t);
    for (const load of [{ connections: 5, arrival: 'poisson', rate: '300/s', duration: '5s' },
      { connections: 8, rate_per_connection: '20/s', duration: '5s' }]) {
      const folder = folderFor(t);
      const steered = await steer(t, folder, server, load,
        [{ after_ms: 200, rate: '-30%' }, { after_ms: 200, rate: '+100%' },
          { after_ms: 200, pause: true }, { after_ms: 100, pause: false }]);
      await assertReplays(t, folder, server, steered, 1000);
    }
    await endServer(server);
  });

test('a rate of each connection and their number replay together with a rate in total', LIMIT,
  async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const steered = await steer(t, folder, server,
      { connections: 10, rate_per_connection: '10/s', duration: '3s' },
      [{ after_ms: 200, connections: 0 }, { after_ms: 230, connections: 3 },
        { after_ms: 170, connections: 10 }, { after_ms: 250, rate: 20 },
        { after_ms: 200, rate: 3 }]);
    await assertReplays(t, folder, server, steered, 200);
    await endServer(server);
  });

test('the run is ended in order, and what cannot be done is refused in one line', LIMIT,
  async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const open = await steer(t, folder, server,
      { connections: 4, rate: '100/s', duration: '60s', max_catch_up_rate: '500/s' },
      [{ after_ms: 0, connections: 5 }, { after_ms: 0, rate: 500 }, { after_ms: 0, rate: 'fast' },
        { after_ms: 0, rate_per_connection: 3 }, { after_ms: 0, speed: 3 },
        { after_ms: 0, pause: 1 }, { after_ms: 0, end: 'soon' }, { after_ms: 0, mark: '' },
        { after_ms: 0, pause: false }, { after_ms: 0, rate: 101 }, { after_ms: 0, connections: 4 },
        { after_ms: 300, end: 'run' }]);
    const why = [/at most 4.*higher --connections/, /`load.max_catch_up_rate`: expected more than/,
      /`rate`: expected iterations per second/, /no rate per connection/, /one of the keys rate/,
      /`pause`: expected true or false/, /`end`: expected "stage" or "run"/, /`mark`: expected/,
      /the run is not paused/, /the rate is that already/, /as many connections already/];
    for (const [i, pattern] of why.entries()) {
      assert.equal(open.answers[i].status, 400);
      assert.match(open.answers[i].error, pattern);
      assert.doesNotMatch(open.answers[i].error, /\n/);
    }
    assert.equal(open.answers.at(-1).status, 200);
    assert.equal(open.result.run.interrupted, false);
    assert.ok(Number(open.result.rate.window_ns) < 50e9);
    assert.equal(open.result.rate.begun, open.result.rate.intended);
    await endServer(server);
  });

test('a closed loop has connections and an end, but no rate', LIMIT, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const out = path.join(folder, 'result.json');
  const port = await freePort();
  const client = startClient(t, [fileFor(scenarioOf(folder, { connections: 6, duration: '60s' })),
    '--port', server.port, '--listen', `127.0.0.1:${port}`, '--out', fileFor(out), ...TAME]);
  const until_ms = Date.now() + RUN_TIME_MS;
  while (!(await order(port, { connections: 2 }).catch(() => ({}))).done) {
    assert.ok(Date.now() < until_ms && client.exitCode === null, said(client));
    await sleep(20);
  }
  assert.match((await order(port, { connections: 2 })).error, /as many connections already/);
  assert.match((await order(port, { rate: 5 })).error, /a closed loop has no rate/);
  assert.equal((await order(port, { connections: 6 })).status, 200);
  assert.equal((await order(port, { end: 'run' })).status, 200);
  await client.wait(RUN_TIME_MS);
  assert.equal(client.exitCode, 0, said(client));
  const result = resultOf(out);
  assert.deepEqual(result.steering.load.stages.map(({ connections }) => connections), [6, 2, 6]);
  await endServer(server);
});

test('ranks are steered as one', { ...LIMIT, skip: mpiMissing() }, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const steered = await steer(t, folder, server,
    { connections: 12, rate: '200/s', duration: '4s' },
    [{ after_ms: 0, connections: 2 }, { after_ms: 0, rate: 300 }, { after_ms: 300, pause: true },
      { after_ms: 100, pause: false }, { after_ms: 100, connections: 9 },
      { after_ms: 0, rate: '-50%' }],
    (test_, args) => startMpi(test_, 3, args));
  assert.deepEqual(steered.answers.map(({ status }) => status), Array(6).fill(200));
  const { begun, dropped, never_started: never, intended } = steered.result.rate;
  assert.equal(begun + dropped + never, intended);
  // Each rank has played its share of the touched load: none was due by the planned one.
  const { hosts } = steered.result;
  const sum = (key) => hosts.reduce((all, host) => all + Number(host[key]), 0);
  assert.deepEqual([hosts.length, sum('intended'), sum('started')], [3, intended, begun]);
  assert.ok(hosts.every(({ started }) => Number(started) > 0), JSON.stringify(hosts));
  await assertReplays(t, folder, server, steered, 500);
  await endServer(server);
});

// --- By keys of a terminal.

function whyNoTerminal() {
  if (WINDOWS) return 'no pseudo-terminal that Wine takes for a console';
  return spawnSync('script', ['--version']).status === 0 ? false : 'script(1) is not there';
}

/** Runs a shell script on a pseudo-terminal. type() presses keys; until() waits until what the
 *  terminal shows matches, from where the last wait ended. */
function onTerminal(t, commands) {
  const child = spawn('script', ['-qfec', `bash -c '${commands}'`, '/dev/null'],
    { stdio: 'pipe', env: { ...process.env, TERM: 'xterm', SHELL: '/bin/bash' } });
  let shown = '';
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (text) => { shown += text; });
  const ended = new Promise((resolve) => { child.on('close', resolve); });
  t.after(() => child.kill('SIGKILL'));
  return {
    ended,
    shown: () => shown,
    type: (keys) => child.stdin.write(keys),
    async until(pattern) {
      const until_ms = Date.now() + RUN_TIME_MS;
      for (;;) {
        const found = pattern.exec(shown.slice(from));
        if (found) { from += found.index + found[0].length; return; }
        assert.ok(Date.now() < until_ms && child.exitCode === null,
          `${pattern} is not in:\n${shown}`);
        await sleep(20);
      }
    },
  };
}

/** The call of a client that plays for a minute, and where its result is. */
function longCall(folder, server, load) {
  const { command } = programCall('dummyclient');
  const out = path.join(folder, 'result.json');
  return { out, call: `${command} ${scenarioOf(folder, load)} --port ${server.port} --out ${out} ` +
    '--warmup 0s --no-strict' };
}

const MINUTE = { connections: 4, rate: '100/s', duration: '60s' };

test('keys steer the run, and the terminal is as it was afterwards',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const { out, call } = longCall(folder, server, MINUTE);
    const terminal = onTerminal(t, `cd ${folder}; stty -g > before; ${call}; stty -g > after`);
    await terminal.until(/running/);
    for (const [key, said_] of [['+', /rate \+10%/], ['-', /rate -10%/], [' ', /: pause/],
      [' ', /: resume/], ['m', /: mark/], ['x', null], ['q', /end of the run/]]) {
      terminal.type(key);
      if (said_) await terminal.until(said_);
    }
    await terminal.ended;
    const result = resultOf(out);
    assert.deepEqual(result.steering.marks.map(({ kind, who }) => `${kind} ${who}`),
      ['rate', 'rate', 'pause', 'resume', 'mark', 'end'].map((kind) => `${kind} terminal`));
    assert.equal(result.run.interrupted, false);
    assert.equal(fs.readFileSync(path.join(folder, 'after'), 'utf8'),
      fs.readFileSync(path.join(folder, 'before'), 'utf8'));
    await endServer(server);
  });

test('stopped, killed and in the background, it leaves the terminal alone',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const { out, call } = longCall(folder, server, MINUTE);
    const modes = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
    // In the background first: it plays on. In the foreground it takes keys; stopped by Ctrl+Z the
    // terminal is the shell's again; it goes on, takes keys, and is ended by one.
    const terminal = onTerminal(t, `set -m; cd ${folder}; stty -g > first; ${call} & ` +
      'sleep 1; stty -g > behind; jobs -r | grep -c dummyclient > running; fg; ' +
      'stty -g > stopped; echo STOPPED; fg; stty -g > last; ' +
      `${call.replace('result.json', 'none.json')}; stty -g > killed`);
    await terminal.until(/running/);
    const until_ms = Date.now() + RUN_TIME_MS;
    while (!fs.existsSync(path.join(folder, 'running')) || !modes('running')) {
      assert.ok(Date.now() < until_ms, terminal.shown());
      await sleep(50);
    }
    assert.equal(modes('running').trim(), '1', terminal.shown());
    await sleep(500); // it looks for the terminal five times a second
    terminal.type('+');
    await terminal.until(/rate \+10%/);
    terminal.type('\x1a');
    await terminal.until(/STOPPED/);
    await sleep(500);
    terminal.type('q');
    await terminal.until(/end of the run/);
    await terminal.until(/running/);
    terminal.type('\x1c'); // Ctrl+\, SIGQUIT
    await terminal.ended;
    assert.deepEqual(resultOf(out).steering.marks.map(({ kind }) => kind), ['rate', 'end']);
    for (const name of ['behind', 'stopped', 'last', 'killed']) {
      assert.equal(modes(name), modes('first'), name);
    }
    await endServer(server);
  });

test('stopped by SIGSTOP, of which a program does not know, it takes keys again',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const { out, call } = longCall(folder, server, MINUTE);
    const modes = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
    const terminal = onTerminal(t, `set -m; cd ${folder}; stty -g > before; ` +
      `sh -c "echo \\$\\$ > pid; exec ${call}"; stty $(cat before); echo STOPPED; fg; ` +
      'stty -g > after');
    await terminal.until(/running/);
    await terminal.until(/keys:/);
    await sleep(300); // the keys are taken at the latest now
    process.kill(Number(modes('pid')), 'SIGSTOP');
    await terminal.until(/STOPPED/);
    await terminal.until(/running/);
    let ended = false;
    const end = terminal.until(/end of the run/).then(() => { ended = true; });
    for (; !ended; await sleep(500)) terminal.type('q'); // it may not have its keys again yet
    await end;
    await terminal.ended;
    assert.deepEqual(new Set(resultOf(out).steering.marks.map(({ kind }) => kind)),
      new Set(['end']));
    assert.equal(modes('after'), modes('before'));
    await endServer(server);
  });

test('a signal that ends the program gives the terminal back, too',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const folder = folderFor(t);
    const server = await runServer(t);
    const { call } = longCall(folder, server, MINUTE);
    const modes = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
    for (const signal of ['SIGUSR1', 'SIGXCPU', 'SIGALRM']) {
      const terminal = onTerminal(t, `cd ${folder}; stty -g > before; ` +
        `sh -c "echo \\$\\$ > pid; exec ${call}"; stty -g > after`);
      await terminal.until(/running/);
      await terminal.until(/keys:/);
      await sleep(300); // the keys are taken at the latest now
      process.kill(Number(modes('pid')), signal);
      await terminal.ended;
      assert.equal(modes('after'), modes('before'), signal);
    }
    await endServer(server);
  });

test('a run ends though another program takes the keys of its terminal',
  { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
    const server = await runServer(t);
    const { call } = longCall(folderFor(t), server, { ...MINUTE, duration: '2s' });
    const runs = 6; // of which every second one would wait for a key that has been taken
    const terminal = onTerminal(t, 'cat /dev/tty > /dev/null & ' +
      `for i in $(seq ${runs}); do ${call}; echo RUN $i HAS ENDED; done; kill %1`);
    for (let i = 1; i <= runs; i++) {
      await terminal.until(new RegExp(`running|(?=RUN ${i} HAS ENDED)`));
      terminal.type('x');
      await terminal.until(new RegExp(`RUN ${i} HAS ENDED`));
    }
    await terminal.ended;
    await endServer(server);
  });

test('--no-keys leaves the keys alone', { ...LIMIT, skip: whyNoTerminal() }, async (t) => {
  const folder = folderFor(t);
  const server = await runServer(t);
  const { out, call } = longCall(folder, server, { ...MINUTE, duration: '2s' });
  const terminal = onTerminal(t, `${call} --no-keys`);
  await terminal.until(/running/);
  terminal.type('+q');
  await terminal.ended;
  assert.equal(resultOf(out).steering, undefined);
  assert.doesNotMatch(terminal.shown(), /keys:/);
  await endServer(server);
});
