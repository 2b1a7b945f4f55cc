// Scenarios drawn from a seed, over the whole language, and the servers they are played against.
// The same seed draws the same case. What a case is known to be (an open loop, one request per
// pass, a server that does no harm) is in its traits: the laws that apply follow from them.

import { Random } from './random.mjs';
import { PAIR_FRAMING } from './servers.mjs';

const FRAMINGS = [
  undefined, // the pair's
  { type: 'length', size_bytes: 4, byte_order: 'big', size_includes_header: false },
  { type: 'length', size_bytes: 2, id_bytes: 4, size_includes_header: true, byte_order: 'little' },
  { type: 'delimiter', delimiter: '\r\n' },
  { type: 'fixed', bytes: 48 },
  { type: 'raw' },
];

const ms = (number) => `${number}ms`;

/** What steps of one behavior are drawn with. */
class Steps {
  constructor(random, framing, { barriers, tables, lanes }) {
    Object.assign(this, { random, framing, barriers, tables, lanes, names: [], texts: [],
      requests: 0 });
    this.ids = !framing || framing.id_bytes > 0;
    this.raw = framing?.type === 'raw';
  }

  body() {
    const { random, framing } = this;
    if (framing?.type === 'fixed') return { random: { bytes: framing.bytes } };
    if (this.raw) return { random: { bytes: random.int(8, 64) } };
    const table = this.tables.length && random.chance(0.3) ? random.pick(this.tables) : undefined;
    if (table && this.framing?.type !== 'delimiter' && random.chance(0.3)) {
      return { fields: [{ u16: `\${${table}.age}` }, { string: `\${${table}.name}`, bytes: 8 }] };
    }
    if (table) return { text: `row \${${table}.name} of \${conn}` };
    return random.pick([
      () => ({ random: { bytes: [8, random.int(16, 400)] } }),
      () => ({ random: { bytes: random.int(8, 64) } }),
      () => ({ text: 'it ${iteration} of ${conn} says ${random(0,99)}' }),
      () => ({ pattern: { bytes: random.int(1, 300), text: 'abc' } }),
      () => (framing?.type === 'delimiter' ? { text: 'plain' }
        : { fields: [{ u32: '${conn}' }, { string: 'player', length: 'u8' }, { u16be: 7 }] }),
      () => ({ text: this.names.length ? `\${${random.pick(this.names)}}` : 'no name' }),
      () => ({ text: this.texts.length ? `<\${${random.pick(this.texts)}}>` : 'no text' }),
      () => (this.names.length && framing?.type !== 'delimiter'
        ? { fields: [{ i64: `\${${random.pick(this.names)}}` }, { u8: 1 }] } : { text: 'nothing' }),
    ])();
  }

  message(id, body = this.body()) {
    return this.ids ? { id, body } : { body };
  }

  request({ id = this.random.int(1, 5), plain = false } = {}) {
    const { random } = this;
    this.requests += 1;
    const body = this.body();
    const request = { name: `r${random.int(1, 4)}`, send: this.message(id, body),
      verify: 'same_body', within: ms(random.int(150, 500)) };
    if (!this.raw && random.chance(0.3)) request.verify = 'none';
    if (plain) return { request };
    if (random.chance(0.3)) request.on_timeout = this.onTimeout();
    else if (!this.raw && random.chance(0.1)) request.optional = true;
    if (!this.raw && body.random && !Array.isArray(body.random.bytes) && random.chance(0.3)) {
      request.capture = this.capture();
    }
    if (this.ids && body.random && !Array.isArray(body.random.bytes) && random.chance(0.2)) {
      request.match = { id, field: 'u64@0' };
    }
    return { request };
  }

  /** What becomes of a step that timed out. */
  onTimeout() {
    return this.random.weighted({ continue: 3, reconnect: 6, fail: 0.4 });
  }

  /** Parts of a reply of eight bytes at least. Numbers and texts have different names. */
  capture() {
    const { random } = this;
    const [number, text] = [`n${random.int(1, 2)}`, `t${random.int(1, 2)}`];
    const places = random.pick([{ [number]: random.pick(['u32@0', 'i16@2', 'u8@7', 'u16be@4']) },
      { [text]: random.pick(['text@0:8', 'text@4:4', 'text@2']) },
      { [number]: 'u32@4', [text]: 'text@0:4' }]);
    for (const name of Object.keys(places)) {
      const list = name === number ? this.names : this.texts;
      if (!list.includes(name)) list.push(name);
    }
    return places;
  }

