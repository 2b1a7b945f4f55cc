// Does scripts/bisect name the right commit? A hundred simulated repositories with recorded noise,
// and as many in which nothing changed.

import { recordedNoise, simulateBisection } from './bisect_simulated.mjs';
import { median } from '../judging/statistics.mjs';

const COMMITS = 64;
const BROKEN = 0.1;
const RIGHT_LEAST = 0.95;
const ALPHA = 0.05;
/** Where nothing changed, that is to be said. */
const SAME_LEAST = 0.9;

export async function bisections(bench) {
  const count = bench.quick ? 10 : 100;
  const noise = recordedNoise();
  const play = (effect, more) => Array.from({ length: count }, (_, i) => simulateBisection({
    seed: i + 1, commits: COMMITS, effect, broken: BROKEN, noise, ...more }));
  for (const effect of [0.08, -0.08]) {
    const outcomes = play(effect);
    const right = outcomes.filter((one) => one.right).length;
    const named = outcomes.filter(({ range }) => range);
    const wide = named.map(({ range }) => range.last - range.first + 1);
    const typical = (key) => median(outcomes.map((one) => one[key]));
    bench.row('-', `one commit of ${COMMITS} with ${effect > 0 ? '+' : ''}${effect * 100}%: right`,
      `${right}/${count}; pairs ${typical('pairs')}, builds ${typical('built')}, ` +
      `commits named ${median(wide)}, at most ${Math.max(...wide)}`, right >= RIGHT_LEAST * count);
  }
  const same = play(0);
  const named = same.filter(({ verdict }) => verdict === 'culprit').length;
  const known = same.filter(({ verdict }) => verdict === 'same').length;
  bench.row('-', 'nothing changed: a culprit is named',
    `${named}/${count}; ${known} "no culprit", ${count - named - known} "cannot tell", pairs ` +
    `${median(same.map(({ pairs }) => pairs))}, at most ` +
    `${Math.max(...same.map(({ pairs }) => pairs))}`,
    named <= ALPHA * count && known >= SAME_LEAST * count);
}
