/** What people write, in exactly so many bytes. */
import { SeededRandom } from '../../src/core/random.ts';

const ENGLISH =
  'The relay on the north roof is up again since this morning. The storm had turned the antenna by a good ' +
  'ten degrees and one of the brackets was loose, so we took it down, cleaned the connector and put it back ' +
  'with new clamps. Signal to the school is much better than before, and even the farm behind the hill answers ' +
  'now and then. If you come by on Saturday, please bring the long ladder and the grey box with the spare ' +
  'fuses; the old ones have turned green. We should also look at the battery, it does not hold through the ' +
  'night any more when the sky has been grey for a week. The woman from the bakery asked whether her brother could ' +
  'get a box as well, he lives at the end of the valley where no telephone works. I told her that two more ' +
  'roofs between here and there would do, and that the mayor might let us use the fire station. Let me know ' +
  'what you think, and whether the children liked the radio kit. The soup is on the stove until eight, so do ' +
  'not hurry. Greetings from the roof, and take care on the road, there is ice in the shade of the wood.';

/** The first `n` bytes of a plain English letter. */
export function english(n: number): string {
  if (n > ENGLISH.length) throw new RangeError(`the letter has ${ENGLISH.length} bytes`);
  return ENGLISH.slice(0, n);
}

/** `n` printable bytes that hardly compress (6.5 bits each). */
export function noise(n: number): string {
  const random = new SeededRandom('noise');
  return Array.from(random.bytes(n), (b) => String.fromCharCode(33 + (b % 94))).join('');
}
