// What must not depend on threads, ranks, backends and the order of targets: the plays of one case
// beside each other. Counts that follow from the plan alone are equal; times are not looked at.

import { wayText } from './player.mjs';

const N = Number;
const whole = ({ result }) => N(result.run.window_end_ns) - N(result.run.t0_ns) ===
  N(result.plan.load.duration_ns);

/** Two runs of the whole plan had the same due, behavior by behavior, stage by stage. */
function dueIsTheSame(a, b, problems) {
  const equal = (what, one, other) => {
    if (N(one) !== N(other)) problems.push(`${what}: ${one} and ${other}`);
  };
  equal('intended', a.rate.intended, b.rate.intended);
  a.stages.forEach((stage, i) => equal(`intended of stage ${i + 1}`, stage.rate.intended,
    b.stages[i].rate.intended));
  a.rate.behaviors.forEach((part, i) => equal(`intended of ${part.name}`, part.intended,
    b.rate.behaviors[i].intended));
}

/** A lane that stays in a pass until the end, or has no row left, begins no more: how much begins
 *  then depends on which lane was free. */
const LEAVES_OTHERS = /"(until|when_out)":"(end|stop)"/;

/** Dropping what is late: how much that is, the clock decides. test_laws_ways.c has these. */
const DROPS = ({ scenario }) => scenario.load?.late === 'drop';

/** With a server that does no harm, what began differs by no more than a busy machine explains. */
function begunIsAlike(a, b, problems) {
  const intended = N(a.rate.intended);
  const slack = 20 + intended * 0.3;
  if (Math.abs(N(a.rate.begun) - N(b.rate.begun)) > slack) {
    problems.push(`begun: ${a.rate.begun} and ${b.rate.begun} of ${intended}`);
  }
}

export function betweenWays(plays) {
  const found = [];
  const [first, ...others] = plays.filter((play) => play.traits.open && whole(play));
  for (const other of others) {
    const way = `${wayText(first.way)} and ${wayText(other.way)}`;
    for (const [law, judge, applies] of [['dueIsTheSame', dueIsTheSame, true],
      ['begunIsAlike', begunIsAlike,
        first.traits.kind && !DROPS(first) &&
          !LEAVES_OTHERS.test(JSON.stringify(first.scenario))]]) {
      const problems = [];
      try {
        if (applies) judge(first.result, other.result, problems);
      } catch (error) {
        problems.push(`cannot be judged: ${error.message}`);
      }
      found.push(...problems.map((problem) => ({ law, problem, way })));
    }
  }
  return found;
}
