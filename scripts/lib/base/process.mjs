// Other programs, always with a time bound, and never left behind: what was started here and is
// still there when this program ends, is killed by its own id.

import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { hideFooter } from './console.mjs';
import { ON_WINDOWS, programsFolder } from './paths.mjs';

/** Something went wrong that a person can act on: printed as one line, then exit with `code`. */
export class Failure extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

const running = new Set();

function killNow(program) {
  try {
    if (program.group && !ON_WINDOWS) process.kill(-program.pid, 'SIGKILL');
    else program.child.kill('SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

process.on('exit', () => {
  for (const program of running) killNow(program);
});

let interruptHandler = null;
let interrupts = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupts += 1;
    if (interruptHandler && interrupts < 3) interruptHandler(signal, interrupts);
    else process.exit(130);
  });
}

/** handler(signal, nth) is called on Ctrl+C and its like, instead of ending the program. */
export function onInterrupt(handler) {
  interruptHandler = handler;
}

/** For a call that plays many runs: what Ctrl+C does to the one that is playing.
 *  Returns { stopped(), watch(program) }: was it asked for, and which program plays now. */
export function watchInterrupts() {
  let client = null;
  let stopped = false;
  onInterrupt(() => {
    stopped = true;
    client?.interrupt();
  });
  return { stopped: () => stopped, watch: (program) => { client = program; } };
}

export function sleep(time_ms) {
  return new Promise((resolve) => setTimeout(resolve, time_ms));
}

/** promise, or a Failure with `message` after time_ms. */
export function within(promise, time_ms, message) {
  let timer;
  const bound = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failure(message)), time_ms);
  });
  return Promise.race([promise, bound]).finally(() => clearTimeout(timer));
}

/** A program that was started.
 *
 * options: env (added to ours), cwd, stdin 'pipe', output 'keep' (default: in .stdout and .stderr),
 * 'show' (ours) or a function(text) called with all that it prints; group: a new session,
 * so that a Ctrl+C of the terminal does not reach it, killed with all its children; shell: the
 * program is a shell, and what it started is signalled and awaited as well; verbatim: on Windows,
 * arguments are as they are, without quotes of Node.js. */
export class Program {
  constructor(command, args, options = {}) {
    const { env, cwd, output = 'keep', group = false, stdin = 'ignore', shell = false,
      verbatim = false } = options;
    const pipe = output === 'show' ? 'inherit' : 'pipe';
    this.command = command;
    this.group = group;
    this.shell = shell && !ON_WINDOWS;
    this.stdout = '';
    this.stderr = '';
    this.code = null;
    this.signal = null;
    this.ended = false;
    this.gone = null; // { code, signal, at_ms } as soon as it has ended, before its output has
    this.groupLeft = false; // it was a shell, has ended, and its children had not
    this.watchers = [];
    const showFooter = output === 'show' ? hideFooter() : () => {};
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [stdin, pipe, pipe],
      detached: group && !ON_WINDOWS,
      windowsHide: group,
      windowsVerbatimArguments: verbatim,
    });
    this.pid = this.child.pid;
    running.add(this);
    for (const name of ['stdout', 'stderr']) {
      this.child[name]?.setEncoding('utf8').on('data', (text) => {
        this[name] += text;
        if (typeof output === 'function') output(text);
        for (const watcher of this.watchers) watcher();
      });
    }
    this.exited = new Promise((resolve) => {
      const end = (code, signal, error) => {
        if (this.ended) return;
        this.ended = true;
        this.code = code;
        this.signal = signal;
        this.error = error;
        running.delete(this);
        showFooter();
        for (const watcher of this.watchers) watcher();
        resolve(this);
      };
      this.child.on('error', (error) => end(127, null, error));
      // 'close' waits for the pipes; a grandchild that holds one must not hold us, now or when we
      // want to end.
      this.child.on('exit', (code, signal) => {
        this.gone = { code, signal, at_ms: Date.now() };
        this.groupLeft = this.shell && this.groupExists();
        const timer = setTimeout(() => {
          for (const pipe of [this.child.stdout, this.child.stderr]) pipe?.unref?.();
          end(code, signal);
        }, 1000);
        this.child.on('close', () => {
          clearTimeout(timer);
          end(code, signal);
        });
      });
    });
  }

  /** What a shell would call its exit code. */
  get exitCode() {
    return this.signal ? 128 + (os.constants.signals[this.signal] ?? 0) : this.code;
  }

  /** The first match of pattern in what it prints to standard output or error. */
  async line(pattern, time_ms) {
    const found = () => pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
    let watcher;
    const match = await within(new Promise((resolve, reject) => {
      watcher = () => {
        const hit = found();
        if (hit) resolve(hit);
        else if (this.ended) reject(this.failure('ended early'));
      };
      this.watchers.push(watcher);
      watcher();
    }), time_ms, `${this.command}: did not print ${pattern} within ${time_ms / 1000} s`)
      .finally(() => this.watchers.splice(this.watchers.indexOf(watcher), 1));
    return match;
  }

  failure(what) {
    const said = (this.stderr || this.stdout).trim().split('\n').slice(-8).join('\n');
    const ending = this.ended ? `exit ${this.exitCode}` : 'still running';
    const reason = this.error ? this.error.message : ending;
    return new Failure(`${this.command}: ${what} (${reason})${said ? `\n${said}` : ''}`);
  }

  interrupt(signal = 'SIGINT') {
    if (this.ended && !this.groupLeft) return;
    try {
      if (ON_WINDOWS) interruptConsole(this.pid);
      else if (this.shell) process.kill(-this.pid, signal);
      else this.child.kill(signal);
    } catch {
      // It has ended meanwhile.
    }
  }

  kill() {
    if (!this.ended) killNow(this);
  }

  /** Asks it to end, waits time_ms, then kills it. Returns whether it ended by itself. */
  async stop(time_ms = 10000, signal = 'SIGINT') {
    const deadline = Date.now() + time_ms;
    if (this.ended && !this.groupLeft) return true;
    this.interrupt(signal);
    const graceful = !(await this.wait(time_ms)).timedOut;
    return this.shell ? await this.groupEnd(deadline) && graceful : graceful;
  }

  groupExists() {
    try {
      process.kill(-this.pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  // The shell has ended; its children may take a moment longer.
  async groupEnd(deadline) {
    while (Date.now() < deadline + 1000) {
      try {
        process.kill(-this.pid, Date.now() < deadline ? 0 : 'SIGKILL');
      } catch {
        return Date.now() < deadline; // none is left
      }
      await sleep(20);
    }
    return false;
  }

  /** Waits for its end; kills it after time_ms. */
  async wait(time_ms) {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.kill();
    }, time_ms);
    await this.exited;
    clearTimeout(timer);
    this.timedOut = timedOut;
    return this;
  }
}

