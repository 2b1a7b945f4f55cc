// A comparison as text for people and for other tools.

import { escapeHtml, formatChange, formatPercent, showText } from '../base/format.mjs';
import { ALPHA, formatRow, regressedOf, VERDICTS } from './compare.mjs';
import { pairsChart } from './compare_pairs.mjs';
import { partOf, whereTexts } from './compare_parts.mjs';
import { metricOf } from '../results/metrics.mjs';

const WORDS = { regressed: 'REGRESSED', improved: 'improved', same: 'same', small: 'small change',
  unclear: 'no change shown', blind: 'cannot tell',
  undecided: 'undecided: too few runs', changed: 'changed', missing: 'missing',
  lost: 'MISSING at the candidate' };

/** An interval without 1 beside "no change shown" would contradict it: there were too few runs. */
function wordOf({ verdict, ratio_low: low, ratio_high: high }) {
  const excluded = low > 1 || (high !== null && high < 1);
  return WORDS[verdict === 'unclear' && excluded ? 'undecided' : verdict];
}

/** The smallest change that a row could have seen: "3.1%". */
function seenText({ sensitivity }) {
  if (!Number.isFinite(sensitivity)) return '–';
  return formatPercent(sensitivity, sensitivity < 0.0995 ? 1 : 0);
}

/** The changes that are not refuted: "-1% .. +3%"; a side on which none is, has a dash. */
export function intervalText({ ratio_low: low, ratio_high: high }) {
  const text = (ratio) => (ratio === null ? '–' : formatChange(ratio));
  return low === null && high === null ? '–' : `${text(low)} .. ${text(high)}`;
}

/** A row as texts, under compareHead(). */
export function verdictCells(row) {
  if (row.p === undefined) {
    const value = (one) => (one === null ? '–' : formatRow(row, one));
    return [row.metric, value(row.baseline_median), value(row.candidate_median), '–', '–', '–',
      '–', wordOf(row)];
  }
  const p = row.p_holm ?? row.p;
  return [row.metric + (row.at_least ? ' (≥)' : ''), formatRow(row, row.baseline_median),
    formatRow(row, row.candidate_median), formatChange(row.ratio),
    intervalText(row), p < 0.001 ? '<0.001' : p.toFixed(3), seenText(row), wordOf(row)];
}

const intervalName = ({ alpha = ALPHA }) => `${Number((100 * (1 - alpha)).toFixed(2))}% interval`;

export function compareHead(outcome) {
  return ['metric', 'baseline', 'candidate', 'change', intervalName(outcome), 'p', 'could see', ''];
}

/** The rows that decide, those of the parts of the scenario, and the others. */
function rowGroups({ rows }) {
  const others = rows.filter((row) => !row.primary);
  return { primary: rows.filter((row) => row.primary),
    parts: others.filter((row) => partOf(row.metric)),
    others: others.filter((row) => !partOf(row.metric)) };
}

/** The table that is printed. */
export function verdictTable(outcome) {
  const groups = rowGroups(outcome);
  const [primary, parts, others] = [groups.primary, groups.parts, groups.others]
    .map((rows) => rows.map(verdictCells));
  const names = compareHead(outcome);
  const all = [names, ...primary, ...parts, ...others];
  const widths = names.map((_, i) => Math.max(...all.map((row) => [...row[i]].length)));
  const line = (row) => row.map((cell, i) => {
    const pad = ' '.repeat(widths[i] - [...cell].length);
    return i === 0 || i === names.length - 1 ? cell + pad : pad + cell;
  }).join('  ').trimEnd();
  const text = [line(names), ...primary.map(line)];
  if (parts.length) text.push('', 'where:', ...parts.map(line));
  if (others.length) text.push('', 'informative:', ...others.map(line));
  return text.join('\n');
}

/** What regressed, each in a few words. */
export function regressedTexts(outcome) {
  const change = (row) => (row.verdict !== 'lost' ? formatChange(row.ratio)
    : row.lacks.absent ? 'is missing at the candidate' : 'fell to zero');
  return regressedOf(outcome).map((one) => one.text ?? `${one.metric} ${change(one)}`);
}

/** The remarks to the table, in every format: facts that are no regression, and what could not be
 *  concluded. */
