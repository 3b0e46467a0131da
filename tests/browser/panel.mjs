// The panel against the real services, as an engineer uses it.
import assert from 'node:assert/strict';
import { enrol, inside, logIn, password } from './people.mjs';
import { until } from './visit.mjs';

export * from './settings.mjs';

export async function login_with_the_second_step(visit) {
  visit.expect(/status of 401/);
  const { admin } = await visit.ask('urls');
  const { username, password } = await visit.ask('engineer');
  const page = await visit.page();
  await page.goto(`${admin}/tickets/?search=12&resolved=false`);
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await visit.inspect(page, 'panel login');
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').getByText('is wrong').waitFor();
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByLabel('One-time code').fill('000000');
  await visit.inspect(page, 'panel login second step');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').getByText('is wrong').waitFor();
  await page.getByLabel('One-time code').fill(await visit.ask('code', username));
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Tickets' }).waitFor();
  assert.equal(new URL(page.url()).search, '?search=12&resolved=false');
  assert.equal(await page.locator('#search').inputValue(), '12');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
}

export async function enrolment_with_qr_code_and_backup_codes(visit) {
  visit.expect(/status of 40\d/);
  const { admin } = await visit.ask('urls');
  const person = await visit.ask('person', 'novice');
  const page = await visit.page();
  await page.goto(`${admin}/account/two_factor/setup/`);
  await password(page, person);
  const codes = await enrol(visit, page, person);
  await visit.inspect(page, 'panel backup codes');
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('The second step is set up.').waitFor();
  await page.getByText('10 backup codes left').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await password(page, person);
  await page.getByLabel('One-time code').fill(codes[0]);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Tickets' }).waitFor();
}

export async function create_ticket_upload_see_it_arrive_download(visit) {
  visit.expect(/status of 400/);
  const { gateway } = await visit.ask('urls');
  const page = await inside(visit);
  await page.keyboard.press('n');
  await page.getByRole('heading', { name: 'New ticket' }).waitFor();
  await page.getByLabel('Number').fill('x');
  await page.getByText('From 0 to 10. Empty: 5.').waitFor();
  await page.getByLabel('Uploads left').fill('11');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.locator('#attempts-error').waitFor();
  await page.locator('#number-error').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'number');
  await visit.inspect(page, 'panel ticket errors');
  await page.getByLabel('Number').fill('900100');
  await page.getByLabel('Product').selectOption('android');
  await page.getByLabel('Uploads left').fill('3');
  await page.getByLabel('Note', { exact: true }).fill('# Big trouble\n\nCustomer **Miller**, see <https://example.com/1>\n\n- [x] called\n- [ ] written');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: 'Ticket 900100' }).waitFor();
  assert.equal(new URL(page.url()).pathname, '/tickets/show/android/900100/');
  await page.locator('.note strong', { hasText: 'Miller' }).waitFor();
  assert.deepEqual((await page.locator('.note li').allInnerTexts()).map((text) => text.trim()), ['☑ called', '☐ written']);
  const link = await page.locator('.lines code').nth(1).innerText();
  assert.ok(link.startsWith(`${gateway}/u/#`), link);

  const customer = await visit.page();
  await customer.goto(link);
  const file = await visit.ask('file', 'customer.tar.gz', 200000);
  await customer.locator('[data-pick=files]').setInputFiles(file.path);
  await customer.getByRole('button', { name: 'Send', exact: true }).click();
  await customer.getByRole('heading', { name: 'Received' }).first().waitFor();

  await page.getByRole('rowheader', { name: 'customer.tar.gz' }).waitFor();
  await page.getByText('New: customer.tar.gz').waitFor();
  await until(async () => (await page.locator('.attempts').innerText()) === '2', 'the attempts left');
  await visit.inspect(page, 'panel ticket');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download customer.tar.gz' }).click()]);
  assert.equal(await visit.ask('sha256', await download.path()), file.sha256);
  await page.getByRole('button', { name: 'Verify customer.tar.gz' }).click();
  await page.getByText('customer.tar.gz: intact').waitFor();
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByRole('button', { name: 'Delete customer.tar.gz' }).click();
  await page.getByText('Nothing has arrived yet').waitFor();
}

