// The customer's page against a real gateway: from the link to the receipt, and everything that goes wrong on the way.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { until, validateHtml } from './visit.mjs';

async function open(visit, fields, options) {
  const { gateway } = await visit.ask('urls');
  const ticket = await visit.ask('ticket', fields);
  const page = await visit.page(options);
  await page.goto(`${gateway}/u/#${ticket.token}`);
  await page.locator('dl').first().waitFor();
  return { page, ticket, gateway };
}

async function archives(visit, ticket) {
  return (await visit.ask('api', 'GET', `/api/v1/archives/?ticket=${ticket.number}`)).body;
}

async function choose(page, paths) {
  await page.locator('[data-pick=files]').setInputFiles(paths);
}

async function sendAndGetReceipt(page) {
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('heading', { name: 'Received', exact: false }).first().waitFor();
  return page.locator('.sha256').innerText();
}

/** All that the page has put into the browser's storage, as text; of files' contents their names and sizes. */
async function kept(page) {
  return page.evaluate(async () => {
    const answer = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const found = [{ ...localStorage }, { ...sessionStorage }];
    for (const { name } of await indexedDB.databases()) {
      const db = await answer(indexedDB.open(name));
      for (const store of db.objectStoreNames) found.push(await answer(db.transaction(store).objectStore(store).getAll()));
      db.close();
    }
    return JSON.stringify(found);
  });
}

export async function one_file_from_link_to_receipt(visit) {
  const { page, ticket } = await open(visit, { attempts: 3 });
  const file = await visit.ask('file', 'logs.tar.gz', 300000);
  assert.match(await page.locator('dl').first().innerText(), new RegExp(`${ticket.number}[^]*Android[^]*3 uploads left`));
  assert.equal((await page.context().cookies()).length, 0);
  await choose(page, file.path);
  await visit.inspect(page, 'upload chosen');
  await until(async () => (await kept(page)).includes('logs.tar.gz'), 'the browser to keep what a reload needs');
  assert.equal(await sendAndGetReceipt(page), file.sha256);
  await until(async () => !(await kept(page)).includes('logs.tar.gz'), 'the browser to forget what has arrived');
  const [archive] = await archives(visit, ticket);
  assert.deepEqual([archive.name, archive.size, archive.sha256], ['logs.tar.gz', file.size, file.sha256]);
  await page.getByText('2 uploads left').waitFor();
  await visit.inspect(page, 'upload received');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy the receipt' }).click();
  await page.getByText('Copied', { exact: true }).waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(file.sha256));
  assert.equal((await page.context().cookies()).length, 0);
}

export async function the_link_works_in_every_shape(visit) {
  const { gateway } = await visit.ask('urls');
  const { token } = await visit.ask('ticket');
  const page = await visit.page();
  for (const address of [`/u/${token}`, `/u/${token}/`, `/archives/upload/?token=${token}`]) {
    await page.goto(gateway + address);
    await page.getByText('uploads left').first().waitFor();
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).hash, `/u/#${token}`, address);
  }
  await page.goto(`${gateway}/archives/upload/`);
  await visit.inspect(page, 'upload token form');
  for (const [typed, words] of [['nonsense', 'does not look like'], [token.slice(0, -3), '33 of 36 characters'], [`${token}0`, '37 characters instead of 36']]) {
    await page.getByLabel('Upload token').fill(typed);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText(words).waitFor();
  }
  visit.expect(/status of 404/);
  for (const cut of [`/u/#${token.slice(0, 20)}`, `/u/${token.slice(0, 20)}`]) {
    await page.goto('about:blank');
    await page.goto(gateway + cut);
    await page.getByText('20 of 36 characters').waitFor();
    assert.equal(await page.getByLabel('Upload token').inputValue(), token.slice(0, 20));
  }
  await visit.inspect(page, 'upload cut link');
  await page.getByLabel('Upload token').fill(`  ${token.toUpperCase()} `);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('uploads left').first().waitFor();
}

