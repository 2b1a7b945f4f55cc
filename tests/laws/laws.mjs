// The laws as equations on a client's result. Each takes what was played and what came out, and
// says what does not hold; nothing here knows how the client works.

import { dueBetween, expectedUntil, mostWanted, stagesOf, wantedAtMost } from './plan_model.mjs';

const N = Number;
const sum = (list, read) => list.reduce((all, entry) => all + N(read(entry)), 0);
const COUNTS = ['intended', 'begun', 'dropped', 'never_started'];
const CONNECT_KINDS = ['connect_refused', 'connect_timeout', 'connect_unreachable',
  'connect_other'];

/** "what: found A, expected B" unless they are equal, within `slack`. */
function differs(problems, what, found, expected, slack = 0) {
  if (!(Math.abs(N(found) - N(expected)) <= slack)) {
    problems.push(`${what}: found ${found}, expected ${expected}`);
  }
}

const balance = ({ begun, dropped, never_started: never }) => N(begun) + N(dropped) + N(never);

/** begun + dropped + never_started == intended, of the run and of all its parts. */
function arrivalsAreConserved({ result, traits }, problems) {
  const { rate, stages } = result;
  if (!traits.open) return;
  differs(problems, 'begun + dropped + never_started', balance(rate), rate.intended);
  for (const part of rate.behaviors) {
    differs(problems, `balance of behavior ${part.name}`, balance(part), part.intended);
  }
  for (const key of COUNTS) {
    differs(problems, `${key} of all behaviors`, sum(rate.behaviors, (b) => b[key]), rate[key]);
    if (stages.length) {
      differs(problems, `${key} of all stages`, sum(stages, ({ rate: r }) => r[key]), rate[key]);
    }
  }
  stages.forEach(({ rate: part }, i) => {
    differs(problems, `balance of stage ${i + 1}`, balance(part), part.intended);
  });
}

/** Did the run come so far that anything was due? */
const hasBegun = ({ t0_ns: t0 }) => t0 !== undefined && t0 !== null;

/** Are all arrivals those of one even stream? */
const evenAndShared = (load) => load.arrival !== 'poisson' &&
  !/"rate_per_connection"/.test(JSON.stringify(load));

/** The same, second by second. */
function secondsAreConserved({ result, traits, scenario }, problems) {
  const { rate, series } = result;
  if (!traits.open) return;
  for (const entry of series) {
    differs(problems, `balance of the second at ${entry.t_ns}`, balance(entry), entry.due);
  }
  if (hasBegun(result.run) && evenAndShared(scenario.load)) {
    const stages = stagesOf(scenario.load);
    const t0_ns = N(result.run.t0_ns);
    const end_ns = N(result.run.window_end_ns) - t0_ns;
    for (const { t_ns, due } of series) {
      differs(problems, `due in the second at ${t_ns}`, due, dueBetween(stages,
        N(t_ns) - t0_ns, Math.min(end_ns, N(t_ns) - t0_ns + 1e9)));
    }
  }
  const warmup = scenario.load.warmup !== undefined;
  for (const key of COUNTS) {
    const all = sum(series, (entry) => entry[key === 'intended' ? 'due' : key]);
    if (warmup ? all < N(rate[key]) : all !== N(rate[key])) {
      problems.push(`${key} over the series: ${all}, in the window ${rate[key]}`);
    }
  }
}

/** The rate that was asked for is the plan's, whatever became of the run. */
function targetIsThePlan({ result, traits, scenario }, problems) {
  const { run, rate } = result;
  if (!traits.open || !hasBegun(run) || N(rate.window_ns) === 0) return;
  const stages = stagesOf(scenario.load);
  const from_ns = N(run.window_start_ns) - N(run.t0_ns);
  const to_ns = N(run.window_end_ns) - N(run.t0_ns);
  const asked = expectedUntil(stages, to_ns) - expectedUntil(stages, from_ns);
  const per_s = asked / (N(rate.window_ns) / 1e9);
  differs(problems, 'rate.target_per_s', rate.target_per_s, per_s, per_s * 1e-6 + 1e-9);
}

