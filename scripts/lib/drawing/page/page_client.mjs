// Runs in the page of a report: which chart is in which box.

import { CHART_LISTS, RUN_CHARTS } from '../charts/index.mjs';
import { startBoxes } from './boxes.mjs';

// page_unpack.js has put them there. more: the data of lists that draw no views, by their names.
const { views, more } = window.dummyloadData;

startBoxes((box, theme) => {
  const { chart: name, run } = box.dataset;
  // "all", "capacity", "trend": a chart of everything there is; else of one run.
  const list = CHART_LISTS[run];
  const chart = (list ?? RUN_CHARTS).find((one) => one.name === name);
  return { chart, option: chart.draw(list ? more[run] ?? views : views[run], theme) };
});
