/** Who was away while somebody was asked for is asked when it is back: docs/protocol/mesh.md, "Solicit". */
import { afterEach, test } from 'vitest';
import { SF7, World } from '../world.ts';
import { MINUTE, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

test('mail for somebody whom only a box that is off can reach goes on its way as soon as that box is back', async () => {
  world = new World({ apart: true, seed: 'asked again', settings: { ...SF7, spreadingFactor: 9 } });
  const [sender, near, far, gate] = await world.boxes('sender', 'near', 'far', 'gate');
  const recipient = world.box('recipient');
  world.join(sender, near);
  world.join(near, far);
  world.join(far, gate);
  world.join(gate, recipient);
  await world.sim.run(20 * MINUTE);
  gate.pullThePlug();
  await world.settle(recipient.start());
  // nobody has heard of the recipient, and the next solicit after that of two minutes comes after an hour
  await world.settle(sender.node.send(recipient.contact, 'Through the gate'));
  await world.sim.run(25 * MINUTE);
  await world.settle(gate.start());
  await world.sim.until(() => textsOf(recipient).length === 1, 5 * MINUTE, 'the message');
});
