/**
 * First contact (docs/protocol/messages.md): a message to somebody of whom only the key is known, readable by nobody
 * else, its sender known to nobody else. Noise X gives the keys, lock-SIV seals the body.
 */
import { concat, utf8, Writer } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { diffieHellman, edwardsPublicKey, type KeyPair, montgomeryPublicKey } from '../crypto/curve.ts';
import { blake2b, hkdfKeys, KEY_LENGTH } from '../crypto/hashes.ts';
import * as lockSiv from '../crypto/lock-siv.ts';
import { HandshakeState } from '../crypto/noise.ts';
import { wipe } from '../crypto/secret.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdOf } from '../identity/node-id.ts';
import { OBJECT_VERSION, type ObjectProperties } from '../store/object.ts';

/** e 32 ‖ enc_s 48: what Noise X sends before its payload. */
const NOISE_LENGTH = 80;
/** k 1 | prekey id 1 | e 32 | enc_s 48 | n 1. */
const PRECEDING_LENGTH = 83;
/** What a first contact adds to a body: what precedes the ciphertext, and the byte that begins every plaintext. */
export const FIRST_CONTACT_OVERHEAD = PRECEDING_LENGTH + 1;

const FORM_FIRST_CONTACT = 0;
/** The recipient's identity key in its X25519 form. */
const IDENTITY_PREKEY = 0;

const SIGN_BIT = 0x01;
const RESET = 0x02;

/**
 * What the standing conversation starts from (messages.md, "Conversation"): 32 bytes each, all secret. Whoever keeps
 * no conversation wipes them.
 */
export interface Chain {
  /** RK after the initiator's step. */
  readonly rootKey: Uint8Array;
  /** CK after the message with n = 0: what n = 1 is sealed from. */
  readonly chainKey: Uint8Array;
  /** HKa: of the initiator's first chain. */
  readonly headerKey: Uint8Array;
  /** NHK: of the initiator's next chain. */
  readonly nextHeaderKey: Uint8Array;
  /** NHKb: of the responder's first chain. */
  readonly replyHeaderKey: Uint8Array;
}

export interface SealOptions {
  readonly sender: Pick<Identity, 'agreement' | 'signBit'>;
  /** Ed25519, valid (a contact's). */
  readonly recipient: Uint8Array;
  readonly properties: ObjectProperties;
  /** Low nibble of `k`: how the body's text is compressed. */
  readonly codec: number;
  readonly body: Uint8Array;
  /** Asks the recipient to let earlier conversations rest. */
  readonly reset: boolean;
  readonly random: Random;
}

export interface Sealed {
  /** The object's bytes. */
  readonly bytes: Uint8Array;
  readonly lock: Uint8Array;
  /** What the recipient's receipt will show: kept where it is not told. */
  readonly secret: Uint8Array;
  readonly chain: Chain;
  /** e: the initiator's ratchet key. */
  readonly ephemeral: KeyPair;
}

/** Seals a body as the object's bytes. The caller wipes `chain` and `ephemeral.secretKey` when done with them. */
export function sealFirstContact(options: SealOptions): Sealed {
  const { sender, recipient, random } = options;
  const prekey = montgomeryPublicKey(recipient);
  if (!prekey) throw new RangeError("the recipient's key is no valid Ed25519 key");
  if (options.codec < 0 || options.codec > 0x0f) throw new RangeError(`no codec: ${options.codec}`);
  const handshake = HandshakeState.initiator({
    pattern: 'X',
    prologue: prologueFor(recipient, IDENTITY_PREKEY, prekey),
    static: sender.agreement,
    remoteStatic: prekey,
    random,
  });
  const noise = handshake.writeKeys();
  const { chainingKey, hash, ephemeral } = handshake.exportSecrets();
  const agreed = ephemeral && diffieHellman(ephemeral.secretKey, prekey);
  if (!ephemeral || !agreed) throw new Error('Noise X has just agreed with these keys');
  const { chain, mk } = beginChain(chainingKey, hash, agreed);
  const k = (FORM_FIRST_CONTACT << 4) | options.codec;
  const preceding = concat(Uint8Array.of(k, IDENTITY_PREKEY), noise, Uint8Array.of(0));
  const ad = associatedData(options.properties, nodeIdOf(recipient));
  const plaintext = concat(Uint8Array.of(sender.signBit | (options.reset ? RESET : 0)), options.body);
  const { ct, lock, secret } = lockSiv.seal({ mk, ad, preceding }, plaintext);
  wipe(mk, plaintext);
  return { bytes: concat(preceding, ct), lock, secret, chain, ephemeral };
}

export interface OpenOptions {
  readonly recipient: Identity;
  readonly properties: ObjectProperties;
  /** The object's bytes and its header's lock. */
  readonly bytes: Uint8Array;
  readonly lock: Uint8Array;
}

export interface Opened {
  /** Ed25519, valid. */
  readonly sender: Uint8Array;
  readonly codec: number;
  readonly body: Uint8Array;
  /** The receipt. */
  readonly secret: Uint8Array;
  readonly reset: boolean;
  /** e: the sender's ratchet key. */
  readonly remoteEphemeral: Uint8Array;
  readonly chain: Chain;
}

