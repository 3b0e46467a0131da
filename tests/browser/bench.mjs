// What tests/bench/web measures in the browser. Not a test: figures go to the harness.
import { readFileSync } from 'node:fs';
import { logIn } from './people.mjs';

const MIB = 1 << 20;

/** Loads of the list of tickets in a session that is there: milliseconds from the navigation to the painted rows. */
export async function list(visit) {
  const { admin } = await visit.ask('urls');
  const page = await visit.page();
  await logIn(visit, page);
  await page.getByRole('table').waitFor();
  // The frame after the one that has the rows: they are on the screen.
  await page.addInitScript(() => {
    new MutationObserver((_changes, observer) => {
      if (!document.querySelector('tbody tr')) return;
      observer.disconnect();
      requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); }));
    }).observe(document, { childList: true, subtree: true });
  });
  const times = [];
  let waits = [];
  for (let i = 0; i <= await visit.ask('loads'); i++) {
    await page.goto(`${admin}/tickets/`);
    await page.waitForFunction(() => window.painted > 0);
    if (i > 0) times.push(await page.evaluate(() => window.painted)); // the first fills the caches
    waits = await page.evaluate(() => performance.getEntries().filter((one) => one.responseEnd > 0)
      .map(({ name, startTime, responseEnd, decodedBodySize }) => [new URL(name).pathname, startTime, responseEnd, decodedBodySize]));
  }
  await visit.ask('listed', times, waits);
}

async function memoryOf(browser, page) {
  const cdp = await browser.newBrowserCDPSession();
  const heap = await page.context().newCDPSession(page);
  await heap.send('Performance.enable');
  const rss = (id) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))[1]) * 1024;
  return async () => {
    const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
    const { metrics } = await heap.send('Performance.getMetrics');
    const renderers = processInfo.filter((one) => one.type === 'renderer').map((one) => rss(one.id));
    return {
      heap: metrics.find((one) => one.name === 'JSHeapUsedSize').value / MIB,
      renderer: Math.max(...renderers) / MIB,
      browser: rss(processInfo.find((one) => one.type === 'browser').id) / MIB,
    };
  };
}

/** The page of a new ticket with its file input, and what to send there. */
async function uploadPage(visit) {
  const { gateway } = await visit.ask('urls');
  const { token } = await visit.ask('ticket');
  const { path, size, patience_ms: timeout } = await visit.ask('payload');
  const page = await visit.page();
  await page.goto(`${gateway}/u/#${token}`);
  return { page, input: page.locator('[data-pick=files]'), token, path, size, timeout };
}

/** One upload from the click to the receipt, its speed and how the memory grew meanwhile. */
export async function upload(visit) {
  const { page, input, path, size, timeout } = await uploadPage(visit);
  await input.setInputFiles(path);
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor();
  const memory = await memoryOf(visit.browser, page);
  const before = await memory();
  const most = { ...before };
  const watch = setInterval(async () => {
    const now = await memory().catch(() => before);
    for (const key of Object.keys(most)) most[key] = Math.max(most[key], now[key]);
  }, 250);
  const begun = performance.now();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('heading', { name: 'Received' }).first().waitFor({ timeout });
  const ms = performance.now() - begun;
  clearInterval(watch);
  await visit.ask('uploaded', { ms, size, before, most });
}

/** The same upload by one XMLHttpRequest, without the page's engine: what the browser itself can do. */
export async function bare(visit) {
  const { page, input, token, path, size, timeout } = await uploadPage(visit);
  await input.evaluate((element) => element.addEventListener('change', (event) => event.stopImmediatePropagation(), true));
  await input.setInputFiles(path);
  page.setDefaultTimeout(timeout);
  const ms = await input.evaluate(async (element, secret) => {
    const [file] = element.files;
    const begun = performance.now();
    const common = { 'Tus-Resumable': '1.0.0', 'Upload-Token': secret };
    const made = await fetch('/api/v1/uploads/', {
      method: 'POST', headers: { ...common, 'Upload-Length': String(file.size), 'Upload-Metadata': `filename ${btoa('bare.bin')}` },
    });
    if (made.status !== 201) throw new Error(`POST answered ${made.status} ${await made.text()}`);
    await new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('PATCH', made.headers.get('Location'));
      for (const [key, value] of Object.entries({ ...common, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' })) request.setRequestHeader(key, value);
      request.onload = () => (request.status === 204 ? resolve() : reject(new Error(`PATCH answered ${request.status}`)));
      request.onerror = () => reject(new Error('PATCH broke off'));
      request.send(file);
    });
    return performance.now() - begun;
  }, token);
  await visit.ask('sent_bare', { ms, size });
}
