// Platforms, web hooks, accounts, users and the audit log in the panel: what is set up once. A part of panel.mjs.
import assert from 'node:assert/strict';
import { inside } from './people.mjs';
import { until } from './visit.mjs';

export async function platforms(visit) {
  visit.expect(/status of 400/);
  const page = await inside(visit, '/platforms/');
  const stays = [];
  page.on('dialog', (dialog) => void (stays.shift() ? dialog.dismiss() : dialog.accept()));
  await page.getByRole('heading', { name: 'Platforms' }).waitFor();
  await visit.inspect(page, 'panel platforms');
  await page.getByRole('link', { name: 'New platform' }).click();
  await page.getByLabel('Short name').fill('not a slug');
  await page.getByLabel('Name shown').fill('Desktop');
  const path = () => page.evaluate(() => location.pathname);
  for (const leave of [() => page.getByRole('link', { name: 'Cancel' }).click(), () => page.evaluate(() => history.back())]) {
    stays.push(true);
    await leave();
    await until(async () => stays.length === 0 && (await path()) === '/platforms/create/', 'the form to be left only if that is meant');
    assert.equal(await page.getByLabel('Name shown').inputValue(), 'Desktop');
  }
  await page.getByLabel('Largest archive', { exact: true }).fill('1.5');
  await page.getByLabel('Unit: Largest archive').selectOption('megabytes');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.locator('#name-error').waitFor();
  await visit.inspect(page, 'panel platform errors');
  await page.getByLabel('Short name').fill('desktop');
  await page.getByLabel('Name shown').fill('Desk\u202etop');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('cell', { name: '1.5 MB' }).waitFor();
  await page.getByRole('cell', { name: 'Desk⟨202E⟩top', exact: true }).waitFor();
  await page.getByRole('link', { name: 'desktop', exact: true }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('link', { name: 'desktop', exact: true }).waitFor({ state: 'detached' });
}

export async function how_long_a_platform_keeps_its_archives(visit) {
  visit.expect(/status of 400/);
  await visit.ask('api', 'POST', '/api/v1/platforms/', { name: 'keeper', pretty_name: 'Keeper' });
  const kept = async () => {
    const { retention_all, retention_resolved } = (await visit.ask('api', 'GET', '/api/v1/platforms/keeper/')).body;
    return [retention_all, retention_resolved];
  };
  const page = await inside(visit, '/platforms/update/keeper/');
  const asked = [];
  page.on('dialog', (dialog) => { asked.push(dialog.message()); void dialog.accept(); });
  const arrival = page.getByLabel('From their arrival', { exact: true });
  await arrival.fill('1e3');
  await page.getByLabel('Once their ticket is resolved', { exact: true }).fill('4000');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#retention_all-error').getByText('Enter a number').waitFor();
  await page.locator('#retention_resolved-error').getByText('Ten years at most.').waitFor();
  await visit.inspect(page, 'panel platform retention');
  await arrival.fill('90');
  await page.getByLabel('Once their ticket is resolved', { exact: true }).fill('1,5');
  await page.getByLabel('Unit: Once their ticket is resolved').selectOption('seconds');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#retention_resolved-error').getByText('Enter a whole number.').waitFor();
  await page.getByLabel('Unit: Once their ticket is resolved').selectOption('hours');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: '90 days from arrival; 90 minutes once resolved' }).waitFor();
  assert.deepEqual(await kept(), [7776000, 5400]);
  assert.match(asked.at(-1), /Keeper|keeper.*deleted for good/i);
  await page.getByRole('link', { name: 'keeper', exact: true }).click();
  assert.equal(await arrival.inputValue(), '90');
  await visit.ask('api', 'PATCH', '/api/v1/platforms/keeper/', { retention_resolved: 7200 });
  await page.getByLabel('Name shown').fill('The keeper');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'The keeper', exact: true }).waitFor();
  assert.deepEqual(await kept(), [7776000, 7200], 'what another has changed stays so');
  await visit.ask('api', 'PATCH', '/api/v1/platforms/keeper/', { retention_resolved: 5400, pretty_name: 'Keeper' });
  await page.getByRole('link', { name: 'keeper', exact: true }).click();
  assert.equal(await page.getByLabel('Unit: Once their ticket is resolved').locator('option:checked').innerText(), 'minutes');
  const before = asked.length;
  await arrival.fill('');
  await page.getByLabel('Once their ticket is resolved', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'no end once resolved' }).waitFor();
  assert.deepEqual(await kept(), [undefined, 0]);
  assert.equal(asked.length, before, 'nothing is deleted sooner: nothing is asked');
}