export async function several_files_are_one_tar(visit) {
  const { page, ticket } = await open(visit, { attempts: 2 });
  const files = [
    await visit.ask('file', 'many/one.log', 1000),
    await visit.ask('file', 'many/журнал.log', 70000),
    await visit.ask('file', `many/${'n'.repeat(150)}.txt`, 512),
  ];
  const namesake = await visit.ask('file', 'elsewhere/One.log', 30);
  await choose(page, [...files, namesake].map((file) => file.path));
  await page.getByText('4 files in logs-').waitFor();
  const spare = await visit.ask('file', 'many/not-this.log', 44);
  await choose(page, [...files, namesake, spare].map((file) => file.path));
  await page.getByText('5 files in logs-').waitFor();
  await visit.inspect(page, 'upload several chosen');
  await page.getByRole('button', { name: 'Remove not-this.log' }).click();
  await page.getByText('4 files in logs-').waitFor();
  await sendAndGetReceipt(page);
  const [archive] = await archives(visit, ticket);
  assert.match(archive.name, /^logs-[0-9a-f]{8}\.tar$/);
  const unpacked = await visit.ask('unpack', archive.id);
  const named = files.map((file) => [file.path.split('/').pop(), file.sha256]);
  assert.deepEqual(unpacked, Object.fromEntries([...named, ['One (2).log', namesake.sha256]]));
  await page.getByText('1 upload left').waitFor();
}

export async function a_folder_keeps_its_paths(visit) {
  const { page, ticket } = await open(visit, { attempts: 1 });
  const first = await visit.ask('file', 'bundle/deep/er/a.log', 10);
  const second = await visit.ask('file', 'bundle/b.log', 20);
  await page.locator('[data-pick=folder]').setInputFiles(first.path.replace('/deep/er/a.log', ''));
  await sendAndGetReceipt(page);
  const [archive] = await archives(visit, ticket);
  assert.match(archive.name, /^bundle-[0-9a-f]{8}\.tar$/);
  assert.deepEqual(await visit.ask('unpack', archive.id), { 'bundle/deep/er/a.log': first.sha256, 'bundle/b.log': second.sha256 });
  await page.getByText('Everything that this link allows has been sent').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Send another file' }).count(), 0);
  await page.reload();
  await page.getByText('Everything that this link allows has been sent').waitFor();
  await page.getByText(archive.sha256).waitFor();
  await visit.inspect(page, 'upload all sent');
}

export async function dropping_works(visit) {
  const { page, ticket } = await open(visit);
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped on the page'], 'dropped.log'));
    return transfer;
  });
  await page.locator('section.card').dispatchEvent('drop', { dataTransfer: data });
  await sendAndGetReceipt(page);
  assert.equal((await archives(visit, ticket))[0].name, 'dropped.log');
}

/** As a file manager drops them. */
async function drop(page, paths) {
  const line = await page.context().newCDPSession(page);
  const { x, y, width, height } = await page.locator('section.card').boundingBox();
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'])
    await line.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data });
}

export async function folders_are_dropped_whole_or_said_to_be_empty(visit) {
  const { page, ticket } = await open(visit);
  const file = await visit.ask('file', 'dropped/sub/a.log', 1000);
  await visit.ask('directory', 'dropped/none');
  const folder = file.path.replace(/\/sub\/.*/, '');
  await drop(page, [`${folder}/none`]);
  await page.getByText('There is nothing in it').waitFor();
  await visit.inspect(page, 'upload empty folder');
  await drop(page, [folder]);
  await page.getByText(/^dropped-[0-9a-f]{8}\.tar$/).first().waitFor();
  await sendAndGetReceipt(page);
  const [archive] = await archives(visit, ticket);
  assert.deepEqual(await visit.ask('unpack', archive.id), { 'dropped/sub/a.log': file.sha256 });
}

export async function goes_on_after_the_gateway_was_killed(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket } = await open(visit);
  const file = await visit.ask('file', 'big.bin', 120_000_000);
  await choose(page, file.path);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await until(() => page.locator('progress').evaluate((bar) => bar.value > bar.max / 10 && bar.value < bar.max), 'the middle of the upload');
  await visit.ask('kill_gateway');
  await page.getByText('goes on by itself').waitFor();
  await visit.inspect(page, 'upload without connection');
  await visit.ask('start_gateway');
  await page.getByRole('heading', { name: 'Received' }).first().waitFor({ timeout: 90000 });
  assert.equal(await page.locator('.sha256').innerText(), file.sha256);
  const [archive] = await archives(visit, ticket);
  assert.equal(archive.sha256, file.sha256);
  assert.equal((await archives(visit, ticket)).length, 1);
}

