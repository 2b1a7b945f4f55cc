#!/bin/sh
# start.sh WANTED PROGRAM ARGUMENTS...: what every command of this folder does first: sets up the
# packages of WANTED (see scripts/setup), then becomes PROGRAM, a Node.js file of scripts/.
set -eu
scripts=$(cd "$(dirname "$0")/.." && pwd)
wanted=$1
program=$2
shift 2
"$scripts/setup" --packages --for "$wanted"
# Thousands of connections need as many descriptors as the system allows.
ulimit -S -n "$(ulimit -H -n)" 2>/dev/null || true
exec node "$scripts/$program" "$@"