/** Why an object cannot be opened; each is answered with `unreadable`. */
export type Refusal =
  /** Too short to be a message. */
  | 'malformed'
  /** Another form than first contact. */
  | 'unknown-form'
  /** Not sealed to the identity key. */
  | 'unknown-prekey'
  /** n > 0 continues a chain that is not kept. */
  | 'unknown-chain'
  /** Noise X does not open: sealed to another key, or damaged. */
  | 'wrong-key'
  /** The body, its lock, or what the object's header says of it is not as it was sealed. */
  | 'wrong-lock'
  /** Bits of the first byte that this version does not know. */
  | 'unknown-flags'
  /** The sender's static key is no identity. */
  | 'bad-sender';

/** Opens an object's bytes. The caller wipes `chain` when done with it. */
export function openFirstContact(options: OpenOptions): Opened | Refusal {
  const { recipient, bytes, lock } = options;
  const [k, prekeyId] = bytes;
  if (k === undefined || prekeyId === undefined) return 'malformed';
  if (k >> 4 !== FORM_FIRST_CONTACT) return 'unknown-form';
  if (prekeyId !== IDENTITY_PREKEY) return 'unknown-prekey';
  // the body is never empty: its first byte says who sent it
  if (bytes.length < FIRST_CONTACT_OVERHEAD) return 'malformed';
  const preceding = bytes.subarray(0, PRECEDING_LENGTH);
  if (preceding[PRECEDING_LENGTH - 1] !== 0) return 'unknown-chain';
  const prekey = recipient.agreement;
  const handshake = HandshakeState.responder({
    pattern: 'X',
    prologue: prologueFor(recipient.publicKey, prekeyId, prekey.publicKey),
    static: prekey,
  });
  if (!handshake.readKeys(preceding.subarray(2, 2 + NOISE_LENGTH))) {
    handshake.destroy();
    return 'wrong-key';
  }
  const { remoteStatic, remoteEphemeral } = handshake;
  const { chainingKey, hash } = handshake.exportSecrets();
  const agreed = remoteEphemeral && diffieHellman(prekey.secretKey, remoteEphemeral);
  if (!remoteStatic || !remoteEphemeral || !agreed)
    throw new Error('Noise X has just agreed with these keys');
  const { chain, mk } = beginChain(chainingKey, hash, agreed);
  const ad = associatedData(options.properties, recipient.nodeId);
  const opened = lockSiv.open({ mk, ad, preceding }, bytes.subarray(PRECEDING_LENGTH), lock);
  wipe(mk);
  const refuse = (why: Refusal): Refusal => {
    wipeChain(chain);
    return why;
  };
  if (!opened) return refuse('wrong-lock');
  const flags = opened.plaintext[0] ?? 0;
  if ((flags & ~(SIGN_BIT | RESET)) !== 0) return refuse('unknown-flags');
  const sender = edwardsPublicKey(remoteStatic, flags & SIGN_BIT ? 1 : 0);
  if (!sender) return refuse('bad-sender');
  const { secret, plaintext } = opened;
  const reset = (flags & RESET) !== 0;
  return { sender, codec: k & 0x0f, body: plaintext.slice(1), secret, reset, remoteEphemeral, chain };
}

/** Zeroes a chain that nobody goes on with. */
export function wipeChain(chain: Chain): void {
  wipe(chain.rootKey, chain.chainKey, chain.headerKey, chain.nextHeaderKey, chain.replyHeaderKey);
}

/** AD: version u8 | content type u8 | priority u8 | min_bandwidth u32 | ttl u8 | recipient NodeId 16. */
export function associatedData(properties: ObjectProperties, recipient: NodeId): Uint8Array {
  return new Writer(24)
    .u8(OBJECT_VERSION)
    .u8(properties.contentType)
    .u8(properties.priority)
    .u32(properties.minBandwidth)
    .u8(properties.ttl)
    .raw(recipient)
    .bytes();
}

/** Binds the prekey to its owner: nobody can pass off another's prekey as her own. */
function prologueFor(recipient: Uint8Array, prekeyId: number, prekey: Uint8Array): Uint8Array {
  return concat(utf8('nexus/1 X'), recipient, Uint8Array.of(prekeyId), prekey);
}

/** The key schedule, from Noise's ck and h and DH(e, prekey), all of which are wiped, to the key of n = 0. */
function beginChain(
  chainingKey: Uint8Array,
  hash: Uint8Array,
  agreed: Uint8Array,
): { chain: Chain; mk: Uint8Array } {
  const [sessionKey, headerKey, replyHeaderKey] = hkdfKeys(chainingKey, concat(utf8('nexus/1 dr'), hash));
  const [rootKey, firstChainKey, nextHeaderKey] = hkdfKeys(sessionKey, agreed);
  const mk = blake2b(Uint8Array.of(1), KEY_LENGTH, firstChainKey);
  const chainKey = blake2b(Uint8Array.of(2), KEY_LENGTH, firstChainKey);
  wipe(chainingKey, agreed, sessionKey, firstChainKey);
  return { chain: { rootKey, chainKey, headerKey, nextHeaderKey, replyHeaderKey }, mk };
}