/** What is due is what the plan says, to the last arrival. */
function dueIsThePlan({ result, traits, scenario }, problems) {
  const { run, rate } = result;
  if (!traits.open || !hasBegun(run) || scenario.load.arrival === 'poisson') return;
  const stages = stagesOf(scenario.load);
  const from_ns = N(run.window_start_ns) - N(run.t0_ns);
  const to_ns = N(run.window_end_ns) - N(run.t0_ns);
  if (!evenAndShared(scenario.load)) {
    // Each connection has its own arrivals, which restart when it does.
    const asked = expectedUntil(stages, to_ns) - expectedUntil(stages, from_ns);
    differs(problems, 'rate.intended, about', rate.intended, asked,
      1 + stages.length * mostWanted(stages));
  } else {
    differs(problems, 'rate.intended', rate.intended, dueBetween(stages, from_ns, to_ns));
  }
}

/** errors.total, of every place that has errors, is what its kinds add up to. */
function errorsAddUp({ result }, problems) {
  const of = (errors) => sum(Object.entries(errors).filter(([kind]) =>
    kind !== 'total' && kind !== 'response_late'), ([, count]) => count);
  for (const { name, errors } of result.steps) {
    for (const [kind, count] of Object.entries(errors)) {
      if (N(count) > N(result.errors[kind])) {
        problems.push(`step ${name}: ${count} ${kind} of ${result.errors[kind]} in all`);
      }
    }
  }
  for (const kind of Object.keys(result.errors)) {
    const staged = sum(result.stages, ({ errors }) => errors[kind] ?? 0);
    if (staged > N(result.errors[kind])) problems.push(`stages: ${staged} ${kind}`);
  }
  differs(problems, 'errors over the series', sum(result.series, ({ errors }) => errors),
    of(result.errors));
}

/** Every connect has one outcome, every connection one end. */
function connectsEndOnce({ result }, problems) {
  const { totals, errors, plan } = result;
  const failed = sum(CONNECT_KINDS, (kind) => errors[kind]) + N(errors.local_limit);
  const open = N(totals.connects_attempted) - N(totals.connects_ok) - failed;
  if (open < 0 || open > N(plan.load.connections)) {
    problems.push(`connects: ${totals.connects_attempted} attempted, ${totals.connects_ok} ok, ` +
      `${failed} failed`);
  }
  differs(problems, 'clean + abnormal ends', N(totals.connections_clean) +
    N(totals.connections_abnormal), totals.connects_ok);
  differs(problems, 'abnormal ends', result.abnormal_connections_total,
    totals.connections_abnormal);
  differs(problems, 'failed connects over the series', sum(result.series,
    ({ connects_failed: count }) => count), sum(CONNECT_KINDS, (kind) => errors[kind]));
}

/** Every connection that was made has one handshake of TLS, which is measured: full or resumed, or
 *  censored where the connection ended within it. */
function handshakesEndOnce({ result, traits }, problems) {
  const { totals, errors, latency_ns: { tls_handshake: handshake }, tls } = result;
  const done = N(totals.tls_full) + N(totals.tls_resumed);
  differs(problems, 'latency.tls_handshake', handshake.count,
    traits.secure ? totals.connects_ok : 0);
  differs(problems, 'latency.tls_handshake.censored', handshake.censored,
    N(handshake.count) - done);
  if (N(errors.tls_handshake) > N(handshake.censored)) {
    problems.push(`${errors.tls_handshake} tls_handshake, ${handshake.censored} censored`);
  }
  if (!traits.secure) return;
  for (const key of ['versions', 'ciphers']) {
    differs(problems, `${key} of TLS`, sum(Object.values(tls[key]), (count) => count), done);
  }
}

/** With TLS the wire has more than the messages, where anything was said; else it has no figure. */
function wireHasMore({ result: { totals }, traits }, problems) {
  for (const way of ['sent', 'received']) {
    const [wire, plain] = [`wire_bytes_${way}`, `bytes_${way}`].map((key) => N(totals[key]));
    if (traits.secure ? wire < plain || (wire === plain && plain > 0) : wire > 0) {
      problems.push(`${wire} bytes ${way} on the wire, ${plain} of messages`);
    }
  }
}

