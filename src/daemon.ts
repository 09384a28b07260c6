#!/usr/bin/env node
/** `nexusd`: opens what a node needs, starts the node and its local API, and stops them in order. */
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type DestinationStream, pino, stdTimeFunctions } from 'pino';
import type { Hat } from '../board/board.ts';
import { BOARDS, boardNamed } from '../board/boards.ts';
import { detectMachine, suggestBoards } from '../board/detect.ts';
import type { RadioHardware } from '../drivers/hal/hal.ts';
import { openRadioHardware } from '../drivers/hal/linux-radio.ts';
import { HubClient } from '../drivers/sim/hub-client.ts';
import { SimSx1276 } from '../drivers/sim/sx1276.ts';
import { Sx127x } from '../drivers/sx127x/sx127x.ts';
import { serveApi } from './api/server.ts';
import { DEFAULT_SOCKET } from './api/types.ts';
import { VERSION } from './api/version.ts';
import type { LanConfig, RadioConfig } from './config/config.ts';
import { loadConfig, SEARCHED } from './config/load.ts';
import { LAN_PORT } from './config/schema.ts';
import { type Clock, every, SystemClock } from './core/clock.ts';
import { Counters } from './core/counters.ts';
import { messageOf, PersonError } from './core/errors.ts';
import type { Log } from './core/log.ts';
import { type Random, SystemRandom } from './core/random.ts';
import { SEED_LENGTH } from './crypto/signatures.ts';
import { type Db, StorageFailed } from './db/db.ts';
import { openDatabase } from './db/open.ts';
import { loadOrCreateSecret } from './db/secret-file.ts';
import { claimStateDirectory } from './db/state-directory.ts';
import { LanMedium } from './link/lan/lan-medium.ts';
import { nodeNet } from './link/lan/sockets.ts';
import { allowanceStore } from './link/lora/allowance-store.ts';
import { LoraMedium } from './link/lora/lora-medium.ts';
import { airtimeOn, loraProfile } from './node/lora-profile.ts';
import { startNode } from './node/node.ts';
import { brotli } from './platform/brotli.ts';

const STORAGE_LOOK_MS = 5000;

const DEFAULT_STATE = '/var/lib/nexus';

/** sysexits.h where it has a name for it; systemd/nexusd.service starts again after all but usage and configuration. */
const EXIT = { ok: 0, failed: 1, usage: 2, config: 78 } as const;

const HELP = `nexusd: the daemon of a NEXUS relay box

usage: nexusd [--config FILE] [--state DIR] [--socket PATH]
  --config FILE   configuration (else the first that exists of ${SEARCHED.join(', ')})
  --state DIR     where keys and messages are kept (${DEFAULT_STATE})
  --socket PATH   where the command nexus finds it (${DEFAULT_SOCKET})
  --help, --version

It logs JSON lines to standard error; "ready" is the line of a started box. SIGTERM and SIGINT stop it in order.
Exit codes: ${EXIT.ok} stopped, ${EXIT.failed} failed, ${EXIT.usage} the command line is wrong, ${EXIT.config} the configuration is wrong.
`;

interface Arguments {
  readonly config: string | undefined;
  readonly state: string;
  readonly socket: string;
}

/** What was opened, in the order in which it is closed. */
type Closing = (() => Promise<unknown>)[];

async function main(): Promise<void> {
  const given = readArguments();
  if (typeof given === 'string') {
    process.stdout.write(given);
    return;
  }
  const closing: Closing = [];
  const stopAsked = signalled();
  try {
    const { log, db } = await start(given, closing);
    log.info({ signal: await Promise.race([stopAsked, storageFailure(db)]) }, 'stopping');
  } finally {
    for (const close of closing) await close();
  }
}

/** Starts everything; resolves when it is ready. */
async function start(given: Arguments, closing: Closing): Promise<{ log: Log; db: Db }> {
  const { config, file } = await loadConfig(given.config, airtimeOn);
  // written at once: a crash takes no line with it
  const stderr = pino.destination({ dest: 2, sync: true }) as DestinationStream;
  const log = pino({ level: config.logLevel, base: null, timestamp: stdTimeFunctions.isoTime }, stderr);
  const random = new SystemRandom();
  const counters = new Counters();

  const state = await claimStateDirectory(given.state);
  closing.unshift(() => state.release());
  const db = await openDatabase(state.path, {
    durability: { kind: 'disk' },
    reserveBytes: config.store.reserveBytes,
  });
  closing.unshift(() => db.close());
  const seed = loadOrCreateSecret(join(state.path, 'seed'), SEED_LENGTH, () => random.bytes(SEED_LENGTH));

  const common = { random, counters, log };
  const radio = config.radio && (await startRadio(config.radio, db, common, closing));
  const clock = radio?.clock ?? new SystemClock();
  const lan = config.lan && (await startLan(config.lan, { ...common, clock }, closing));
  const node = await startNode({
    ...{ db, seed, clock, random, counters, log, radio, lan },
    version: VERSION,
    name: config.name,
    media: [lan, radio?.medium].filter((m) => m !== undefined),
    ttlDays: config.ttlDays,
    mailboxes: config.mailboxes,
    maxStoreBytes: config.store.maxBytes,
    codec: brotli,
  });
  seed.fill(0);
  closing.unshift(() => node.stop());
  const api = await serveApi(node, given.socket);
  closing.unshift(() => api.close());
  const { nodeId } = node.identity();
  const board = radio?.board ?? 'none';
  log.info(
    { version: VERSION, nodeId, board, config: file, socket: given.socket, state: state.path },
    'ready',
  );
  return { log, db };
}