function remarksOf(outcome) {
  const word = outcome.exit_code === 99 ? 'also inconclusive' : 'cannot conclude';
  return [...outcome.facts.filter((fact) => !fact.regressed).map(({ text }) => text),
    ...outcome.reasons.map((reason) => `${word}: ${reason}`),
    ...(outcome.abstained ? [outcome.abstained] : [])];
}

/** Where to look further: [name, text] each. */
function furtherOf({ page, repeat }) {
  return [['page', page], ['repeat', repeat]].filter(([, text]) => text);
}

/** The same as lines. */
export function furtherText(outcome) {
  return furtherOf(outcome).map(([name, text]) => `${name}  ${text}`).join('\n');
}

/** The lines around the table: what was compared, and the verdict. */
export function verdictSummary(outcome) {
  const lines = [...outcome.notes, ...remarksOf(outcome), ...whereTexts(outcome)];
  const listed = regressedTexts(outcome).join(', ');
  lines.push(outcome.exit_code === 99 ? `REGRESSION: ${listed}`
    : outcome.exit_code === 3 ? `${VERDICTS[3].title}${listed ? ` (seen: ${listed})` : ''}`
      : 'no regression');
  return lines.join('\n');
}

/** Text as it is, in a fence that is longer than what it holds. */
function markdownCode(text) {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((ticks) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return longest ? `${fence} ${text} ${fence}` : fence + text + fence;
}

export function verdictMarkdown(outcome) {
  const escape = (text) => text.replaceAll('|', '\\|');
  const row = (list) => `| ${list.map(escape).join(' | ')} |`;
  const marks = { regressed: '🔴 **regressed**', improved: '🟢 improved',
    lost: '🔴 **missing at the candidate**' };
  const body = (list) => list.map((one) => {
    const cells = verdictCells(one);
    return row([...cells.slice(0, -1), marks[one.verdict] ?? cells.at(-1)]);
  });
  const { primary, parts, others } = rowGroups(outcome);
  const names = compareHead(outcome);
  const rule = names.map((name) => (['metric', ''].includes(name) ? '---' : '---:'));
  const head = [row(names), row(rule)];
  const { mark, title } = VERDICTS[outcome.exit_code];
  const lines = [`### ${mark} ${title} – ${outcome.scenario}`, '',
    ...regressedTexts(outcome).map((text) => `- ${outcome.exit_code === 99 ? `**${text}**`
      : `seen: ${text}`}`),
    ...whereTexts(outcome).map((text) => `  - ${text}`),
    ...remarksOf(outcome).map((text) => `- ${text}`),
    ...outcome.notes.map((note) => `- ${note}`), '', ...head, ...body(primary), '',
    ...pairsChart(outcome), ...(parts.length ? ['Where:', '', ...head, ...body(parts), ''] : []),
    '<details><summary>Other metrics (informative)</summary>', '', ...head, ...body(others), '',
    '</details>', '',
    ...furtherOf(outcome).flatMap(([name, text]) => [`${name}: ${markdownCode(text)}`, ''])];
  return lines.map((line) => showText(line)).join('\n');
}

/** A row with its columns named, for where no head is above them. */
export function verdictLine(row, outcome) {
  const [metric, baseline, candidate, change, interval, p, seen, word] = verdictCells(row);
  const measured = row.p === undefined ? '' : `, change ${change} (${intervalName(outcome)} ` +
    `${interval}), p ${p}${seen === '–' ? '' : `, could have seen ${seen}`}`;
  return `${metric}: ${word}: baseline ${baseline}, candidate ${candidate}${measured}`;
}

/** One test case per fact and primary metric; what cannot be concluded is an error, not a pass. A
 *  failure is one of exit code 99 only: then and only then the comparison has found something. */
export function verdictJunit(outcome) {
  const found = outcome.exit_code === 99;
  const regressed = new Set(found ? regressedOf(outcome) : []);
  const more = escapeHtml([...whereTexts(outcome),
    ...furtherOf(outcome).map(([name, text]) => `${name}: ${text}`)].join('\n'));
  const one = (name, text, failed) => '    <testcase classname="dummyload.compare" ' +
    `name="${escapeHtml(name)}">${failed
      ? `<failure message="${escapeHtml(text)}">${escapeHtml(text)}\n${more}</failure>`
      : `<system-out>${escapeHtml(text)}</system-out>`}</testcase>`;
  const cases = [
    ...outcome.facts.map((fact) => one(fact.name, fact.text, regressed.has(fact))),
    ...outcome.rows.filter((row) => row.primary).map((row) => one(row.metric,
      verdictLine(row, outcome), regressed.has(row)))];
  const blocked = outcome.exit_code === 3;
  if (blocked) {
    const why = [...outcome.reasons, outcome.abstained].filter(Boolean).join('; ');
    cases.push('    <testcase classname="dummyload.compare" name="conclusion"><error message="' +
      `${escapeHtml(why)}">${more}</error></testcase>`);
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n` +
    `  <testsuite name="${escapeHtml(`dummyload ${outcome.scenario}`)}" tests="${cases.length}" ` +
    `failures="${regressed.size}" errors="${blocked ? 1 : 0}">\n${cases.join('\n')}\n` +
    '  </testsuite>\n</testsuites>\n';
}

/** github-action-benchmark's arrays: { smaller, bigger }, the candidate's medians. */
export function verdictGithub(outcome) {
  const entry = (row) => ({ name: `${outcome.scenario}: ${row.metric}`, unit: row.unit,
    value: row.candidate_median,
    ...(row.ratio_low === null || row.ratio_high === null ? {}
      : { range: `± ${(((row.ratio_high - row.ratio_low) / 2) * 100).toFixed(1)}%` }),
    extra: `baseline ${row.baseline_median}, ratio ${row.ratio.toFixed(4)}, ` +
      `p ${(row.p_holm ?? row.p).toPrecision(3)}` });
  const rows = outcome.rows.filter((row) => row.p !== undefined);
  return { smaller: rows.filter((row) => row.better === 'lower').map(entry),
    bigger: rows.filter((row) => row.better === 'higher').map(entry) };
}

/** Lines that benchstat reads: one per run, a unit per metric. */
export function verdictBenchstat(runs, rows, scenario) {
  const name = `BenchmarkDummyload/${(scenario || 'run').replace(/\s+/g, '_')}`;
  const tested = rows.filter((row) => row.p !== undefined && row.better);
  const unit = (row) => `${row.metric}-${row.unit}`;
  const meta = tested.map((row) => `Unit ${unit(row)} better=${row.better}`);
  return `${[...meta, ...runs.map((run) => `${name} 1 ${tested.map((row) =>
    `${metricOf(run, row.metric).value} ${unit(row)}`).join(' ')}`)].join('\n')}\n`;
}

/** The candidate in OpenMetrics, as GitLab shows it at a merge request: beside each figure its
 *  change against the baseline of the same call, which another runner's figure would not be. */
export function verdictMetrics(outcomes) {
  const label = (text) => JSON.stringify(showText(text));
  const names = (outcome, row) => `{scenario=${label(outcome.scenario)}` +
    `${row ? `,metric=${label(row.metric)}` : ''}}`;
  const gauge = (name, lines) => (lines.length ? [`# TYPE dummyload_${name} gauge`,
    ...lines.map(([labels, value]) => `dummyload_${name}${labels} ${value}`)] : []);
  const rows = outcomes.flatMap((outcome) => outcome.rows.filter((row) => row.p !== undefined)
    .map((row) => ({ row, labels: names(outcome, row) })));
  const figures = (unit, scale = 1) => rows.filter(({ row }) => row.unit === unit)
    .map(({ row, labels }) => [labels, Number((row.candidate_median * scale).toPrecision(6))]);
  return [...gauge('verdict', outcomes.map((one) => [names(one), one.exit_code])),
    ...gauge('change_ratio', rows.map(({ row, labels }) => [labels, row.ratio.toFixed(3)])),
    ...gauge('candidate_seconds', figures('ns', 1e-9)),
    ...gauge('candidate_per_second', figures('per_s')),
    ...gauge('candidate_count', figures('count')),
    ...gauge('candidate_bytes', figures('bytes')), '# EOF', ''].join('\n');
}
