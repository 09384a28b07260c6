/** Starts what a demonstration or a test of the whole product needs as real processes, and ends them all. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What was built, this file too. */
const DIST = fileURLToPath(new URL('../../', import.meta.url));

/** A built program's path. Throws a sentence where it is not built. */
export function program(path: string): string {
  const built = join(DIST, path);
  if (!existsSync(built)) throw new Error(`${built} is missing; build it first with: make build`);
  return built;
}

/** Looks again until it holds; rejects after so many seconds. */
export async function until(holds: () => Promise<boolean>, what: string, seconds: number): Promise<void> {
  const end = process.hrtime.bigint() + BigInt(seconds * 1e9);
  while (!(await holds())) {
    if (process.hrtime.bigint() > end) throw new Error(`${what} did not happen within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

export interface Ended {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process, what it has written so far, and its end. */
export class Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #onOutput = new Set<() => void>();
  #over = false;

  /** `onLine` is told each line of standard output as it comes. */
  constructor(path: string, args: readonly string[], onLine?: (line: string) => void) {
    const child = spawn(process.execPath, [program(path), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.process = child;
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
      this.#told();
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
      this.#told();
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => {
        this.#over = true;
        resolve({ code: code ?? undefined, stdout: this.stdout, stderr: this.stderr });
        this.#told();
      });
    });
  }

  /** Resolves once `pattern` has been written to either output; rejects with both where the process ends first. */
  wrote(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (pattern.test(this.stdout) || pattern.test(this.stderr)) resolve();
        else if (this.#over)
          reject(new Error(`ended before it wrote ${pattern}:\n${this.stdout}${this.stderr}`));
        else return;
        this.#onOutput.delete(look);
      };
      this.#onOutput.add(look);
      look();
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    if (!this.#over) this.process.kill(signal);
    return this.ended;
  }

  #told(): void {
    for (const look of [...this.#onOutput]) look();
  }
}

/** An air and the boxes in it, in a directory of their own. `end` stops every process and removes the directory. */
export class Town {
  readonly directory = mkdtempSync(join(tmpdir(), 'nexus-'));
  readonly #running = new Set<Running>();
  #ending = false;

  get air(): string {
    return join(this.directory, 'air.sock');
  }

  start(path: string, args: readonly string[], onLine?: (line: string) => void): Running {
    if (this.#ending) throw new Error('it is over');
    const running = new Running(path, args, onLine);
    this.#running.add(running);
    void running.ended.then(() => this.#running.delete(running));
    return running;
  }

  async startAir(...options: readonly string[]): Promise<void> {
    await this.start('drivers/sim/hub-main.js', [this.air, ...options]).wrote(/listening/);
  }

  box(name: string): Box {
    return new Box(this, name);
  }

  async end(): Promise<void> {
    this.#ending = true;
    // boxes first: they say goodbye to the air
    for (const running of [...this.#running].reverse()) await running.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One box: its configuration, its state directory, its daemon, its `nexus`. */
export class Box {
  readonly name: string;
  readonly configFile: string;
  readonly state: string;
  readonly socket: string;
  readonly #town: Town;

  constructor(town: Town, name: string) {
    this.#town = town;
    this.name = name;
    this.configFile = join(town.directory, `${name}.toml`);
    this.state = join(town.directory, name);
    this.socket = join(town.directory, `${name}.sock`);
    this.configure('');
  }

  /** Writes the configuration file: board `sim` in the town's air, `more` lines of TOML, and no LAN but theirs. */
  configure(more: string): void {
    const radio = ['[radio]', 'board = "sim"', `sim = { air = "${this.#town.air}", name = "${this.name}" }`];
    const lan = more.includes('[lan]') ? [] : ['[lan]', 'enabled = false'];
    this.write([...radio, more, ...lan].join('\n'));
  }

  /** Writes the configuration file. */
  write(toml: string): void {
    writeFileSync(this.configFile, toml);
  }

  /** Resolves when the daemon is ready; rejects with what it wrote where it ends instead. */
  async start(): Promise<Running> {
    const daemon = this.launch();
    await daemon.wrote(/"msg":"ready"/);
    return daemon;
  }

  launch(): Running {
    const { configFile, state, socket } = this;
    return this.#town.start('src/daemon.js', ['--config', configFile, '--state', state, '--socket', socket]);
  }

  /** Runs `nexus` to its end. */
  nexus(args: readonly string[], onLine?: (line: string) => void): Promise<Ended> {
    const running = this.begin(args, onLine);
    running.process.stdin?.end();
    return running.ended;
  }

  /** Starts `nexus`, its standard input open. */
  begin(args: readonly string[], onLine?: (line: string) => void): Running {
    return this.#town.start('src/cli/main.js', ['--socket', this.socket, ...args], onLine);
  }
}
