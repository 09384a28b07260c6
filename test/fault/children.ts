/** Children for tests that end processes: they run what was built, because Node 20 runs no TypeScript. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

const BUILT = new URL('.', import.meta.url);

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Path of test/fault/`name`.ts, as built. */
export function builtChild(name: string): string {
  const script = new URL(`${name}.js`, BUILT).pathname;
  if (!existsSync(script)) throw new Error(`${script} is missing: build first (make build; make test does)`);
  return script;
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
