/** Has neighbours prove that they still hold what they keep for this box (`proofs.ts`). */
import type { Random } from '../../core/random.ts';
import type { NodeId } from '../../identity/node-id.ts';
import { isWired, type Link } from '../../link/link.ts';
import { RECORD } from '../../link/records.ts';
import { type ObjectHeader, objectIdOf, shortIdOf } from '../object.ts';
import { answers, segmentChallenge, type Token } from './proofs.ts';
import type { Questions } from './questions.ts';
import { encodeChallenge } from './records.ts';

export interface Audit {
  /** `unasked`: it is not there, or there is nothing to ask by the way it is reached. */
  readonly outcome: 'proven' | 'missed' | 'unasked';
  readonly tokensLeft: readonly Token[];
}

export class Auditor {
  readonly #link: Link;
  readonly #questions: Questions;
  readonly #random: Random;

  constructor(link: Link, questions: Questions, random: Random) {
    this.#link = link;
    this.#questions = questions;
    this.#random = random;
  }

  /** By a connection a segment is asked for, which costs no token; else a token's 8 bytes. */
  async audit(holder: NodeId, header: ObjectHeader, tokens: readonly Token[]): Promise<Audit> {
    const neighbour = this.#link.neighbour(holder);
    const wired = isWired(neighbour);
    const token = wired ? undefined : tokens[0];
    if (!wired && !token) return { outcome: 'unasked', tokensLeft: tokens };
    const objectId = shortIdOf(objectIdOf(header));
    const challenge = token
      ? { objectId, nonce: token.nonce }
      : segmentChallenge(objectId, header.size, this.#random);
    const question = { type: RECORD.challenge, body: encodeChallenge(challenge) };
    const reach = wired ? 'wired' : 'all';
    const answer = await this.#questions.ask(
      holder,
      objectId,
      question,
      ({ body, type }) => {
        if (type === RECORD.absent) return 'missed' as const;
        if (type !== RECORD.proof) return undefined;
        return answers(challenge, body, header, token) ? ('proven' as const) : ('missed' as const);
      },
      reach,
    );
    const tokensLeft = token ? tokens.slice(1) : tokens;
    if (answer === 'away') return { outcome: 'unasked', tokensLeft };
    return { outcome: answer === 'silent' ? 'missed' : answer, tokensLeft };
  }
}
