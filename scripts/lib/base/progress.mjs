// How far a long command is: on a terminal a bar below what it prints, with what plays now and the
// time left; elsewhere its lines alone, each with the time left.
//
// The time left follows from what has been played so far in this call. It is never negative, and
// nothing is said before something was played, or a length was given.

import { setFooter } from './console.mjs';
import { showText } from './format.mjs';
import { ON_WINDOWS } from './paths.mjs';

const REDRAW_MS = 1000;
const PRIOR_SHARE = 0.05;
const BAR_MAX = 40;
const BAR_MIN = 8;
const WHAT_MIN = 8;
/** Of the line: the last column stays empty, and the ^C that a terminal shows must fit, too. */
const MARGIN = 4;

/** "45 s", "12 min", "1 h 20 min", "4 days 3 h". */
export function formatLeft(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24).toLocaleString('en')} days ${hours % 24} h`;
}

/** What is left of a number of units. total: null while it is not known; each_ms: how long a unit
 *  takes, as far as that is known before. Units may be fractions: weights. */
export class Pace {
  constructor({ total = null, each_ms = null, until_ms = Infinity, clock = Date.now }) {
    Object.assign(this, { total, each_ms, until_ms, clock });
    this.done = 0;
    this.played = 0; // units whose time is known: those that were played again count twice
    this.began_ms = clock();
    this.mark_ms = this.began_ms;
  }

  /** A unit has ended. */
  add(units = 1) {
    this.done += units;
    this.played += units;
    this.mark_ms = this.clock();
  }

  /** How long a unit takes; null: nobody knows. What was known before counts as so many units: the
   *  first that were played, which may be short ones, do not decide alone. */
  each() {
    const before = this.each_ms === null ? 0 : PRIOR_SHARE * (this.total ?? 1);
    if (this.played + before === 0) return null;
    return (this.mark_ms - this.began_ms + before * (this.each_ms ?? 0)) / (this.played + before);
  }

  /** { ms, bound }: the time left, and whether it is only the most; null: not known. */
  left() {
    const now_ms = this.clock();
    const most_ms = Math.max(0, this.until_ms - now_ms);
    const each_ms = this.each();
    if (each_ms === null || this.total === null) {
      return Number.isFinite(most_ms) ? { ms: most_ms, bound: true } : null;
    }
    const units = Math.max(0, this.total - this.done);
    // What plays now has taken some of its time.
    const now_left_ms = Math.max(0, each_ms * Math.min(1, units) - (now_ms - this.mark_ms));
    const ms = now_left_ms + each_ms * Math.max(0, units - 1);
    return ms <= most_ms ? { ms, bound: false } : { ms: most_ms, bound: true };
  }

  /** From 0 to 1; null where the whole is not known. */
  share() {
    if (!this.total) return null;
    const each_ms = this.each();
    const now = each_ms ? Math.min(0.95, (this.clock() - this.mark_ms) / each_ms) : 0;
    return Math.min(1, (this.done + Math.min(now, Math.max(0, this.total - this.done))) /
      this.total);
  }
}

/** "about 12 min left"; empty where it is not known. */
export function leftText(pace) {
  const left = pace.left();
  return left === null ? '' : `${left.bound ? 'at most' : 'about'} ${formatLeft(left.ms)} left`;
}

/** Columns of a text: most letters from U+1100 on that are no marks take two. */
function widthOf(text) {
  return [...text].reduce((sum, letter) => {
    const code = letter.codePointAt(0);
    const wide = (code >= 0x1100 && code < 0x1160) || (code >= 0x2e80 && code < 0xfff0) ||
      code > 0xffff;
    return sum + (wide ? 2 : 1);
  }, 0);
}

function cutTo(text, columns) {
  if (widthOf(text) <= columns) return text;
  let cut = '';
  for (const letter of text) {
    if (widthOf(cut + letter) > columns - 3) break;
    cut += letter;
  }
  return `${cut}...`;
}

/** The line of the bar in at most so many columns: what does not fit is left out whole. */
export function barLine({ share, what, left, count }, columns, utf8) {
  const percent = share === null ? `${count} played` : `${Math.floor(share * 100)}%`;
  const join = (...parts) => parts.filter(Boolean).join('  ');
  const rest = columns - widthOf(join(percent, left));
  let shown = what;
  if (widthOf(what) + 2 > rest) shown = rest - 2 >= WHAT_MIN ? cutTo(what, rest - 2) : '';
  const text = [join(percent, shown, left), join(percent, left), left, percent]
    .find((one) => one && widthOf(one) <= columns) ?? '';
  const cells = Math.min(BAR_MAX, columns - widthOf(text) - 1);
  if (share === null || cells < BAR_MIN || !text) return text;
  const full = Math.round(cells * share);
  const [on, off] = utf8 ? ['\u2588', '\u2591'] : ['#', '-'];
  return `${on.repeat(full)}${off.repeat(cells - full)} ${text}`;
}

function showsUtf8(env) {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find(Boolean) ?? '';
  return ON_WINDOWS || /utf-?8/i.test(locale);
}

/** Whether a bar can be drawn: a terminal that knows sequences, and that a person looks at. */
function isLive(stream, env) {
  return Boolean(stream.isTTY) && env.TERM !== 'dumb' && !env.CI;
}

/** The bar on a terminal: hide() and show() are called around everything else that is printed. */
class Bar {
  constructor(stream, line) {
    this.stream = stream;
    this.line = line;
    this.drawn = 0; // columns of what stands there
    this.hidden = 0;
    this.onResize = () => this.draw();
    stream.on('resize', this.onResize);
    this.timer = setInterval(() => this.draw(), REDRAW_MS);
    this.timer.unref?.();
  }

  // A window that has become narrower has wrapped the line.
  erase() {
    const rows = Math.ceil(this.drawn / (this.stream.columns || 80));
    this.drawn = 0;
    return `${rows > 1 ? `\x1b[${rows - 1}A` : ''}\r\x1b[J`;
  }

  draw() {
    if (this.hidden) return;
    const text = this.line(Math.max(1, (this.stream.columns || 80) - MARGIN));
    this.stream.write(this.erase() + text);
    this.drawn = widthOf(text);
  }

  hide() {
    if (this.hidden === 0 && this.drawn) this.stream.write(this.erase());
    this.hidden += 1;
  }

  show() {
    this.hidden -= 1;
    this.draw();
  }

  close() {
    clearInterval(this.timer);
    this.stream.off('resize', this.onResize);
    this.hide();
  }
}

/** Of a command that plays many things one after the other. given: { total, each_ms, until_ms (see
 *  Pace), say (prints a line), stream, clock, env }.
 *
 * begin(what): this plays now. end(line, units): it has ended; the line is printed, with the time
 * left where there is no bar. pass(): something has ended that is no unit of the total.
 * foresee(units): so many more are expected (null: not known). again(units): so many that have
 * ended are played again. close(): nothing stands there. */
export function openProgress(given = {}) {
  const { say = (line) => console.log(line), stream = process.stdout, env = process.env } = given;
  const pace = new Pace(given);
  const utf8 = showsUtf8(env);
  let what = '';
  let open = true;
  const bar = isLive(stream, env) ? new Bar(stream, (columns) => barLine({ share: pace.share(),
    what, left: leftText(pace), count: pace.done }, columns, utf8)) : null;
  const close = () => {
    if (!open || !bar) return;
    open = false;
    bar.close();
    setFooter(null);
    process.off('exit', close);
  };
  if (bar) {
    setFooter(bar);
    process.on('exit', close);
    bar.draw();
  }
  return { close,
    begin(text) {
      what = showText(text);
      bar?.draw();
    },
    end(line = null, units = 1) {
      pace.add(units);
      const left = bar || pace.total === pace.done ? '' : leftText(pace);
      if (line !== null) say(left ? `${line}  ${left}` : line);
      bar?.draw();
    },
    pass() {
      pace.add();
      pace.done -= 1;
    },
    foresee(units) {
      pace.total = units === null ? null : pace.done + units;
    },
    again(units) {
      pace.done -= units;
    } };
}

/** A part of what has a bar already: that one says what plays. */
export function partOf(progress, name) {
  const nothing = () => {};
  return { close: nothing, end: nothing, pass: nothing, foresee: nothing, again: nothing,
    begin: (text) => progress.begin(`${name} ${text}`) };
}

/** play({ ...given, bar }), with given.bar, or else one that is open as long. */
export async function withBar(given, options, play) {
  if (given.bar) return play(given);
  const { say, until_ms } = given;
  const bar = openProgress({ ...(say && { say }), ...(until_ms && { until_ms }), ...options });
  try {
    return await play({ ...given, bar });
  } finally {
    bar.close();
  }
}
