// Goal 10: the Windows programs under Wine, against peers under the same Wine.

import { playPair } from './pair.mjs';
import { CLIENTS, SERVERS, against } from './players.mjs';

export async function wine(bench) {
  const windows = true;
  const seconds = bench.quick ? 2 : 3;
  const repeats = bench.quick ? 2 : 5; // the wineserver schedules, and ratios spread
  for (const connections of [100, 2000]) {
    const samples = await bench.interleave(`under Wine, ${connections} connections`, {
      bare: () => against(SERVERS.bare({ windows }), (to) =>
        CLIENTS.bare(to, connections, seconds, { windows })),
      go: () => against(SERVERS.go({ windows }), (to) =>
        CLIENTS.go(to, connections, seconds, { windows })),
      ours: () => playPair(bench, connections, { name: 'wine', windows, seconds }),
    }, repeats);
    bench.ratioRow(10, `under Wine / bare IOCP pair, ${connections} connections`, samples,
      ['ours', 'bare'], 'per_s', 0.95);
    bench.ratioRow(10, `under Wine / Go's runtime, ${connections} connections`, samples,
      ['ours', 'go'], 'per_s', 1.2);
  }
}
