/** Children for tests that end processes: they run what was built, because Node 20 runs no TypeScript. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { program } from '../demo/processes.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Path of test/fault/`name`.ts, as built. */
export function builtChild(name: string): string {
  return program(`test/fault/${name}.js`);
}

/** Starts test/fault/`name`.ts with `args`. */
export function startChild(name: string, ...args: string[]): { process: ChildProcess; exit: Promise<Exit> } {
  const child = spawn(process.execPath, [builtChild(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal, output }));
  return { process: child, exit };
}
