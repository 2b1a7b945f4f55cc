// Compilers that are not here: clang reads the sources as Microsoft's compiler would, for x64 and
// ARM64, with Wine's headers of the Windows SDK and of the C runtime; and as a compiler for Linux
// on ARM64 would. So what only gcc knows, what only mingw has, and what only x86 has is found here.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BUILD, ROOT } from '../base/paths.mjs';
import { Failure, run } from '../base/process.mjs';

const WINE = '/usr/include/wine/wine';
const SDK = path.join(ROOT, 'tests', 'compilers');
// The version of Visual Studio 2022 17.8: the oldest that CMake takes (cmake/build.cmake).
const MSVC = ['-nostdlibinc', '-Wno-microsoft', '-isystem', SDK, '-include',
  path.join(SDK, 'sdk.h'), '-isystem', `${WINE}/msvcrt`, '-isystem', `${WINE}/windows`];

/** Each: the build tree whose sources it reads, with or without the tests', what it needs, and
 * clang's arguments. */
export const COMPILERS = [
  { name: 'MSVC, x64', tree: 'windows', tests: true, needs: WINE,
    args: ['--target=x86_64-pc-windows-msvc19.38.0', ...MSVC] },
  { name: 'MSVC, ARM64', tree: 'windows', needs: WINE,
    args: ['--target=aarch64-pc-windows-msvc19.38.0', ...MSVC] },
  { name: 'Linux, ARM64', tree: 'linux', needs: '/usr/aarch64-linux-gnu/include',
    args: ['--target=aarch64-linux-gnu', '-nostdlibinc', '-isystem',
      '/usr/aarch64-linux-gnu/include', '-idirafter', '/usr/include'] },
];

function isTest(file) {
  return file.startsWith(path.join(ROOT, 'tests'));
}

/** What is missing for a compiler, or undefined. */
export function compilerMissing({ name, needs }) {
  return fs.existsSync(needs) ? undefined
    : `${name}: there are no headers in ${needs} (scripts/setup --for test gets them)`;
}

/** [{ file, args }] of a build tree: its own sources, and where their headers are. */
export function readCommands(text) {
  return JSON.parse(text).flatMap(({ file, command }) => {
    if (!file.endsWith('.c') || !file.startsWith(ROOT) || file.startsWith(BUILD)) return [];
    const words = command.replaceAll('\\"', '"').split(' ');
    const args = words.flatMap((word, i) => {
      if (word === '-isystem') return [word, words[i + 1]];
      return /^-[DI]/.test(word) && !word.includes('MINGW') ? [word] : [];
    });
    return [{ file, args }];
  });
}

/** What the compiler says against a source: FILE:LINE:COLUMN: error: ..., or nothing. */
export async function compilerComplaints({ name, args }, source, time_ms) {
  const clang = await run('clang', [...args, '-std=c11', '-fsyntax-only', '-Wall', '-Wextra',
    '-Wpedantic', '-Werror', ...source.args, source.file], { cwd: ROOT, time_ms });
  if (clang.error) throw clang.failure('could not be run');
  const lines = clang.stderr.split('\n').filter((line) => /: (fatal )?error: /.test(line));
  if (clang.code !== 0 && !lines.length) throw clang.failure('failed');
  return lines.map((line) => `${name}: ${path.relative(ROOT, line)}`);
}

/** All complaints of all compilers. Both trees must have been configured. */
export async function readAsOthers(left_ms) {
  const missing = COMPILERS.map(compilerMissing).find(Boolean);
  if (missing) throw new Failure(missing);
  const work = COMPILERS.flatMap((compiler) => {
    const commands = path.join(BUILD, compiler.tree, 'compile_commands.json');
    const sources = readCommands(fs.readFileSync(commands, 'utf8'));
    const once = new Map(sources.map((source) => [source.file, source])); // not per program
    return [...once.values()].filter(({ file }) => compiler.tests || !isTest(file))
      .map((source) => [compiler, source]);
  });
  const complaints = new Set(); // of a header once, whoever includes it
  await Promise.all(os.cpus().map(async () => {
    while (work.length) {
      const [compiler, source] = work.pop();
      for (const line of await compilerComplaints(compiler, source, left_ms())) {
        complaints.add(line);
      }
    }
  }));
  return [...complaints].sort();
}