// Node.js has no way to send Ctrl+C on Windows. What is interrupted has its own (hidden)
// console; dummyserver --interrupt attaches to that one and raises the event there.
function interruptConsole(pid) {
  const program = path.join(programsFolder('windows'), 'dummyserver.exe');
  const child = spawn(program, ['--interrupt', String(pid)],
    { stdio: 'ignore', windowsHide: true });
  child.on('error', () => {}); // whoever waits for the end will do without
}

/** How a line of the user is given to this system's shell, for new Program(command, args, { shell:
 *  true, verbatim: true }). cmd.exe /s takes what is between the outermost quotes unchanged. */
export function shellCall(line) {
  return ON_WINDOWS ? { command: 'cmd.exe', args: ['/d', '/s', '/c', `"${line}"`] }
    : { command: '/bin/sh', args: ['-c', line] };
}

/** Runs a program to its end: a Failure when it takes longer than time_ms. */
export async function run(command, args, options = {}) {
  const { time_ms = 600000, ...rest } = options;
  const program = await new Program(command, args, rest).wait(time_ms);
  if (program.timedOut) throw program.failure(`took longer than ${time_ms / 1000} s and was ended`);
  return program;
}

/** run(), and a Failure with what it printed when it does not succeed. */
export async function runOk(command, args, options) {
  const program = await run(command, args, options);
  if (program.code !== 0) throw program.failure('failed');
  return program;
}

/** What git said went wrong: its first "fatal:" line; what follows it is advice for people. */
export function gitReason(said) {
  const lines = said.trim().split('\n');
  return (lines.find((line) => line.startsWith('fatal: ')) ?? lines[0]).replace(/^fatal: /, '');
}

// console.log() tells nobody. A reader that has left (EPIPE) has what it wanted.
let outputLost = null;
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') outputLost ??= error;
});

/** Node.js has put U+FFFD where bytes of an argument are no UTF-8: such a file cannot be opened. */
function demandUtf8(argv) {
  const wrong = argv.find((word) => word.includes('\ufffd'));
  if (wrong === undefined) return;
  throw new Failure(`${wrong}: this name has bytes that are no UTF-8, which the scripts cannot ` +
    'pass on: rename the file, or use build/linux/dummyclient itself', 2);
}

/** Runs the main function of a command: its value is the exit code. usage: what --help prints. */
export function runCommand(name, main, usage) {
  const argv = process.argv.slice(2);
  const asks = usage && (argv.includes('--help') || argv.includes('-h'));
  Promise.resolve()
    .then(() => demandUtf8(argv))
    .then(() => (asks ? console.log(usage) : main(argv)))
    .then((code) => new Promise((resolve) => { setImmediate(resolve, code ?? 0); }))
    .then((code) => {
      if (outputLost === null) process.exit(code);
      throw new Failure(`standard output could not be written: ${outputLost.message}`, code || 1);
    })
    .catch((error) => {
      const known = error instanceof Failure || error.name === 'InputError' ||
        (error.code && error.syscall); // the system's: the message says what, and of which path
      console.error(known ? `${name}: ${error.message}` : error);
      process.exit(error.code > 0 ? error.code : 1);
    });
}
