/** The sentence of each reason why something was not delivered. */
import { LinkFailed } from './link.ts';

const FAILURES: Record<LinkFailed['reason'], string> = {
  'no-key': 'no valid key of this node is known',
  'no-answer': 'the neighbour does not answer',
  'queue-full': 'too much waits already',
  law: 'the allowance on the air is used up for now',
  'over-budget': 'as much as routing may owe was spent on handshakes',
  disk: 'the disk takes no more handshakes',
  radio: 'the radio does not send',
  unconnected: 'there is no connection to the neighbour',
  stopped: 'the link was stopped',
  forgotten: 'the neighbour does not expect this transfer any more',
};

export function failed(reason: LinkFailed['reason']): LinkFailed {
  return new LinkFailed(reason, FAILURES[reason]);
}
