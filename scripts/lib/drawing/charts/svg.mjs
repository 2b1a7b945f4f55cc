// Renders the charts to SVG files, without a browser.

import { createRequire } from 'node:module';
import path from 'node:path';
import { writeWholeFile } from '../../base/file.mjs';
import { chartHeight, RUN_CHARTS, SEVERAL_CHARTS } from './index.mjs';
import { THEMES } from './theme.mjs';

const WIDTH = 960;
const MARGIN = 18;
const BOTTOM_MAX = 48;

/** Draws one chart option to SVG text. */
export function drawSvg(option, theme, height, width = WIDTH) {
  const require = createRequire(import.meta.url);
  const echarts = require('echarts');
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  // Paper has no slider below the axis.
  const bottom = Math.min(option.grid.bottom, BOTTOM_MAX);
  instance.setOption({ ...option, backgroundColor: theme.paper, toolbox: { show: false },
    grid: { ...option.grid, bottom },
    dataZoom: [], tooltip: { show: false } });
  const text = instance.renderToSVGString();
  instance.dispose();
  return addMargin(text, theme, width, height);
}

/** A margin around the chart, on the theme's paper, so that it reads on any page. */
function addMargin(text, theme, width, height) {
  const [wide, high] = [width + 2 * MARGIN, height + 2 * MARGIN];
  const box = `${-MARGIN} ${-MARGIN} ${wide} ${high}`;
  const end = text.indexOf('>') + 1;
  return `<svg width="${wide}" height="${high}" viewBox="${box}" ` +
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">\n' +
    `<rect x="${-MARGIN}" y="${-MARGIN}" width="${wide}" height="${high}" ` +
    `fill="${theme.paper}"/>\n${text.slice(end).trimStart()}`;
}

/** Writes the charts of a list that data has something for; returns the names of the files. */
export function writeCharts(folder, list, data, { theme = THEMES.light, prefix = '' } = {}) {
  return list.filter((chart) => chart.when(data)).map((chart) => {
    const file = path.join(folder, `${prefix}${chart.name}.svg`);
    writeWholeFile(file, drawSvg(chart.draw(data, theme), theme, chartHeight(chart, data)));
    return file;
  });
}

/** Writes every chart of the views into folder; returns the names of the files. */
export function writeSvg(folder, views, themeName = 'light') {
  const theme = THEMES[themeName];
  const several = views.length > 1;
  return [...(several ? writeCharts(folder, SEVERAL_CHARTS, views, { theme }) : []),
    ...views.flatMap((view, index) => writeCharts(folder, RUN_CHARTS, view, { theme,
      prefix: several ? `${fileName(view.label, index)}-` : '' }))];
}

function fileName(label, index) {
  return `${index + 1}-${label.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 60)}`;
}
