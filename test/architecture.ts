/** The table of rooms and what each may import, and the reader that holds the tree to it. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { posix } from 'node:path';

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Room {
  /** Other rooms it may import from; its own is always allowed. */
  readonly rooms: readonly string[];
  readonly packages?: readonly string[];
  /** May use `node:` modules, Buffer and process. */
  readonly platform?: true;
}

const LINK = ['core', 'crypto', 'db', 'identity', 'board', 'drivers/hal', 'drivers/sx127x', 'link'];
const MESSAGING = [...LINK, 'mesh', 'store', 'pub', 'messaging'];
const NODE = [...MESSAGING, 'link/lan', 'config', 'node'];

/** docs/architecture.md, "the rooms and who may enter them". The longest matching path decides. */
const ROOMS: Record<string, Room> = {
  'src/core': { rooms: [] },
  board: { rooms: ['core'], packages: [] },
  'board/detect': { rooms: ['core', 'board'], platform: true },
  'drivers/hal': { rooms: ['core'], packages: ['spi-device', 'onoff', 'i2c-bus'], platform: true },
  'drivers/sx127x': { rooms: ['core', 'drivers/hal'] },
  'drivers/sim': { rooms: ['core', 'drivers/hal'] },
  'drivers/sim/hub': { rooms: ['core', 'drivers/hal', 'drivers/sim'], platform: true },
  'src/config': { rooms: ['core', 'board'], packages: ['smol-toml', 'valibot'], platform: true },
  'src/crypto': { rooms: ['core'], packages: ['libsodium-wrappers-sumo', '@noble/hashes'] },
  'src/db': { rooms: ['core'], packages: ['lmdb', 'cbor-x', 'valibot'], platform: true },
  'src/identity': { rooms: ['core', 'crypto', 'db'], packages: ['@scure/base'] },
  'src/link': { rooms: LINK },
  'src/link/lan': { rooms: ['core', 'link'] },
  'src/link/lan/sockets': { rooms: ['core', 'link/lan'], platform: true },
  'src/mesh': { rooms: LINK },
  'src/store': { rooms: [...LINK, 'mesh'], packages: [] },
  'src/pub': { rooms: [...LINK, 'mesh', 'store'] },
  'src/messaging': { rooms: [...LINK, 'mesh', 'store', 'pub'] },
  'src/node': { rooms: NODE },
  'src/api': { rooms: NODE, platform: true },
  'src/cli': { rooms: ['core', 'api', 'config', 'board'], packages: ['qr'], platform: true },
  'src/platform': { rooms: ['core'], platform: true },
  'src/daemon.ts': {
    rooms: [
      ...NODE,
      ...['api', 'platform', 'board/detect', 'drivers/sim', 'drivers/sim/hub'],
      'link/lan/sockets',
    ],
    packages: ['pino'],
    platform: true,
  },
  test: { rooms: ['*'], packages: ['*'], platform: true },
};

/** Where the machine's clock and generator are read. */
const TIME = new Set(['src/core/clock.ts', 'drivers/sim/hub-clock.ts']);
const RANDOMNESS = new Set(['src/core/random.ts']);

