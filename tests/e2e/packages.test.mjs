// The packages: a .deb that is installed into a root of its own and played from by its README, with
// manual pages and completions where man and the shells look for them; and that one made again is
// the same. first_steps.test.mjs plays the archives.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assertClean, folderFor, freePort, LIMIT, resultOf, RUN_TIME_MS, said, TAME, WINDOWS }
  from './harness.mjs';
import { PROGRAMS_GIVEN, ROOT } from '../../scripts/lib/base/paths.mjs';
import { Program, runOk } from '../../scripts/lib/base/process.mjs';

const AS_ROOT = process.getuid?.() === 0;
const EPOCH = '1700000000';
const LOAD = ['-c', '5', '-r', '50/s', '-d', '1s', ...TAME];

const call = (command, args, options = {}) => runOk(command, args,
  { time_ms: RUN_TIME_MS, ...options });

/** Packs what is built. Returns the file. */
async function pack(folder, generator) {
  const made = await call('cpack', ['-G', generator, '--config',
    path.join(PROGRAMS_GIVEN, 'CPackConfig.cmake'), '-B', folder],
  { cwd: path.dirname(folder), env: { SOURCE_DATE_EPOCH: EPOCH } });
  return /package: (.+) generated/.exec(made.stdout)[1];
}

/** A root with nothing but the package in it. */
async function install(t, file) {
  const root = path.join(folderFor(t), 'root');
  for (const name of ['info', 'updates', 'triggers']) {
    fs.mkdirSync(path.join(root, 'var', 'lib', 'dpkg', name), { recursive: true });
  }
  fs.writeFileSync(path.join(root, 'var', 'lib', 'dpkg', 'status'), '');
  if (AS_ROOT) {
    await call('dpkg', [`--root=${root}`, '--force-depends', `--log=${root}/log`, '-i', file]);
    const listed = await call('dpkg-query', [`--admindir=${root}/var/lib/dpkg`, '-W']);
    assert.match(listed.stdout, /^dummyload\t\d+\.\d+\.\d+$/m);
  } else {
    await call('dpkg-deb', ['-x', file, root]);
  }
  return root;
}

async function fieldsOf(file) {
  const { stdout } = await call('dpkg-deb', ['-f', file]);
  return Object.fromEntries([...stdout.matchAll(/^([A-Z][\w-]+): (.*)$/gm)].map(
    ([, name, value]) => [name, value]));
}

/** The commands of a README, in words. */
const commandsOf = (readme) => [...readme.matchAll(/^ {4}(dummy.*)$/gm)].map(([, line]) =>
  line.split(' '));

