// Windows: each way of waiting for a moment (cport/iocp/wait.c) plays the same load, is named
// in the result, and leaves the verdict what it is. Who cannot wait like that says so.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { assertClean, assertOneLine, endServer, fileFor, folderFor, LIMIT, resultOf, runClient,
  runServer, said, TAME, undisturbed, WINDOWS } from './harness.mjs';

const WAYS = { packet: ['timer packet', 100], apc: ['timer APC', 100], yields: ['yields', 1e6],
  naps: ['naps', 100] };
const SCENARIO = { name: 'waits', load: { connections: 4, rate: '50/s', duration: '3s',
  drain: '30s' },
behaviors: [{ loop: [{ request: { name: 'echo', send: { id: 1, body: { random: { bytes: 32 } } },
  verify: 'same_body', within: '30s' } }] }] };

async function play(t, folder, env) {
  const server = await runServer(t, ['--run-id', 'e2e', '--out',
    fileFor(path.join(folder, 'server.json'))]);
  const program = await runClient(t, [fileFor(path.join(folder, 'waits.json')), '--host',
    '127.0.0.1', '--port', server.port, '--run-id', 'e2e', '--out',
    fileFor(path.join(folder, 'client.json')), ...TAME], { env });
  await endServer(server);
  const file = path.join(folder, 'client.json');
  return { program, result: fs.existsSync(file) ? resultOf(file) : null,
    server: resultOf(path.join(folder, 'server.json')) };
}

function plan(t) {
  const folder = folderFor(t);
  fs.writeFileSync(path.join(folder, 'waits.json'), JSON.stringify(SCENARIO));
  return folder;
}

for (const [way, [wait, unit_ns]] of Object.entries(WAYS)) {
  const skip = !WINDOWS && 'how the port of Windows waits';
  test(`waiting by ${way}`, { ...LIMIT, skip }, async (t) => {
    const folder = plan(t);
    const env = { DUMMYLOAD_IOCP_WAIT: way };
    await undisturbed(t, () => play(t, folder, env), ({ program, result, server }) => {
      if (program.exitCode === 1 && /cannot wait like that/.test(program.stderr)) {
        assertOneLine(program, new RegExp(`DUMMYLOAD_IOCP_WAIT=${way}`));
        t.skip(`this system cannot wait by ${way}`);
        return;
      }
      assert.deepEqual([result.port.wait, Number(result.port.wait_unit_ns)], [wait, unit_ns]);
      assertClean(result, server);
      assert.deepEqual(result.validity.reasons, [], said(program));
      assert.equal(result.validity.valid, true);
      assert.equal(program.exitCode, 0, said(program));
    });
  });
}

test('a way that is not known is refused in one line', { ...LIMIT,
  skip: !WINDOWS && 'how the port of Windows waits' }, async (t) => {
  const { program } = await play(t, plan(t), { DUMMYLOAD_IOCP_WAIT: 'soon' });
  assert.equal(program.exitCode, 1, said(program));
  assertOneLine(program, /DUMMYLOAD_IOCP_WAIT=soon: expected packet, apc, yields/);
});

test('a result tells how its program waited', LIMIT, async (t) => {
  const { result } = await play(t, plan(t), {});
  assert.match(result.port.wait, WINDOWS ? /timer|naps|yields/ : /^(nanoseconds|milliseconds)$/);
  assert.ok(result.port.wait_unit_ns > 0);
});