/** A connect that failed is longer than its age, and no reason to look fast. */
function connectsAreMeasured({ result }, problems) {
  const { totals, errors, latency_ns: { connect } } = result;
  const failed = sum(CONNECT_KINDS, (kind) => errors[kind]);
  const unknown = N(connect.count) - N(totals.connects_ok); // at the end, one may be on its way
  differs(problems, 'latency.connect.censored', connect.censored, unknown);
  if (unknown < failed || N(connect.count) > N(totals.connects_attempted)) {
    problems.push(`latency.connect: ${connect.count} of ${totals.connects_attempted} attempted, ` +
      `${totals.connects_ok} ok, ${failed} failed`);
  }
}

/** Every request ends once. */
function requestsEndOnce({ result, text, framing }, problems) {
  const { totals, errors } = result;
  if (/"(expect|optional|expect_close)"/.test(text)) return; // these share the kinds of error
  differs(problems, 'requests by outcome', N(totals.responses) + N(errors.response_timeout) +
    N(errors.response_lost) + N(totals.requests_cut), totals.requests);
  if (framing.type === 'raw') return; // messages are pieces of a stream
  differs(problems, 'messages by use', N(totals.responses) + N(totals.messages_unsolicited) +
    N(totals.heartbeats_answered), totals.messages_received);
}

/** In rising order, as a result has them. */
function percentilesOf(histogram) {
  return Object.keys(histogram).filter((key) => /^(min|p\d.*|max)$/.test(key))
    .map((key) => histogram[key]);
}

/** Which percentiles a censored sample may hold: those that are another bucket when all of them
 *  are longer than anything known. */
function ranksThatCensoredMayHold(histogram) {
  const left = new Map((histogram.censored_buckets ?? []).map(([at, c]) => [at, N(c)]));
  const known = histogram.buckets.map(([at, c]) => [at, N(c) - (left.get(at) ?? 0)]);
  const at = (buckets, rank) => {
    let before = 0;
    return buckets.find(([, c]) => (before += N(c)) >= rank)?.[0];
  };
  const opened = {};
  for (const [key, share] of [['p50', 0.5], ['p90', 0.9], ['p95', 0.95], ['p99', 0.99]]) {
    const rank = Math.max(1, Math.ceil(share * N(histogram.count) - 1e-9));
    opened[key] = at(histogram.buckets, rank) !== at(known, rank);
  }
  return opened;
}

/** A histogram's figures are those of its buckets. */
function histogramIsWhole(name, histogram, problems) {
  const count = N(histogram.count);
  differs(problems, `${name}: buckets`, sum(histogram.buckets, ([, c]) => c), count);
  if (N(histogram.censored) > count) problems.push(`${name}: more censored than samples`);
  const marks = percentilesOf(histogram);
  if (count === 0) {
    if (marks.some((mark) => mark !== null)) problems.push(`${name}: figures without samples`);
    return;
  }
  if (marks.some((mark, i) => i > 0 && N(mark) < N(marks[i - 1]))) {
    problems.push(`${name}: percentiles go down: ${marks}`);
  }
  if (N(histogram.censored) === 0 && histogram.at_least.length > 0) {
    problems.push(`${name}: at_least without a censored sample`);
  }
  const opened = ranksThatCensoredMayHold(histogram);
  for (const key of Object.keys(opened)) {
    if (histogram.at_least.includes(key) !== opened[key]) {
      problems.push(`${name}: ${key} is ${opened[key] ? 'not ' : ''}said to be a lower bound: ` +
        `${histogram.censored} of ${count} censored`);
    }
  }
}

function histogramsAreWhole({ result }, problems) {
  const places = [['', result], ...result.steps.map((step) => [`step ${step.name} `, step]),
    ...result.stages.map((stage, i) => [`stage ${i + 1} `, stage])];
  for (const [place, { latency_ns: all }] of places) {
    for (const [key, histogram] of Object.entries(all)) {
      histogramIsWhole(place + key, histogram, problems);
    }
  }
}

const samples = (latency, key) => N(latency[key]?.count ?? 0);
const total_ns = (histogram) => N(histogram.count) * N(histogram.mean ?? 0);

