// A comparison as text for people and for other tools.

import { escapeHtml, formatChange } from './format.mjs';
import { rowFormat } from './compare.mjs';
import { metricOf } from './metrics.mjs';

const WORDS = { regressed: 'REGRESSED', improved: 'improved', same: 'same', small: 'small change',
  unclear: 'no change shown', changed: 'changed', missing: 'missing' };

/** A row as seven texts, under COMPARE_HEAD. */
export function compareCells(row) {
  if (row.p === undefined) return [row.metric, '–', '–', '–', '–', '–', WORDS.missing];
  const p = row.p_holm ?? row.p;
  return [row.metric + (row.at_least ? ' (≥)' : ''), rowFormat(row, row.baseline_median),
    rowFormat(row, row.candidate_median), formatChange(row.ratio),
    `${formatChange(row.ratio_low)} .. ${formatChange(row.ratio_high)}`,
    p < 0.001 ? '<0.001' : p.toFixed(3), WORDS[row.verdict]];
}

export const COMPARE_HEAD = ['metric', 'baseline', 'candidate', 'change', '95% interval', 'p', ''];

/** The table that is printed. */
export function compareTable(outcome) {
  const primary = outcome.rows.filter((row) => row.primary).map(compareCells);
  const others = outcome.rows.filter((row) => !row.primary).map(compareCells);
  const all = [COMPARE_HEAD, ...primary, ...others];
  const widths = COMPARE_HEAD.map((_, i) => Math.max(...all.map((row) => [...row[i]].length)));
  const line = (row) => row.map((cell, i) => {
    const pad = ' '.repeat(widths[i] - [...cell].length);
    return i === 0 || i === COMPARE_HEAD.length - 1 ? cell + pad : pad + cell;
  }).join('  ').trimEnd();
  const text = [line(COMPARE_HEAD), ...primary.map(line)];
  if (others.length) text.push('', 'informative:', ...others.map(line));
  return text.join('\n');
}

/** The lines around the table: what was compared, and the verdict. */
export function compareSummary(outcome) {
  const lines = [...outcome.notes];
  for (const reason of outcome.reasons) lines.push(`cannot conclude: ${reason}`);
  const regressed = outcome.rows.filter((row) => row.primary && row.verdict === 'regressed');
  const listed = regressed.map((row) => `${row.metric} ${formatChange(row.ratio)}`).join(', ');
  lines.push(outcome.exit_code === 99 ? `REGRESSION: ${listed}`
    : outcome.exit_code === 3 ? `nothing can be concluded${listed ? ` (seen: ${listed})` : ''}`
      : 'no regression');
  return lines.join('\n');
}

export function compareMarkdown(outcome) {
  const escape = (text) => text.replaceAll('|', '\\|');
  const row = (list) => `| ${list.map(escape).join(' | ')} |`;
  const marks = { regressed: '🔴 **regressed**', improved: '🟢 improved' };
  const body = (list) => list.map((one) => {
    const line = compareCells(one);
    line[6] = marks[one.verdict] ?? line[6];
    return row(line);
  });
  const primary = outcome.rows.filter((one) => one.primary);
  const others = outcome.rows.filter((one) => !one.primary);
  const head = [row(COMPARE_HEAD), row(['---', '---:', '---:', '---:', '---:', '---:', '---'])];
  const title = { 0: '🟢 no regression', 3: '🟡 nothing can be concluded',
    99: '🔴 regression' };
  return [`### ${title[outcome.exit_code]} – ${outcome.scenario}`, '',
    ...outcome.reasons.map((reason) => `- cannot conclude: ${reason}`),
    ...outcome.notes.map((note) => `- ${note}`), '', ...head, ...body(primary), '',
    '<details><summary>Other metrics (informative)</summary>', '', ...head, ...body(others), '',
    '</details>', ''].join('\n');
}

/** One test case per primary metric; what cannot be concluded is an error, not a pass. */
export function compareJunit(outcome) {
  const primary = outcome.rows.filter((row) => row.primary);
  const failures = primary.filter((row) => row.verdict === 'regressed').length;
  const blocked = outcome.exit_code === 3;
  const cases = primary.map((row) => {
    const text = compareCells(row).join(' ');
    const inside = row.verdict === 'regressed'
      ? `<failure message="${escapeHtml(text)}"/>` : `<system-out>${escapeHtml(text)}</system-out>`;
    return `    <testcase classname="dummyload.compare" name="${escapeHtml(row.metric)}">` +
      `${inside}</testcase>`;
  });
  if (blocked) {
    cases.push('    <testcase classname="dummyload.compare" name="conclusion"><error message="' +
      `${escapeHtml(outcome.reasons.join('; '))}"/></testcase>`);
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n` +
    `  <testsuite name="${escapeHtml(`dummyload ${outcome.scenario}`)}" tests="${cases.length}" ` +
    `failures="${failures}" errors="${blocked ? 1 : 0}">\n${cases.join('\n')}\n` +
    '  </testsuite>\n</testsuites>\n';
}

/** github-action-benchmark's arrays: { smaller, bigger }, the candidate's medians. */
export function compareGithub(outcome) {
  const entry = (row) => ({ name: `${outcome.scenario}: ${row.metric}`, unit: row.unit,
    value: row.candidate_median,
    range: `± ${(((row.ratio_high - row.ratio_low) / 2) * 100).toFixed(1)}%`,
    extra: `baseline ${row.baseline_median}, ratio ${row.ratio.toFixed(4)}, ` +
      `p ${(row.p_holm ?? row.p).toPrecision(3)}` });
  const rows = outcome.rows.filter((row) => row.p !== undefined);
  return { smaller: rows.filter((row) => row.better === 'lower').map(entry),
    bigger: rows.filter((row) => row.better === 'higher').map(entry) };
}

/** Lines that benchstat reads: one per run, a unit per metric. */
export function compareBenchstat(runs, rows, scenario) {
  const name = `BenchmarkDummyload/${(scenario || 'run').replace(/\s+/g, '_')}`;
  const tested = rows.filter((row) => row.p !== undefined && row.better);
  const unit = (row) => `${row.metric}-${row.unit}`;
  const meta = tested.map((row) => `Unit ${unit(row)} better=${row.better}`);
  return `${[...meta, ...runs.map((run) => `${name} 1 ${tested.map((row) =>
    `${metricOf(run, row.metric).value} ${unit(row)}`).join(' ')}`)].join('\n')}\n`;
}
