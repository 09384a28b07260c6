/** What came for this box, read a page at a time as it is asked for: much of it would not fit into memory at once. */
import type { Inbox, InMessage } from '../messaging/inbox.ts';

/** A text may be 16 KB. */
const PAGE = 32;

/** What is behind place `after`, durable or not. */
export function* listed(inbox: Inbox, after: number): Generator<InMessage, void, undefined> {
  for (const { message } of placed(inbox, after)) yield message;
}

/** What is behind place `after`, then what comes, each once it is durable; ends when the signal aborts. */
export async function* listedAndOn(
  inbox: Inbox,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<InMessage, void, undefined> {
  let wake = () => {};
  const cancel = inbox.onArrived.on(() => wake());
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    let at = after;
    while (!signal.aborted) {
      // before anything is read, so that what comes meanwhile is not missed
      const more = new Promise<void>((resolve) => {
        wake = resolve;
      });
      for (const { message, n } of placed(inbox, at)) {
        if (n > inbox.newest) break;
        yield message;
        if (signal.aborted) return;
        at = n;
      }
      await more;
    }
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

function* placed(inbox: Inbox, after: number) {
  for (let at = after; ; ) {
    const page = inbox.page(at, PAGE);
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    at = last.n;
  }
}
