/**
 * The one direction of imports (docs/architecture.md), the platform-neutral rooms, and time and randomness only
 * by hand-over. Each rule is also shown a planted violation: a check that cannot fail is a defect.
 */
import { describe, expect, test } from 'vitest';
import { findViolations, readTree, type SourceFile } from './architecture.ts';

const root = new URL('..', import.meta.url).pathname;

describe('the tree', () => {
  const files = readTree(root);

  test('is really being read', () => {
    expect(files.length).toBeGreaterThan(40);
    const imports = files.reduce(
      (n, f) => n + (f.text.match(/^\s*(import|export)\b.*from/gm) ?? []).length,
      0,
    );
    expect(imports).toBeGreaterThan(100);
  });

  test('keeps the one direction, platform neutrality, and handed-in time and randomness, and the law below everything', () => {
    expect(findViolations(files)).toEqual([]);
  });
});

describe('the check can fail', () => {
  const planted = (path: string, text: string) => findViolations([{ path, text } satisfies SourceFile]);

  test.each([
    ['an import from a lower room', 'src/link/x.ts', "import { a } from '../store/a.ts';"],
    ['a re-export from a lower room', 'src/crypto/x.ts', "export * from '../messaging/a.ts';"],
    ['a type import from a lower room', 'src/mesh/x.ts', "import type { A } from '../node/a.ts';"],
    ['an import over several lines', 'src/db/x.ts', "import {\n  a,\n} from '../link/a.ts';"],
    ['a dynamic import', 'src/store/x.ts', "const a = await import('../api/server.ts');"],
    ['an import inside a type', 'src/core/x.ts', "type A = import('../db/db.ts').Db;"],
    ['a driver that knows of NEXUS', 'drivers/sx127x/x.ts', "import { a } from '../../src/link/frame.ts';"],
    ['a product file that imports a test', 'src/link/x.ts', "import { a } from '../../test/simulation.ts';"],
    [
      'a cryptographic library outside crypto',
      'src/link/x.ts',
      "import sodium from 'libsodium-wrappers-sumo';",
    ],
    ['a package nobody listed', 'src/core/x.ts', "import x from 'left-pad';"],
    ['node: in a neutral room', 'src/messaging/x.ts', "import { readFileSync } from 'node:fs';"],
    ['a bare node builtin', 'src/messaging/x.ts', "import { readFileSync } from 'fs';"],
    ['Buffer in a neutral room', 'src/store/x.ts', 'const b = Buffer.from([1]);'],
    ['process in a neutral room', 'src/node/x.ts', 'const e = process.env;'],
    ['a clock outside core', 'src/link/x.ts', 'const t = Date.now();'],
    ['new Date outside core', 'src/cli/x.ts', 'const t = new Date();'],
    ['a timer outside core', 'src/api/x.ts', 'setTimeout(f, 1);'],
    ['performance outside core', 'drivers/sim/x.ts', 'const t = performance.now();'],
    ['hrtime outside core', 'src/api/x.ts', 'const t = process.hrtime.bigint();'],
    ['node:timers outside core', 'src/api/x.ts', "import { setTimeout } from 'node:timers/promises';"],
    ['Math.random', 'drivers/sim/x.ts', 'const r = Math.random();'],
    ['getRandomValues outside core', 'src/link/x.ts', 'crypto.getRandomValues(a);'],
    ['node randomness', 'src/api/x.ts', "import { randomBytes } from 'node:crypto';"],
    ["libsodium's own randomness", 'src/crypto/x.ts', 'sodium.randombytes_buf(32);'],
    ["libsodium's unseeded key pairs", 'src/crypto/x.ts', 'sodium.crypto_box_keypair();'],
    ['a transmission past the law', 'src/link/lora/x.ts', 'await this.#radio.transmit(frame);'],
    ['a transmission handed on past the law', 'src/daemon.ts', 'const send = radio.transmit;'],
    ['a hook that a helper registers', 'test/db/x.ts', 'const a = 1;\nafterEach(() => a);'],
  ])('%s', (_what, path, text) => {
    expect(planted(path, text)).toHaveLength(1);
  });

  test('and lets pass what is allowed, and what only a comment or a string says', () => {
    expect(
      planted(
        'src/link/x.ts',
        "import { a } from '../core/bytes.ts';\n// Date.now() is banned\nconst s = 'Math.random()';",
      ),
    ).toEqual([]);
  });
});