export async function pauses_and_goes_on_after_a_reload(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket } = await open(visit);
  const file = await visit.ask('file', 'reload.bin', 100_000_000);
  await choose(page, file.path);
  await sendAndPause(page);
  await page.getByText('Paused').waitFor();
  await visit.inspect(page, 'upload paused');
  await page.reload();
  await page.getByText('An upload was interrupted: reload.bin').waitFor();
  await visit.inspect(page, 'upload interrupted');
  let offset = 0;
  page.on('request', (request) => {
    if (request.method() === 'PATCH' && offset === 0) offset = Number(request.headers()['upload-offset']);
  });
  await choose(page, file.path);
  assert.equal(await sendAndGetReceipt(page), file.sha256);
  assert.ok(offset > 0, `went on at ${offset}`);
  assert.equal((await archives(visit, ticket)).length, 1);
}

export async function a_small_file_survives_a_reload(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket } = await open(visit);
  const file = await visit.ask('file', 'small.bin', 20_000_000);
  await choose(page, file.path);
  // Only once the browser has kept its copy can a reload find it.
  await until(() => page.evaluate(async () => {
    const names = (await indexedDB.databases()).map((db) => db.name);
    const count = (name, store) => new Promise((resolve) => {
      const open = indexedDB.open(name);
      open.onsuccess = () => {
        const db = open.result;
        if (!db.objectStoreNames.contains(store)) { db.close(); resolve(0); return; }
        const request = db.transaction(store).objectStore(store).count();
        request.onsuccess = () => { db.close(); resolve(request.result); };
      };
      open.onerror = () => resolve(0);
    });
    return names.includes('uppy-blobs') && (await count('uppy-blobs', 'files')) > 0;
  }), 'the copy in the browser');
  await visit.ask('kill_gateway');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByText('goes on by itself').waitFor();
  await visit.ask('start_gateway');
  await page.reload();
  // By itself: nothing is clicked.
  await page.getByRole('heading', { name: 'Received' }).first().waitFor({ timeout: 60000 });
  assert.equal((await archives(visit, ticket))[0].sha256, file.sha256);
}

/** From now on until a reload, what the page writes into the browser's storage is lost. */
async function forgetful(page, methods) {
  await page.evaluate((names) => {
    for (const name of names) IDBObjectStore.prototype[name] = () => { throw new DOMException('lost', 'QuotaExceededError'); };
  }, methods);
}

/** Holds back what is answered to a PATCH: gives its status once it is there. */
async function unheard(page) {
  const line = await page.context().newCDPSession(page);
  await line.send('Fetch.enable', { patterns: [{ urlPattern: '*/api/v1/uploads/*', requestStage: 'Response' }] });
  return new Promise((resolve) => {
    line.on('Fetch.requestPaused', ({ request, requestId, responseStatusCode }) => {
      if (request.method === 'PATCH') resolve(responseStatusCode);
      else void line.send('Fetch.continueRequest', { requestId });
    });
  });
}

/** Reloaded at every moment from the last byte on, with all that the browser may have of it by then. */
export async function a_reload_asks_for_nothing_that_arrived(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket, gateway } = await open(visit, { attempts: 3 });
  await page.addInitScript(() => {
    const look = () => { window.asked ||= /was interrupted/.test(document.querySelector('main')?.textContent ?? ''); };
    new MutationObserver(look).observe(document, { childList: true, characterData: true, subtree: true });
  });
  const sending = async (name) => {
    const file = await visit.ask('file', name, 3000);
    await choose(page, file.path);
    await until(async () => (await kept(page)).includes(name), 'the browser to keep what a reload needs');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    return file;
  };
  const received = () => page.getByRole('heading', { name: '✓ Received' }).waitFor(); // not those of before
  const forgotten = async (file, name) => {
    await page.getByText(file.sha256).first().waitFor();
    await until(async () => !(await kept(page)).includes(name), 'the browser to forget what has arrived');
    assert.equal(await page.evaluate(() => window.asked), false, name);
  };

  for (const [name, lost] of [['record-late.log', ['put']], ['all-late.log', ['put', 'delete']]]) {
    await page.route(`${gateway}/api/v1/uploads/*`, async (route) => {
      await forgetful(page, lost);
      await route.continue();
    });
    const file = await sending(name);
    await received();
    await page.unrouteAll();
    await page.reload();
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    await forgotten(file, name);
  }

  // The gateway has it all, the browser no copy, and the page never heard the answer.
  await forgetful(page, ['add']);
  const answer = unheard(page);
  const file = await sending('unheard.log');
  assert.equal(await answer, 204);
  await page.route(`${gateway}/u/${ticket.token}`, (route) => route.abort(), { times: 1 });
  await page.reload();
  await page.getByRole('alert').getByText('does not answer').waitFor();
  await page.getByRole('button', { name: 'Try again' }).click();
  await received();
  await forgotten(file, 'unheard.log');
  assert.equal((await archives(visit, ticket)).length, 3);
}

