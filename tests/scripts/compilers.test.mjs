// scripts/check compilers: what only one compiler, one system or one processor has is found.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { COMPILERS, compilerComplaints, compilerMissing, readCommands }
  from '../../scripts/lib/developing/compilers.mjs';
import { ROOT } from '../../scripts/lib/base/paths.mjs';
import { makeFolder } from './helpers.mjs';

const missing = COMPILERS.map(compilerMissing).find(Boolean);
const TIME_MS = 120000;

/** What each compiler says against a source of this text. */
async function complaintsAbout(t, text) {
  const file = path.join(makeFolder(t), 'planted.c');
  fs.writeFileSync(file, text);
  const all = await Promise.all(COMPILERS.map((compiler) =>
    compilerComplaints(compiler, { file, args: [] }, TIME_MS)));
  return all.map((lines) => lines.join('\n'));
}

const planted = [
  ['a statement expression', 'int f(int a);\nint f(int a)\n{\n    return ({ a; });\n}\n',
    [0, 1, 2]],
  ['an array of no length', 'struct s {\n    int a;\n    int b[0];\n};\n', [0, 1, 2]],
  ['a range of places', 'extern int a[4];\nint a[4] = {[0 ... 3] = 1};\n', [0, 1, 2]],
  ['a function of POSIX', '#define _GNU_SOURCE\n#include <stdlib.h>\nint f(void);\n' +
    'int f(void)\n{\n    return setenv("A", "b", 1);\n}\n', [0, 1]],
  ['a header of POSIX', '#include <pthread.h>\n', [0, 1]],
  ['a type of POSIX', '#include <stddef.h>\nextern ssize_t a;\n', [0, 1, 2]],
  ['an instruction of x86', '#ifdef _MSC_VER\n#include <intrin.h>\n#endif\nvoid f(void);\n' +
    'void f(void)\n{\n    _mm_pause();\n}\n', [1, 2]],
];
for (const [what, text, expected] of planted) {
  test(`found: ${what}`, { skip: missing }, async (t) => {
    const complaints = await complaintsAbout(t, text);
    assert.deepEqual(complaints.flatMap((lines, i) => lines ? [i] : []), expected,
      complaints.join('\n'));
  });
}

test('plain C11 with sockets and atomics passes', { skip: missing }, async (t) => {
  const text = '#include <stdatomic.h>\n#include <stdio.h>\n' +
    '_Static_assert(sizeof(int) == 4, "");\n' +
    'struct s {\n    _Atomic long long a;\n    _Alignas(64) int b;\n};\n' +
    'long long f(struct s *s);\nlong long f(struct s *s)\n{\n' +
    '    printf("%zu\\n", sizeof *s);\n    return atomic_fetch_add(&s->a, 1);\n}\n';
  const sockets = '#ifdef _MSC_VER\n#include <winsock2.h>\n#include <mswsock.h>\n#endif\n';
  assert.deepEqual(await complaintsAbout(t, sockets + text), ['', '', '']);
});

test('the commands of a build tree: its own C files, and where their headers are', () => {
  const file = path.join(ROOT, 'server', 'a.c');
  const text = JSON.stringify([
    { file, command: 'gcc -DA=\\"b\\" -D__USE_MINGW_ANSI_STDIO=1 -I/x -isystem /y -O2 -c a.c' },
    { file: path.join(ROOT, 'build', 'deps', 'b.c'), command: 'gcc -c b.c' },
    { file: path.join(ROOT, 'program.rc'), command: 'windres' }]);
  assert.deepEqual(readCommands(text),
    [{ file, args: ['-DA="b"', '-I/x', '-isystem', '/y'] }]);
});
