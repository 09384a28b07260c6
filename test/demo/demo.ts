/**
 * `make demo`: a message from A to B, which do not hear each other, through a relay between them; then one while B is
 * off, which the relay holds until B is back. Everything is the product itself, as separate processes: three `nexusd`
 * with the driver of the roof, and the `nexus` command. Only the radio chips and the air between them are simulated,
 * at their true speed.
 */
import type { NodeStatus } from '../../src/api/types.ts';
import { type Box, type Running, Town, until } from './processes.ts';

const say = (line = '') => process.stdout.write(`${line}\n`);

/** Runs a command at a box, shows it as a person would have typed it, and what it prints as it comes. */
async function at(box: Box, shown: string, args: readonly string[]): Promise<string> {
  say(`${box.name}$ nexus ${shown}`);
  const { code, stdout, stderr } = await box.nexus(args, (line) => say(`   ${line}`));
  if (code !== 0) throw new Error(`nexus ${args[0]} at box ${box.name} ended with ${code}: ${stderr.trim()}`);
  return stdout;
}

async function statusOf(box: Box): Promise<NodeStatus> {
  return JSON.parse((await box.nexus(['status', '--json'])).stdout) as NodeStatus;
}

async function channelOf(box: Box): Promise<string> {
  const { radio } = await statusOf(box);
  if (!radio) throw new Error(`box ${box.name} has no radio`);
  const { region, frequencyHz, bandwidthHz, spreadingFactor } = radio;
  return `${region}, ${frequencyHz / 1e6} MHz, ${bandwidthHz / 1e3} kHz, spreading factor ${spreadingFactor}`;
}

async function demonstrate(town: Town, message: string): Promise<void> {
  const began = process.hrtime.bigint();
  await town.startAir('--loss', '120', '--loss', 'A:B=300');
  const [a, relay, b] = [town.box('A'), town.box('relay'), town.box('B')];
  for (const box of [a, relay]) box.configure('spreading_factor = 7');
  await Promise.all([a.start(), relay.start()]);
  // whoever sets up B names the relay as the box that keeps its mail; without that B chooses one within a minute
  const [codeOfRelay = ''] = (await relay.nexus(['id'])).stdout.split('\n');
  b.configure(`spreading_factor = 7\n[messages]\nmailboxes = ["${codeOfRelay}"]`);
  const daemonOfB = await b.start();
  say(
    'Three boxes are up: A and B, which do not hear each other, and a relay that hears both, with 120 dB of path',
  );
  say(
    `loss to either (some kilometres from roof to roof). None of them knows of any other yet. Their radios are`,
  );
  say(`simulated SX1276 chips at true speed: ${await channelOf(a)}.`);
  say();
  const [codeOfB = ''] = (await at(b, 'id', ['id'])).split('\n');
  say();
  await at(a, `contact add B ${codeOfB.slice(0, 12)}…`, ['contact', 'add', 'B', codeOfB]);
  say();
  await at(a, `send B ${JSON.stringify(message)} --wait`, ['send', 'B', '--wait', '--', message]);
  say();
  const read = await at(b, 'inbox', ['inbox']);
  const there = (await b.nexus(['inbox', '--json'])).stdout;
  if (JSON.parse(there).text !== message) throw new Error(`B read something else:\n${read}`);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  say();
  await at(a, 'neighbours', ['neighbours']);
  say();
  await at(a, 'routes', ['routes']);
  say();
  say(
    `Delivered over the relay, end to end encrypted; ${seconds.toFixed(1)} s from starting the boxes to here.`,
  );
  say('(B shows the sender by contact code: it has not given A a name.)');
  say();
  await whileAway(a, relay, b, daemonOfB);
  const all = Number(process.hrtime.bigint() - began) / 1e9;
  say();
  say(`${all.toFixed(1)} s from starting the boxes to here.`);
}

/** A message to B while that is off: held by the relay, delivered when B is back. */
async function whileAway(a: Box, relay: Box, b: Box, daemonOfB: Running): Promise<void> {
  await until(async () => (await statusOf(b)).mailboxes.some((m) => m.registered), 'a mailbox for B', 180);
  say('The relay is the mailbox of B. Now B is switched off, and A writes again.');
  await daemonOfB.stop();
  say();
  const text = 'Read this when you are back';
  say(`A$ nexus send B ${JSON.stringify(text)} --wait`);
  const sending = a.begin(['send', 'B', '--wait', '--', text], (line) => say(`   ${line}`));
  sending.process.stdin?.end();
  await sending.wrote(/in custody/);
  const { objects } = (await statusOf(relay)).store;
  if (objects !== 1) throw new Error(`the relay holds ${objects} objects`);
  say('relay$ nexus status');
  const status = (await relay.nexus(['status'])).stdout.split('\n');
  for (const line of status.filter((l) => l.startsWith('store'))) say(`   ${line}`);
  say();
  say('B is switched on again.');
  await b.start();
  const { code } = await sending.ended;
  if (code !== 0) throw new Error(`the message was not delivered: exit code ${code}`);
  say();
  const read = await at(b, 'inbox', ['inbox']);
  if (!read.includes(text)) throw new Error(`B read something else:\n${read}`);
}

const town = new Town();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    interrupted = true;
    void town.end();
  });

try {
  await demonstrate(town, process.argv[2] || 'Hello from the roof');
} catch (e) {
  process.exitCode = 1;
  if (!interrupted) process.stderr.write(`demo: ${e instanceof Error ? e.message : String(e)}\n`);
} finally {
  await town.end();
}