export async function refusals_say_what_to_do(visit) {
  visit.expect(/status of 4\d\d/);
  const { gateway } = await visit.ask('urls');
  const page = await visit.page();
  const say = async (token, words, what) => {
    await page.goto('about:blank');
    await page.goto(`${gateway}/u/#${token}`);
    await page.getByRole('alert').getByText(words).waitFor();
    await visit.inspect(page, what);
  };
  await say('1b4e28ba-2fa1-41d2-883f-0016d3cca427', 'not known', 'upload unknown token');
  await say((await visit.ask('ticket', { resolved: true })).token, 'already resolved', 'upload resolved');
  await say((await visit.ask('ticket', { attempts: 0 })).token, 'allows no uploads any more', 'upload spent');
  await say((await visit.ask('ticket', { expires_at: '2026-01-02T03:04:00Z' })).token, /was valid until 2 Jan 2026/, 'upload expired');
  assert.equal(await page.getByText('uploads left').count(), 0);
  assert.equal(await page.locator('#token').count(), 0);
  const ticket = await visit.ask('ticket', { max_bytes: 9000 });
  const file = await visit.ask('file', 'large.bin', 5000);
  await page.goto('about:blank');
  await page.goto(`${gateway}/u/#${ticket.token}`);
  await page.getByText('may have up to 9 kB').waitFor();
  await choose(page, file.path);
  await visit.ask('api', 'PATCH', `/api/v1/tickets/${ticket.number}/`, { max_bytes: 1000 });
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('alert').getByText('too large: at most 1 kB').waitFor();
  await page.getByText('may have up to 1 kB').waitFor();
  await choose(page, (await visit.ask('file', 'empty.bin', 0)).path);
  await page.getByRole('alert').getByText('nothing in it').waitFor();
  await choose(page, file.path);
  await page.getByRole('alert').getByText('too large: at most 1 kB').waitFor();
  assert.equal(await page.getByRole('button', { name: /Send|Try again/ }).count(), 0);
  await taken_by_another(visit);
  await rotated_while_sending(visit);
  await deleted_while_sending(visit);
}

/** Sets how many bytes a second a page may send; -1: as many as it can. */
async function sendingRate(page) {
  const line = await page.context().newCDPSession(page);
  await line.send('Network.enable');
  return (uploadThroughput) => line.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
}

/** Sends what was chosen as far as its twentieth part, and pauses. */
async function sendAndPause(page, bytesPerSecond = 10_000_000) {
  const rate = await sendingRate(page);
  await rate(bytesPerSecond); // else it may be over before anybody looks
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await until(() => page.locator('progress').evaluate((bar) => bar.value > bar.max / 20), 'the upload to begin');
  const broken = page.waitForEvent('requestfailed'); // else it goes on at full speed until the browser has heard of the end
  await page.getByRole('button', { name: 'Pause' }).click();
  await broken;
  await rate(-1);
}

/** What is under way arrives; only what comes later needs the new token. */
async function rotated_while_sending(visit) {
  const { page, ticket } = await open(visit);
  const file = await visit.ask('file', 'rotated.bin', 2_000_000);
  const rate = await sendingRate(page);
  await rate(50_000);
  await choose(page, file.path);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await until(() => page.locator('progress').evaluate((bar) => bar.value > 0), 'the upload to begin');
  await visit.ask('api', 'POST', `/api/v1/tickets/${ticket.number}/rotate-token/`);
  const looked = page.waitForResponse((answer) => answer.url().endsWith(`/u/${ticket.token}`));
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  assert.equal((await looked).ok(), false);
  await page.getByText('uploads left').waitFor({ state: 'detached' });
  assert.equal(await page.locator('progress').count(), 1);
  assert.equal(await page.getByRole('alert').count(), 0);
  await rate(-1);
  await page.getByRole('heading', { name: 'Received' }).first().waitFor();
  assert.equal(await page.locator('.sha256').innerText(), file.sha256);
  await page.getByRole('alert').getByText('not known').waitFor();
}