export async function uploads_under_way_are_shown(visit) {
  visit.expect(/ERR_|Failed to load resource/);
  const ticket = await visit.ask('ticket', { attempts: 2 });
  const page = await inside(visit, `/tickets/show/android/${ticket.number}/`);
  await page.getByRole('heading', { name: `Ticket ${ticket.number}` }).waitFor();
  await visit.ask('slow_upload_begin', ticket.token);
  await page.getByRole('heading', { name: 'Under way' }).waitFor();
  await visit.inspect(page, 'panel ticket with an upload');
  await visit.ask('slow_upload_end');
  await page.getByRole('heading', { name: 'Under way' }).waitFor({ state: 'detached' });
}

export async function list_search_filters_sort_and_pages_stand_in_the_address(visit) {
  for (let number = 700001; number <= 700055; number++) await visit.ask('ticket', { number, resolved: number % 2 === 0 });
  const page = await inside(visit, '/tickets/?search=7000');
  await page.getByText('55 tickets').waitFor();
  await page.getByRole('link', { name: 'Next' }).click();
  await until(() => page.getByText('Page 2 of 2').isVisible(), 'the second page');
  assert.equal(new URL(page.url()).search, '?search=7000&page=2');
  await page.reload();
  await page.getByText('Page 2 of 2').waitFor();
  visit.expect(/status of 400/);
  const here = page.url();
  await page.goto(here.replace('page=2', 'page=999'));
  await page.getByRole('link', { name: 'To its last page' }).click();
  await page.getByText('Page 2 of 2').waitFor();
  await page.goto(`${here}&ordering=nonsense`);
  await page.getByRole('alert').getByText('none of the choices').waitFor();
  await page.getByRole('link', { name: 'Show all' }).click();
  await page.getByRole('table').waitFor();
  assert.equal(await page.locator('#search').inputValue(), '');
  for (const [given, shown] of [['maybe', 'All'], ['True', 'Resolved']]) {
    await page.goto(`${here}&resolved=${given}`);
    await page.locator('.filters [aria-current]', { hasText: shown }).waitFor();
  }
  await page.goto(here);
  await page.getByText('Page 2 of 2').waitFor();
  await page.getByRole('link', { name: 'Open', exact: true }).click();
  await page.getByText('28 tickets').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('search'), '7000');
  await page.getByRole('columnheader', { name: 'Number' }).getByRole('link').click();
  await until(async () => (await page.locator('tbody th').first().innerText()) === '700001', 'the lowest number first');
  await page.getByRole('columnheader', { name: 'Number' }).getByRole('link').click();
  await until(async () => (await page.locator('tbody th').first().innerText()) === '700055', 'the highest number first');
  await visit.inspect(page, 'panel tickets');
  await page.goBack();
  await until(async () => (await page.locator('tbody th').first().innerText()) === '700001', 'one step back');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'search');
  assert.deepEqual(await page.locator('#search').evaluate((box) => [box.selectionStart, box.selectionEnd]), [0, 4]);
  await page.locator('#search').fill('700055');
  await page.getByText('1 ticket', { exact: true }).waitFor();
  await page.getByRole('switch').click();
  await until(async () => (await visit.ask('api', 'GET', '/api/v1/tickets/700055/')).body.resolved, 'the switch');
  await visit.ask('api', 'PATCH', '/api/v1/tickets/700053/', { note: 'The Zimmermann case' });
  await page.locator('#search').fill('zimmermann');
  await until(async () => (await page.locator('tbody th').allInnerTexts()).join() === '700053', 'the ticket by its note');
  assert.equal(new URL(page.url()).searchParams.get('search'), 'zimmermann');
  await page.locator('#search').fill('no such');
  await page.getByText('No ticket fits.').waitFor();
}

