// Why a duet of two servers would mislead: what they do to each other would be taken for what they
// are. Pure.

import { median } from './statistics.mjs';

/** CPUs that a server may use while it is asked nothing. */
const IDLE_CPUS_MAX = 0.2;
/** The part of their CPUs that the servers may use under the load. */
const LOAD_SHARE_MAX = 0.85;
/** The part of what was due that at least one of them answers. */
const ANSWERED_MIN = 0.9;
/** How many times slower one may be beside the other than alone. */
const BESIDE_MAX = { p50: 2.5, p99: 6 };
const SIDES = ['a', 'b'];

const percent = (share) => `${Math.round(share * 100)}%`;
const cpuText = (cpus) => (cpus.length === 1 ? `CPU ${cpus[0]}` : `CPUs ${cpus.join(', ')}`);

function medianOf(blocks, side, key) {
  const values = blocks.map(({ sides }) => sides[side]?.[key]).filter(Number.isFinite);
  return values.length ? median(values) : null;
}

/** Whether each server has CPUs of its own. */
const isApart = ([{ places }]) => places.kind === 'own';

/** The CPUs that both servers have together: how many, and in words. */
function roomOf([{ places }], cpus) {
  return places.a ? { room: places.a.length, text: `the ${cpuText(places.a)} that both have` }
    : { room: cpus, text: 'the machine' };
}

/** A server that spins takes the CPU that the other needs, whatever either is worth. Of several
 *  CPUs it may have one for that, and its own are its own. */
function spinning(blocks, cpus) {
  if (isApart(blocks)) return [];
  const { room } = roomOf(blocks, cpus);
  return SIDES.flatMap((side) => {
    const idle = medianOf(blocks, side, 'idle_cpus');
    if (idle === null || idle <= IDLE_CPUS_MAX || (room > 2 && idle < room / 2)) return [];
    return [`${side.toUpperCase()} uses ${percent(idle)} of a CPU while nothing is asked of it: ` +
      'servers that spin take each other\'s time; give it an option to block, or more CPUs'];
  });
}

const MORE_CPU = 'a lower --rate, or a machine with more CPUs';

/** Too little CPU: what is then measured is who gets it. Who has CPUs of its own takes none. */
function saturated(blocks, cpus) {
  const load = SIDES.map((side) => medianOf(blocks, side, 'load_cpus'));
  if (isApart(blocks) || load.includes(null)) return [];
  const { room, text } = roomOf(blocks, cpus);
  const share = (load[0] + load[1]) / room;
  return share > LOAD_SHARE_MAX ? [`too little CPU: the servers use ${percent(share)} of ` +
    `${text}: ${MORE_CPU}`] : [];
}

/** The part of what was due in the window that a side answered. */
function answeredOf(blocks, side) {
  const shares = blocks.map((block) => block[side].client.rate)
    .filter((rate) => Number(rate?.intended) > 0)
    .map((rate) => (rate.achieved_per_s * (Number(rate.window_ns) / 1e9)) / Number(rate.intended));
  return shares.length ? median(shares) : 1;
}

/** Neither answers what is due: other programs have the CPU, the rate is beyond both, or they wait
 *  for the same thing. */
function overrun(blocks) {
  const shares = SIDES.map((side) => answeredOf(blocks, side));
  return Math.max(...shares) < ANSWERED_MIN
    ? [`too much is asked of both: of what was due A answered ${percent(shares[0])} and B ` +
      `${percent(shares[1])}: ${MORE_CPU}`] : [];
}

/** The generator itself had too little: in no block could it keep its times. */
function disturbed(blocks) {
  const bad = blocks.filter(({ a }) => !a.client.validity.valid);
  if (bad.length < blocks.length) return [];
  const reasons = bad[0].a.client.validity.reasons ?? [];
  return [`too little CPU: the generator was disturbed in every block: ${reasons.join('; ')}`];
}

/** How much slower a side is beside the other than alone: { p50, p99 }, of a client's results. */
export function besideRatios(blocks, side, alone) {
  const of = (client, key) => Number(client.latency_ns.response?.[key] ?? NaN);
  return Object.fromEntries(Object.keys(BESIDE_MAX).map((key) => [key,
    median(blocks.map((block) => of(block[side].client, key))) / of(alone, key)]));
}

/** Which of both is held up by the other, in words. alone: { a, b }, the client's results of runs
 *  of each alone. */
export function heldUp(blocks, alone) {
  return SIDES.flatMap((side) => {
    if (!alone[side]) return [];
    const ratios = besideRatios(blocks, side, alone[side]);
    const key = Object.keys(BESIDE_MAX).find((one) => ratios[one] > BESIDE_MAX[one]);
    if (!key) return [];
    const other = side === 'a' ? 'B' : 'A';
    return [`${side.toUpperCase()} answers ${ratios[key].toFixed(1)} times slower (${key}) ` +
      `beside ${other} than alone: they wait for something that both need, such as a lock, a ` +
      'disk or a database'];
  });
}

/** Why no duet is even begun on this machine: sentences. */
export function refusedBefore(cpus) {
  return cpus > 1 ? [] : ['there is one CPU: two servers and the client would take each other\'s ' +
    'time on it; a machine with 2 CPUs or more, or one after the other (without --duet)'];
}

/** All that can be said after the first blocks (readDuet): sentences, none where a duet may go on.
 *  What was seen itself comes first: that too little was answered may follow from it. cpus: of the
 *  machine. */
export function refusalsOf(blocks, cpus) {
  const shared = [...new Set(blocks.flatMap((block) => block.shared))];
  return [...spinning(blocks, cpus),
    ...shared.map((text) => `the servers share something: ${text}`),
    ...saturated(blocks, cpus), ...overrun(blocks), ...disturbed(blocks)];
}
