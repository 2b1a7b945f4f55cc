// The folders of the product and the arrows between them, read from the code's own includes and
// imports: node tests/folders.mjs prints them with their sizes, and every circle there is.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const PRODUCT = ['shared', 'server', 'dummyclient', 'scripts'];

/** The product's own C and mjs, as paths from the root. */
function productFiles(folder, into = []) {
  for (const entry of fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== 'node_modules') productFiles(name, into);
    else if (/\.(c|h|mjs)$/.test(entry.name)) into.push(name);
  }
  return into;
}

/** What a file includes or imports, as paths from the root; only what is among files. */
function usesOf(name, text, files) {
  const own = path.posix.dirname(name);
  const roots = name.endsWith('.mjs') ? [own] : ['shared', name.split('/')[0], own];
  const pattern = name.endsWith('.mjs') ? /(?:from|import\()\s*'(\.[^']+)'/g
    : /^\s*#\s*include\s*"([^"]+)"/gm;
  return [...text.matchAll(pattern)].flatMap(([, used]) => {
    const found = roots.map((root) => path.posix.normalize(path.posix.join(root, used)))
      .find((candidate) => files.has(candidate));
    return found ? [found] : [];
  });
}

/**
 * @param {Map<string, string>} files texts by path
 * @returns {Map<string, { files: number, lines: number, uses: Set<string> }>} by folder
 */
export function folderGraph(files) {
  const graph = new Map();
  for (const [name, text] of files) {
    const own = path.posix.dirname(name);
    if (!graph.has(own)) graph.set(own, { files: 0, lines: 0, uses: new Set() });
    const folder = graph.get(own);
    folder.files += 1;
    folder.lines += text.split('\n').length - 1;
    for (const used of usesOf(name, text, files)) {
      if (path.posix.dirname(used) !== own) folder.uses.add(path.posix.dirname(used));
    }
  }
  return graph;
}

/** Every set of folders that lead to each other (Tarjan), as sorted lists. */
export function folderCircles(graph) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const circles = [];
  const visit = (folder) => {
    index.set(folder, index.size);
    low.set(folder, index.get(folder));
    stack.push(folder);
    for (const used of graph.get(folder)?.uses ?? []) {
      if (!index.has(used)) visit(used);
      if (stack.includes(used)) low.set(folder, Math.min(low.get(folder), low.get(used)));
    }
    if (low.get(folder) !== index.get(folder)) return;
    const circle = stack.splice(stack.indexOf(folder));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const folder of graph.keys()) if (!index.has(folder)) visit(folder);
  return circles;
}

/** The product's graph, as it is now. */
export function productGraph() {
  const names = PRODUCT.flatMap((folder) => productFiles(folder));
  return folderGraph(new Map(names.map((name) =>
    [name, fs.readFileSync(path.join(ROOT, name), 'utf8')])));
}

function main() {
  const graph = productGraph();
  for (const [folder, { files, lines, uses }] of [...graph].sort(([a], [b]) => a < b ? -1 : 1)) {
    const arrows = [...uses].sort().join(' ');
    console.log(`${folder.padEnd(30)} ${String(files).padStart(3)} files ` +
      `${String(lines).padStart(6)} lines${arrows ? `  -> ${arrows}` : ''}`);
  }
  const sum = [...graph.values()].reduce((total, { lines }) => total + lines, 0);
  const circles = folderCircles(graph);
  for (const circle of circles) console.log(`circle: ${circle.join(' <-> ')}`);
  console.log(`${graph.size} folders, ${sum} lines, ${circles.length} circles`);
  return circles.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