async function deleted_while_sending(visit) {
  const { page, ticket } = await open(visit);
  const rate = await sendingRate(page);
  await rate(50_000);
  await choose(page, (await visit.ask('file', 'unwanted.bin', 2_000_000)).path);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await until(() => page.locator('progress').evaluate((bar) => bar.value > 0), 'the upload to begin');
  await visit.ask('api', 'DELETE', `/api/v1/tickets/${ticket.number}/`);
  await rate(-1);
  await page.getByRole('alert').getByText('unwanted.bin was not sent. The ticket was deleted while you were sending.').waitFor();
  await visit.inspect(page, 'upload ticket deleted');
}

/** The one attempt goes to somebody else between choosing and sending. */
async function taken_by_another(visit) {
  const { page, ticket } = await open(visit, { attempts: 1 });
  const file = await visit.ask('file', 'late.log', 500);
  await choose(page, file.path);
  await page.getByText('1 upload left').waitFor();
  await visit.ask('put', ticket.token, 'other.log', 10);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('alert').getByText('allows no uploads any more').waitFor();
  await page.getByText('late.log was not sent.').waitFor();
  await page.getByText('other.log').waitFor();
  assert.equal(await page.getByText('1 upload left').count(), 0);
  assert.equal(await page.getByRole('button', { name: /Try again|Choose|Send/ }).count(), 0);
  await visit.inspect(page, 'upload taken by another');
  await visit.ask('api', 'PATCH', `/api/v1/tickets/${ticket.number}/`, { attempts: 1 });
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Received' }).first().waitFor();
  assert.equal(await page.locator('.sha256').innerText(), file.sha256);
}

/** Logs grow while they are sent: no line is gone then. */
export async function a_file_that_changed_on_the_disk_is_named(visit) {
  visit.expect(/ERR_/);
  const { page, ticket } = await open(visit);
  const paths = [];
  for (const name of ['live/still.log', 'live/growing\u202e.log']) paths.push((await visit.ask('file', name, 2000)).path);
  await choose(page, paths);
  appendFileSync(paths[1], 'one more line');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('alert').getByText('growing⟨202E⟩.log cannot be read any more').waitFor();
  assert.equal(await page.getByRole('button', { name: /Try again|Send/ }).count(), 0);
  await choose(page, paths);
  await sendAndGetReceipt(page);
  assert.equal((await archives(visit, ticket)).length, 1);
}

/** An unfinished upload holds the ticket's last one: what its customer gives up must let go of it. */
export async function what_is_given_up_makes_room(visit) {
  visit.expect(/ERR_|status of 423/);
  const { page, ticket } = await open(visit, { attempts: 1 });
  const wrong = await visit.ask('file', 'wrong.bin', 500_000);
  const interrupt = async () => {
    await choose(page, wrong.path);
    await sendAndPause(page, 50_000);
    await page.reload();
    await page.getByText('An upload was interrupted: wrong.bin').waitFor();
  };
  const sendRight = async (name) => {
    const right = await visit.ask('file', name, 500);
    await choose(page, right.path);
    assert.equal(await sendAndGetReceipt(page), right.sha256);
  };
  await interrupt();
  await page.getByRole('button', { name: 'Forget it' }).press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.textContent === 'Choose files'), 'the focus on what is next');
  await sendRight('right.log');
  await visit.ask('api', 'PATCH', `/api/v1/tickets/${ticket.number}/`, { attempts: 1 });
  await page.reload();
  await interrupt();
  await sendRight('as right.log');
  assert.equal((await archives(visit, ticket)).length, 2);
}

