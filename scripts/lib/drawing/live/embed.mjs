// Writes the live page as a C file, for the build (cmake/page.cmake): node embed.mjs FILE. Where
// the charts' modules are not installed it has no bytes, and the programs serve a plain page.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { makeLivePage } from './page.mjs';

const COLUMNS = 24;

function pageOrNothing() {
  try {
    createRequire(import.meta.url).resolve('echarts/dist/echarts.min.js');
  } catch {
    console.error('no live page: its modules are not installed (npm ci --prefix scripts)');
    return Buffer.alloc(0);
  }
  return Buffer.from(makeLivePage());
}

const page = pageOrNothing();
const lines = [];
for (let i = 0; i < page.length; i += COLUMNS) {
  lines.push(`${[...page.subarray(i, i + COLUMNS)].join(',')},\n`);
}
fs.writeFileSync(process.argv[2], '/* Made by scripts/lib/drawing/live/embed.mjs. */\n' +
  '#include "web/page.h"\n\n' +
  `const size_t web_page_bytes = ${page.length};\n` +
  `const unsigned char web_page[] = {\n${lines.join('') || '0\n'}};\n`);
