// The latencies of a result by their keys: the one list of their names. A test holds it to
// results/result.schema.json. Pure; runs in Node.js and in the report page.

/** key -> { label, group }; group: what the tables put together. */
export const LATENCIES = {
  response: { label: 'response (from the intended time)', group: 'requests' },
  service: { label: 'service (from the actual send)', group: 'requests' },
  response_first_byte: { label: 'response, first byte', group: 'requests' },
  service_first_byte: { label: 'service, first byte', group: 'requests' },
  iteration: { label: 'iteration', group: 'requests' },
  fanout: { label: 'fan-out', group: 'requests' },
  heartbeat: { label: 'heartbeat', group: 'requests' },
  connect: { label: 'connect', group: 'requests' },
  tls_handshake: { label: 'handshake of TLS', group: 'requests' },
  codec_handshake: { label: 'handshake of the codec', group: 'requests' },
  connection_wait: { label: 'connection wait', group: 'client' },
  send_lag: { label: 'send lag', group: 'client' },
  start_lag: { label: 'start lag', group: 'client' },
  poll_gap: { label: 'poll gap', group: 'client' },
  receive_to_reply: { label: 'receive to reply (server)', group: 'server' },
  queue_wait: { label: 'queue wait (server)', group: 'server' },
};

export const LATENCY_GROUPS = { requests: 'Requests', client: 'The client itself',
  server: 'The server\'s own' };

/** The label of a key of latency_ns; an unknown key, of a newer result, is its own label. */
export function latencyLabel(key) {
  return LATENCIES[key]?.label ?? key.replaceAll('_', ' ');
}
