/** Everybody a node has a session with on one medium, or something to say to. */
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';
import { Peer, type PeerOptions } from './peer.ts';
import type { Live } from './sessions.ts';

export interface PeersOptions
  extends Omit<PeerOptions, 'id' | 'conversation'>,
    Omit<ConversationOptions, 'peer' | 'via' | 'onUnanswered'> {
  /** The connection that is known to be a node's, where the medium has such. */
  readonly via: (id: NodeId) => string | undefined;
  /** Told of every try to reach a node that went without an answer. */
  readonly onUnanswered: (id: NodeId) => void;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** A node, made known by that. */
  get(id: NodeId): Peer {
    const known = this.known(id);
    if (known) return known;
    const options = this.#options;
    const conversation = new Conversation({
      ...options,
      peer: id,
      via: () => options.via(id),
      onUnanswered: () => options.onUnanswered(id),
    });
    const peer = new Peer({ ...options, id, conversation });
    this.#peers.set(nodeIdKey(id), peer);
    return peer;
  }

  /** A node, where there is something to be known of it. */
  known(id: NodeId): Peer | undefined {
    return this.#peers.get(nodeIdKey(id));
  }

  /** These sessions with a node are in doubt no more. */
  believe(id: NodeId, lives: readonly Live[]): void {
    for (const live of lives) live.suspect = false;
    this.known(id)?.conversation.sessionsChanged();
  }

  /** Forgets those without a session to whom nothing is to be said. */
  sweep(): void {
    const inSession = new Set(this.#options.sessions.peers().map(nodeIdKey));
    for (const [key, peer] of this.#peers)
      if (!inSession.has(key) && peer.conversation.idle) this.#peers.delete(key);
  }

  stop(): void {
    for (const peer of this.#peers.values()) peer.conversation.stop();
  }
}
