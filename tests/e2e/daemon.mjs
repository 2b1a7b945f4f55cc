// Starts a program of Node.js as daemons start: detached, and ends itself with 0.
//   daemon.mjs [--clean] PROGRAM ARGUMENTS...      --clean: with an empty environment
import { spawn } from 'node:child_process';

const clean = process.argv[2] === '--clean';
spawn(process.execPath, process.argv.slice(clean ? 3 : 2),
  { detached: true, stdio: 'ignore', env: clean ? {} : process.env }).unref();
