// The call that this program was started by, for a person to copy.

import path from 'node:path';
import { commandText } from './arguments.mjs';
import { ON_WINDOWS, SCRIPTS, shown } from './paths.mjs';

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