interface Common {
  readonly random: Random;
  readonly counters: Counters;
  readonly log: Log;
}

/** The transceiver and its medium, as the node wants them, and the clock they share with everything else. */
async function startRadio(config: RadioConfig, db: Db, common: Common, closing: Closing) {
  const { random, counters, log } = common;
  const { hardware, clock, board } = await openRadio(config, random, log);
  const radio = new Sx127x(hardware, clock, counters, log);
  const profile = loraProfile(config);
  const parts = { clock, random: random.fork('medium'), counters, log };
  const medium = await LoraMedium.open(radio, profile, allowanceStore(db), parts);
  closing.unshift(() => medium.stop());
  const { region, settings } = profile;
  return { medium, events: radio.onEvent, board, region: region.name, settings, clock };
}

async function startLan(
  { port, peers, multicast }: LanConfig,
  common: Common & { readonly clock: Clock },
  closing: Closing,
): Promise<LanMedium> {
  const listen = port === undefined ? undefined : { host: '', port };
  const random = common.random.fork('lan');
  const lan = await LanMedium.open(
    { listen, peers, multicast },
    { ...common, random, net: nodeNet(LAN_PORT) },
  );
  closing.unshift(() => lan.stop());
  return lan;
}

interface OpenedRadio {
  readonly hardware: RadioHardware;
  /** The clock of everything that shares time with the radio. */
  readonly clock: Clock;
  readonly board: string;
}

async function openRadio(config: RadioConfig, random: Random, log: Log): Promise<OpenedRadio> {
  const board = config.board === 'detect' ? await detected() : boardNamed(config.board);
  if (!board) throw new Error('a configuration with an unknown board was let through');
  if (board.kind === 'hat')
    return { hardware: await openRadioHardware(board.radio), clock: new SystemClock(), board: board.name };
  const { air, name } = config.sim;
  const hub = new HubClient(air, random);
  const { clock } = hub;
  hub.onConnection.on(({ connected }) => log.info({ air, connected }, 'simulated air'));
  const chip = new SimSx1276({ clock, random, air: hub, name });
  return { hardware: chip.hardware, clock, board: board.name };
}

/** The board that the HAT's EEPROM names, where it names exactly one. */
async function detected(): Promise<Hat> {
  const machine = await detectMachine();
  const [board, ...others] = machine ? suggestBoards(machine) : [];
  if (board && others.length === 0) return board;
  const names = (board ? [board, ...others] : BOARDS).map((b) => b.name).join(', ');
  const found = machine?.hat
    ? `The HAT calls itself "${machine.hat.product}", which does not say how its radio is wired`
    : 'No HAT that says what it is was found';
  throw new PersonError(
    'config',
    `${found}: set board in [radio] of the configuration to one of ${names}, or to none for a node without radio.`,
  );
}

/** The first signal that asks to stop. A second one ends the process at once. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => resolve(signal));
  });
}

/** Rejects once a write has failed: the database takes nothing more in this process, and a new one may find the disk mended. */
function storageFailure(db: Db): Promise<never> {
  return new Promise((_resolve, reject) => {
    every(new SystemClock(), STORAGE_LOOK_MS, () => {
      if (db.failed) reject(db.failed);
    });
  });
}

/** What the command line gives, or the text it asks for. */
function readArguments(): Arguments | string {
  const options = {
    config: { type: 'string' },
    state: { type: 'string', default: DEFAULT_STATE },
    socket: { type: 'string', default: DEFAULT_SOCKET },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  } as const;
  try {
    const { help, version, config, state, socket } = parseArgs({ options }).values;
    if (help) return HELP;
    if (version) return `${VERSION}\n`;
    return { config, state, socket };
  } catch (e) {
    const [sentence = ''] = messageOf(e).split('. ');
    throw new PersonError('usage', `${sentence}; see nexusd --help.`);
  }
}

main().then(
  // whatever else still has a timer, everything that must end has ended
  () => process.exit(EXIT.ok),
  (e: unknown) => {
    const told = e instanceof PersonError || e instanceof StorageFailed;
    process.stderr.write(`nexusd: ${told || !(e instanceof Error) ? messageOf(e) : e.stack}\n`);
    const code = e instanceof PersonError ? e.code : undefined;
    process.exit(code === 'usage' ? EXIT.usage : code === 'config' ? EXIT.config : EXIT.failed);
  },
);
