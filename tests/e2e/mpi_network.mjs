// Hosts for the tests of dummyclient-mpi: network namespaces, each with its own name and an
// sshd, so that mpirun starts ranks on them as it does on machines. Between them routes another
// namespace (a bridge would do too, but not every kernel has one).

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

const NETWORK = '10.77';
const SSHD = '/usr/sbin/sshd';

function call(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${done.error ?? done.stderr}`);
  }
  return done.stdout;
}

const ip = (...args) => call('ip', args);
const works = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Why there can be no such hosts; undefined: there can. */
export function networkMissing() {
  if (process.getuid?.() !== 0) return 'needs root, to make hosts of network namespaces';
  if (!fs.existsSync(SSHD) || !works('ssh', ['-V'])) return 'needs sshd and ssh, of openssh';
  const name = `dlprobe${process.pid}`;
  if (!works('ip', ['netns', 'add', name])) return 'needs network namespaces of its own';
  const wired = works('ip', ['-n', name, 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name',
    'a1']) && works('ip', ['netns', 'exec', name, 'unshare', '-u', 'hostname', 'x']);
  works('ip', ['netns', 'del', name]);
  return wired ? undefined : 'needs network namespaces of its own';
}

/** `count` hosts, removed after the test: { hosts: [{ name, address, exec }], sshArgs }. exec(args)
 *  is the command that runs a program there. */
export async function makeNetwork(t, count, folder) {
  const mark = `dl${process.pid % 10000}`;
  const names = Array.from({ length: count }, (_, i) => `${mark}h${i}`);
  const wire = `${mark}w`;
  const programs = [];
  t.after(async () => {
    for (const program of programs) program.kill();
    await Promise.all(programs.map((program) => program.exited));
    for (const name of [...names, wire]) works('ip', ['netns', 'del', name]);
  });
  ip('netns', 'add', wire);
  ip('netns', 'exec', wire, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
  names.forEach((name, i) => {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `p${i}`, 'netns', wire);
    ip('-n', name, 'address', 'add', `${NETWORK}.${i + 1}.2/24`, 'dev', 'eth0');
    ip('-n', wire, 'address', 'add', `${NETWORK}.${i + 1}.1/24`, 'dev', `p${i}`);
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', wire, 'link', 'set', `p${i}`, 'up');
    ip('-n', name, 'route', 'add', 'default', 'via', `${NETWORK}.${i + 1}.1`);
  });
  const hosts = names.map((name, i) => ({ name, address: `${NETWORK}.${i + 1}.2`,
    exec: (args) => ['netns', 'exec', name, 'unshare', '-u', 'sh', '-c',
      `hostname ${name} && exec "$0" "$@"`, ...args] }));
  const config = await serveSsh(hosts, folder, programs);
  return { hosts, config };
}

/** An sshd in each; returns the ssh client's configuration file. */
async function serveSsh(hosts, folder, programs) {
  const file = (name) => path.join(folder, name);
  for (const name of ['host_key', 'user_key']) {
    call('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)]);
  }
  fs.copyFileSync(file('user_key.pub'), file('authorized_keys'));
  fs.mkdirSync('/run/sshd', { recursive: true });
  for (const host of hosts) {
    const program = new Program('ip', host.exec([SSHD, '-D', '-e', '-f', '/dev/null',
      '-h', file('host_key'), '-o', `ListenAddress=${host.address}:22`, '-o', 'UsePAM=no',
      '-o', 'StrictModes=no', '-o', `AuthorizedKeysFile=${file('authorized_keys')}`,
      '-o', 'PermitRootLogin=yes', '-o', 'PidFile=none']), { group: true });
    programs.push(program);
    await program.line(/Server listening/, 10000);
  }
  fs.writeFileSync(file('ssh_config'), `Host *\n  IdentityFile ${file('user_key')}\n` +
    '  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n');
  await sleep(10);
  return file('ssh_config');
}

/** What mpirun needs to start ranks on them: one for each, from within the first. */
export function networkMpiArgs({ hosts, config }, slots = 1) {
  const subnet = `${NETWORK}.0.0/16`;
  return ['--host', hosts.map(({ address }) => `${address}:${slots}`).join(','),
    '--mca', 'plm_rsh_args', `-F ${config}`, '--mca', 'btl', 'tcp,self',
    '--mca', 'btl_tcp_if_include', subnet, '--mca', 'oob_tcp_if_include', subnet];
}
