// The pieces that every page is made of. All text is escaped here; only `html` is taken as it is.

import { escapeHtml } from '../../base/format.mjs';

const MARKS = { good: '✓', bad: '✗', warn: '!', neutral: '·' };

/** A card above the figures. state: good, bad, warn (the figures cannot be trusted), neutral. */
export function verdict(state, title, text) {
  return `<div class="verdict ${state}"><b>${MARKS[state]} ${escapeHtml(title)}</b>` +
    `<span>${escapeHtml(text)}</span></div>`;
}

/** Cards in rows of equal width, at most so many in one: of seven, four above three. */
export function cardRows(name, cards, most) {
  if (!cards.length) return '';
  const columns = Math.ceil(cards.length / Math.ceil(cards.length / most));
  return `<div class="cards ${name}" style="--columns:${columns}">${cards.join('')}</div>`;
}

const VERDICTS_MOST = 4;

export function verdicts(list) {
  return cardRows('verdicts', list.map(({ state, title, text }) => verdict(state, title, text)),
    VERDICTS_MOST);
}

export function tile(name, value, note = '') {
  return `<div class="tile"><div class="name">${escapeHtml(name)}</div>` +
    `<div class="value">${escapeHtml(value)}</div>` +
    `<div class="note">${escapeHtml(note)}</div></div>`;
}

/** A cell: text, or { state, text | html, words }; words: prose, which wraps. */
function cell(one, name) {
  const label = name ? ` data-label="${escapeHtml(name)}"` : '';
  if (one === null || typeof one !== 'object') return `<td${label}>${escapeHtml(one)}</td>`;
  const looks = [one.state, one.words && 'words'].filter(Boolean).join(' ');
  return `<td${label}${looks ? ` class="${looks}"` : ''}>${one.html ?? escapeHtml(one.text)}</td>`;
}

/** More columns than this are cut off on a narrow screen. */
const COLUMNS_NARROW = 4;

/** A table. options.verdict: the column that says how it went, by its index; on a narrow screen
 *  each row is a block that begins with it, as are rows with options.words: columns of prose, and
 *  those of many columns. */
export function table(title, head, rows, { verdict: at = null, words = [] } = {}) {
  const narrow = at !== null || words.length || head.length > COLUMNS_NARROW ? ' rows' : '';
  const first = (index) => (index === at ? ' class="first"' : words.includes(index)
    ? ' class="words"' : '');
  const heads = head.map((name, i) => `<th${first(i)}>${escapeHtml(name)}</th>`).join('');
  const marked = (one, i) => (i !== at ? one : { ...(one !== null && typeof one === 'object'
    ? one : { text: one }), state: ['first', one?.state].filter(Boolean).join(' ') });
  const body = rows.map((row) => `<tr>${row.map((one, i) => cell(marked(one, i), head[i]))
    .join('')}</tr>`).join('\n');
  const name = title ? `<h3>${escapeHtml(title)}</h3>` : '';
  return `<div class="panel wide table${narrow}">${name}<table><thead><tr>${heads}` +
    `</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** What opens on a click. */
export function fold(title, html) {
  return `<details><summary>${escapeHtml(title)}</summary>${html}</details>`;
}

export function yes(good, text, other) {
  return { state: good ? 'good' : 'bad', text: good ? `✓ ${text}` : `✗ ${other}` };
}

/** Every leaf of an object as a list of names and values. */
export function facts(object) {
  const rows = [];
  const add = (prefix, value) => {
    for (const [key, one] of Object.entries(value ?? {})) {
      if (one !== null && typeof one === 'object' && !Array.isArray(one)) {
        add(`${prefix}${key}.`, one);
      } else {
        const text = Array.isArray(one) ? JSON.stringify(one) : String(one);
        rows.push(`<dt>${escapeHtml(prefix + key)}</dt><dd>${escapeHtml(text)}</dd>`);
      }
    }
  };
  add('', object);
  return `<dl class="facts">${rows.join('')}</dl>`;
}
