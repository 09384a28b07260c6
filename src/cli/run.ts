/** One run of `nexus`, from its words to its exit code. */
import { ApiClient } from '../api/client.ts';
import { DEFAULT_SOCKET } from '../api/types.ts';
import { VERSION } from '../api/version.ts';
import { PersonError } from '../core/errors.ts';
import { parseCommandLine } from './arguments.ts';
import { type Command, EXIT, type Terminal, UsageError } from './command.ts';
import { configCheck } from './commands/config-check.ts';
import { contactAdd, contactList, contactRemove } from './commands/contact.ts';
import { id } from './commands/id.ts';
import { inbox, inboxRemove } from './commands/inbox.ts';
import { neighbours } from './commands/neighbours.ts';
import { outbox } from './commands/outbox.ts';
import { pub } from './commands/pub.ts';
import { routes } from './commands/routes.ts';
import { send } from './commands/send.ts';
import { status } from './commands/status.ts';
import { store } from './commands/store.ts';
import { sub } from './commands/sub.ts';
import { help } from './help.ts';
import { printableLines } from './printable.ts';

/** All of them, in the order of `--help`. */
export const COMMANDS: readonly Command[] = [
  id,
  contactAdd,
  contactList,
  contactRemove,
  send,
  inbox,
  inboxRemove,
  outbox,
  pub,
  sub,
  neighbours,
  routes,
  store,
  status,
  configCheck,
];

const EXIT_OF_CODE: Readonly<Record<string, number>> = {
  unreachable: EXIT.unreachable,
  forbidden: EXIT.unreachable,
  'cut-off': EXIT.cutOff,
};

/** Carries out the command line and gives the exit code; rejects only for defects. */
export async function run(
  argv: readonly string[],
  environmentSocket: string | undefined,
  terminal: Terminal & { err(line: string): void },
): Promise<number> {
  try {
    const parsed = parseCommandLine(argv, COMMANDS);
    if (parsed.ask === 'version') {
      terminal.out(VERSION);
      return EXIT.ok;
    }
    if (parsed.ask === 'help') {
      for (const line of help(parsed.about)) terminal.out(line);
      return EXIT.ok;
    }
    const client = new ApiClient(parsed.socket ?? (environmentSocket || DEFAULT_SOCKET));
    const { values, flags } = parsed;
    return await parsed.command.run({ ...terminal, client, values, flag: (name) => flags.has(name) });
  } catch (e) {
    if (!(e instanceof PersonError || e instanceof UsageError)) throw e;
    for (const line of printableLines(e.message)) terminal.err(line);
    return e instanceof UsageError ? EXIT.usage : (EXIT_OF_CODE[e.code] ?? EXIT.failed);
  }
}
