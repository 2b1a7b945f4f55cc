// The points of few active connections, alone and beside idle ones. Pure; runs in Node.js and in
// the page.

export const ACTIVE_BESIDE_IDLE = 10;

/** The points of few active connections: [alone, beside idle ones], or [] when there are none. */
export function idlePoints(points) {
  const few = (idle) => points.find((point) => point.kind !== 'most' &&
    point.connections === ACTIVE_BESIDE_IDLE && (point.idle > 0) === idle);
  return few(true) && few(false) ? [few(false), few(true)] : [];
}
