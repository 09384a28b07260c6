/**
 * Every key of the configuration file: what it may be, what it is by default, what it is for. The reader, the
 * reference in docs/config.md and the sentences about wrong values all follow from this one table.
 */
import * as v from 'valibot';

/** kHz. The chip has six narrower ones, for which a crystal without temperature compensation drifts too far. */
const BANDWIDTHS_KHZ = [62.5, 125, 250, 500] as const;

const CODING_RATES = ['4/5', '4/6', '4/7', '4/8'] as const;

/** TCP of connections; UDP of the beacons by which boxes find each other, whatever their TCP port is. */
export const LAN_PORT = 27182;

/** `host`, `host:port`, `[v6]` or `[v6]:port`. */
const PEER =
  /^(?:[^\s:[\]]{1,253}|\[[0-9A-Fa-f:.%\w]{2,64}\])(?::(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?$/;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** What a key may be, in words that continue "give …"; and what holds without it, where no fixed value does. */
export interface KeyNotes {
  readonly right: string;
  readonly without?: string;
}

/** A key that the file may leave out; `fallback` is its value then. */
function key<const S extends v.GenericSchema, const D extends v.InferOutput<S>>(
  schema: S,
  fallback: D,
  right: string,
  about: string,
) {
  return v.optional(v.pipe(schema, v.description(about), v.metadata({ right } satisfies KeyNotes)), fallback);
}

/** A key whose value, where the file leaves it out, follows from others: `without` says how. */
function derived<const S extends v.GenericSchema>(schema: S, without: string, right: string, about: string) {
  return v.optional(v.pipe(schema, v.description(about), v.metadata({ right, without } satisfies KeyNotes)));
}

/** A table, and the keys it may have; left out, every key has its default. */
function table<const E extends v.ObjectEntries>(entries: E) {
  return v.optional(v.strictObject(entries), {} as v.InferInput<v.StrictObjectSchema<E, undefined>>);
}

const number = (least: number, most: number) =>
  v.pipe(v.number(), v.finite(), v.minValue(least), v.maxValue(most));
const whole = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const text = (most: number) => v.pipe(v.string(), v.maxLength(most), v.regex(/^\P{Cc}*$/u));
const path = v.pipe(v.string(), v.regex(/^\/\P{Cc}+$/u));

export const schema = v.strictObject({
  node: table({
    name: key(
      text(32),
      '',
      'at most 32 characters in quotes',
      'What this box is called in its own status. It is never sent.',
    ),
  }),
  radio: table({
    board: key(
      text(64),
      'detect',
      '"detect", "none", "sim" or the name of a board profile, in quotes',
      "The LoRa board: `detect` reads the HAT's EEPROM, `none` is a node on the LAN only, `sim` joins a simulated air, otherwise the name of a profile.",
    ),
    region: key(
      text(16),
      'EU868',
      'the name of a region in quotes, such as "EU868"',
      'Whose law holds where the box stands: it limits frequency, power and airtime.',
    ),
    frequency_mhz: derived(
      number(137, 1020),
      "the region's",
      'a number of MHz within the region, such as 869.525',
      'Centre of the channel. All boxes that are to hear each other need the same.',
    ),
    bandwidth_khz: derived(
      v.picklist(BANDWIDTHS_KHZ),
      "the region's",
      BANDWIDTHS_KHZ.join(', ').replace(/, (?=[^,]*$)/, ' or '),
      'Width of the channel. The same on all boxes. US915 allows no less than 500.',
    ),
    spreading_factor: derived(
      whole(7, 12),
      "the region's",
      'a whole number from 7 to 12',
      'Each step up reaches further and takes about twice the airtime. The same on all boxes.',
    ),
    coding_rate: key(
      v.picklist(CODING_RATES),
      '4/5',
      '"4/5", "4/6", "4/7" or "4/8"',
      'Error correction: 4/8 survives more interference and takes 60 % more airtime than 4/5.',
    ),
    power_dbm: derived(
      whole(2, 20),
      'the most that is lawful, at most 17',
      'a whole number from 2 to 20',
      "Power at the chip's pin. 18 to 20 is specified for 1 % duty only.",
    ),
    antenna_gain_dbi: key(
      number(-20, 30),
      2.15,
      'a number from -20 to 30',
      'Gain of the antenna less the loss of its cable, against an isotropic one. Counts for the law. A dipole has 2.15.',
    ),
    sim: table({
      air: key(
        path,
        '/run/nexus/air.sock',
        'an absolute path in quotes',
        'Socket of the simulated air; only for board `sim`.',
      ),
      name: key(
        v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/)),
        'box',
        '1 to 64 letters, digits, "_", "." or "-" in quotes',
        'What this box is called in the simulated air; only for board `sim`. Each box needs its own.',
      ),
    }),
  }),
  lan: table({
    enabled: key(
      v.boolean(),
      true,
      'true or false',
      'Whether this box speaks to others on the local network, beside its radio or instead of it.',
    ),
    port: key(
      whole(0, 65_535),
      LAN_PORT,
      'a port number from 1 to 65535, or 0 for none',
      'Where other boxes reach this one, by TCP. With 0 it dials, but cannot be dialled.',
    ),
    peers: key(
      v.pipe(v.array(v.pipe(v.string(), v.regex(PEER))), v.maxLength(16)),
      [],
      'at most 16 of "host", "host:port" or "[IPv6 address]:port", as in ["relay.example:27182"]',
      'Boxes to dial that multicast does not find, for instance behind a router.',
    ),
    multicast: key(
      v.boolean(),
      true,
      'true or false',
      'Whether boxes on the same network find each other by themselves.',
    ),
  }),
  store: table({
    reserve_mb: key(
      whole(16, 1_000_000),
      64,
      'a whole number of megabytes from 16',
      'Nothing more is taken in when the disk has less than this free.',
    ),
    max_mb: key(
      whole(16, 1_000_000),
      1024,
      'a whole number of megabytes from 16',
      'At most this is kept for oneself and others.',
    ),
  }),
  messages: table({
    ttl_days: key(
      number(1 / 24, 30),
      7,
      'a number of days from 0.042 (one hour) to 30',
      'A message that was not delivered after this time expires.',
    ),
    mailboxes: key(
      v.pipe(
        v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(512), v.regex(/^\P{Cc}*$/u))),
        v.maxLength(2),
      ),
      [],
      'at most 2 names of contacts or contact codes, as in ["roof"]',
      'Neighbours that are to keep messages for this box while it is off. With none it chooses them itself.',
    ),
  }),
  log: table({
    level: key(
      v.picklist(LOG_LEVELS),
      'info',
      '"debug", "info", "warn" or "error"',
      'How much is written to the log.',
    ),
  }),
});

