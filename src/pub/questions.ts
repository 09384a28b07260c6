/** Records that another record answers: they are said again until it has come (docs/protocol/link.md, "Records"). */
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { arrives, type Link, type Rec } from '../link/link.ts';
import type { Priority } from '../link/medium.ts';

export class Questions {
  readonly #link: Pick<Link, 'neighbour'>;
  /** By neighbour and number of the subscription. */
  readonly #open = new Map<string, AbortController>();

  constructor(link: Pick<Link, 'neighbour'>) {
    this.#link = link;
  }

  /** Whether it has arrived: answered, or at least acknowledged. */
  async ask(to: NodeId, number: number, record: Rec, priority: Priority): Promise<boolean> {
    const key = `${nodeIdKey(to)} ${number}`;
    const settled = new AbortController();
    this.#open.set(key, settled);
    const sent = await arrives(this.#link.neighbour(to).send(record, { priority, settled: settled.signal }));
    if (this.#open.get(key) === settled) this.#open.delete(key);
    return sent;
  }

  /** The answer has come. */
  answered(from: NodeId, number: number): void {
    this.#open.get(`${nodeIdKey(from)} ${number}`)?.abort();
  }
}
