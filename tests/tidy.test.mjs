// The house rules over the whole tree, and proof that each check fires.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { folderCircles, folderGraph, productGraph } from './folders.mjs';
import { CHECKS, codeOnly, modelComplaints, moduleComplaints, topComplaints } from './tidy.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const SKIPPED = new Set(['build', 'node_modules', 'corpus']); // a corpus is bytes, not text
const TEXT = /\.(c|h|mjs|js|cmake|txt|json|md|sh|cmd|csv|yml|yaml|html|css)$|^[^.]+$/;

function treeFiles(folder = '', into = []) {
  for (const entry of fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true })) {
    const name = folder ? `${folder}/${entry.name}` : entry.name;
    // Runs, which git ignores; a name with a dot in front is somebody's own.
    const own = entry.name.startsWith('.') && !['.ci', '.github'].includes(entry.name);
    const isRun = folder === 'results' && entry.isDirectory() && entry.name !== 'baselines';
    if (SKIPPED.has(entry.name) || own || isRun) continue;
    if (entry.isDirectory()) treeFiles(name, into);
    else if (entry.isFile() && TEXT.test(entry.name)) into.push(name);
  }
  return into;
}

const files = treeFiles();
const known = new Set(files);

for (const [name, check] of Object.entries(CHECKS)) {
  test(`the tree: ${name}`, () => {
    const complaints = files.flatMap((file) =>
      check(file, fs.readFileSync(path.join(ROOT, file), 'utf8'), known));
    assert.equal(complaints.length, 0, `\n${complaints.join('\n')}\n`);
  });
}

test('the tree: no symbolic link, which would lead to a path of one machine', (t) => {
  const tracked = spawnSync('git', ['ls-files', '--stage'], { cwd: ROOT, encoding: 'utf8' });
  if (tracked.status !== 0) return t.skip('not a checkout of git');
  return assert.deepEqual(tracked.stdout.split('\n').filter((line) => line.startsWith('12')), []);
});

test('the tree: at its top is what belongs there', (t) => {
  const tracked = spawnSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' });
  if (tracked.status !== 0) return t.skip('not a checkout of git');
  return assert.deepEqual(topComplaints(tracked.stdout.split('\n').filter(Boolean)), []);
});

test('fires: something else at the top', () => {
  assert.deepEqual(topComplaints(['README.md', 'tests/unit/unit.h']), []);
  assert.equal(topComplaints(['unit-test-1/a.key', 'unit-test-1/b.key', 'core']).length, 2);
});

function formatterMissing() {
  const found = spawnSync('clang-format', ['--version'], { encoding: 'utf8' });
  if (found.error) return 'clang-format is not installed';
  // Each version formats a little differently; the tree follows Debian 12's.
  return /version 14\./.test(found.stdout) ? false : `not version 14: ${found.stdout.trim()}`;
}

test('the tree: clang-format', { skip: formatterMissing() }, () => {
  const sources = files.filter((file) => /\.[ch]$/.test(file));
  assert.ok(sources.length > 20, 'the tree has sources');
  const result = spawnSync('clang-format', ['--dry-run', '-Werror', ...sources],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20 });
  const named = [...new Set(result.stderr.match(/^[^\s:]+\.[ch](?=:)/gm) ?? [])];
  assert.equal(result.status, 0, `not formatted: ${named.join(' ')}`);
});

test('the tree: every mutant of the laws still applies', () => {
  const folder = path.join(ROOT, 'tests', 'laws', 'mutants');
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.patch'));
  assert.ok(names.length > 20);
  for (const name of names) {
    const applied = spawnSync('git', ['apply', '--check', '-C1', '--recount',
      path.join(folder, name)], { cwd: ROOT, encoding: 'utf8' });
    assert.equal(applied.status, 0, `${name}: ${applied.error ?? applied.stderr}`);
  }
});

test('the tree: every model has its file, its entry and its row', () => {
  const own = files.filter((file) => file.startsWith('server/models/'));
  const texts = own.map((file) => [file, fs.readFileSync(path.join(ROOT, file), 'utf8')]);
  assert.deepEqual(modelComplaints(texts), []);
});

test('the tree: every import, export and top-level name of a module is used', () => {
  const modules = files.filter((file) => file.endsWith('.mjs'));
  const texts = modules.map((file) => [file, fs.readFileSync(path.join(ROOT, file), 'utf8')]);
  assert.ok(texts.length > 100);
  const complaints = moduleComplaints(texts);
  assert.equal(complaints.length, 0, `\n${complaints.join('\n')}\n`);
});