export async function the_clock_of_the_customer_may_be_wrong(visit) {
  const { gateway } = await visit.ask('urls');
  const { token } = await visit.ask('ticket', { expires_at: new Date(Date.now() + 90 * 60_000).toISOString() });
  for (const days of [-3, 3]) {
    const page = await visit.page();
    await page.clock.setFixedTime(Date.now() + days * 86_400_000);
    await page.goto(`${gateway}/u/#${token}`);
    await page.getByText('(in 1 hour)').waitFor();
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
  }
}

export async function names_that_mean_harm(visit) {
  await visit.ask('api', 'POST', '/api/v1/platforms/', { name: 'harm', pretty_name: '<b>Desk</b>\u202etop' });
  const { page, ticket } = await open(visit, { platform: 'harm' });
  await page.getByText('<b>Desk</b>⟨202E⟩top', { exact: true }).waitFor();
  const name = '"><img src=x onerror=document.title=1>\u202egpj.exe';
  await page.locator('[data-pick=files]').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from('x') });
  await page.getByText('⟨202E⟩').first().waitFor();
  await sendAndGetReceipt(page);
  assert.match(await page.locator('.d-receipt').innerText(), /Your file\s+"><img[^]*Kept as\s+img_srcx_onerror/);
  assert.notEqual(await page.title(), '1');
  assert.equal((await archives(visit, ticket)).length, 1);
}

export async function russian_and_a_phone(visit) {
  const { page } = await open(visit, { attempts: 3 }, { locale: 'ru-RU', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await page.getByText('осталось 3 загрузки').waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await visit.inspect(page, 'upload phone Russian');
  await page.locator('#language').selectOption('en');
  await page.getByText('3 uploads left').waitFor();
}

export async function by_keyboard_alone(visit) {
  const { page, ticket } = await open(visit);
  const choosing = page.waitForEvent('filechooser'); // early: the browser is told to hand the dialog over
  for (let i = 0; i < 10; i++) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement?.textContent)) === 'Choose files') break;
  }
  await page.keyboard.press('Enter');
  const chooser = await choosing;
  await chooser.setFiles((await visit.ask('file', 'keys.log', 100)).path);
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor();
  await until(() => page.evaluate(() => document.activeElement?.textContent === 'Send'), 'the focus on the next step');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Received' }).first().waitFor();
  assert.equal((await archives(visit, ticket)).length, 1);
}

export async function without_javascript(visit) {
  visit.expect(/status of 40[04]/);
  const { gateway } = await visit.ask('urls');
  const ticket = await visit.ask('ticket', { attempts: 2, expires_at: '2100-01-02T03:04:00Z' });
  const page = await visit.page({ javaScriptEnabled: false, colorScheme: 'dark' });
  const file = await visit.ask('file', 'plain.log', 5000);
  await page.goto(`${gateway}/u/#${ticket.token}`);
  assert.match(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), /rgb\((\d\d), /, 'dark');
  await page.getByLabel('Upload token').fill(ticket.token.slice(0, 30));
  await page.getByRole('button', { name: 'Continue' }).click();
  assert.match(await page.locator('#plain-bad').innerText(), /30 of 36 characters/); // in noscript, where getByText does not look
  assert.equal(await page.getByLabel('Upload token').inputValue(), ticket.token.slice(0, 30));
  await page.getByLabel('Upload token').fill(`${gateway}/u/#${ticket.token}`);
  await page.getByRole('button', { name: 'Continue' }).click();
  assert.equal(new URL(page.url()).pathname, `/u/${ticket.token}`);
  assert.match(await page.locator('dl').innerText(), new RegExp(`${ticket.number}[^]*Android[^]*Uploads left\\s*2[^]*2100-01-02 03:04 UTC`));
  validateHtml(await page.content(), 'upload plain ticket');
  await page.locator('#plain-file').setInputFiles(file.path);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('heading', { name: 'Received' }).waitFor();
  for (let i = 0; i < 2; i++) {
    await page.getByText(file.sha256).waitFor();
    assert.match(await page.locator('main').innerText(), /plain\.log[^]*5000[^]*Uploads left\s*1/);
    await page.reload();
  }
  assert.deepEqual((await archives(visit, ticket)).map((archive) => archive.sha256), [file.sha256]);
  await page.getByRole('link', { name: 'Send another file' }).click();
  await page.getByRole('heading', { name: 'Received so far' }).waitFor();
  await page.locator('#plain-file').setInputFiles((await visit.ask('file', 'empty.log', 0)).path);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('heading', { name: 'Not received' }).waitFor();
  await page.getByText('is empty').waitFor();
  assert.equal((await archives(visit, ticket)).length, 1);
}

