/** The link as routing uses it: everything within the budget, and what fails is only counted, for it will come again. */
import type { Counters } from '../core/counters.ts';
import type { NodeId } from '../identity/node-id.ts';
import { SEALED_OVERHEAD } from '../link/frame.ts';
import { type Link, LinkFailed, type Rec } from '../link/link.ts';
import type { RoutingBudget } from './routing-budget.ts';

/** A sealed frame around an `ack`: whoever asks for it pays. */
const ACK_FRAME = 25;

export class PacedLink {
  readonly #link: Link;
  readonly #budget: RoutingBudget;
  readonly #counters: Counters;

  constructor(link: Link, budget: RoutingBudget, counters: Counters) {
    this.#link = link;
    this.#budget = budget;
    this.#counters = counters;
  }

  /** Takes the airtime of frames of these lengths, or counts that there is none. */
  pay(trusted: boolean, ...lengths: number[]): boolean {
    const airtime = lengths.reduce((sum, n) => sum + (this.#link.airtime(n) ?? 0), 0);
    if (this.#budget.take(airtime, trusted)) return true;
    this.#counters.count('mesh.over-budget');
    return false;
  }

  /** A loose frame to whoever hears it; true where it was handed to the medium. */
  broadcast(frame: Uint8Array, trusted: boolean): boolean {
    if (!this.pay(trusted, frame.length)) return false;
    void this.#link.broadcast(frame, 0);
    return true;
  }

  /** A record to all linked neighbours; true once it is out. */
  async share(record: Rec, trusted: boolean): Promise<boolean> {
    const { members, room } = this.#link.shared;
    const overhead = this.#link.mtu - room;
    if (members.length === 0 || !this.pay(trusted, overhead + record.body.length)) return false;
    return (await this.#link.shared.send(record, 0)).sent;
  }

  /** A record to one neighbour; true once it is known to have arrived. */
  async tell(to: NodeId, record: Rec, trusted: boolean): Promise<boolean> {
    if (!this.pay(trusted, SEALED_OVERHEAD + 1 + record.body.length, ACK_FRAME)) return false;
    try {
      await this.#link.neighbour(to).send(record, { priority: 0 });
      return true;
    } catch (e) {
      if (!(e instanceof LinkFailed)) throw e;
      return false;
    }
  }
}