test('fires: an import, an export or a name that is not used, an export for tests alone', () => {
  const user = ['scripts/b.mjs', "import { one } from './a.mjs';\none();\n"];
  const tester = ['tests/a.test.mjs', "import { one } from '../scripts/a.mjs';\none();\n"];
  const whole = ['scripts/a.mjs', 'const two = 2;\nexport const one = () => two;\n'];
  assert.deepEqual(moduleComplaints([whole, user]), []);
  for (const texts of [[whole], [whole, tester], [['scripts/a.mjs', `${whole[1]}one;\n`]],
    [whole, user, ['scripts/c.mjs', "import { a } from 'x';\n"]],
    [whole, user, ['scripts/c.mjs', 'const [b, c] = [1, 2];\nc();\n']],
    [whole, user, ['scripts/c.mjs', "export { one } from './a.mjs';\n"]]]) {
    assert.equal(moduleComplaints(texts).length, 1, JSON.stringify(texts));
  }
});

test('fires: a model that is not listed, not described, or named otherwise', () => {
  const file = 'const struct model MODEL(a_b) = {\n    .name = "a-b",\n';
  const whole = [['a_b_win.c', file], ['table_win.c', '    ENTRY(a_b)\n'],
    ['README.md', '| `a-b` | `a_b_win.c` |\n']];
  assert.deepEqual(modelComplaints(whole), []);
  for (let missing = 0; missing < whole.length; missing++) {
    assert.notDeepEqual(modelComplaints(whole.filter((_, i) => i !== missing)), []);
  }
  assert.equal(modelComplaints([['b.c', file], ...whole.slice(1)]).length, 1);
});

test('the folders form no circle', () => {
  assert.deepEqual(folderCircles(productGraph()), []);
});

test('fires: a circle of folders', () => {
  const graph = folderGraph(new Map([
    ['shared/a/a.c', '#include "b/b.h"\n'], ['shared/b/b.h', '#include "c/c.h"\n'],
    ['shared/c/c.h', '#include "a/a.h"\n'], ['shared/a/a.h', ''],
    ['scripts/x.mjs', "import { y } from './lib/y.mjs';\n"], ['scripts/lib/y.mjs', '']]));
  assert.deepEqual(folderCircles(graph), [['shared/a', 'shared/b', 'shared/c']]);
});

test('the walk sees the tree', () => {
  for (const file of ['CMakeLists.txt', 'shared/core/must.h', 'scripts/setup', 'tests/tidy.mjs']) {
    assert.ok(known.has(file), file);
  }
});

