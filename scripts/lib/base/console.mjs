// What the commands print goes through here: names, paths and errors of others are in it, and none
// of them may steer the terminal. (The output of our own programs, which see to that themselves,
// is passed on as it is.)

import { showLines } from './format.mjs';

let footer = null;

/** What stands below all that is printed (progress.mjs): { hide(), show() }; null: nothing. */
export function setFooter(one) {
  footer = one;
}

/** Hides it while another program prints; returns what shows it again. */
export function hideFooter() {
  const hidden = footer;
  hidden?.hide();
  return () => hidden?.show();
}

for (const method of ['log', 'error', 'warn']) {
  const print = console[method].bind(console);
  console[method] = (...texts) => {
    const show = hideFooter();
    print(...texts.map((text) => (typeof text === 'string' ? showLines(text) : text)));
    show();
  };
}
