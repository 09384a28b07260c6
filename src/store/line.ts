/**
 * What is held for one recipient waits in two lines: that of strangers apart, so that it is in nobody's way, however
 * much of it there is.
 */
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';

const STRANGERS = ' strangers';

/** The name of the line in which an object waits. */
export function lineOf({
  recipient,
  stranger,
}: {
  readonly recipient: NodeId;
  readonly stranger: boolean;
}): string {
  return nodeIdKey(recipient) + (stranger ? STRANGERS : '');
}

/** Both lines to a recipient (NodeId in hex). */
export function linesTo(recipient: string): readonly [string, string] {
  return [recipient, recipient + STRANGERS];
}

/** NodeId in hex. */
export function recipientOf(line: string): string {
  return line.replace(STRANGERS, '');
}
