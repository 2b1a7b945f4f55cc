// The bar of a long command: fits, tells the time left from what was played, leaves nothing behind.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { callAgain, interruptedText } from '../../scripts/lib/base/again.mjs';
import { setFooter } from '../../scripts/lib/base/console.mjs';
import { barLine, formatLeft, leftText, openProgress, Pace, partOf, withBar }
  from '../../scripts/lib/base/progress.mjs';
import { readTimes } from '../../scripts/lib/bench/times.mjs';
import { standingText } from '../../scripts/lib/judging/standing.mjs';

/** A clock that a test moves. */
function fakeClock() {
  let now_ms = 1e12;
  return Object.assign(() => now_ms, { pass: (ms) => { now_ms += ms; } });
}

/** A terminal: what was written, and what stands there now (one line, as the bar is drawn). */
class Terminal extends EventEmitter {
  constructor(columns) {
    super();
    Object.assign(this, { columns, isTTY: true, written: '' });
  }

  write(text) {
    this.written += text;
  }

  /** What can be read behind the last erasing. */
  get line() {
    return this.written.slice(this.written.lastIndexOf('\x1b[J') + 3);
  }
}

const TERMINAL = { TERM: 'xterm', LC_ALL: 'C.UTF-8' };

function opened(t, more = {}) {
  const clock = fakeClock();
  const stream = new Terminal(80);
  const lines = [];
  const progress = openProgress({ clock, stream, say: (line) => lines.push(line), env: TERMINAL,
    ...more });
  t.after(() => progress.close());
  return { clock, stream, lines, progress };
}

test('the time left follows from what was played, and is never negative', () => {
  const clock = fakeClock();
  const pace = new Pace({ total: 10, clock });
  assert.equal(pace.left(), null, 'nothing was played: nothing is known');
  assert.equal(leftText(pace), '');
  clock.pass(4000);
  pace.add();
  assert.deepEqual(pace.left(), { ms: 36000, bound: false });
  clock.pass(1000);
  assert.equal(pace.left().ms, 35000);
  clock.pass(100000); // this one takes long: the others still take what they took
  assert.equal(pace.left().ms, 32000);
  for (let i = 0; i < 20; i++) pace.add();
  clock.pass(1e6);
  assert.equal(pace.left().ms, 0);
  assert.equal(pace.share(), 1);
});

test('of things of uneven length the time left is never far off', () => {
  let seed = 7;
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
  for (let round = 0; round < 200; round++) {
    const clock = fakeClock();
    const lengths = Array.from({ length: 20 }, () => 1000 + 2000 * random()); // of 1 to 3 s
    const pace = new Pace({ total: lengths.length, clock });
    let left_ms = lengths.reduce((sum, ms) => sum + ms, 0);
    for (const ms of lengths) {
      for (let part = 0; part < 4; part++) {
        clock.pass(ms / 4);
        left_ms -= ms / 4;
        const left = pace.left();
        assert.ok(left === null ? pace.done === 0 : left.ms >= 0);
        if (left) assert.ok(left.ms <= 3 * left_ms + 3000 && left.ms >= left_ms / 3 - 3000);
      }
      pace.add();
    }
    assert.equal(pace.left().ms, 0);
  }
});

test('what is played again is not done, but its time counts', () => {
  const clock = fakeClock();
  const pace = new Pace({ total: 4, clock });
  for (let i = 0; i < 2; i++) {
    clock.pass(1000);
    pace.add();
  }
  pace.done -= 2;
  assert.equal(pace.left().ms, 4000);
  clock.pass(1000);
  pace.add();
  assert.equal(pace.left().ms, 3000);
});

test('the end of the time bounds it', () => {
  const clock = fakeClock();
  const pace = new Pace({ total: 100, clock, until_ms: clock() + 50000 });
  assert.equal(leftText(pace), 'at most 50 s left');
  clock.pass(10000);
  pace.add();
  assert.equal(leftText(pace), 'at most 40 s left');
  pace.total = 3;
  assert.equal(leftText(pace), 'about 20 s left');
  clock.pass(60000);
  assert.equal(leftText(pace), 'at most 0 s left');
});

test('a length that is known before is taken until enough was played', () => {
  const clock = fakeClock();
  const pace = new Pace({ total: 2, each_ms: 30000, clock });
  assert.equal(leftText(pace), 'about 60 s left');
  clock.pass(10000);
  pace.add();
  assert.equal(leftText(pace), 'about 12 s left');
});

