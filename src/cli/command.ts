/** What a command of `nexus` is, what it is given, and how it ends. */
import type { ApiClient } from '../api/client.ts';

/** Exit codes, for scripts. */
export const EXIT = {
  ok: 0,
  /** The daemon refused, or a message expired. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No daemon at the socket, or no permission to ask it. */
  unreachable: 3,
  /** The daemon ended in the middle of its answer: what was asked may or may not be done. */
  cutOff: 4,
} as const;

/** The command line is wrong; the sentence says how. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** What a command speaks with. */
export interface Terminal {
  /** One line of what was asked for. */
  out(line: string): void;
  /** Standard input to its end. */
  input(): Promise<string>;
}

export interface Invocation extends Terminal {
  readonly client: ApiClient;
  /** Exactly as many as `parameters`. */
  readonly values: readonly string[];
  flag(name: string): boolean;
}

export interface Command {
  /** One word, or two where a group has several. */
  readonly name: string;
  /** Positional values, by the names that usage shows. */
  readonly parameters: readonly string[];
  /** Flags without their dashes, and what each does. */
  readonly flags: Readonly<Record<string, string>>;
  /** One line. */
  readonly summary: string;
  /** More lines for `--help`. */
  readonly details?: string;
  /** Resolves with the exit code; throws `PersonError` where the daemon refuses. */
  run(invocation: Invocation): Promise<number>;
}

/** The flag most commands have. */
export const JSON_FLAG = { json: 'print JSON for programs' } as const;
