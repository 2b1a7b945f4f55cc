// Puts our own modules into one inline script: a page opened from file:// cannot import files.
//
// It understands the two forms that these modules use, and refuses any other:
// `import { a, b } from './x.mjs';` and `export function | const | class`.

import fs from 'node:fs';
import path from 'node:path';

const IMPORT = /^import\s*\{([^}]*)\}\s*from\s*'(\.[^']+)';\n/gm;
const EXPORT = /^export (async function|function|const|class) ([A-Za-z_$][\w$]*)/gm;

/** JavaScript that runs entry (a file) and everything it imports. */
export function makeBundle(entry) {
  const first = path.resolve(entry);
  const made = { order: [], seen: new Set(),
    key: (file) => JSON.stringify(path.relative(path.dirname(first), file)) };
  visitModule(first, made, []);
  return `"use strict";\nconst modules = {};\n${made.order.join('')}`;
}

function visitModule(file, made, above) {
  if (above.includes(file)) throw new Error(`modules import each other: ${file}`);
  if (made.seen.has(file)) return;
  made.seen.add(file);
  let text = fs.readFileSync(file, 'utf8');
  text = text.replace(IMPORT, (whole, names, from) => {
    const target = path.resolve(path.dirname(file), from);
    visitModule(target, made, [...above, file]);
    return `const {${names.replace(/\s+/g, ' ').replace(/ as /g, ': ')}} = ` +
      `modules[${made.key(target)}];\n`;
  });
  const names = [];
  text = text.replace(EXPORT, (whole, kind, name) => {
    names.push(name);
    return `${kind} ${name}`;
  });
  if (/^(import|export)\b/m.test(text)) throw new Error(`${file}: a form that cannot be inlined`);
  made.order.push(`modules[${made.key(file)}] = (() => {\n${text}\n` +
    `return { ${names.join(', ')} };\n})();\n`);
}