  comparison() {
    const { random } = this;
    if (this.texts.length && random.chance(0.2)) {
      return { value: `\${${random.pick(this.texts)}}`,
        [random.pick(['equals', 'not_equals'])]: 'abcd' };
    }
    const value = this.names.length ? `\${${random.pick(this.names)}}` : '${iteration}';
    return { value, [random.pick(['equals', 'not_equals', 'less_than', 'at_most', 'greater_than',
      'at_least'])]: random.int(0, 3) };
  }

  set() {
    const name = `v${this.random.int(1, 3)}`;
    const value = this.names.includes(name) && this.random.chance(0.5)
      ? `\${${name} + 1}` : this.random.int(0, 5);
    if (!this.names.includes(name)) this.names.push(name);
    return { set: { [name]: value } };
  }

  think() {
    const { random } = this;
    const least = random.int(1, 20);
    return { think: random.pick([ms(least), { uniform: [ms(least), ms(least + 20)] },
      { exponential: ms(least) }, { normal: { mean: ms(least), deviation: '3ms' } },
      { lognormal: { median: ms(least), sigma: 0.5, most: '200ms' } },
      { pareto: { least: ms(least), alpha: 2, most: '200ms' } }]) };
  }

  /** A message whose answer a later step takes, or none. */
  sendAndExpect() {
    const { random } = this;
    // Without ids its answer would be taken for the next request's.
    if (!this.ids) return [this.think()];
    const send = { send: this.message(random.int(6, 9)) };
    if (random.chance(0.5)) return [send];
    const expect = { match: 'any', within: ms(random.int(100, 300)) };
    if (random.chance(0.3)) expect.optional = true;
    else if (random.chance(0.3)) expect.on_timeout = this.onTimeout();
    if (random.chance(0.3)) expect.since = random.pick(['pass', 'step', 'connected']);
    return [send, { expect }];
  }

  /** The socket is left alone for a while, as a slow reader does. */
  readsSlowly() {
    return [{ receive: 'off' }, { think: ms(this.random.int(1, 30)) }, { receive: 'on' }];
  }

  /** A line that the rules of on_push may know: it begins with the moment when it was made. */
  stamped() {
    if (!this.ids) return [this.think()];
    const { random } = this;
    return [{ send: { id: 10, body: { fields: [{ u64: '${stamp_ns}' },
      { string: 'for everybody', bytes: random.int(16, 48) }] } } }];
  }

  /** Lines for the console: few, it is slow. */
  line() {
    const { random } = this;
    const known = [...this.names, ...this.texts];
    return { log: known.length ? `\${conn} has \${${random.pick(known)}}` : 'pass ${iteration}' };
  }

  /** How often, or how long, inner steps are played. */
  rounds() {
    const { random } = this;
    switch (random.weighted({ times: 6, for: 3, until: 0.5 })) {
      case 'times': return { times: random.int(1, 3) };
      case 'for': return { for: ms(random.int(10, 60)) };
      default: return { until: 'end' };
    }
  }

  /** Steps that may not be played: what they set is not known behind them. */
  inner(depth) {
    const [names, texts] = [[...this.names], [...this.texts]];
    const steps = this.block(depth, 2);
    Object.assign(this, { names, texts });
    return steps;
  }

