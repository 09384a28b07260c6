/** Why an object is not to be had, or not kept. */
export type ContentFailure =
  /** Nobody who was asked has it, or all who said so lied. */
  | 'unobtainable'
  | 'too-large'
  | 'full'
  /** A newer version is here. */
  | 'stale'
  /** Its owner said two things under one sequence, and is not believed for a day. */
  | 'forked'
  | 'expired'
  | 'aborted';

/** Expected by whoever asks for objects; storage that fails is told by `StorageFailed`. */
export class ContentFailed extends Error {
  override name = 'ContentFailed';
  readonly reason: ContentFailure;
  constructor(reason: ContentFailure) {
    super(`the object is ${reason}`);
    this.reason = reason;
  }
}