export async function web_hooks_of_a_platform(visit) {
  visit.expect(/status of 400/);
  await visit.ask('api', 'POST', '/api/v1/platforms/', { name: 'hooked', pretty_name: 'Hooked' });
  const [good, bad] = [await visit.ask('receiver_at', '/good', 204), await visit.ask('receiver_at', '/bad', 500)];
  const page = await inside(visit, '/platforms/update/hooked/');
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByText('Nobody is told yet.').waitFor();
  const add = () => page.getByRole('button', { name: 'Add the web hook' }).click();
  await page.getByLabel('Address').fill('ftp://example.com/');
  await page.getByLabel('Secret').fill('short');
  await page.getByLabel('an archive arrived').uncheck();
  await add();
  await page.locator('#hook-url-error').waitFor();
  await page.locator('#hook-secret-error').waitFor();
  await page.getByText('Choose at least one.').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'hook-url');
  await visit.inspect(page, 'panel web hook errors');
  await page.getByLabel('Address').fill(good);
  await page.getByLabel('Secret').fill('');
  await page.getByLabel('a ticket was resolved').check();
  await add();
  const secret = (await page.locator('.made').innerText()).trim();
  assert.ok(secret.length >= 16, secret);
  await page.getByRole('button', { name: `Send a test: ${good}` }).click();
  await page.getByText(`${good}: delivered, the receiver answered 204.`).waitFor();
  assert.deepEqual(await visit.ask('told', '/good', secret), ['webhook.test']);
  await page.getByLabel('Address').fill(good);
  await add();
  await page.getByText('has a web hook with this address already').waitFor();
  await page.getByLabel('Address').fill(bad);
  await add();
  await page.getByRole('button', { name: `Send a test: ${bad}` }).click();
  await page.locator('.notices .alert-danger', { hasText: '500' }).waitFor();
  await visit.inspect(page, 'panel web hooks');
  const nobody = 'http://127.0.0.1:1/';
  await page.getByLabel('Address').fill(nobody);
  await add();
  await page.getByRole('button', { name: `Send a test: ${nobody}` }).click();
  await page.locator('.notices .alert-danger', { hasText: 'there is no connection to the receiver' }).waitFor();
  await page.reload();
  await page.getByRole('link', { name: `Deliveries: ${bad}` }).waitFor();
  assert.equal(await page.locator('.made').count(), 0, 'the secret is shown once');
  await page.getByRole('switch', { name: good }).click();
  await until(async () => (await visit.ask('api', 'GET', '/api/v1/webhooks/?platform=hooked')).body.some((hook) => !hook.enabled), 'the switch');
  await page.getByRole('link', { name: `Deliveries: ${bad}` }).click();
  await page.getByRole('cell', { name: 'given up' }).waitFor();
  await visit.inspect(page, 'panel web hook deliveries');
  await page.getByRole('link', { name: 'delivered', exact: true }).click();
  await page.getByText('Nothing found.').waitFor();
  assert.equal(new URL(page.url()).search, '?state=delivered');
  await page.goto(page.url().replace('delivered', 'bogus'));
  await page.getByRole('alert').getByText('none of the choices').waitFor();
  await page.getByRole('link', { name: 'Show all' }).click();
  await page.getByRole('cell', { name: 'given up' }).waitFor();
  await page.getByRole('link', { name: 'Hooked' }).click();
  for (const url of [good, bad, nobody]) await page.getByRole('button', { name: `Delete ${url}` }).click();
  await page.getByText('Nobody is told yet.').waitFor();
  const plain = await inside(visit, '/platforms/update/hooked/', {}, await visit.ask('person', 'hookless', false, true));
  await plain.getByLabel('Short name').waitFor();
  assert.equal(await plain.getByRole('heading', { name: 'Web hooks' }).count(), 0);
}

export async function what_the_malware_scan_says(visit) {
  const ticket = await visit.ask('ticket');
  await visit.ask('put', ticket.token, 'harmless.log', 1000);
  await visit.ask('put_malware', ticket.token, 'invoice.exe');
  const path = `/tickets/show/android/${ticket.number}/`;
  const page = await inside(visit, path);
  const row = page.getByRole('row', { name: 'invoice.exe' });
  await row.getByText('infected', { exact: true }).waitFor();
  await row.getByText('Test.Eicar').waitFor();
  await page.getByRole('row', { name: 'harmless.log' }).getByText('clean').waitFor();
  await visit.inspect(page, 'panel ticket with malware');
  const answers = [false, true];
  const asked = [];
  page.on('dialog', (dialog) => { asked.push(dialog.message()); void (answers.shift() ? dialog.accept() : dialog.dismiss()); });
  let downloads = 0;
  page.on('download', () => { downloads += 1; });
  await row.getByRole('link', { name: 'Download' }).click();
  assert.equal(downloads, 0);
  await Promise.all([page.waitForEvent('download'), row.getByRole('link', { name: 'Download' }).click()]);
  assert.equal(downloads, 1, 'only what was agreed to');
  assert.match(asked[0], /Test\.Eicar.* in invoice\.exe/);
  const plain = await inside(visit, path, {}, await visit.ask('person', 'careful', false, true));
  const theirs = plain.getByRole('row', { name: 'invoice.exe' });
  await theirs.getByText('only superusers may download it').waitFor();
  await plain.getByRole('link', { name: 'Download harmless.log' }).waitFor();
  assert.equal(await theirs.getByRole('link').count(), 0);
  await visit.inspect(plain, 'panel ticket with malware for others');
}

