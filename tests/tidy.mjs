// The house rules that a machine can keep: each check takes a file's name and text and returns
// complaints. tidy.test.mjs runs them over the tree, and shows that each of them fires.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const LINE_COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;
const SOURCE_LINES_MAX = 800; // one noun is not cut in two because of its length
const HEADER_LINES_MAX = 250;

const C_FILE = /\.[ch]$/;

function linesOf(text) {
  return text.replace(/\n$/, '').split('\n');
}

/** Comments, strings and character constants become blanks; lines stay where they are. */
export function codeOnly(text) {
  const blank = (match) => match.replace(/[^\n]/g, ' ');
  const skipped = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
  return text.replace(skipped, blank);
}

function checkLineLength(name, text) {
  if (!/\.([ch]|mjs|cmake|sh|cmd|md)$|CMakeLists\.txt$|^scripts\/[a-z-]+$/.test(name)) return [];
  return linesOf(text).flatMap((line, i) => [...line].length > LINE_COLUMNS_MAX
    ? [`${name}:${i + 1}: ${[...line].length} columns, at most ${LINE_COLUMNS_MAX}`] : []);
}

function checkFileLength(name, text) {
  if (!C_FILE.test(name) && !name.endsWith('.mjs')) return [];
  const max = name.endsWith('.h') ? HEADER_LINES_MAX : SOURCE_LINES_MAX;
  const count = linesOf(text).length;
  return count > max ? [`${name}: ${count} lines, at most ${max}: look for its second noun`] : [];
}

// The format of the tree puts a function's opening brace alone in column 1, and its end too.
function checkFunctionLength(name, text) {
  if (!C_FILE.test(name)) return [];
  const complaints = [];
  let opened = 0;
  linesOf(codeOnly(text)).forEach((line, i) => {
    if (/^\{\s*$/.test(line)) opened = i + 1;
    if (/^\}/.test(line) && opened) {
      const count = i + 1 - opened + 1;
      if (count > FUNCTION_LINES_MAX) {
        complaints.push(`${name}:${opened}: a function of ${count} lines, at most ` +
          `${FUNCTION_LINES_MAX}`);
      }
      opened = 0;
    }
  });
  return complaints;
}

// One dialect: braces around every body, and parentheses behind sizeof for types only.
const BARE_BODY = /^\s*(?:\} )?(?:(?:else )?if|while|for|else)\b(?!.*[{;]\s*$)/;
const MACRO_END = /^\s*\} while \(0\)$/;
const SIZEOF_OF_VALUE = new RegExp('\\bsizeof\\((?!(?:int|char|double|float|void|bool|long|' +
  'short|unsigned|fd_set|\\w+_t)\\b)\\*{0,2}[a-z_]\\w*(?:(?:->|\\.)\\w+|\\[\\w*\\])*\\)');

function checkDialect(name, text) {
  if (!C_FILE.test(name)) return [];
  const lines = linesOf(codeOnly(text));
  return lines.flatMap((line, i) => {
    const complaints = [];
    if (BARE_BODY.test(line) && !/^\s*#/.test(line) && !MACRO_END.test(line)) {
      // The head may go on: its end is where the parentheses are closed.
      let open = 0;
      let end = i;
      for (; end < lines.length; end++) {
        for (const sign of lines[end]) open += sign === '(' ? 1 : sign === ')' ? -1 : 0;
        if (open <= 0) break;
      }
      if (/(\)|else)\s*$/.test(lines[end] ?? '')) {
        complaints.push(`${name}:${i + 1}: a body without braces`);
      }
    }
    if (SIZEOF_OF_VALUE.test(line)) {
      complaints.push(`${name}:${i + 1}: sizeof takes parentheses for a type only`);
    }
    return complaints;
  });
}