  /** One to `most` steps, and one that takes time; those that wait for other lanes, or leave, are
   *  not among them. */
  block(depth, most = 3) {
    const { random } = this;
    const steps = [];
    for (let i = random.int(1, most); i > 0; i--) {
      const nests = depth > 0;
      switch (random.weighted({ request: 8, set: 2, think: 2, send: 2, mark: 1,
        stamped: 1, slow: 0.5, at: 0.7, log: 0.5,
        if: nests * 1.5, choose: nests * 1.5, repeat: nests * 1.5 })) {
        case 'request': steps.push(this.request()); break;
        case 'set': steps.push(this.set()); break;
        case 'think': steps.push(this.think()); break;
        case 'send': steps.push(...this.sendAndExpect()); break;
        case 'mark': steps.push({ mark: `mark ${random.int(1, 3)}` }); break;
        case 'stamped': steps.push(...this.stamped()); break;
        case 'slow': steps.push(...this.readsSlowly()); break;
        case 'at': steps.push({ at: ms(random.int(0, 900)) }); break;
        case 'log': steps.push(this.line()); break;
        case 'if': steps.push({ if: { ...this.comparison(), then: this.inner(depth - 1),
          ...(random.chance(0.5) ? { else: this.inner(depth - 1) } : {}) } }); break;
        case 'choose': steps.push({ choose: [
          { weight: random.int(1, 9), steps: this.inner(depth - 1) },
          { weight: 1, steps: this.inner(depth - 1) }] }); break;
        default: steps.push({ repeat: { steps: this.inner(depth - 1), ...this.rounds() } });
      }
    }
    if (!steps.some((step) => step.request || step.think)) {
      steps.push(random.chance(0.5) ? this.request() : this.think());
    }
    return steps;
  }
}

/** Steps before a request that must not move the moment it was due. */
function makePrelude(steps) {
  return [() => [], () => [steps.set()], () => [{ mark: 'pass' }], () => [steps.line()],
    () => [{ receive: 'on' }],
    () => [{ if: { value: '${iteration}', at_least: 0, then: [{ mark: 'yes' }] } }]];
}

/** How a visit ends: by this side, by half of it, or by the other. */
function makeFarewell(random) {
  const close = random.pick([ms(random.int(50, 300)), { within: ms(random.int(50, 300)),
    on_timeout: random.pick(['continue', 'reconnect']) }]);
  return random.pick([() => [{ disconnect: 'fin' }], () => [{ disconnect: 'rst' }],
    () => [{ disconnect: 'half' }, { expect_close: close }],
    () => [{ disconnect: 'half' }, { think: '5ms' }, { disconnect: 'fin' }],
    () => [{ expect_close: close }]])();
}

/** What is said of messages that no step waits for; all of it is true of an echo. */
function makeRules(random) {
  return [
    { match: { id: 10 }, fanout: 'u64@0',
      ...(random.chance(0.5) ? { verify: { field: { at: 'u64@0', at_least: 1 } } } : {}) },
    ...(random.chance(0.5) ? [{ match: { id: random.int(6, 9) } }] : []),
    ...(random.chance(0.3) ? [{ match: { id: 12 }, capture: { pushed: 'u8@0' },
      send: { id: 13, body: { fields: [{ u32: '${pushed}' }] } } }] : []),
    ...(random.chance(0.2) ? [{ match: 'any' }] : [])];
}

/** An echo answers them; what comes back of the second is a push, which a rule may answer. */
function makeHeartbeats(random) {
  return [{ period: ms(random.int(20, 90)), send: { id: 11, body: { text: 'beat' } },
    reply: { match: { id: 11 }, within: '20s' } },
  { [random.pick(['period', 'silence'])]: ms(random.int(30, 90)),
    send: { id: 12, body: { text: 'push ${conn}' } } }];
}

function makeLoop(random, steps, shape) {
  switch (shape) {
    case 'single': return [...random.pick(makePrelude(steps))(), steps.request({ plain: true })];
    case 'single_after_send':
      return [...steps.sendAndExpect().slice(0, 1), steps.request({ plain: true })];
    case 'visits': return [{ reconnect: 'now' }, ...steps.block(1, 2), ...makeFarewell(random)];
    case 'rejoins': return [{ reconnect: random.pick(['now', { after: '5ms' },
      { back_off: { first: '10ms', most: '50ms', tries: 3 } }]) }, ...steps.block(1, 2)];
    case 'barrier': return [{ barrier: { name: 'loop', within: ms(random.int(100, 300)),
      ...(random.chance(0.3) ? { on_timeout: steps.onTimeout() } : {}) } },
      ...steps.block(1, 2)];
    default: return steps.block(2, 4);
  }
}

