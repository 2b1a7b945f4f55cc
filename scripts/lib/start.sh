#!/bin/sh
# start.sh WANTED PROGRAM ARGUMENTS...: what every command of this folder does first: sets up the
# packages of WANTED (see scripts/setup), then becomes PROGRAM, a Node.js file of scripts/.
set -eu
scripts=$(cd "$(dirname "$0")/.." && pwd)
wanted=$1
program=$2
shift 2
# Node.js would put /dev/null there, and everything that is said would be lost without a word.
if ! (: 3>&1) 2>/dev/null; then
    echo "scripts/$(basename "$program" .mjs): standard output is closed: what is printed there" \
        "would be lost" >&2
    exit 1
fi
"$scripts/setup" --packages --for "$wanted"
# Thousands of connections need as many descriptors as the system allows.
ulimit -S -n "$(ulimit -H -n)" 2>/dev/null || true
exec node "$scripts/$program" "$@"
