// What a run of ctest says, test case by test case: its JUnit file, and in it the output of
// cmocka and node:test programs, which hold many cases each.

const ENTITIES = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decode(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex || decimal) return String.fromCodePoint(parseInt(hex ?? decimal, hex ? 16 : 10));
    return ENTITIES[name] ?? whole;
  });
}

function attribute(tag, name) {
  const match = new RegExp(`\\b${name}="([^"]*)"`).exec(tag);
  return match ? decode(match[1]) : undefined;
}

/** [{ name, status, seconds, message, output }] of a JUnit file that ctest wrote. */
export function readJunit(text) {
  const tests = [];
  for (const [, tag, body = ''] of
    text.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const output = /<system-out>([\s\S]*?)<\/system-out>/.exec(body);
    const failure = /<(?:failure|skipped)\b([^>]*)>/.exec(body);
    tests.push({
      name: attribute(tag, 'name'),
      status: attribute(tag, 'status'),
      seconds: Number(attribute(tag, 'time') ?? 0),
      message: failure ? attribute(failure[1], 'message') : undefined,
      output: output ? decode(output[1]) : '',
    });
  }
  return tests;
}

function sum(text, pattern) {
  let total = 0;
  for (const match of text.matchAll(pattern)) total += Number(match[1]);
  return total;
}

/** { passed, failed, skipped } of one ctest entry: the cases inside it where it names them. */
export function caseCounts(test) {
  const { output } = test;
  const counts = {
    passed: sum(output, /^\[ {2}PASSED {2}\] (?:.*: )?(\d+) test\(s\)/gm) +
      sum(output, /^# pass (\d+)/gm),
    failed: sum(output, /^\[ {2}FAILED {2}\] (?:.*: )?(\d+) test\(s\)/gm) +
      sum(output, /^# (?:fail|cancelled) (\d+)/gm),
    skipped: sum(output, /^\[ {2}SKIPPED \] (?:.*: )?(\d+) test\(s\)/gm) +
      sum(output, /^# (?:skipped|todo) (\d+)/gm),
  };
  // A program that was ended from outside may still leave with 0, as under Wine.
  const groups = (pattern) => [...output.matchAll(pattern)].length;
  if (groups(/^\[={10}\] (?:.*: )?Running \d+ test\(s\)/gm) >
      groups(/^\[={10}\] (?:.*: )?\d+ test\(s\) run/gm)) counts.failed += 1;
  const some = counts.passed + counts.failed + counts.skipped > 0;
  if (test.status === 'fail') {
    // A crash or a time-out counts as one failure, and so does a failure after the cases.
    if (counts.failed === 0) counts.failed = 1;
  } else if (test.status === 'run') {
    if (!some) counts.passed = 1;
  } else if (!some) {
    counts.skipped = 1;
  }
  return counts;
}

/** The names of what failed in one ctest entry: its cases, where it names them, else itself. */
export function failedNames(test) {
  if (caseCounts(test).failed === 0) return [];
  const cases = [...test.output.matchAll(/^not ok \d+ - (.*?)(?: # .*)?$/gm),
    ...test.output.matchAll(/^\[ {2}FAILED {2}\] (?:.*: )?(\w+)$/gm)].map(([, name]) => name);
  return cases.length ? [...new Set(cases)].map((name) => `${test.name}: ${name}`)
    : [`${test.name}${test.message ? ` (${test.message})` : ''}`];
}

/** Names and reasons of what was skipped. */
export function skipReasons(test) {
  const reasons = [...test.output.matchAll(/^\s*ok \d+ - (.*?) # SKIP ?(.*)$/gm)]
    .map(([, name, reason]) => `${test.name}: ${name}: ${reason || 'no reason given'}`);
  for (const [, name, reason] of test.output.matchAll(/^\[ {2}SKIP {4}\] (\w+): (.*)$/gm)) {
    reasons.push(`${test.name}: ${name}: ${reason}`);
  }
  for (const [, name] of test.output.matchAll(/^\[ {2}SKIPPED \] (\w+)$/gm)) {
    if (!reasons.some((line) => line.includes(` ${name}:`))) reasons.push(`${test.name}: ${name}`);
  }
  if (!reasons.length && test.status !== 'run' && test.status !== 'fail') {
    reasons.push(`${test.name}: ${test.message ?? test.status}`);
  }
  return [...new Set(reasons)];
}

/** What is worth reading of a failed test's output: of TAP the failed cases, else its end. */
export function failureText(output, linesMax = 150) {
  const failed = [...output.matchAll(/^not ok .*\n(?: {2}.*\n)*/gm)].map(([block]) => block);
  const text = failed.length ? failed.join('') : output;
  const lines = text.trimEnd().split('\n').filter((line) => !/^ {2}(---|\.\.\.)$/.test(line));
  return lines.slice(-linesMax).join('\n');
}