/** A guard's name can be copied, and then hides a header silently. */
function checkIncludedOnce(name, text) {
  if (!/\.h(\.in)?$/.test(name) || /^#pragma once$/m.test(text)) return [];
  return [`${name}: a header has #pragma once behind its first comment`];
}

const PLATFORM_FILE = /(_(win|linux|iocp|uring|uring_multishot|epoll|poll))\.[ch]$/;
const PLATFORM_FOLDER = /^(server\/models|tests\/bench|shared\/cport\/(linux|uring|epoll|iocp))\//;
const PLATFORM_MACRO =
  /\b(_WIN32|_WIN64|WIN32|__linux__|__linux|__unix__|__MINGW32__|__MINGW64__|__APPLE__|_MSC_VER)\b/;
// The compiler's own spelling of an attribute is no platform's code.
const PLATFORM_EXEMPT = new Set(['shared/core/error.h', 'shared/dummyload/codec.h']);

function checkPlatform(name, text) {
  if (!C_FILE.test(name) || PLATFORM_FILE.test(name) || PLATFORM_FOLDER.test(name) ||
      PLATFORM_EXEMPT.has(name)) return [];
  return linesOf(codeOnly(text)).flatMap((line, i) =>
    /^\s*#\s*(if|ifdef|ifndef|elif)\b/.test(line) && PLATFORM_MACRO.test(line)
      ? [`${name}:${i + 1}: a platform's #if belongs into a file of that platform`] : []);
}

// What gcc and clang know and Microsoft's compiler does not. (-Wpedantic finds syntax, and for
// scripts/check compilers clang takes its place.)
const GNU_WORD = new RegExp('\\b(__(?:attribute|builtin|sync|atomic|asm|extension|typeof|' +
  'auto_type|thread|int128|label)\\w*|_Thread_local|typeof|asm|ssize_t|str(?:case|ncase)cmp|' +
  'strndup|str(?:tok|error)_r|(?:gm|local)time_r|asprintf|getline|usleep|clock_gettime|alloca)\\b');
const X86_WORD = /\b(_mm_\w+|_?_?rdtscp?|__cpuid\w*|_BitScan\w+|immintrin|[xe]mmintrin)\b/;
const COMPILER_GUARD = /\b(__GNUC__|__clang__|__MINGW32__|_MSC_VER|_M_\w+)\b/;
const POSIX_HEADER = new RegExp('^(unistd|strings|dirent|pthread|dlfcn|fcntl|poll|sched|syslog|' +
  'termios|getopt|libgen|glob|ftw|netdb|semaphore|(sys|arpa|netinet|net\\/if|linux)\\/.*)' +
  '(\\.h)?$');
// Linux alone builds these.
const LINUX_FILE = new RegExp('_(linux|uring|epoll)\\.[ch]$|/(linux|uring|epoll)/|' +
  '^server/models/(uring|uring_multishot|epoll|poll)\\.c$|^tests/(bench|lsan_off|e2e)');

/** The lines that a compiler's own #if encloses, whichever half. */
function guardedLines(lines) {
  const open = [];
  return lines.map((line) => {
    const [, word] = /^\s*#\s*(if|ifdef|ifndef|endif)\b/.exec(line) ?? [];
    if (word === 'endif') open.pop();
    else if (word) open.push(COMPILER_GUARD.test(line));
    return open.includes(true);
  });
}

/** One compiler's words stand behind its #if, and a system's headers in a file of that system. */
function checkCompilers(name, text) {
  if (!C_FILE.test(name) || LINUX_FILE.test(name)) return [];
  const lines = linesOf(codeOnly(text));
  const guarded = guardedLines(lines);
  const words = lines.flatMap((line, i) => {
    const word = GNU_WORD.exec(line)?.[1] ?? X86_WORD.exec(line)?.[1];
    return word && !guarded[i] ? [`${name}:${i + 1}: ${word}: not every compiler has it`] : [];
  });
  return words.concat(includesOf(text).flatMap(({ file, line }) => POSIX_HEADER.test(file)
    ? [`${name}:${line}: ${file}: Windows has no such header`] : []));
}

const SYSTEM_HEADER = /^(windows|winsock2|ws2tcpip|mswsock|liburing)\.h$/i;
const SYSTEM_HEADER_EXEMPT = /_(win|linux|uring|iocp|epoll)\.h$|\/(linux|uring|epoll|iocp)\//;

/** Headers that others include do not drag the system in. */
function checkSystemHeaders(name, text) {
  const exempt = SYSTEM_HEADER_EXEMPT.test(name) || name.startsWith('tests/');
  if (!name.endsWith('.h') || exempt) return [];
  return includesOf(text).flatMap(({ file, line }) => SYSTEM_HEADER.test(file)
    ? [`${name}:${line}: ${file} in a header that others include`] : []);
}

function includesOf(text) {
  return linesOf(text).flatMap((content, i) => {
    const match = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(content);
    return match ? [{ file: match[1], line: i + 1 }] : [];
  });
}

const SOCKET_HEADER = new RegExp('^(sys/socket|netinet/.*|arpa/inet|netdb|winsock2|ws2tcpip|' +
  'mswsock|liburing|sys/epoll|poll|cport/.*|net/.*)(\\.h)?$');
// Plain data without a socket: an address as bytes, and the queue of what is to be sent.
const PLAIN_NET_HEADER = /^net\/(address|send_queue)\.h$/;
// What a system has no part in: the language, its vm, pacing and the wire formats.
const PURE = /^(shared\/(proto|tls)|dummyclient\/(scenario|program|vm|pacing))(\/|$)/;

/** The folders of the product's C from the bottom up: each may include those before it, and the
 * server and the client not each other. CONTRIBUTING.md has the picture. */
const FOLDERS = [
  'shared/dummyload', 'shared/core', 'shared/system', 'shared/text', 'shared/files', 'shared/net',
  'shared/proto', 'shared/tls', 'shared/tls/openssl', 'shared/tls/none', 'shared/web',
  'shared/web/civetweb', 'shared/web/none',
  'shared/cport', 'shared/cport/linux', 'shared/cport/uring', 'shared/cport/epoll',
  'shared/cport/iocp', 'shared/results',
  'server/sessions', 'server/handlers', 'server/run', 'server/models/common', 'server/models',
  'server/reporting', 'server/example', 'server/program',
  'dummyclient/scenario/json', 'dummyclient/scenario', 'dummyclient/scenario/parse',
  'dummyclient/program', 'dummyclient/trace', 'dummyclient/vm', 'dummyclient/options',
  'dummyclient/starter', 'dummyclient/pacing', 'dummyclient/figures', 'dummyclient/plan',
  'dummyclient/show',
  'dummyclient/play', 'dummyclient/fleet', 'dummyclient/conduct', 'dummyclient/judge',
  'dummyclient/report', 'dummyclient/init', 'dummyclient', 'dummyclient/mpi',
];
const rank = new Map(FOLDERS.map((folder, index) => [folder, index]));

/** The folders of the scripts' modules from the bottom up; scripts/README.md says what is where. */
const MODULE_FOLDERS = [
  'base', 'building', 'shell', 'results', 'playing', 'judging', 'models', 'drawing',
  'drawing/charts', 'drawing/page', 'drawing/live', 'bench', 'developing', 'record', 'ci',
].map((folder) => `scripts/lib/${folder}`).concat('scripts');

/** Arrows between the folders of modules run one way. */
function checkModules(name, text) {
  if (!/^scripts\/.*\.mjs$/.test(name)) return [];
  const own = MODULE_FOLDERS.indexOf(path.posix.dirname(name));
  if (own < 0) return [`${name}: its folder has no place in MODULE_FOLDERS (tests/tidy.mjs)`];
  return [...text.matchAll(/^(?:import|export)\b[^;']*'(\.[^']+)'/gm)].flatMap(([, from]) => {
    const other = path.posix.join(path.posix.dirname(name), path.posix.dirname(from));
    return MODULE_FOLDERS.indexOf(other) > own || !MODULE_FOLDERS.includes(other)
      ? [`${name}: imports ${from}, which is above it`] : [];
  });
}

/** The path in the tree that an include means; null when it is not ours. */
function resolveInclude(from, file, files) {
  const roots = ['shared', 'dummyclient', 'server', 'server/sessions', 'server/run',
    path.posix.dirname(from), '.'];
  for (const root of roots) {
    const candidate = path.posix.normalize(path.posix.join(root, file));
    if (files.has(candidate)) return candidate;
  }
  return null;
}

/** Arrows between folders run one way, and what is pure sees no socket. */
function checkDependencies(name, text, files) {
  const own = path.posix.dirname(name);
  if (!C_FILE.test(name) || !/^(shared|server|dummyclient)\//.test(name)) return [];
  if (!rank.has(own)) return [`${name}: ${own} has no place in FOLDERS (tests/tidy.mjs)`];
  const session = /^server\/(sessions\/session[^/]*|handlers\/[^/]*)\.[ch]$/.test(name);
  return includesOf(text).flatMap(({ file, line }) => {
    const target = resolveInclude(name, file, files);
    const other = target && path.posix.dirname(target);
    if (target && /^(shared|server|dummyclient)\//.test(target)) {
      const apart = own.split('/')[0] !== other.split('/')[0] && !other.startsWith('shared/');
      if (apart || rank.get(other) > rank.get(own)) {
        return [`${name}:${line}: ${own} includes ${file}, of ${other}, which is above it`];
      }
    }
    if ((session || PURE.test(own)) && SOCKET_HEADER.test(file) &&
        !(session && PLAIN_NET_HEADER.test(file))) {
      return [`${name}:${line}: ${file}: no socket header here`];
    }
    return [];
  });
}

// A file that a comment or a document names, which is not there (any more).
const CITED = /(?<![\w./<*{}-])((?:[\w-]+\/)*[\w-]+\.(?:c|h|mjs|md))(?![\w(*-])/g;
const CITED_ELSEWHERE = new RegExp('^(?:mpi|windows|winsock2|mswsock|winbase|intrin|mmsystem|' +
  'liburing|stdio|string|time)\\.h$|^(?:linux|netinet)/|hdr_histogram\\.c$|^_|' +
  '^(?:handlers/dice\\.c|mygame\\.c|compare\\.md)$');

function commentsOf(name, text) {
  if (name.endsWith('.md')) return text;
  const pattern = C_FILE.test(name) ? /\/\*[\s\S]*?\*\//g : /^\s*(?:\/\/|\*|\/\*).*$/gm;
  let end = 0;
  let kept = '';
  for (const match of text.matchAll(pattern)) {
    kept += text.slice(end, match.index).replace(/[^\n]/g, ' ') + match[0];
    end = match.index + match[0].length;
  }
  return kept;
}

function checkCitations(name, text, files) {
  if (!C_FILE.test(name) && !/\.(md|mjs)$/.test(name)) return [];
  const known = [...files];
  return linesOf(commentsOf(name, text)).flatMap((line, i) => {
    const complaints = [...line.matchAll(CITED)].map(([, cited]) => cited)
      .filter((cited) => !CITED_ELSEWHERE.test(cited) &&
        !known.some((file) => file === cited || file.endsWith(`/${cited}`)))
      .map((cited) => `${name}:${i + 1}: there is no ${cited}`);
    if (/\bDESIGN\b/.test(line)) complaints.push(`${name}:${i + 1}: no such design in the tree`);
    return complaints;
  });
}

/** The models of the server, given the texts of server/models: each is named like its file, is in a
 * table and has a row in the README. (The suite of tests/model takes them from the tables.) */
export function modelComplaints(texts) {
  const complaints = [];
  const [defined, listed, described] = [new Set(), new Set(), new Set()];
  for (const [name, text] of texts) {
    const own = path.posix.basename(name, '.c').replace(/_(win|linux)$/, '');
    const entry = /^const struct model MODEL\((\w+)\) = \{\s*\.name = "([^"]+)"/m.exec(text);
    if (entry) defined.add(entry[1]);
    if (entry && (entry[1] !== own || entry[2] !== own.replaceAll('_', '-'))) {
      complaints.push(`${name}: its model is ${entry[1]}, called ${entry[2]}`);
    }
    for (const [, id] of text.matchAll(/^ +ENTRY\((\w+)\)/gm)) listed.add(id);
    for (const [, row] of text.matchAll(/^\| `([a-z-]+)` \| `/gm)) {
      described.add(row.replaceAll('-', '_'));
    }
  }
  for (const id of new Set([...defined, ...listed, ...described])) {
    if (!defined.has(id)) complaints.push(`${id}: no file defines it`);
    if (!listed.has(id)) complaints.push(`${id}: in no table`);
    if (!described.has(id)) complaints.push(`${id}: no row in the README`);
  }
  return complaints;
}

const IMPORT = /^import\s*\{([^}]*)\}\s*from\s*'([^']+)';/gm;
const EXPORT_FROM = /^export\s*\{([^}]*)\}\s*from\s*'([^']+)';/gm;
const DEFINITION =
  /^(export )?(?:async )?(?:function\*?|const|class) (?:([\w$]+)|\[([^\]=]*)\]|\{([^}=]*)\})/gm;

/** "a, b as c" as [['a', 'a'], ['b', 'c']]. */
function namesOf(list) {
  return list.split(',').map((one) => one.trim()).filter(Boolean)
    .map((one) => [one.split(/ as |: /)[0], one.split(/ as |: /).at(-1)]);
}

/** What modules define without a use: an import or a top-level name that its own file does not
 * use, an export that no other module imports, an export of scripts/ that only tests use.
 * texts: every module's text by its name. */
export function moduleComplaints(texts) {
  const complaints = [];
  const importers = new Map(); // "file name" to the files that import it
  const defined = [];
  for (const [name, text] of texts) {
    const folder = path.posix.dirname(name);
    const uses = (id) => text.split(new RegExp(`(?<![\\w$])${id.replace('$', '\\$')}(?![\\w$])`))
      .length - 1;
    for (const pattern of [IMPORT, EXPORT_FROM]) {
      for (const [, list, from] of text.matchAll(pattern)) {
        for (const [theirs, own] of namesOf(list)) {
          const key = `${path.posix.join(folder, from)} ${theirs}`;
          importers.set(key, [...importers.get(key) ?? [], name]);
          if (pattern === IMPORT && uses(own) < 2) {
            complaints.push(`${name}: imports ${own}, and does not use it`);
          }
          if (pattern === EXPORT_FROM) defined.push({ name, id: own, exported: true, used: false });
        }
      }
    }
    for (const [, exported, id, array, object] of text.matchAll(DEFINITION)) {
      for (const [, own] of namesOf(id ?? array ?? object)) {
        defined.push({ name, id: own, exported: Boolean(exported), used: uses(own) > 1 });
      }
    }
  }
  for (const { name, id, exported, used } of defined) {
    const others = importers.get(`${name} ${id}`) ?? [];
    const product = others.some((other) => other.startsWith('scripts/'));
    if (!exported && !used) complaints.push(`${name}: ${id} is not used`);
    if (exported && !others.length) complaints.push(`${name}: nothing imports ${id}`);
    if (exported && others.length && !product && !used && name.startsWith('scripts/')) {
      complaints.push(`${name}: only tests use ${id}`);
    }
  }
  return complaints;
}

const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);

function checkUnfinished(name, text) {
  return linesOf(text).flatMap((line, i) => UNFINISHED.test(line)
    ? [`${name}:${i + 1}: unfinished: ${line.trim().slice(0, 60)}`] : []);
}

const REGISTRY = new RegExp(['registry\\.(npm' + 'js|yarn' + 'pkg)', 'deb\\.deb' + 'ian\\.org',
  'security\\.deb' + 'ian\\.org', 'snapshot\\.deb' + 'ian', 'py' + 'pi\\.org',
  '"resol' + 'ved":'].join('|'));
// The root of a home or a scratch folder, as a text of its own: /usr, /proc and /dev are the
// system's, the same everywhere.
const MACHINE_PATH = new RegExp('(?:^|[\\s"\'`=(])/(ho' + 'me|wo' + 'rk|ro' + 'ot|Us' + 'ers|tm' +
  'p)/[A-Za-z0-9]');

// The paths in these are those of the image that they make.
const IMAGE_FOLDER = /^scripts\/cluster\//;

function checkMachine(name, text) {
  return linesOf(text).flatMap((line, i) => {
    const complaints = [];
    if (REGISTRY.test(line)) complaints.push(`${name}:${i + 1}: names a package registry`);
    if (MACHINE_PATH.test(line) && !IMAGE_FOLDER.test(name)) {
      complaints.push(`${name}:${i + 1}: a path of one machine`);
    }
    return complaints;
  });
}

function checkWhitespace(name, text) {
  if (name.endsWith('.md') && !text.includes('\r')) return [];
  if (name.startsWith('tests/fuzz/corpus/')) return []; // bytes, not text
  const complaints = [];
  linesOf(text).forEach((line, i) => {
    if (/[ \t]$/.test(line)) complaints.push(`${name}:${i + 1}: blanks at the end of the line`);
    const batch = name.endsWith('.cmd');
    if (line.includes('\r') && !batch) complaints.push(`${name}:${i + 1}: a carriage return`);
    // cmd.exe misses labels without it, and reads the rest in whatever its code page is.
    if (batch && !/^[\t -~]*\r$/.test(line)) {
      complaints.push(`${name}:${i + 1}: not ASCII with a carriage return, as cmd.exe wants`);
    }
  });
  if (text.length && !text.endsWith('\n')) complaints.push(`${name}: no newline at its end`);
  return complaints;
}

const TOP = new Set(['server', 'dummyclient', 'shared', 'scenarios', 'results', 'scripts', 'tests',
  'cmake', '.ci', '.github', 'CMakeLists.txt', 'CMakePresets.json', 'vcpkg.json', 'action.yml',
  'README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'LICENSE', '.clang-format', '.clang-tidy',
  '.gitattributes', '.gitignore']);

/** What a program has left in the folder that it ran in is not to be committed. */
export const topComplaints = (names) => [...new Set(names.map((name) => name.split('/')[0]))]
  .filter((top) => !TOP.has(top)).map((top) => `${top}: has no place at the top (tests/tidy.mjs)`);

export const CHECKS = { checkLineLength, checkFileLength, checkFunctionLength, checkDialect,
  checkIncludedOnce, checkPlatform, checkCompilers, checkSystemHeaders, checkDependencies,
  checkModules, checkCitations, checkUnfinished, checkMachine, checkWhitespace };

// Its test plays the rules over the tree.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = fileURLToPath(new URL('tidy.test.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, ['--test', file], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
