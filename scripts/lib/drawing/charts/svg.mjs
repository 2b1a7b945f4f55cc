// Renders the charts to SVG files, without a browser.

import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
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

/** Writes every chart of the views into folder; returns the names of the files. */
export function writeSvg(folder, views, themeName = 'light') {
  const theme = THEMES[themeName];
  fs.mkdirSync(folder, { recursive: true });
  const files = [];
  const write = (name, chart, data) => {
    const file = path.join(folder, `${name}.svg`);
    fs.writeFileSync(file, drawSvg(chart.draw(data, theme), theme, chartHeight(chart, data)));
    files.push(file);
  };
  if (views.length > 1) {
    for (const chart of SEVERAL_CHARTS.filter((one) => one.when(views))) {
      write(chart.name, chart, views);
    }
  }
  views.forEach((view, index) => {
    for (const chart of RUN_CHARTS.filter((one) => one.when(view))) {
      const name = views.length > 1 ? `${fileName(view.label, index)}-${chart.name}` : chart.name;
      write(name, chart, view);
    }
  });
  return files;
}

function fileName(label, index) {
  return `${index + 1}-${label.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 60)}`;
}