/** What the plain form ends on, in a browser that can be asked about it. */
export async function the_ends_of_a_plain_form(visit) {
  visit.expect(/status of 4\d\d/);
  const { gateway } = await visit.ask('urls');
  const send = async (token, name, heading, what, options) => {
    const page = await visit.page(options);
    await page.goto(`${gateway}/u/`);
    await page.evaluate(([to, called]) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action: `/u/${to}`, enctype: 'multipart/form-data' });
      const input = Object.assign(document.createElement('input'), { type: 'file', name: 'file' });
      const files = new DataTransfer();
      files.items.add(new File(['content'], called));
      input.files = files.files;
      form.append(input);
      document.body.append(form);
      form.submit();
    }, [token, name]);
    await page.getByRole('heading', { name: heading, exact: false }).waitFor();
    // The Russian pages are the English ones in other words: axe has seen them.
    if (options) validateHtml(await page.content(), what);
    else await visit.inspect(page, what);
    return page;
  };
  const ticket = await visit.ask('ticket');
  const page = await send(ticket.token, "<b>&'quoted'.log", /✓ Received/, 'upload plain form received');
  assert.equal(await page.locator('b').count(), 0);
  await send('1b4e28ba-2fa1-41d2-883f-0016d3cca427', 'a.log', /^Not received/, 'upload plain form refused');
  await send(ticket.token, 'журнал.log', /✓ Получено/, 'upload plain form received Russian', { locale: 'ru-RU' });
  const russian = await send('1b4e28ba-2fa1-41d2-883f-0016d3cca427', 'a.log', /^Не получено/, 'upload plain form refused Russian', { locale: 'ru-RU' });
  await russian.getByText('Такой код загрузки неизвестен.').waitFor();
}

export async function names_that_are_hard_to_read(visit) {
  const { page, ticket } = await open(visit, { attempts: 7 });
  const give = (name, content = 'x') => page.locator('[data-pick=files]').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(content) });
  await give('ноль\u200bширина\u2066.log');
  await page.getByText('⟨200B⟩').first().waitFor();
  await page.getByText('⟨2066⟩').first().waitFor();
  await sendAndGetReceipt(page);
  await page.getByRole('button', { name: 'Send another file' }).click();
  await give(`${'n'.repeat(200)}.log`);
  await page.getByText('nnnnn').first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await sendAndGetReceipt(page);
  await visit.inspect(page, 'upload long name');
  await page.getByRole('button', { name: 'Send another file' }).click();
  const signs = ['n', 'я', '\u{1D49C}'];
  for (const sign of signs) {
    await give(`${sign.repeat(1000)}.log`, 'longer');
    await page.getByText('is too long to be kept whole').waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    await sendAndGetReceipt(page);
    await page.getByRole('button', { name: 'Send another file' }).click();
  }
  await page.getByRole('button', { name: 'Choose files' }).waitFor();
  await give(`${'я'.repeat(1000)}.log`, 'longer');
  await page.getByText('has arrived already').waitFor();
  for (const name of ['..', '🎉']) {
    await give(name);
    await page.getByRole('alert').getByText('cannot be sent under this name').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Send', exact: true }).count(), 0);
  }
  const [script, cyrillic, latin] = (await archives(visit, ticket)).map((archive) => archive.name);
  assert.deepEqual([cyrillic, script], [`${'я'.repeat(96)}.log`, `${signs[2].repeat(62)}.log`]);
  assert.match(latin, /^n{88}_\w{7}\.log$/, 'the name is taken by the one before');
}

export async function console_line(visit) {
  const { page, ticket, gateway } = await open(visit);
  await page.getByText('From the command line').click();
  await page.getByText(`curl -T logs.tar.gz ${gateway}/u/${ticket.token}/`).waitFor();
  await visit.inspect(page, 'upload console lines');
}

