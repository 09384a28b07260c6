/**
 * Four kinds of trouble (docs/architecture.md): programmer errors crash, hostile input is a counted refusal,
 * failing hardware is an event with a recovery, and what a person can fix is a sentence: this class.
 */

/** A sentence that says what is wrong and what to do about it. `code` is for programs, the message for people. */
export class PersonError extends Error {
  override name = 'PersonError';
  readonly code: string;

  constructor(code: string, sentence: string, options?: { cause?: unknown }) {
    super(sentence, options);
    this.code = code;
  }
}

/** The message of anything thrown. */
export function messageOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