export async function copies_token_link_and_message(visit) {
  const { gateway } = await visit.ask('urls');
  const ticket = await visit.ask('ticket', { expires_at: '2100-01-02T03:04:00Z' });
  const page = await inside(visit, `/tickets/?search=${ticket.number}`);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = async (name) => {
    await page.getByRole('button', { name, exact: true }).click();
    await page.getByText('copied', { exact: false }).last().waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.equal(await copied(`Copy: Token, ${ticket.number}`), ticket.token);
  assert.equal(await copied(`Copy: Link, ${ticket.number}`), `${gateway}/u/#${ticket.token}`);
  const english = await copied(`Copy: Message EN (English), ${ticket.number}`);
  const russian = await copied(`Copy: Message RU (Русский), ${ticket.number}`);
  for (const text of [english, russian]) {
    assert.ok(text.includes(`${gateway}/u/#${ticket.token}`) && text.includes('curl -T') && text.includes('Invoke-RestMethod'), text);
  }
  assert.ok(english.includes('Please send us') && russian.includes('Пожалуйста'));
  assert.match(english, /works until January 2, 2100.*03:04 AM UTC\.$/);
  assert.match(russian, /действует до 2 января 2100.*03:04 UTC\.$/);
  assert.ok(english.indexOf(`/u/#${ticket.token}`) < english.indexOf(`/u/${ticket.token}\n`), 'without JavaScript is the second choice');
  await page.getByRole('switch').click();
  await until(async () => (await visit.ask('api', 'GET', `/api/v1/tickets/${ticket.number}/`)).body.resolved, 'the switch');
  await copied(`Copy: Link, ${ticket.number}`);
  await page.locator('.notices .alert-danger', { hasText: 'copied. The ticket is resolved: the customer can send nothing.' }).waitFor();
  await page.locator('.notices').getByRole('button', { name: 'Close' }).last().focus();
  for (const key of ['Shift+Tab', 'Tab']) await page.keyboard.press(key);
  assert.deepEqual(await page.evaluate(() => [document.activeElement.ariaLabel, getComputedStyle(document.activeElement).outlineStyle]), ['Close', 'solid']);
  await visit.ask('api', 'PATCH', `/api/v1/tickets/${ticket.number}/`, { attempts: 0, expires_at: '2026-01-02T03:04:00Z' });
  await page.getByRole('link', { name: String(ticket.number), exact: true }).click();
  await page.locator('.blocked').nth(2).waitFor();
  await visit.inspect(page, 'panel ticket that takes nothing');
  for (const remedy of ['Open again', '7 more days', 'Allow 5 uploads']) {
    await page.locator('.blocked').getByRole('button', { name: remedy }).click();
    await page.locator('.blocked').getByRole('button', { name: remedy }).waitFor({ state: 'detached' });
  }
  const { body } = await visit.ask('api', 'GET', `/api/v1/tickets/${ticket.number}/`);
  assert.deepEqual([body.resolved, body.attempts, new Date(body.expires_at) > new Date()], [false, 5, true]);
}

export async function edit_rotate_resolve_delete(visit) {
  const ticket = await visit.ask('ticket');
  const page = await inside(visit, `/tickets/update/android/${ticket.number}/`);
  page.on('dialog', (dialog) => dialog.accept());
  await page.getByLabel('Note', { exact: true }).fill('changed');
  await page.getByLabel('Valid until').fill('2030-01-02T03:04');
  visit.expect(/ERR_INTERNET_DISCONNECTED/);
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').getByText('The server does not answer').waitFor();
  await page.context().setOffline(false);
  assert.equal(await page.getByLabel('Note', { exact: true }).inputValue(), 'changed');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.note', { hasText: 'changed' }).waitFor();
  const { body } = await visit.ask('api', 'GET', `/api/v1/tickets/${ticket.number}/`);
  assert.deepEqual([body.note, body.expires_at.slice(0, 16)], ['changed', '2030-01-02T03:04']);
  await two_edit_one_ticket(visit, page, ticket);
  await page.getByRole('button', { name: 'Make a new token' }).click();
  await page.getByText('The ticket has a new token').waitFor();
  assert.notEqual((await visit.ask('api', 'GET', `/api/v1/tickets/${ticket.number}/`)).body.token, ticket.token);
  await page.getByRole('button', { name: 'Resolve' }).click();
  await page.locator('.badge', { hasText: 'resolved' }).waitFor();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('heading', { name: 'Tickets' }).waitFor();
  assert.equal((await visit.ask('api', 'GET', `/api/v1/tickets/${ticket.number}/`)).status, 404);
}

/** What was not touched in the form stays as it has become meanwhile, and a colleague's note is not replaced unseen. */
async function two_edit_one_ticket(visit, page, ticket) {
  const at = `/api/v1/tickets/${ticket.number}/`;
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByLabel('Note', { exact: true }).fill('mine');
  await visit.ask('put', ticket.token, 'meanwhile.log', 10);
  await visit.ask('api', 'PATCH', at, { note: '**theirs**', max_bytes: 5000 });
  const { attempts } = (await visit.ask('api', 'GET', at)).body;
  assert.equal(attempts, ticket.attempts - 1);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').getByText('Somebody else has changed the note').waitFor();
  await page.locator('form .note strong', { hasText: 'theirs' }).waitFor();
  await visit.inspect(page, 'panel ticket changed meanwhile');
  assert.equal((await visit.ask('api', 'GET', at)).body.note, '**theirs**');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.note', { hasText: 'mine' }).waitFor();
  const { body } = await visit.ask('api', 'GET', at);
  assert.deepEqual([body.note, body.attempts, body.max_bytes], ['mine', attempts, 5000]);
}

export async function a_session_revoked_in_another_tab_loses_nothing_typed(visit) {
  visit.expect(/status of 401/);
  const page = await inside(visit, '/tickets/create/', {}, await visit.ask('person', 'interrupted'));
  await page.getByLabel('Number').fill('900200');
  await page.getByLabel('Product').selectOption('android');
  await page.getByLabel('Note', { exact: true }).fill('typed for an hour');
  const other = await page.context().newPage();
  const { admin } = await visit.ask('urls');
  await other.goto(`${admin}/tickets/`);
  await other.getByRole('button', { name: 'Log out' }).click();
  await other.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('dialog').getByText('Your session has ended').waitFor();
  await visit.inspect(page, 'panel session ended');
  const { username, password } = visit.me;
  assert.equal(await page.getByRole('dialog').getByLabel('User name').inputValue(), username);
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'login-password');
  await page.getByRole('dialog').getByLabel('Password').fill(password);
  await page.getByRole('dialog').getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Ticket 900200' }).waitFor();
  await page.locator('.note', { hasText: 'typed for an hour' }).waitFor();
  await revoked_from_the_sessions_page(visit, page);
}