test('of tests that take from milliseconds to minutes the first do not decide', () => {
  const clock = fakeClock();
  const weights = [0.05, 0.05, 0.1, ...Array(20).fill(30)]; // seconds, as they were the last time
  const total = weights.reduce((sum, one) => sum + one, 0);
  const pace = new Pace({ total, each_ms: 1000, clock });
  for (const weight of weights.slice(0, 3)) {
    clock.pass(500); // ten times as long: the start of a program
    pace.add(weight);
    assert.ok(pace.left().ms > total * 900 && pace.left().ms < total * 1300, pace.left().ms);
  }
});

test('times in words', () => {
  assert.deepEqual([-5, 0, 1, 59000, 89000, 95000, 3540000, 3600000, 4800000, 4e8,
    4e12].map(formatLeft), ['0 s', '0 s', '1 s', '59 s', '89 s', '2 min', '59 min', '1 h 0 min',
    '1 h 20 min', '4 days 15 h', '46,296 days 7 h']);
});

test('the line fits every width, and what does not fit is left out whole', () => {
  const whats = ['', 'echo pair 3 A', 'a-scenario-with-a-very-long-name pair 12 of 40, side B',
    '世界 block 4'];
  for (const what of whats) {
    for (const share of [null, 0, 0.333, 0.999, 1]) {
      for (const utf8 of [true, false]) {
        for (let columns = 1; columns <= 200; columns++) {
          const line = barLine({ share, what, left: 'about 12 min left', count: 7 }, columns, utf8);
          const width = [...line].reduce((sum, one) => sum + (one > '\u2e80' ? 2 : 1), 0);
          assert.ok(width <= columns, `${width} columns of ${columns}: ${line}`);
          if (columns >= 40) {
            assert.match(line, /about 12 min left$/);
            assert.match(line, share === null ? /7 played/ : /(^| )(0|33|99|100)%  /);
          }
          for (const number of line.match(/\d+(?=%| min| played)/g) ?? []) {
            assert.ok(['0', '33', '99', '100', '12', '7'].includes(number), line);
          }
          if (!utf8 && what.startsWith('e')) assert.match(line, /^[ -~]*$/);
        }
      }
    }
  }
});

test('a terminal: the bar stands below the lines, and is gone at the end', (t) => {
  const { clock, stream, lines, progress } = opened(t, { total: 4 });
  progress.begin('echo pair 1 A');
  assert.match(stream.line, /^\u2591+ 0% {2}echo pair 1 A$/);
  clock.pass(2000);
  progress.end('  1/4  echo pair 1 A  exit 0');
  progress.begin('echo pair 1 B');
  assert.deepEqual(lines, ['  1/4  echo pair 1 A  exit 0']);
  assert.match(stream.line, /^\u2588+\u2591+ 25% {2}echo pair 1 B {2}about 6 s left$/);
  progress.close();
  assert.equal(stream.line, '');
  assert.equal(stream.listenerCount('resize'), 0);
  progress.close(); // once more does no harm
});

test('what is printed meanwhile is above the bar', (t) => {
  const { stream, progress } = opened(t, { total: 2 });
  progress.begin('something');
  const before = stream.written.length;
  const { write } = process.stdout;
  let at = null;
  process.stdout.write = (text) => { at = stream.line; return typeof text === 'string'; };
  console.log('a line');
  process.stdout.write = write;
  assert.equal(at, '', 'the bar is not there while it is printed');
  assert.match(stream.written.slice(before), /something$/);
});

test('a window that has become narrower: every row of the bar is erased', (t) => {
  const { stream, progress } = opened(t, { total: 2 });
  progress.begin('something that plays now');
  const drawn = stream.line.length;
  stream.columns = 20;
  stream.emit('resize');
  const rows = Math.ceil(drawn / 20);
  assert.ok(rows > 1);
  assert.ok(stream.written.includes(`\x1b[${rows - 1}A\r\x1b[J`));
  assert.ok(stream.line.length <= 16);
  stream.columns = 80;
  stream.emit('resize');
  assert.match(stream.line, /something that plays now$/);
});