export async function another_link_in_the_tab_that_sends(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket } = await open(visit);
  const next = await visit.ask('ticket', { attempts: 3 });
  const file = await visit.ask('file', 'here.bin', 100_000_000);
  const goTo = ({ token }) => page.evaluate((hash) => { location.hash = hash; }, token);
  const asked = [];
  await choose(page, file.path);
  const rate = await sendingRate(page);
  await rate(10_000_000);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await until(() => page.locator('progress').evaluate((bar) => bar.value > bar.max / 20), 'the upload to begin');
  page.once('dialog', (dialog) => { asked.push(dialog.message()); void dialog.dismiss(); });
  await goTo(next);
  await until(() => asked.length === 1 && new URL(page.url()).hash === `#${ticket.token}`, 'the link to stay');
  assert.match(asked[0], /An upload is under way/);
  assert.ok(await page.getByRole('button', { name: 'Pause' }).isVisible());
  page.once('dialog', (dialog) => void dialog.accept());
  await goTo(next);
  await page.getByText('3 uploads left').waitFor();
  await rate(-1);
  await goTo(ticket);
  await page.getByText('An upload was interrupted: here.bin').waitFor();
  await choose(page, file.path);
  assert.equal(await sendAndGetReceipt(page), file.sha256);
  assert.equal((await archives(visit, ticket)).length, 1);
}

export async function two_tabs_do_not_fight(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket, gateway } = await open(visit);
  const file = await visit.ask('file', 'tabs.bin', 100_000_000);
  const other = await page.context().newPage();
  await other.goto(`${gateway}/u/#${ticket.token}`);
  for (const tab of [page, other]) await choose(tab, file.path);
  await page.bringToFront();
  await sendAndPause(page);
  await other.bringToFront();
  await other.getByRole('button', { name: 'Send', exact: true }).click();
  await other.getByText('Another tab of this browser').waitFor();
  await visit.inspect(other, 'upload in another tab');
  await page.bringToFront();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Received' }).first().waitFor({ timeout: 60000 });
  await other.bringToFront();
  await other.getByRole('button', { name: /^Send/ }).waitFor();
  assert.equal(await other.getByRole('button', { name: /^Send/ }).innerText(), 'Send it again', 'asked before it is offered');
  await other.getByText('has arrived already: tabs.bin').waitFor();
  await other.getByText('4 uploads left').waitFor();
  assert.equal((await archives(visit, ticket)).length, 1);
}

export async function two_tabs_send_the_same_file(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const { page, ticket, gateway } = await open(visit);
  const other = await page.context().newPage();
  await other.goto(`${gateway}/u/#${ticket.token}`);
  const file = await visit.ask('file', 'same.bin', 100_000_000);
  for (const tab of [page, other]) await choose(tab, file.path);
  await page.bringToFront();
  await sendAndPause(page);
  await other.bringToFront();
  await other.getByRole('button', { name: 'Send', exact: true }).click();
  await other.getByText('Another tab of this browser').waitFor();
  await page.close({ runBeforeUnload: false });
  await other.getByText('An upload was interrupted: same.bin').waitFor();
  await other.getByRole('button', { name: 'Go on', exact: true }).click();
  const third = await other.context().newPage();
  await third.goto(`${gateway}/u/#${ticket.token}`);
  await other.bringToFront();
  await other.getByRole('heading', { name: 'Received' }).first().waitFor();
  assert.equal(await other.locator('.sha256').innerText(), file.sha256);
  await third.bringToFront();
  await third.getByRole('button', { name: 'Choose files' }).waitFor();
  await choose(third, file.path);
  await third.getByText('A file of this name and size has arrived already: same.bin').waitFor();
  await third.getByRole('button', { name: 'Send it again' }).waitFor();
  await visit.inspect(third, 'upload sent before');
  const kept = () => third.evaluate(() => JSON.stringify({ ...localStorage }));
  await third.getByRole('button', { name: 'Remove' }).click();
  await until(async () => !(await kept()).includes('same.bin'), 'the name to be forgotten');
  assert.equal((await archives(visit, ticket)).length, 1);
  assert.equal((await visit.ask('api', 'GET', `/api/v1/tickets/${ticket.number}/`)).body.attempts, 4);
}

export async function the_page_itself_is_valid(visit) {
  const { gateway } = await visit.ask('urls');
  const { token } = await visit.ask('ticket');
  for (const path of ['/', '/u/', '/archives/upload/', '/archives/upload/?token=x', `/u/${token}`]) {
    validateHtml(await (await fetch(gateway + path, { headers: { Accept: 'text/html' } })).text(), path);
  }
}
