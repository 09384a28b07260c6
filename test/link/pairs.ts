/** Nodes whose frames are carried by hand: no medium, no clock but the one a test states. */
import type { Random } from '../../src/core/random.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { Identity } from '../../src/identity/keys.ts';
import {
  FOLLOWS,
  type Follows,
  type Message1Form,
  type Message2Form,
  readFrame,
  type SealedForm,
} from '../../src/link/frame.ts';
import type { KeyOf } from '../../src/link/link.ts';
import type { Session } from '../../src/link/session.ts';
import { type Live, Sessions } from '../../src/link/sessions.ts';

export class Party {
  readonly identity: Identity;
  readonly sessions: Sessions;
  readonly random: Random;
  counter = 0n;

  constructor(name: string, keyOf: KeyOf = () => undefined) {
    this.random = new SeededRandom(`party ${name}`);
    this.identity = new Identity(this.random.bytes(32));
    this.sessions = new Sessions({
      identity: this.identity,
      random: this.random,
      keyOf,
      handshakeCounter: () => ++this.counter,
    });
  }

  get id() {
    return this.identity.nodeId;
  }

  /** Message 1 to `other`. */
  begin(other: Party, now = 0): Uint8Array {
    const initiation = this.sessions.begin(other.id, other.identity.publicKey, now);
    if (!initiation) throw new Error('no handshake');
    return initiation.message1;
  }

  /** Message 2 in answer to a message 1, or why there is none. */
  respond(message1: Uint8Array, now = 0): Uint8Array | string {
    const response = this.sessions.respond(message1, formOf(message1, 'message-1') as Message1Form, now);
    return typeof response === 'string' ? response : response.message2;
  }

  finish(message2: Uint8Array | string, now = 0): Live | undefined {
    if (typeof message2 === 'string') throw new Error(`refused: ${message2}`);
    return this.sessions.finish(formOf(message2, 'message-2') as Message2Form, now);
  }

  open(frame: Uint8Array, now = 0): ReturnType<Sessions['open']> {
    return this.sessions.open(sealedForm(frame), now);
  }
}

function formOf(frame: Uint8Array, form: string) {
  const read = readFrame(frame);
  if (typeof read === 'string' || read.form !== form) throw new Error(`not a ${form}`);
  return read;
}

export function sealedForm(frame: Uint8Array): SealedForm {
  return formOf(frame, 'sealed') as SealedForm;
}

/** The two ends of one session, as they are once message 2 has come; `b` has opened nothing yet. */
export function linkedPair(now = 0): { a: Party; b: Party; atA: Live } {
  const a = new Party('a');
  const b = new Party('b');
  const atA = a.finish(b.respond(a.begin(b, now), now), now);
  if (!atA) throw new Error('no session');
  return { a, b, atA };
}

/** Both ends of a session on which a frame has gone each way. */
export function livePair(now = 0): { a: Party; b: Party; atA: Live; atB: Live } {
  const { a, b, atA } = linkedPair(now);
  const opened = b.open(seal(atA.session, 'hello', now), now);
  if (typeof opened === 'string') throw new Error(opened);
  const back = a.open(seal(opened.live.session, 'hello', now), now);
  if (typeof back === 'string') throw new Error(back);
  return { a, b, atA, atB: opened.live };
}

export function seal(session: Session, text: string, now = 0, follows: Follows = FOLLOWS.answer): Uint8Array {
  return session.seal(new TextEncoder().encode(text), follows, now).frame;
}