/** Where the law is: nobody else puts a frame on the air but through it. */
const ON_AIR = 'src/link/lora/limiter.ts';
const AIR_USE = /(?<!#limiter)\.transmit\b/;

const CLOCK_USE =
  /\b(Date\.now\b|Date\(\)|new Date\s*(?!\s*\(\s*\S)|setTimeout\b|setInterval\b|setImmediate\b|performance\b|hrtime\b)/;
const RANDOM_USE =
  /\b(Math\.random\b|getRandomValues\b|randomUUID\b|randombytes_\w+|crypto_\w+(?<!_seed)_keypair\(|crypto_\w+_keygen\()/;
const PLATFORM_USE = /\b(Buffer|process|__dirname|__filename)\b/;
/** Registered wherever the module is loaded first. */
const HOOK = /^(before|after)(Each|All)\(/m;
const BUILTINS = new Set(builtinModules);

/** All TypeScript sources of the product and its tests. */
export function readTree(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  for (const top of ['src', 'drivers', 'board', 'test']) {
    for (const entry of readdirSync(`${root}/${top}`, { recursive: true, encoding: 'utf8' })) {
      const path = `${top}/${entry.replaceAll('\\', '/')}`;
      if (path.endsWith('.ts')) files.push({ path, text: readFileSync(`${root}/${path}`, 'utf8') });
    }
  }
  return files;
}

/** One sentence per file and broken rule. */
export function findViolations(files: readonly SourceFile[]): string[] {
  const hooks = files
    .filter(({ path, text }) => /^test\/(?!setup\.ts$).*(?<!\.test)\.ts$/.test(path) && HOOK.test(text))
    .map(({ path }) => `${path} is a helper with a hook, which one file has only: test/setup.ts`);
  return [...files.filter((f) => !f.path.startsWith('test/')).flatMap(violationsOf), ...hooks];
}

function violationsOf(file: SourceFile): string[] {
  const found: string[] = [];
  const key = roomOf(file.path);
  const room = key === undefined ? undefined : ROOMS[key];
  if (key === undefined || !room) return [`${file.path} is in no room of the table`];
  const code = withoutComments(file.text);
  for (const target of importsOf(code)) {
    const reason = forbidden(file.path, key, room, target);
    if (reason) found.push(`${file.path} imports ${target}: ${reason}`);
  }
  const bare = withoutStrings(code);
  if (!room.platform && PLATFORM_USE.test(bare))
    found.push(`${file.path} uses ${PLATFORM_USE.exec(bare)?.[0]}`);
  if (!TIME.has(file.path) && (CLOCK_USE.test(bare) || /node:timers/.test(code)))
    found.push(
      `${file.path} reads a clock by itself: ${(CLOCK_USE.exec(bare) ?? /node:timers/.exec(code))?.[0]}`,
    );
  if (!RANDOMNESS.has(file.path) && RANDOM_USE.test(bare))
    found.push(`${file.path} draws randomness by itself: ${RANDOM_USE.exec(bare)?.[0]}`);
  if (file.path.startsWith('src/') && file.path !== ON_AIR && AIR_USE.test(bare))
    found.push(`${file.path} transmits past the law (${ON_AIR})`);
  return found;
}

/** The longest key of the table that is the path or holds it; `x` also stands for `x.ts` and `x-*.ts`. */
function roomOf(path: string): string | undefined {
  const holds = (key: string) =>
    path === key || path.startsWith(`${key}/`) || path === `${key}.ts` || path.startsWith(`${key}-`);
  return Object.keys(ROOMS)
    .filter(holds)
    .sort((a, b) => b.length - a.length)[0];
}

/** `src/link` is called `link`. */
const nameOf = (key: string) => key.replace(/^src\//, '');

function forbidden(path: string, key: string, room: Room, target: string): string | undefined {
  if (target.startsWith('.')) {
    const to = roomOf(posix.join(posix.dirname(path), target));
    if (to === undefined) return 'no room';
    if (to === key || nameOf(to) === nameOf(key) || room.rooms.includes(nameOf(to))) return undefined;
    return `${nameOf(key)} may not import from ${nameOf(to)}`;
  }
  if (target.startsWith('node:') || BUILTINS.has(target)) {
    if (target.startsWith('node:timers') && room.platform) return undefined; // said once, as a clock
    if (target === 'node:crypto') return 'randomness and cryptography are handed in';
    return room.platform ? undefined : 'this room is platform-neutral';
  }
  const name = target.startsWith('@')
    ? target.split('/').slice(0, 2).join('/')
    : (target.split('/')[0] as string);
  return room.packages?.includes(name) ? undefined : `the package ${name} is not listed for ${nameOf(key)}`;
}

const IMPORTS = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\s*\(\s*)(['"`])([^'"`\n]+)\1/g;

/** Every specifier of static, type, dynamic and re-exporting imports. */
function importsOf(code: string): string[] {
  return [...code.matchAll(IMPORTS)].map((m) => m[2] as string);
}

function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_m, s) => s ?? ' ',
  );
}

/** Template substitutions stay: code may hide in them. */
function withoutStrings(code: string): string {
  return code.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, "''");
}