const many = (count, line) => `${line}\n`.repeat(count);
const bad = [
  ['checkLineLength', 'server/a.c', `int ${'a'.repeat(100)};\n`],
  ['checkLineLength', 'README.md', `${'word '.repeat(21)}\n`],
  ['checkFileLength', 'server/a.c', many(801, 'int a;')],
  ['checkFileLength', 'server/a.h', many(251, 'int a;')],
  ['checkFunctionLength', 'server/a.c', `int f(void)\n{\n${many(69, '    f();')}}\n`],
  ['checkDialect', 'server/a.c', '    if (a)\n        f();\n'],
  ['checkDialect', 'server/a.c', '    while (a &&\n           b)\n        f();\n'],
  ['checkDialect', 'server/a.c', '    } else\n        f();\n'],
  ['checkDialect', 'server/a.c', 'int a = sizeof(b->c);\n'],
  ['checkIncludedOnce', 'server/a.h', '/* a */\n#ifndef A_H\n#define A_H\n#endif\n'],
  ['checkPlatform', 'server/a.c', '#ifdef _WIN32\n#endif\n'],
  ['checkPlatform', 'shared/core/a.h', '#if defined(__linux__)\n#endif\n'],
  ['checkCompilers', 'server/a.c', 'void f(void) __attribute__((cold));\n'],
  ['checkCompilers', 'server/a.c', '#if A\n#endif\nstatic __thread int a;\n'],
  ['checkCompilers', 'shared/core/a_win.c', 'static _Thread_local int a;\n'],
  ['checkCompilers', 'server/a.c', '#if defined(__GNUC__)\n#endif\n    ssize_t a = 0;\n'],
  ['checkCompilers', 'server/a.c', '    a = __builtin_clz(b);\n'],
  ['checkCompilers', 'server/a.c', '    _mm_pause();\n'],
  ['checkCompilers', 'tests/unit/a.c', '#include <dirent.h>\n'],
  ['checkCompilers', 'server/a_win.c', '#include <unistd.h>\n'],
  ['checkSystemHeaders', 'shared/net/a.h', '#include <winsock2.h>\n'],
  ['checkDependencies', 'shared/core/a.c', '#include "net/address.h"\n'],
  ['checkDependencies', 'shared/proto/a.c', '#include "cport/cport.h"\n'],
  ['checkDependencies', 'server/run/a.c', '#include "vm/vm.h"\n'],
  ['checkDependencies', 'dummyclient/a.c', '#include "../server/sessions/session.h"\n'],
  ['checkDependencies', 'dummyclient/scenario/a.c', '#include <sys/socket.h>\n'],
  ['checkDependencies', 'dummyclient/scenario/a.c', '#include "vm/vm.h"\n'],
  ['checkDependencies', 'dummyclient/vm/a.c', '#include "play/conn.h"\n'],
  ['checkDependencies', 'dummyclient/unheard/a.c', 'int a;\n'],
  ['checkDependencies', 'shared/cport/a.c', '#include "cport/uring/ring.h"\n'],
  ['checkDependencies', 'dummyclient/pacing/a.h', '#include "cport/cport.h"\n'],
  ['checkDependencies', 'server/sessions/session.c', '#include "cport/cport.h"\n'],
  ['checkDependencies', 'server/handlers/a.c', '#include <winsock2.h>\n'],
  ['checkModules', 'scripts/lib/base/a.mjs', "import { a } from '../results/a.mjs';\n"],
  ['checkModules', 'scripts/lib/results/a.mjs', "import { a,\n  b }\n  from '../page/a.mjs';\n"],
  ['checkModules', 'scripts/lib/results/a.mjs', "export { a } from '../../a.mjs';\n"],
  ['checkModules', 'scripts/lib/unheard/a.mjs', 'const a = 1;\n'],
  ['checkCitations', 'server/a.h', '/* see nowhere.h */\n'],
  ['checkCitations', 'README.md', 'server/nowhere.c says how\n'],
  ['checkCitations', 'server/a.c', `/* ${'DES' + 'IGN'} section 7 */\n`],
  ['checkUnfinished', 'README.md', `later: ${'TO' + 'DO'}\n`],
  ['checkMachine', 'scripts/a.mjs', `const at = '${'/ho' + 'me'}/someone/dir';\n`],
  ['checkMachine', 'scripts/package-lock.json', `"${'resol' + 'ved'}": "x"\n`],
  ['checkWhitespace', 'server/a.c', 'int a; \n'],
  ['checkWhitespace', 'server/a.c', 'int a;\r\n'],
  ['checkWhitespace', 'server/a.c', 'int a;'],
  ['checkWhitespace', 'scripts/a.cmd', '@echo off\n'],
  ['checkWhitespace', 'scripts/a.cmd', 'echo \u00e4\r\n'],
];
for (const [index, [name, file, text]] of bad.entries()) {
  test(`fires: ${name} (${index}, ${file})`, () => {
    assert.ok(CHECKS[name](file, text, known).length > 0);
  });
}

const good = [
  ['checkLineLength', 'server/a.c', `int ${'a'.repeat(95)};\n`],
  ['checkFunctionLength', 'server/a.c', `int f(void)\n{\n${many(68, '    f();')}}\n`],
  ['checkDialect', 'server/a.c',
    '    if (a) {\n        f(sizeof(int), sizeof b);\n    }\n    } while (a);\n'],
  ['checkPlatform', 'shared/core/clock_win.c', '#ifdef _WIN32\n#endif\n'],
  ['checkPlatform', 'server/a.c', '/* #ifdef _WIN32 */\n#ifdef NDEBUG\n#endif\n'],
  ['checkCompilers', 'shared/core/a.h', '#ifdef __GNUC__\n__attribute__((cold))\n#else\n#endif\n'],
  ['checkCompilers', 'shared/core/a_linux.c', '#include <unistd.h>\nssize_t a;\n'],
  ['checkCompilers', 'server/a.c', '/* not typeof */ int program__thread;\n'],
  ['checkDependencies', 'server/run/a.c', '#include "cport/cport.h"\n#include <stdio.h>\n'],
  ['checkModules', 'scripts/lib/results/a.mjs', "import { a } from '../base/a.mjs';\n"],
  ['checkCitations', 'server/a.c', '/* see core/must.h and server/README.md */ f("a.c");\n'],
  ['checkMachine', 'scripts/a', 'cat /proc/self/stat /usr/bin/env /dev/full\n'],
];
for (const [index, [name, file, text]] of good.entries()) {
  test(`keeps quiet: ${name} (${index}, ${file})`, () => {
    assert.deepEqual(CHECKS[name](file, text, known), []);
  });
}

test('comments and strings are no code', () => {
  assert.equal(codeOnly('a /* { */ "}" b\n// {\nc').replace(/ +/g, ' '), 'a b\n \nc');
});
