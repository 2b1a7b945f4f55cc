// What the commands print goes through here: names, paths and errors of others are in it, and none
// of them may steer the terminal. (The output of our own programs, which see to that themselves,
// is passed on as it is.)

import { showLines } from './format.mjs';

for (const method of ['log', 'error', 'warn']) {
  const print = console[method].bind(console);
  console[method] = (...texts) => {
    print(...texts.map((text) => (typeof text === 'string' ? showLines(text) : text)));
  };
}
