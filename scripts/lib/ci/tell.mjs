// What a CI is told of the comparisons of a call: for each scenario { file, outcome, markdown }.

import { regressedTexts } from '../judging/compare_text.mjs';
import { VERDICTS } from '../judging/compare.mjs';
import { whereTexts } from '../judging/compare_parts.mjs';
import { addSummary, annotation, keepComment, pullRequestOf, runAddress, setOutput }
  from './github.mjs';

const hasImproved = ({ outcome }) => outcome.exit_code === 0 &&
  outcome.rows.some((row) => row.primary && row.verdict === 'improved');

/** Whether there is something that who reads the pull request wants to know. */
function hasChanged(results) {
  return results.some((one) => one.outcome.exit_code === 99 || hasImproved(one));
}

/** An annotation for each scenario that is red, and for each that nothing is known of. */
function annotationsOf(results) {
  return results.filter(({ outcome }) => outcome.exit_code !== 0).map(({ file, outcome }) => {
    const { title } = VERDICTS[outcome.exit_code];
    const red = outcome.exit_code === 99;
    const lines = red ? [...regressedTexts(outcome), ...whereTexts(outcome)]
      : [...outcome.reasons, outcome.abstained].filter(Boolean);
    return annotation(red ? 'error' : 'warning', lines.join('\n'),
      { file, title: `${outcome.scenario}: ${title}` });
  });
}

function commentText(results, env) {
  const run = runAddress(env);
  const shown = results.filter((one) => one.outcome.exit_code !== 0 || hasImproved(one));
  const quiet = results.filter((one) => !shown.includes(one)).map(({ outcome }) =>
    outcome.scenario);
  return [...shown.map(({ markdown }) => markdown),
    ...(quiet.length ? [`🟢 no regression – ${quiet.join(', ')}`] : []),
    ...(run ? ['', `The pages are in the artifacts of [this run](${run}).`] : [])].join('\n');
}

/** Tells GitHub. code: of the whole call. A comment that cannot be written (the token of a fork may
 *  only read) costs nothing but itself. Returns what became of it; null: there is none to write. */
export async function tellGithub(results, { env, token, name, say, comment, code }) {
  for (const line of annotationsOf(results)) say(line);
  addSummary(env, results.map(({ markdown }) => markdown).join('\n'));
  setOutput(env, 'exit-code', code);
  setOutput(env, 'verdict', VERDICTS[code]?.title ?? 'failed');
  const pull = comment ? pullRequestOf(env) : null;
  if (!pull || !token || !results.length) return null;
  try {
    return await keepComment({ env, token, number: pull.number, name }, commentText(results, env),
      hasChanged(results));
  } catch (error) {
    say(annotation('warning', `the pull request got no comment: ${error.message}\n` +
      'The job needs "permissions: pull-requests: write"; a pull request from a fork cannot have ' +
      'it.', { title: 'Dummyload' }));
    return null;
  }
}
