#!/bin/sh
# wine.sh PROGRAM.exe ARGUMENTS...: a Windows program under Wine, for ctest. Its output is passed
# on, and ends with the program.
#
# Without this it may not: Wine's services are started by the first program, its desktop
# (explorer.exe) by the first one with a window. They inherit that program's output and outlive it,
# so a program that waits for the end of a pipe, as ctest does, waits for them. So they get a file.
set -eu
# Why the addresses: see wine.mjs.
steady=
if setarch -R true 2>/dev/null; then steady='setarch -R'; fi
output=$(mktemp)
exec 3>"$output" 4<"$output"
rm -f "$output"
$steady wine "$@" >&3 2>&1 3>&- 4<&- </dev/null &
program=$!
tail -c +1 -f --pid="$program" -s 0.05 <&4
wait "$program"
