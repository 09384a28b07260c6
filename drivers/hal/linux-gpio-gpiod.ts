/**
 * GPIO lines through the distribution's own command-line tools (package gpiod, libgpiod 1 or 2), for kernels without
 * sysfs GPIO. A child process holds each driven line and another watches each edge; starting one takes some
 * milliseconds, which a reset line has and an interrupt does not notice.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { PersonError } from '../../src/core/errors.ts';
import { codeOf } from './failures.ts';
import { isHeaderChip } from './gpio-numbers.ts';
import type { GpioLine } from './hal.ts';

const run = promisify(execFile);

/** How often `gpioinfo` is asked whether a line is held yet, before that counts as failed. */
const HELD_ATTEMPTS = 50;

/** The installed tools and the chip of the header. */
export interface GpiodTools {
  /** Of libgpiod: their options differ. */
  readonly major: 1 | 2;
  /** As in gpiochip0. */
  readonly chip: string;
  /** Directory of the tools, with a slash at its end; empty for the search path. */
  readonly directory: string;
}

/** Finds tools and chip. Rejects with a `PersonError` where there are none. */
export async function findGpiodTools(directory = ''): Promise<GpiodTools> {
  const detect = async (...args: string[]) => (await run(`${directory}gpiodetect`, args)).stdout;
  let version: string;
  let chips: string;
  try {
    version = await detect('--version');
    chips = await detect();
  } catch (cause) {
    const missing = codeOf(cause) === 'ENOENT';
    throw new PersonError(
      missing ? 'gpiod-missing' : 'gpio-forbidden',
      missing
        ? 'This kernel has no /sys/class/gpio and the tools for GPIO are missing: run "sudo apt install gpiod".'
        : 'The GPIO chips may not be read by this user: add it to the group gpio ("sudo usermod -aG gpio USER") and log in again.',
      { cause },
    );
  }
  for (const line of chips.split('\n')) {
    const [, chip, label] = /^(gpiochip\d+) \[(.*?)\]/.exec(line) ?? [];
    if (chip && label && isHeaderChip(label))
      return { major: / v?2\./.test(version) ? 2 : 1, chip, directory };
  }
  throw new PersonError(
    'gpio-unknown',
    'This machine has no Raspberry Pi header: no GPIO chip of a Pi was found.',
  );
}

/** Command and arguments for one use of line `offset`. */
export function gpiodCommand(
  tools: GpiodTools,
  offset: number,
  use: 'read' | 'watch' | 'high' | 'low',
): [string, string[]] {
  const { major, chip, directory } = tools;
  const line = String(offset);
  if (use === 'read')
    return [`${directory}gpioget`, major === 2 ? ['--numeric', '--chip', chip, line] : [chip, line]];
  if (use === 'watch') {
    const watch =
      major === 2
        ? ['--edges=rising', '--format=%e', '--chip', chip, line]
        : ['--rising-edge', '--format=%e', chip, line];
    // a pipe would otherwise be fed in blocks of 4 KB: hours of interrupts
    return ['stdbuf', ['-oL', `${directory}gpiomon`, ...watch]];
  }
  const set = `${line}=${use === 'high' ? 1 : 0}`;
  return [`${directory}gpioset`, major === 2 ? ['--chip', chip, set] : ['--mode=signal', chip, set]];
}

/** BCM line `bcm`. It cannot be read while it is listened to: the kernel gives a line to one holder only. */
export function openGpiodLine(tools: GpiodTools, bcm: number): GpioLine {
  const listeners = new Set<() => void>();
  let holder: ChildProcess | undefined;
  let watcher: ChildProcess | undefined;
  const start = (use: 'watch' | 'high' | 'low', output: 'pipe' | 'ignore') => {
    const [command, args] = gpiodCommand(tools, bcm, use);
    const child = spawn(command, args, { stdio: ['ignore', output, 'ignore'] });
    child.on('error', () => {}); // it has then exited, which is what everybody looks at
    return child;
  };
  const read = async (): Promise<0 | 1> => {
    const { stdout } = await run(...gpiodCommand(tools, bcm, 'read'));
    return stdout.trim() === '1' ? 1 : 0;
  };
  const letGo = async () => {
    const child = holder;
    holder = undefined;
    if (child) await end(child);
  };
  const watch = () => {
    const child = start('watch', 'pipe');
    child.stdout?.on('data', (chunk: Uint8Array) => {
      // one line for each edge
      for (const byte of chunk) if (byte === 0x0a) for (const l of [...listeners]) l();
    });
    return child;
  };
  const unwatch = () => {
    watcher?.kill();
    watcher = undefined;
  };
  return {
    read,
    async write(value) {
      await letGo();
      holder = start(value === 1 ? 'high' : 'low', 'ignore');
      await held(tools, bcm, holder);
    },
    async release() {
      await letGo();
      await read(); // asking for it as an input makes it one, whatever the kernel leaves of an output
    },
    onEdge(listener) {
      const own = () => listener();
      listeners.add(own);
      watcher ??= watch();
      return () => {
        if (listeners.delete(own) && listeners.size === 0) unwatch();
      };
    },
    async close() {
      unwatch();
      await letGo();
    },
  };
}

/** Resolves once `child` drives the line. */
async function held(tools: GpiodTools, bcm: number, child: ChildProcess): Promise<void> {
  const args = tools.major === 2 ? ['--chip', tools.chip, String(bcm)] : [tools.chip];
  const ours = new RegExp(`^\\s*line\\s+${bcm}:.*gpioset|^${tools.chip} ${bcm}\\b.*gpioset`, 'm');
  for (let i = 0; i < HELD_ATTEMPTS; i++) {
    if (child.exitCode !== null) break;
    const { stdout } = await run(`${tools.directory}gpioinfo`, args);
    if (ours.test(stdout)) return;
  }
  await end(child);
  throw new Error(`GPIO ${bcm} cannot be driven: another program may hold it`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  child.kill();
  await exited;
}
