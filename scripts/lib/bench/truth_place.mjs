// Where scripts/bench truth plays: on the loopback, or between network namespaces.

import { spawnSync } from 'node:child_process';
import { programCall } from '../playing/server.mjs';
import { Failure } from '../base/process.mjs';

const ROLES = ['client', 'relay', 'server'];

function call(folder, name) {
  const { command, args, env } = programCall(name, false);
  return { command: folder ? 'ip' : command, env,
    args: folder ? ['netns', 'exec', folder, command, ...args] : args };
}

/** One machine, the loopback. */
export function placeLoopback() {
  const run = (program, args) => ({ command: program, args });
  return {
    device: 'lo', relayAddress: '127.0.0.1', serverAddress: '127.0.0.1',
    relay: run, capture: run,
    client: call(null, 'dummyclient'), server: call(null, 'dummyserver'),
    delayAdd: () => 'netem is for namespaces', close: () => {},
  };
}

function ip(...args) {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error) throw new Failure('ip (iproute2) is not installed');
  if (status !== 0) throw new Failure(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** Three namespaces, client - relay - server, each pair joined by a veth. Throws a Failure where
 *  that is not permitted. close() takes all away again; so does the end of this program. */
export function placeNamespaces() {
  const names = Object.fromEntries(ROLES.map((role) => [role, `dummyload-${process.pid}-${role}`]));
  const close = () => {
    process.off('exit', close);
    // Interfaces go with their namespace; what was never made is no error.
    for (const name of Object.values(names)) spawnSync('ip', ['netns', 'delete', name]);
  };
  process.on('exit', close);
  const join = (left, right, net) => {
    ip('link', 'add', `to-${right}`, 'netns', names[left], 'type', 'veth', 'peer', 'name',
      `to-${left}`, 'netns', names[right]);
    for (const [at, to, last] of [[left, right, 1], [right, left, 2]]) {
      ip('-n', names[at], 'address', 'add', `${net}.${last}/24`, 'dev', `to-${to}`);
      ip('-n', names[at], 'link', 'set', `to-${to}`, 'up');
    }
  };
  try {
    for (const role of ROLES) {
      ip('netns', 'add', names[role]);
      ip('-n', names[role], 'link', 'set', 'lo', 'up');
    }
    join('client', 'relay', '10.93.1');
    join('relay', 'server', '10.93.2');
    join('client', 'server', '10.93.3');
  } catch (error) {
    close();
    throw error;
  }
  const inside = (role) => (program, args) =>
    ({ command: 'ip', args: ['netns', 'exec', names[role], program, ...args] });
  return {
    device: 'to-relay', relayAddress: '10.93.1.2', serverAddress: '10.93.2.2',
    directDevice: 'to-server', directAddress: '10.93.3.2',
    relay: inside('relay'), capture: inside('client'),
    client: call(names.client, 'dummyclient'), server: call(names.server, 'dummyserver'),
    /** Delays what the server sends to the client, by the kernel; why it cannot, or null. */
    delayAdd(delay_us) {
      const { status, stderr, error } = spawnSync('ip', ['netns', 'exec', names.server, 'tc',
        'qdisc', 'replace', 'dev', 'to-client', 'root', 'netem', 'delay', `${delay_us}us`,
        'limit', '100000'], { encoding: 'utf8' });
      if (error || status === 0) return error ? error.message : null;
      return `tc: ${stderr.trim().split('\n')[0]}`;
    },
    close,
  };
}
