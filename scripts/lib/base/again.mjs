// The call that this program was started by, for a person to copy.

import path from 'node:path';
import { commandText } from './arguments.mjs';
import { ON_WINDOWS, SCRIPTS, shown } from './paths.mjs';
import { Failure } from './process.mjs';

const SHOWN_MAX = 120;

/** The same again: with --out into that folder, without into a new one. */
export function callAgain(name, argv, out = null) {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const at = argv.findIndex((word, i) => i < end && /^--out(=|$)/.test(word));
  const rest = at < 0 ? argv : argv.filter((_, i) => i !== at &&
    (i !== at + 1 || argv[at].includes('=')));
  return commandText([shown(path.join(SCRIPTS, ON_WINDOWS ? `${name}.cmd` : name)),
    ...(out === null ? [] : ['--out', shown(out)]), ...rest]);
}

/** What is said when a call was interrupted that the same folder continues. */
export function interruptedText(name, argv, out) {
  return `interrupted; to continue: ${callAgain(name, argv, out)}`;
}

/** A folder answers one question. before: what was asked when it was begun, as its file says;
 *  asked: now. Throws a Failure of code 2 that names the first of both that differs. */
export function demandSame(file, was, before, asked) {
  const text = (value) => JSON.stringify(value) ?? 'none';
  for (const key of new Set([...Object.keys(asked), ...Object.keys(before)])) {
    const known = text(before[key]);
    if (known === text(asked[key])) continue;
    throw new Failure(`${file}: ${was} with another ${key}: ${known.length > SHOWN_MAX
      ? `${known.slice(0, SHOWN_MAX)}...` : known}; give another --out`, 2);
  }
}
