// How a server under test ended, in one verdict: for the summary, for a file and for the
// exit code. Pure.

import os from 'node:os';

// Of a program that was asked to end, these are no way to do so.
const CRASHES = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];
const WINDOWS_FAULT = 0xc0000000;
const WINDOWS_CTRL_C = 0xc000013a;

/** The signal that an exit tells of: its own, or the one that a shell passes on as 128 + n. */
function exitSignal({ code, signal }) {
  if (signal) return signal;
  if (!(code > 128 && code < 193)) return null;
  return Object.entries(os.constants.signals).find(([, number]) => number === code - 128)?.[0] ??
    null;
}

/** "SIGSEGV", "exit 9", "exit 139, SIGSEGV". */
export function exitText(exit) {
  const signal = exitSignal(exit);
  if (exit.signal) return exit.signal;
  if (exit.code >= WINDOWS_FAULT) return `exit 0x${exit.code.toString(16)}`;
  return signal ? `exit ${exit.code}, ${signal}` : `exit ${exit.code}`;
}

/** Whether this exit is bad if nothing asked for it. */
export function exitIsBad({ code, signal }) {
  return signal !== null || code !== 0;
}

function isCrash(exit) {
  return CRASHES.includes(exitSignal(exit)) ||
    (exit.code >= WINDOWS_FAULT && exit.code !== WINDOWS_CTRL_C);
}

const seconds = (ms) => `${(Math.max(0, ms) / 1000).toFixed(1)} s`;

/** The verdict: { ok, text, exit_code, signal, after_s }. facts:
 *  own       this project's server
 *  exit      { code, signal } of one that ended before it was asked to; null: it did not
 *  after_ms  from when it listened to that end
 *  alive     whether a process that served the port at the beginning still lived when the client
 *            had ended; null: it cannot be told
 *  answers   whether the port was served then; null: it was not asked
 *  harmed    whether the client missed it: lost, refused or unanswered
 *  stopped   { code, signal, graceful } of one that was asked to end */
export function judgeServerEnd(facts) {
  const { own, exit, alive, answers, harmed, stopped } = facts;
  const end = exit ?? stopped;
  const verdict = { ok: true, text: '', exit_code: end?.code ?? null, signal: end?.signal ?? null,
    after_s: exit ? Math.round(facts.after_ms) / 1000 : null };
  const bad = (text) => ({ ...verdict, ok: false, text });
  const how = exit ? `(${exitText(exit)}) after ${seconds(facts.after_ms)}` : '';
  if (exit && isCrash(exit)) return bad(`the server crashed ${how}`);
  if (exit && (own || exitIsBad(exit))) return bad(`the server ended by itself ${how}`);
  const serves = alive ?? answers;
  if (exit && !serves && harmed) {
    return bad(`the server ended early ${how}, and its port is no longer served`);
  }
  if (!exit && alive === false) {
    return bad('the process that served the port ended during the run' +
      (answers ? '; another one answers there now' : ''));
  }
  if (!stopped) return verdict;
  if (isCrash(stopped)) {
    return bad(`the server crashed when it was asked to end (${exitText(stopped)})`);
  }
  if (own && !stopped.graceful) return bad('the server did not end when it was asked to');
  if (own && exitIsBad(stopped)) return bad(`the server failed (${exitText(stopped)})`);
  return verdict;
}

/** The verdict in one line, with the server's last word. */
export function serverEndLine(end) {
  return end.text + (end.said ? `: ${end.said}` : '');
}