/** From another browser, while the first is in the middle of a form. */
async function revoked_from_the_sessions_page(visit, page) {
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByLabel('Note', { exact: true }).fill('typed for another hour');
  const { username, password: secret } = visit.me;
  const other = await visit.page({ userAgent: 'Mozilla/5.0 (elsewhere)' });
  await logIn(visit, other, '/account/sessions/', { username, password: secret, totp: false });
  await other.getByText('this one').waitFor();
  await visit.inspect(other, 'panel sessions');
  await other.getByRole('button', { name: 'End all others' }).click();
  await other.getByRole('button', { name: 'End all others' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').getByLabel('Password').fill('not this one');
  await page.getByRole('dialog').getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('dialog').getByRole('alert').waitFor();
  await page.getByRole('dialog').getByLabel('Password').fill(secret);
  await page.getByRole('dialog').getByRole('button', { name: 'Log in' }).click();
  await page.locator('.note', { hasText: 'typed for another hour' }).waitFor();
}

export async function markup_in_names_and_notes_does_nothing(visit) {
  const harm = '<img src=x onerror="document.title=1"><script>document.title=1</script>[x](javascript:document.title=1) <a href="javascript:alert(1)">y</a> <svg onload=document.title=1> <iframe src="data:text/html,x"></iframe> <style>*{display:none}</style>';
  const ticket = await visit.ask('ticket', { note: `${harm}\n\n# fine\n\n\u202e${'w'.repeat(1000)}\u200b\n\n\`code\u2066\`&#x202e; می\u200cخواهم 👩\u200d💻 a\u200d` });
  await visit.ask('put', ticket.token, '<b onmouseover=alert(1)>&quot;\u202egpj.log', 10);
  await visit.ask('put', ticket.token, `${'w'.repeat(240)}.log`, 10);
  await visit.ask('put', ticket.token, 'ноль\u200bширина.log', 10);
  const page = await inside(visit, `/tickets/show/android/${ticket.number}/`);
  await page.locator('.note h1', { hasText: 'fine' }).waitFor();
  await page.getByRole('rowheader').nth(2).waitFor();
  assert.equal(await page.locator('.note :is(img, script, svg, iframe, style)').count(), 0);
  const shown = await page.locator('.note').textContent();
  assert.ok(shown.endsWith('⟨200B⟩\ncode⟨2066⟩⟨202E⟩ می\u200cخواهم 👩\u200d💻 a⟨200D⟩\n'), JSON.stringify(shown.slice(-60)));
  assert.ok(shown.includes('\n⟨202E⟩www'));
  assert.equal(await page.locator('.note a[href^=javascript]').count(), 0);
  assert.match(await page.title(), /^Ticket/);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await visit.inspect(page, 'panel ticket full of markup');
  await page.goto(page.url().replace('/show/', '/update/'));
  await page.getByText('Preview').click();
  await page.locator('.note h1', { hasText: 'fine' }).waitFor();
  assert.match(await page.title(), /^Ticket/);
}

export async function russian_from_the_browser_and_by_choice(visit) {
  const ticket = await visit.ask('ticket');
  const { admin } = await visit.ask('urls');
  const { username, password } = await visit.ask('engineer');
  visit.expect(/status of 401/);
  const page = await visit.page({ locale: 'ru-RU' });
  await page.goto(`${admin}/tickets/show/android/${ticket.number}/`);
  await page.getByLabel('Имя пользователя').fill(username);
  await page.getByLabel('Пароль').fill(password);
  await page.getByRole('button', { name: 'Войти' }).click();
  await page.getByLabel('Одноразовый код').fill(await visit.ask('code', username));
  await page.getByRole('button', { name: 'Войти' }).click();
  await page.getByRole('heading', { name: `Обращение ${ticket.number}` }).waitFor();
  await visit.inspect(page, 'panel ticket Russian');
  await page.locator('#language').selectOption('en');
  await page.getByRole('heading', { name: `Ticket ${ticket.number}` }).waitFor();
  visit.expect(/status of 400/);
  await page.goto(`${admin}/account/password-change/`);
  await page.locator('#language').selectOption('ru');
  await page.getByLabel('Нынешний пароль').fill(password);
  await page.getByLabel('Новый пароль').fill('short');
  await page.getByRole('button', { name: 'Сменить пароль' }).click();
  await page.locator('#new_password-error').getByText(/^Пароль слишком короткий: нужно не меньше \d+ символов\.$/).waitFor();
  await page.locator('#language').selectOption('en');
  await page.locator('#new_password-error').getByText('too short').waitFor();
  visit.expect(/status of 409/);
  await page.goto(`${admin}/account/two_factor/setup/`);
  await page.locator('#password').fill(password);
  await page.locator('form button').click();
  await page.getByRole('alert').getByText('The second step is set up already').waitFor();
  await page.locator('#language').selectOption('ru');
  await page.locator('form button').click();
  await page.getByRole('alert').getByText('Второй шаг уже настроен').waitFor();
  await page.locator('#language').selectOption('en');
  await page.goto(`${admin}/tickets/show/android/${ticket.number}/`);
  await page.getByRole('heading', { name: `Ticket ${ticket.number}` }).waitFor();
}

export async function dark_stays_dark(visit) {
  const page = await inside(visit);
  await page.locator('#theme').selectOption('dark');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.bsTheme), 'dark');
  await page.reload();
  await page.getByRole('heading', { name: 'Tickets' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.bsTheme), 'dark');
}