/** A step that sends without awaiting an answer. */
const SENDS = /\{"send":/;

/** Between due and sent, every moment has one owner. */
function lagsAreOwned({ result, traits, text }, problems) {
  const { rate } = result;
  const sends = SENDS.test(text); // a plain send has these times, too, and belongs to no step
  const absent = traits.open ? N(rate.dropped) + N(rate.never_started) : 0;
  const places = [['', result.latency_ns, absent],
    ...result.stages.map(({ latency_ns: l, rate: r }, i) => [`stage ${i + 1}: `, l,
      traits.open ? N(r.dropped) + N(r.never_started) : 0]),
    // What never began is in the step that would have been first: how many that are, lags tell.
    ...result.steps.map(({ name, latency_ns: l }) => [`step ${name}: `, l,
      Math.max(0, Math.min(absent, samples(l, 'start_lag') - samples(l, 'send_lag')))])];
  for (const [place, latency, never] of places) {
    const [wait, start, lag] = ['connection_wait', 'start_lag', 'send_lag']
      .map((key) => samples(latency, key));
    const response = samples(latency, 'response');
    const service = samples(latency, 'service');
    if (sends && !place.startsWith('step')) {
      if (response > wait || service > lag) {
        problems.push(`${place}${response} responses of ${wait} waits, ${service} of ${lag} lags`);
      }
    } else {
      differs(problems, `${place}connection_wait.count`, wait, response);
      differs(problems, `${place}service.count`, service, lag);
    }
    differs(problems, `${place}start_lag.count without the never begun`, start - never, lag);
    if (start > wait) problems.push(`${place}${start} start_lags of ${wait} waits`);
    if (start !== wait || start === 0) continue; // some were never sent
    const parts = total_ns(latency.connection_wait) + (lag ? total_ns(latency.send_lag) : 0);
    differs(problems, `${place}start_lag's sum`, total_ns(latency.start_lag), parts,
      parts * 0.003 + 200 * start);
  }
}

/** What was due is in response, once; setup and teardown are not, whenever they are played. */
function responseHasAllThatWasDue({ result, traits }, problems) {
  if (!traits.open) return;
  const response = samples(result.latency_ns, 'response');
  const absent = N(result.rate.dropped) + N(result.rate.never_started);
  if (response < absent) problems.push(`${response} responses, ${absent} never begun`);
  if (traits.single) {
    differs(problems, 'response.count', response, result.rate.intended);
  }
}

/** Sums over steps and stages are the run's. */
function partsAreTheWhole({ result, scenario, traits, text }, problems) {
  const absent = traits.open ? N(result.rate.dropped) + N(result.rate.never_started) : 0;
  const silent = scenario.behaviors.some(({ loop }) =>
    !/"request"/.test(JSON.stringify(loop ?? [])));
  for (const key of ['response', 'service', 'connection_wait', 'send_lag', 'start_lag']) {
    const whole = samples(result.latency_ns, key);
    const steps = sum(result.steps, ({ latency_ns: l }) => samples(l, key));
    // What never began is in a step, unless its behavior asks nothing.
    const inNone = silent && !['service', 'send_lag'].includes(key) ? absent : 0;
    // A plain send has lags and is no step's; setup and teardown are steps, outside the window.
    const least = SENDS.test(text) && /wait|lag/.test(key) ? 0 : whole - inNone;
    const most = traits.setups || traits.teardowns ? Infinity : whole;
    if (steps < least || steps > most) {
      problems.push(`${key}: ${steps} in the steps, ${whole} in all`);
    }
    if (result.stages.length) {
      differs(problems, `${key} of all stages`,
        sum(result.stages, ({ latency_ns: l }) => samples(l, key)), whole);
    }
  }
}

/** Connections that are open were wanted, a moment ago at least. */
function populationIsWanted({ result, scenario, traits }, problems) {
  const { run, series, plan } = result;
  const most = N(plan.load.connections);
  for (const entry of series) {
    if (N(entry.connections) > most) {
      problems.push(`${entry.connections} open of ${most} at ${entry.t_ns}`);
    }
  }
  // A client that got no CPU lets its players go later than it should; test_laws plays the same on
  // virtual time.
  if (!hasBegun(run) || !traits.kind || result.validity.limited_by === 'client') return;
  const stages = stagesOf(scenario.load);
  const LEAVING_NS = 1e9; // the pass, the teardown and the close of those not wanted any more
  series.slice(0, -1).forEach((entry, i) => {
    const at_ns = N(series[i + 1].t_ns) - N(run.t0_ns);
    const wanted = wantedAtMost(stages, at_ns - LEAVING_NS, at_ns + 1e7);
    if (N(entry.connections) > wanted) {
      problems.push(`${entry.connections} open at ${series[i + 1].t_ns}, ${wanted} wanted`);
    }
  });
}

const MS_IN_NS = { ms: 1e6, s: 1e9 };

/** Whether every handshake that came to nothing took as long as it may: a machine that is busy has
 *  that, too, and it says nothing against anybody. */
function handshakesWereSlow({ result, scenario }) {
  const [, number, unit] = /^(\d+)(ms|s)$/.exec(scenario.load.connect_timeout ?? '') ?? [];
  const left = result.latency_ns.tls_handshake?.censored_buckets ?? [];
  const most_ns = Number(number) * MS_IN_NS[unit];
  return N(result.errors.tls_handshake) > 0 &&
    left.every(([at_ns]) => N(at_ns) >= 0.9 * most_ns); // a bucket begins below what is in it
}

/** What a server that does no harm is played with, goes well and adds up on both sides. */
function kindIsClean({ result, scenario, traits, servers }, problems) {
  if (!traits.kind || handshakesWereSlow({ result, scenario })) return;
  const bad = Object.entries(result.errors).filter(([kind, count]) => N(count) > 0 &&
    !['barrier_timeout', 'mismatch', 'response_timeout', 'response_late', 'not_closed',
      'close_timeout', 'reset', 'response_lost'].includes(kind));
  for (const [kind, count] of bad) problems.push(`${count} ${kind} of a server that does no harm`);
  if (N(result.errors.mismatch) > 0) problems.push(`${result.errors.mismatch} mismatches`);
  const frames = sum(servers, (server) => server.frames);
  if (frames > N(result.totals.messages_sent)) {
    problems.push(`the servers took ${frames} messages of ${result.totals.messages_sent}`);
  }
}

/** Rows may run out. */
const RUNS_OUT = /"when_out":"stop"/;

/** The window opens when all are ready, and the result says how many were. */
function readyIsTold({ result, scenario, traits, text }, problems) {
  const { ready, run } = result;
  if (!hasBegun(run) || handshakesWereSlow({ result, scenario })) return;
  // Who has no row does not even begin.
  if ((traits.kind && !RUNS_OUT.test(text)) || ready.window_opened === 'all_ready') {
    differs(problems, 'ready, as all are', ready.ready, ready.wanted);
  } else if (N(ready.ready) > N(ready.wanted)) {
    problems.push(`${ready.ready} of ${ready.wanted} ready`);
  }
}

/** A run that asked and got not one answer has failed. */
function silenceFails({ result, exitCode, text }, problems) {
  const { totals } = result;
  if (/"optional"/.test(text)) return; // what may be missing is no failure
  if (N(totals.requests) > 0 && N(totals.responses) === 0 && exitCode === 0) {
    problems.push(`${totals.requests} requests, no response, exit 0`);
  }
}

const LAWS = { arrivalsAreConserved, secondsAreConserved, targetIsThePlan, dueIsThePlan,
  errorsAddUp, connectsEndOnce, connectsAreMeasured, handshakesEndOnce, wireHasMore,
  requestsEndOnce, histogramsAreWhole, lagsAreOwned,
  responseHasAllThatWasDue, partsAreTheWhole, populationIsWanted, kindIsClean, readyIsTold,
  silenceFails };

/** What does not hold of a play: lines "law: problem". */
export function judgeLaws(play) {
  const found = [];
  const text = JSON.stringify(play.scenario);
  for (const [name, law] of Object.entries(LAWS)) {
    const problems = [];
    try {
      law({ ...play, text }, problems);
    } catch (error) {
      problems.push(`cannot be judged: ${error.message}`);
    }
    found.push(...problems.map((problem) => ({ law: name, problem })));
  }
  return found;
}
