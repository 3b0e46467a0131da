// Runs scenarios for pytest over stdin and stdout, one JSON object a line: {"run": name} comes, {"done": true} or
// {"error": text} goes; in between a scenario may ask the harness ({"ask": …, "args": …} → {"answer": …}).
// usage: node driver.mjs FILE.mjs
import { mkdirSync, statfsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { Visit } from './visit.mjs';

const ARGS = [
  '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--no-proxy-server',
];
const SHARED_LEAST = 512 << 20;

/** Chromium hands everything from process to process by shared memory: on a disk where /dev/shm is small, as in containers. */
function sharedMemory() {
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize < SHARED_LEAST ? ['--disable-dev-shm-usage'] : [];
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function receive() {
  const { value, done } = await lines.next();
  if (done) return null;
  return JSON.parse(value);
}

function send(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** Asks the harness for something it alone can do: tickets, codes, the death of a service. */
async function ask(what, ...args) {
  send({ ask: what, args });
  const { answer, error } = await receive();
  if (error) throw new Error(`${what}: ${error}`);
  return answer;
}

const scenarios = await import(pathToFileURL(resolve(process.argv[2])).href);
const shots = process.env.LC_SCREENSHOTS ?? 'screenshots';
mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.LC_CHROMIUM ?? '/usr/bin/chromium', args: [...ARGS, ...sharedMemory()] });
send({ ready: true });
for (let order = await receive(); order !== null; order = await receive()) {
  const visit = new Visit(browser, ask, shots);
  try {
    await scenarios[order.run](visit);
    visit.assertQuiet();
    send({ done: true });
  } catch (error) {
    const where = await visit.picture(`failed-${order.run}`).catch(() => '');
    send({ error: `${error.stack ?? error}\n${visit.log.slice(-20).join('\n')}\n${where}` });
  } finally {
    await visit.close();
  }
}
await browser.close();