/** What the file says, with defaults where it is silent. */
export type FileConfig = v.InferOutput<typeof schema>;

/** One key as the reference shows it. */
export interface Key {
  /** Dotted, as in `radio.sim.air`. */
  readonly path: string;
  readonly about: string;
  readonly right: string;
  /** The default as it would be written in the file, or undefined where it follows from others. */
  readonly fallback: string | undefined;
  /** How it follows from others. */
  readonly without: string | undefined;
}

/** All keys, in the order of the schema. */
export const KEYS: readonly Key[] = keysOf(schema, '');

function keysOf(object: { readonly entries: v.ObjectEntries }, prefix: string): Key[] {
  return Object.entries(object.entries).flatMap(([name, entry]) => {
    const path = prefix + name;
    const { wrapped, default: fallback } = entry as v.OptionalSchema<v.GenericSchema, unknown>;
    if ('entries' in wrapped) return keysOf(wrapped as unknown as typeof object, `${path}.`);
    const notes = v.getMetadata(wrapped as v.GenericSchema) as unknown as KeyNotes;
    return {
      path,
      about: v.getDescription(wrapped as v.GenericSchema) ?? '',
      right: notes.right,
      fallback: fallback === undefined ? undefined : JSON.stringify(fallback),
      without: notes.without,
    };
  });
}
