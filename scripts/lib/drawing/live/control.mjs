// Runs in the live page: the buttons that steer the load, where this is allowed.

import { formatSeconds } from '../../base/format.mjs';

/** What a click orders, by the button's name; null: nothing (the reader thought better of it). */
const ORDERS = {
  slower: () => ({ rate: '-10%' }),
  faster: () => ({ rate: '+10%' }),
  pause: () => ({ pause: true }),
  resume: () => ({ pause: false }),
  mark: () => {
    const text = window.prompt('What is to be marked?', '');
    return text ? { mark: text } : null;
  },
  stage: () => ({ end: 'stage' }),
  end: () => (window.confirm('End the run in order, now?') ? { end: 'run' } : null),
};

const BUTTONS = [['slower', '− 10%', 'a lower rate'], ['faster', '+ 10%', 'a higher rate'],
  ['pause', 'Pause', 'no new arrivals until resumed'], ['resume', 'Resume', 'arrivals again'],
  ['mark', 'Mark…', 'a line with a text, on all charts and in the result'],
  ['stage', 'End stage', 'begin the next one now'], ['end', 'End run', 'as at its planned end']];

/** The answer in words: it is JSON where the run has read the order, else a line. */
export function answerWords(text, status) {
  try {
    const { at_s: at, done, error } = JSON.parse(text);
    if (error) return error;
    return typeof at === 'number' ? `${done}, from ${formatSeconds(Math.round(at * 10) / 10)} on`
      : done;
  } catch {
    return text.trim() || (status === 200 ? 'done' : `refused (${status})`);
  }
}

async function order(what, said, token) {
  try {
    const answer = await fetch('control', { method: 'POST', body: JSON.stringify(what),
      headers: { 'Content-Type': 'application/json',
        ...(token ? { Authorization: `Bearer ${token}` } : {}) } });
    said.className = answer.ok ? 'soft' : 'failed';
    said.textContent = answerWords(await answer.text(), answer.status);
  } catch {
    said.className = 'failed';
    said.textContent = 'the run does not answer';
  }
}

/** Shows the buttons in element. token: what the run wants to see; null: nothing. */
export function startControl(element, token) {
  if (!element.hidden) return;
  const said = document.createElement('span');
  for (const [name, text, title] of BUTTONS) {
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', textContent: text, title });
    button.dataset.order = name;
    button.addEventListener('click', () => {
      const what = ORDERS[name]();
      if (what) order(what, said, token);
    });
    element.append(button);
  }
  element.append(said);
  element.hidden = false;
}

/** The run has ended, and takes no orders any more. */
export function stopControl(element) {
  element.hidden = true;
}