function makeBehavior(random, number, context) {
  const steps = new Steps(random, context.framing, context);
  const behavior = { name: `b${number}`, weight: random.int(1, 5) };
  const ids = !context.framing || context.framing.id_bytes > 0;
  const shape = context.shape ?? random.weighted({ single: 4, single_after_send: ids && 2, free: 6,
    visits: 1, rejoins: 1, barrier: context.barriers.loop });
  if (shape !== 'visits' && random.chance(0.3)) {
    behavior.setup = [...(random.chance(0.3) && context.barriers.setup
      ? [{ barrier: { name: 'in', within: '400ms' } }] : []),
    ...(random.chance(0.4) ? [steps.set(), steps.think()] : []),
    steps.request({ id: 2, plain: true })];
  }
  behavior.loop = makeLoop(random, steps, shape);
  if (shape === 'visits') {
    behavior.connect = 'in_loop';
  } else if (random.chance(0.25)) {
    behavior.teardown = [steps.request({ id: 3, plain: true })];
  }
  if (ids && random.chance(0.5)) behavior.on_push = makeRules(random);
  if (ids && random.chance(0.25)) behavior.every = makeHeartbeats(random);
  if (random.chance(0.5)) {
    behavior.on_disconnect = random.pick(['reconnect', 'stop',
      { reconnect: { first: '20ms', most: '200ms' } }]);
  }
  return { behavior, shape };
}

const WHOLE_TENTHS = (random, low, high) => ms(random.int(low, high) * 100);

function makeRate(random, per) {
  const whole = per ? random.int(2, 20) : random.int(5, 150);
  return random.chance(0.1) ? `${whole * 60}/m` : `${whole}/s`;
}

function makeStages(random, load, { open, behaviors }) {
  const per = random.chance(0.3);
  const populations = random.chance(0.6);
  const rate = () => makeRate(random, per);
  const population = () => random.int(0, 12);
  const ramp = (make) => (random.chance(0.4) ? { from: make(), to: make() } : make());
  const own = open && random.chance(0.6); // each stage says its rate
  if (open && !own) load[per ? 'rate_per_connection' : 'rate'] = rate();
  load.stages = Array.from({ length: random.int(2, 4) }, (_, i) => ({
    duration: WHOLE_TENTHS(random, 2, 6),
    ...(populations && (i === 0 || random.chance(0.8) || !own)
      ? { connections: ramp(population) } : {}),
    ...(own ? { [per ? 'rate_per_connection' : 'rate']: per ? rate() : ramp(rate) } : {}),
  }));
  for (const stage of load.stages) {
    if (!own && stage.connections === undefined) stage.connections = population();
  }
  if (load.stages.some((stage) => stage.connections !== undefined)) {
    const most = Math.max(...load.stages.map(({ connections: c }) =>
      (typeof c === 'object' ? Math.max(c.from, c.to) : c ?? 0)));
    if (most < behaviors) load.stages[0].connections = 4;
    if (load.stages[0].connections !== undefined) delete load.connections;
  }
}

function makeLoad(random, behaviors) {
  const load = { connections: Math.max(behaviors, random.pick([1, 2, 3, 5, 7, 12])) };
  const open = random.chance(0.75);
  if (random.chance(0.4)) {
    makeStages(random, load, { open, behaviors });
  } else {
    load.duration = WHOLE_TENTHS(random, 5, 18);
    if (open) {
      const per = random.chance(0.35);
      load[per ? 'rate_per_connection' : 'rate'] = makeRate(random, per);
    }
  }
  if (open) {
    if (random.chance(0.4)) load.arrival = 'poisson';
    if (random.chance(0.35)) load.late = 'drop';
    if (random.chance(0.2)) load.max_catch_up_rate = '4000/s';
  }
  if (random.chance(0.25)) load.warmup = '200ms';
  if (random.chance(0.4)) load.in_flight = random.int(2, 6);
  if (random.chance(0.25)) load.connect_rate = `${random.int(20, 200)}/s`;
  load.connect_timeout = '1s';
  load.drain = random.pick(['0s', '200ms', '600ms']);
  load.seed = random.int(1, 1000000);
  return { load, open };
}

/** Targets' servers; a kind one echoes and does no harm. */
function makeServers(random, kind) {
  if (kind) return [{ kind: 'echo' }];
  const one = () => random.pick([
    { kind: 'echo' },
    { kind: 'late', by_ms: random.int(5, 120) },
    { kind: 'late', by_ms: 250, every: random.int(2, 9) },
    { kind: 'silent', every: random.int(1, 8) },
    { kind: 'close_after', frames: random.int(1, 9) },
    { kind: 'reset_after', frames: random.int(1, 9) },
    { kind: 'half', by_ms: random.int(1, 60) },
    { kind: 'twice', every: random.int(1, 5) },
    { kind: 'corrupt', every: random.int(1, 5) },
    { kind: 'crash', at_ms: random.int(100, 900) },
    { kind: 'refuse', every: random.int(2, 3) },
    { kind: 'dead' },
  ]);
  return Array.from({ length: random.pick([1, 1, 1, 2, 2, 3]) }, one);
}