export async function account_pages(visit) {
  visit.expect(/status of 4\d\d/);
  const page = await inside(visit, '/account/show/');
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByLabel('First name').fill('Ada');
  await visit.inspect(page, 'panel profile');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved').waitFor();
  await page.getByRole('link', { name: 'Change the password' }).click();
  await page.getByLabel('Present password').fill('wrong');
  await page.getByLabel('New password').fill('does not matter at all 17');
  await page.getByRole('button', { name: 'Change the password' }).click();
  await until(() => page.locator('[role=alert], .invalid-feedback').first().isVisible(), 'the refusal');
  await visit.inspect(page, 'panel password');
  await page.getByRole('link', { name: 'Second step' }).click();
  await page.getByText('The second step is set up.').waitFor();
  await visit.inspect(page, 'panel second step');
  await page.getByRole('link', { name: 'Sessions' }).click();
  await page.getByText('this one').waitFor();
}

export async function access_tokens(visit) {
  const page = await inside(visit, '/account/tokens/');
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByLabel('Name').fill('nightly script');
  await page.getByRole('button', { name: 'Create a token' }).click();
  const token = (await page.locator('.made').innerText()).trim();
  assert.match(token, /^lcp_/);
  assert.equal(await visit.ask('status_with', token), 200);
  await visit.inspect(page, 'panel access tokens');
  await page.getByRole('button', { name: 'Delete nightly script' }).click();
  await page.getByRole('rowheader', { name: 'nightly script' }).waitFor({ state: 'detached' });
  assert.equal(await visit.ask('status_with', token), 401);
}

export async function users_and_audit_for_superusers(visit) {
  const page = await inside(visit, '/admin/');
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByRole('heading', { name: 'Users' }).waitFor();
  await visit.inspect(page, 'panel users');
  await page.getByRole('link', { name: 'New user' }).click();
  await page.getByLabel('User name').fill('colleague');
  await page.getByLabel('Password').fill('a long enough phrase 42');
  await visit.inspect(page, 'panel user');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('link', { name: 'colleague' }).click();
  await page.getByLabel('First name').waitFor();
  const colleague = () => visit.ask('api', 'GET', '/api/v1/users/colleague/');
  await visit.ask('api', 'PATCH', '/api/v1/users/colleague/', { is_active: false });
  await page.getByLabel('First name').fill('Grace');
  await page.getByRole('button', { name: 'Save' }).click();
  await until(async () => (await colleague()).body.first_name === 'Grace', 'the name to be saved');
  assert.equal((await colleague()).body.is_active, false, 'disabled meanwhile');
  await page.getByRole('link', { name: 'colleague' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'Users' }).waitFor();
  await page.getByRole('link', { name: 'colleague' }).waitFor({ state: 'detached' });
  visit.expect(/status of 400/);
  await page.locator('main').getByRole('link', { name: visit.me.username, exact: true }).click();
  await page.locator('#is_active').uncheck();
  await page.locator('#is_superuser').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  for (const refused of ['is_active', 'is_superuser']) await page.locator(`#${refused}-error`).getByText('Not with your own account').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'is_active');
  await visit.inspect(page, 'panel user refused');
  await page.getByRole('link', { name: 'Audit log' }).click();
  await page.getByRole('table').waitFor();
  await until(() => page.evaluate(() => document.activeElement?.textContent === 'Audit log' && document.activeElement.tagName === 'H1'), 'the focus on the heading');
  await page.getByText('colleague').first().waitFor();
  await page.getByRole('cell', { name: 'user: delete' }).first().waitFor();
  await page.getByRole('cell', { name: /\d\d:\d\d:\d\d$/ }).first().waitFor();
  await visit.inspect(page, 'panel audit log');
  await page.getByRole('link', { name: 'user: delete' }).first().click();
  await page.waitForURL(/[?&]action=user\.delete/);
  await page.getByRole('link', { name: 'user: create' }).first().waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('What').inputValue(), 'user.delete');
  await page.getByRole('link', { name: 'user: delete' }).first().waitFor();
  for (const wrong of ['from=bogus', 'to=0', 'from=2026-01-01T00%3A00&to=9999999-01-01', 'page=1e308']) {
    await page.goto(new URL(`/audit/?${wrong}`, page.url()).href);
    if (!wrong.startsWith('page')) {
      await page.getByRole('alert').getByText('valid date').waitFor();
      await page.getByLabel('Who').waitFor();
      await page.getByRole('link', { name: 'Show all' }).click();
    }
    await page.getByRole('table').waitFor();
    assert.equal(await page.getByLabel('From').inputValue(), '');
  }
}
