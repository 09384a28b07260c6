#!/usr/bin/env node
/** The `nexus` command. */
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { messageOf } from '../core/errors.ts';
import { run } from './run.ts';

// a reader that has seen enough (nexus inbox | head) is no failure
process.stdout.on('error', (e: NodeJS.ErrnoException) => process.exit(e.code === 'EPIPE' ? 0 : 1));

run(process.argv.slice(2), process.env.NEXUS_SOCKET, {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  input: () => text(process.stdin),
}).then(
  (code) => {
    process.exitCode = code;
  },
  (defect: unknown) => {
    process.stderr.write(
      `nexus has a defect: ${defect instanceof Error ? defect.stack : messageOf(defect)}\n`,
    );
    process.exitCode = 1;
  },
);
