// The live page: one HTML file that a running client serves. It holds its program and ECharts, and
// asks for nothing but the run's own addresses beside it (events, plan and control) and, where the
// run names it, the events of the server's own page.

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { wrapPage } from '../page/page.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const BODY = `<p class="soft" id="what"></p>
<div id="now"><span id="phase">Waiting for the run</span><span id="time"></span></div>
<div id="bar" hidden><div></div></div>
<div id="verdicts"></div>
<div id="control" hidden></div>
<div id="tiles"></div>
<div id="server"></div>
<p class="chart soft" id="wait">The figures of the first second are not here yet.</p>
<div class="charts" id="charts"></div>
<div class="charts" id="tables"></div>`;

const FOOTER = `The figures of a second come when it is over. <span class="of-load">Response times
are counted from the intended send time, to 3%; the result at the end of the run has them to 0.1%.
</span>A click on a legend entry hides its line. The plain data: <a href="events">events</a>,
<a href="metrics">metrics</a><span class="of-load">, <a href="plan">plan</a></span>.`;

export function makeLivePage() {
  return wrapPage('Dummyload, live', 'A run', BODY, [], {}, { what: '<span id="link">connecting' +
    '</span>', footer: FOOTER, program: '../live/live_client.mjs',
  head: `<style>${fs.readFileSync(here('./live.css'), 'utf8')}</style>` +
    '<link rel="icon" href="data:,">' });
}
