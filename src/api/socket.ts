/** The socket file: who may open it, and what to do with one that is already there. */
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { PersonError } from '../core/errors.ts';

/** sun_path of unix(7) holds 108 bytes, the last of them zero. */
const LONGEST_PATH = 107;

/** rw for owner and group, nothing for others: whoever opens the socket reads mail and sends in this box's name. */
const UMASK = 0o117;

/**
 * Listens on `path`. A file left behind by a daemon that was killed is replaced. Rejects with `PersonError`
 * `socket` where a live daemon listens there, or the path cannot be used.
 */
export async function listenOn(server: Server, path: string): Promise<void> {
  if (new TextEncoder().encode(path).length > LONGEST_PATH)
    throw new PersonError('socket', `${path} is too long for a socket; give one of at most 107 bytes.`);
  try {
    await bind(server, path);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw await explained(e, path);
    await removeLeftOver(path);
    await bind(server, path).catch(async (again: unknown) => {
      throw await explained(again, path);
    });
  }
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const before = process.umask(UMASK);
    try {
      // the file is made within this call, so the mask is in force for nothing else
      server.once('error', reject).listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

async function removeLeftOver(path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (file && !file.isSocket())
    throw new PersonError('socket', `${path} is not a socket; remove it or give another path.`);
  if (await answers(path))
    throw new PersonError('socket', `Another daemon listens at ${path}; stop it or give another --socket.`);
  await unlink(path).catch(async (e: NodeJS.ErrnoException) => {
    if (e.code !== 'ENOENT') throw await explained(e, path);
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.unref().once('connect', () => probe.destroy());
  });
}

async function explained(e: unknown, path: string): Promise<unknown> {
  const { code } = e as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOENT') return e;
  // bind(2)'s ENOENT reaches us as EACCES
  const parent = await lstat(dirname(path)).catch(() => undefined);
  const sentence = parent
    ? `${path} may not be made by this user; give another --socket.`
    : `The directory ${dirname(path)} is missing; make it or give another --socket.`;
  return new PersonError('socket', sentence, { cause: e });
}