export async function a_narrow_window_and_wrong_addresses(visit) {
  const page = await inside(visit, '/tickets/show/android/424242/', { viewport: { width: 380, height: 700 } });
  visit.expect(/status of 40[04]/);
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  await page.getByText('There is no ticket 424242').waitFor();
  await visit.inspect(page, 'panel nothing here');
  const others = page.waitForResponse(/archives\/\?ticket=424242/);
  await page.route('**/api/v1/tickets/424242/', async (route) => { await others; await route.continue(); });
  await page.reload();
  await page.getByText('There is no ticket 424242').waitFor();
  const { admin } = await visit.ask('urls');
  await page.goto(`${admin}/no/such/page`);
  await page.getByText('The address is wrong').waitFor();
  await page.goto(`${admin}/tickets/show/wrong/`);
  await page.getByText('wrong does not exist').waitFor();
  const moved = await visit.ask('ticket');
  await page.goto(`${admin}/tickets/show/wrong/${moved.number}/`);
  await until(() => new URL(page.url()).pathname === `/tickets/show/android/${moved.number}/`, 'the ticket where it is now');
  await page.goto(`${admin}/tickets/`);
  await page.getByRole('table').waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  for (const next of ['//evil.example/', '//[', 'http://[', '%00']) {
    await page.goto(`${admin}/account/login/?next=${next}`);
    await page.getByRole('heading', { name: 'Tickets' }).waitFor();
  }
}