test('names of others do not steer the terminal', (t) => {
  const { stream, progress } = opened(t, { total: 2 });
  progress.begin('a\x1b[2Jb\nc');
  assert.match(stream.line, /a\u241b\[2Jb\u240ac$/);
});

for (const [what, more] of [['no terminal', { stream: { isTTY: false, write: assert.fail } }],
  ['TERM=dumb', { env: { TERM: 'dumb' } }], ['a CI', { env: { TERM: 'xterm', CI: 'true' } }]]) {
  test(`${what}: plain lines, one for each step, with the time left`, (t) => {
    const { clock, stream, lines, progress } = opened(t, { total: 3, ...more });
    for (const name of ['one', 'two', 'three']) {
      progress.begin(name);
      clock.pass(5000);
      progress.end(`${name} is done`);
    }
    progress.close();
    assert.deepEqual(lines, ['one is done  about 10 s left', 'two is done  about 5 s left',
      'three is done']);
    assert.equal(stream.written ?? '', '');
  });
}

test('a plain locale gets plain letters, and nothing has a colour (NO_COLOR)', (t) => {
  const { stream, progress } = opened(t, { total: 2, env: { TERM: 'xterm', LC_ALL: 'C' } });
  progress.begin('x');
  progress.end();
  assert.match(stream.line, /^#+-+ 50% {2}x/);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(stream.written, /\x1b\[\d*m/);
});

test('where the number of steps is not known, it counts them', (t) => {
  const { clock, stream, progress } = opened(t, { total: null });
  progress.begin('a climb');
  clock.pass(5000);
  progress.end();
  assert.equal(stream.line, '1 played  a climb');
  progress.foresee(3);
  progress.begin('narrow');
  assert.match(stream.line, / 25% {2}narrow {2}about 15 s left$/);
});

test('another bar takes the place of one that is closed', (t) => {
  const { progress } = opened(t, { total: 2 });
  progress.close();
  setFooter(null);
  const { stream } = opened(t, { total: 3 });
  assert.match(stream.line, /0%/);
});

test('a part of what has a bar says what plays, and counts nothing', (t) => {
  const { stream, progress } = opened(t, { total: 2 });
  const part = partOf(progress, '0123456789ab');
  part.begin('echo pair 1 A');
  part.end('a line');
  part.foresee(9);
  assert.match(stream.line, / 0% {2}0123456789ab echo pair 1 A$/);
});

test('the bar is gone when what plays fails', async () => {
  const stream = new Terminal(80);
  const fails = withBar({}, { stream, env: TERMINAL, total: 1 }, ({ bar }) => {
    bar.begin('it');
    throw new Error('no');
  });
  await assert.rejects(fails, /no/);
  assert.equal(stream.line, '');
});

test('the command that goes on is whole, for a person to copy', () => {
  const argv = ['--a', 'x {port}', '--out=old', '--b', "it's {port}", 's.json', '--', '--out', 'f'];
  const again = callAgain('regress', argv);
  assert.match(again, /regress(\.cmd)? --a /);
  assert.ok(!again.includes('old') && again.endsWith('s.json -- --out f'), again);
  assert.match(interruptedText('regress', argv, 'results/r 1'),
    /^interrupted; to continue: \S*regress(\.cmd)? --out ['"]results.r 1['"] --a /);
});

test('what is not known has no question marks', () => {
  const state = { metric: 'latency.response.p50', sure: null, blocks_left_about: null };
  const text = (low, high) => standingText([{ ...state, low, high }], 'blocks');
  assert.equal(text(null, null), 'p50 not known yet');
  assert.equal(text(Math.log(1.02), null), 'p50 +2.0% or more');
  assert.equal(text(null, Math.log(1.02)), 'p50 +2.0% or less');
  assert.equal(text(0, Math.log(1.02)), 'p50 +0.0% .. +2.0%');
});

test('the parts of a bench take what they took the last time', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dummyload-times-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'times.json');
  const first = readTimes(['a', 'b'], true, file);
  assert.deepEqual([first.known, first.total, first.of('a')], [false, 2, 1]);
  first.keep('a', 30);
  first.keep('b', 10);
  const second = readTimes(['a', 'b', 'c'], true, file);
  assert.deepEqual([second.known, second.total, second.of('c')], [true, 60, 20]);
  assert.equal(readTimes(['a'], false, file).known, false);
});