/** How the case speaks TLS; undefined: it is plain. Drawn from numbers of its own, so that a seed
 *  has the scenario that it had before there was TLS. harm: kinds of servers, in their order. */
function makeTls(seed, { kind, servers }) {
  const random = new Random(seed + 0x715);
  if (!random.chance(0.35)) return undefined;
  const settings = { ...(random.chance(0.5) ? { verify: false } : { ca: 'ca.crt' }),
    resume: random.chance(0.5) };
  const version = random.pick(['TLSv1.2', 'TLSv1.3', 'TLSv1.3']);
  const harm = servers.map(() => (!kind && random.chance(0.3)
    ? random.pick([{ kind: 'mute' }, { kind: 'no_tls' }, { kind: 'cut' }]) : undefined));
  return { settings, version, harm };
}

function makeThresholds(random, open) {
  if (!random.chance(0.3)) return undefined;
  return [random.pick(['errors.total < 100000', 'latency.response.p99 < 100s',
    { expr: 'errors.mismatch < 100000', abort_on_fail: true },
    open ? 'rate.never_started >= 0' : 'totals.requests >= 0'])];
}

const TABLE = 'name,age\nann,3\nbob,4\ncid,5\ndan,6\neve,7\n';

function makeData(random) {
  const pick = random.pick(['sequential', 'random', 'unique']);
  const out = pick === 'random' ? undefined : random.pick(['wrap', 'stop', undefined]);
  // What one of a kind runs out of is an error, known before.
  const when_out = pick === 'unique' ? out ?? 'stop' : out;
  return { users: { file: 'users.csv', pick, ...(when_out ? { when_out } : {}) } };
}

/** Case number `seed`: { seed, scenario, files, servers, tls, traits, how }. plain: without TLS. */
export function makeCase(seed, { kind: only, plain = false } = {}) {
  const random = new Random(seed);
  const count = random.pick([1, 1, 2, 3]);
  const { load, open } = makeLoad(random, count);
  const framing = random.chance(0.6) ? undefined : random.pick(FRAMINGS);
  const kind = only ?? random.chance(0.35);
  const tables = random.chance(0.25) ? ['users'] : [];
  const context = { framing, tables, lanes: load.in_flight ?? 1,
    barriers: { setup: random.chance(0.3), loop: random.chance(0.15) ? 2 : 0 },
    shape: random.chance(0.3) ? 'single' : undefined };
  const made = Array.from({ length: count }, (_, i) => makeBehavior(random, i + 1, context));
  const scenario = { name: `law-${seed}`, target: { host: '127.0.0.1', port: 7777 }, load,
    behaviors: made.map(({ behavior }) => behavior) };
  if (framing) scenario.framing = framing;
  if (tables.length) {
    scenario.data = makeData(random);
  }
  const thresholds = makeThresholds(random, open);
  if (thresholds) scenario.thresholds = thresholds;
  const drawn = makeServers(random, kind);
  const tls = plain ? undefined : makeTls(seed, { kind, servers: drawn });
  const servers = drawn.map((server, i) => tls?.harm[i] ?? server);
  if (tls) scenario.target.tls = tls.settings;
  const shapes = made.map(({ shape }) => shape);
  const files = tables.length ? { 'users.csv': TABLE } : {};
  return { seed, scenario, files, servers, tls, framing: framing ?? PAIR_FRAMING,
    how: { threads: random.int(2, 4), ranks: random.int(2, 3) },
    traits: { open, kind, shapes, secure: tls !== undefined,
      // Each pass makes one request, as soon as it begins.
      single: shapes.every((shape) => shape.startsWith('single')),
      setups: made.some(({ behavior }) => behavior.setup !== undefined),
      teardowns: made.some(({ behavior }) => behavior.teardown !== undefined),
      stays: shapes.every((shape) => shape !== 'visits' && shape !== 'rejoins') &&
        !JSON.stringify(scenario.behaviors).includes('"on_timeout":"reconnect"') } };
}