if (!WINDOWS) {
  test('the .deb says what it is and needs, and its sums are right', LIMIT, async (t) => {
    const file = await pack(path.join(folderFor(t), 'packages'), 'DEB');
    const fields = await fieldsOf(file);
    assert.equal(path.basename(file),
      `dummyload_${fields.Version}_${fields.Architecture}.deb`);
    const { stdout: own } = await call('dpkg', ['--print-architecture']);
    assert.equal(fields.Architecture, own.trim());
    assert.match(fields.Depends, /libc6 \(>= 2\.\d+\)/);
    assert.match(fields.Maintainer, /^[^<>]+ <[^@\s]+@[^@\s]+>$/);
    assert.ok(Number(fields['Installed-Size']) > 500);
    const root = await install(t, file);
    // Every library that a program needs is of a package that is named.
    for (const name of ['dummyclient', 'dummyserver']) {
      const { stdout } = await call('objdump', ['-p', path.join(root, 'usr', 'bin', name)]);
      for (const [, library] of stdout.matchAll(/NEEDED +(lib(?:ssl|crypto|cjson|uring)\S+)/g)) {
        const [stem] = /^lib[a-z]+/.exec(library.replace('crypto', 'ssl'));
        assert.match(fields.Depends, new RegExp(`\\b${stem}\\d`), `${name} needs ${library}`);
      }
      assert.doesNotMatch(stdout, /RPATH|RUNPATH/);
    }
    await call('dpkg-deb', ['-e', file, path.join(root, 'DEBIAN')]);
    await call('md5sum', ['--check', '--quiet', '--strict', 'DEBIAN/md5sums'], { cwd: root });
  });

  test('the .deb, installed, plays by the first commands of its README', LIMIT, async (t) => {
    const root = await install(t, await pack(path.join(folderFor(t), 'packages'), 'DEB'));
    const folder = folderFor(t);
    const readme = fs.readFileSync(path.join(root, 'usr/share/doc/dummyload/README.md'), 'utf8');
    const port = String(await freePort());
    const [server, client] = commandsOf(readme).map(([name, ...words]) => [
      path.join(root, 'usr', 'bin', name), ...words.map((word) => (word === '7777' ? port : word)
        .replace(/^\/usr\//, `${root}/usr/`))]);
    const start = ([command, ...args]) => {
      const program = new Program(command, [...args, '--run-id', 'deb'],
        { cwd: folder, group: true });
      t.after(() => program.kill());
      return program;
    };
    const serving = start(server);
    await serving.line(/listening on \S+:\d+/, RUN_TIME_MS);
    const played = await start([...client, ...LOAD]).wait(RUN_TIME_MS);
    assert.equal(played.exitCode, 0, said(played));
    assert.ok(await serving.stop(RUN_TIME_MS), said(serving));
    assertClean(resultOf(path.join(folder, 'client.json')),
      resultOf(path.join(folder, 'server.json')));
    for (const [, file] of readme.matchAll(/`(\/usr\/[^`\s]+)`/g)) {
      assert.ok(fs.existsSync(path.join(root, file)), `${file} is not in the package`);
    }
    for (const [name] of readme.matchAll(/(?<=usr\/share\/dummyload\/)completions\.ps1/g)) {
      assert.ok(fs.existsSync(path.join(root, 'usr/share/dummyload', name)));
    }
  });

  test('man and the shells find what the .deb installed', LIMIT, async (t) => {
    const root = await install(t, await pack(path.join(folderFor(t), 'packages'), 'DEB'));
    const share = path.join(root, 'usr', 'share');
    const man = await call('man', ['-M', path.join(share, 'man'), 'dummyclient'],
      { env: { MANPAGER: 'cat' } });
    assert.match(man.stdout, /--threshold EXPR/);
    assert.ok(fs.existsSync(path.join(share, 'man', 'man1', 'dummyserver.1.gz')));
    const env = { XDG_DATA_DIRS: share, HOME: root, ZDOTDIR: root,
      PATH: `${path.join(root, 'usr', 'bin')}:${process.env.PATH}` };
    const bash = await call('bash', ['--norc', '-c', `
      source /usr/share/bash-completion/bash_completion
      _completion_loader dummyserver
      COMP_WORDS=(dummyserver --handler c); COMP_CWORD=2; line=$(complete -p dummyserver)
      [[ $line =~ -F\\ ([^ ]+) ]] && "\${BASH_REMATCH[1]}" dummyserver; echo "\${COMPREPLY[@]}"`],
    { env });
    assert.equal(bash.stdout, 'chat\n');
    const fish = await call('fish', ['-c', 'complete -C "dummyserver --handler c"'], { env });
    assert.match(fish.stdout, /^chat\t/);
    const zsh = await call('zsh', ['-f', '-c', `
      fpath=('${path.join(share, 'zsh', 'vendor-completions')}' $fpath)
      autoload -Uz compinit && compinit -u -D
      print $_comps[dummyclient] $_comps[dummyserver]`], { env });
    assert.equal(zsh.stdout, '_dummyclient _dummyserver\n');
  });
}

if (!WINDOWS) {
  test('no folder of the build is in a program: another one makes the same', LIMIT, () => {
    for (const name of ['dummyclient', 'dummyserver']) {
      const text = fs.readFileSync(path.join(PROGRAMS_GIVEN, name), 'latin1');
      const at = text.indexOf(`${ROOT}/`);
      assert.equal(at < 0 ? '' : text.slice(at, text.indexOf('\0', at)), '', name);
    }
  });
}

test('a package that is made again is the same to the byte', LIMIT, async (t) => {
  for (const generator of WINDOWS ? ['ZIP'] : ['TGZ', 'DEB']) {
    const sums = [];
    for (const name of ['one', 'two']) {
      const file = await pack(path.join(folderFor(t), name), generator);
      sums.push(createHash('sha256').update(fs.readFileSync(file)).digest('hex'));
    }
    assert.equal(sums[0], sums[1], generator);
  }
});