export async function the_old_routes_are_entry_points(visit) {
  const ticket = await visit.ask('ticket');
  await visit.ask('put', ticket.token, 'old.log', 1000);
  const { admin } = await visit.ask('urls');
  const page = await inside(visit, '/');
  const at = `android/${ticket.number}/`;
  const routes = [
    ['/', 'Tickets', '/tickets/'], ['/tickets/', 'Tickets'], ['/tickets/create/', 'New ticket'], ['/tickets/show/android/', 'Android'],
    [`/tickets/show/${at}`, `Ticket ${ticket.number}`], [`/tickets/update/${at}`, `Ticket ${ticket.number}`],
    ['/account/show/', 'Profile'], ['/account/update/', 'Profile'], ['/account/password-change/', 'Change the password'],
    ['/account/two_factor/', 'Second step'], ['/account/two_factor/backup/tokens/', 'Second step'],
    ['/account/two_factor/setup/', 'Set up the second step'], ['/admin/', 'Users', '/users/'],
  ];
  for (const [path, heading, end = path] of routes) {
    await page.goto(admin + path);
    await page.getByRole('heading', { name: heading, exact: true }).first().waitFor();
    await until(() => new URL(page.url()).pathname === end, `${path} to lead to ${end}`);
  }
  await page.goto(`${admin}/tickets/update/${at}`);
  await page.getByLabel('Note', { exact: true }).waitFor();
  await visit.inspect(page, 'panel ticket edit');
}

export async function a_download_link_asks_for_the_login_first(visit) {
  const ticket = await visit.ask('ticket');
  await visit.ask('put', ticket.token, 'linked.log', 1000);
  const page = await visit.page();
  const [download] = await Promise.all([page.waitForEvent('download'), logIn(visit, page, `/archives/download/${ticket.number}/linked.log`)]);
  assert.equal(download.suggestedFilename(), 'linked.log');
  await page.getByRole('heading', { name: 'Tickets' }).waitFor();
  visit.expect(/status of 40[34]/);
  await page.goto(new URL(`/archives/download/${ticket.number}/none.log`, page.url()).href);
  await page.getByText(`Ticket ${ticket.number} has no file none.log`).waitFor();
  const novice = await visit.page();
  await logIn(visit, novice, `/archives/download/${ticket.number}/linked.log`, await visit.ask('person', 'oneStep'));
  await novice.getByText('Downloads need the second step.').waitFor();
  await visit.inspect(novice, 'panel download refused');
}

export async function a_phone(visit) {
  const ticket = await visit.ask('ticket', { note: 'On the road' });
  await visit.ask('put', ticket.token, 'phone.log', 1000);
  const page = await inside(visit, '/tickets/', { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const fits = () => page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.scroll')].every((one) => one.scrollWidth <= one.clientWidth));
  await page.getByRole('table').waitFor();
  assert.ok(await fits());
  assert.ok((await page.locator('tbody tr').count()) <= 20);
  await visit.inspect(page, 'panel phone tickets');
  await page.locator('#search').fill(String(ticket.number));
  await page.getByRole('link', { name: String(ticket.number), exact: true }).click();
  await page.getByRole('rowheader', { name: 'phone.log' }).waitFor();
  assert.ok(await fits());
  await visit.inspect(page, 'panel phone ticket');
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByLabel('Note', { exact: true }).waitFor();
  assert.ok(await fits());
  await visit.inspect(page, 'panel phone ticket edit');
}

export async function nothing_there_yet(visit) {
  const page = await inside(visit, '/tickets/?search=nosuchnumber');
  await page.getByText('No ticket fits.').waitFor();
  await visit.inspect(page, 'panel no tickets');
}
