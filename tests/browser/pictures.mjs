// The README's pictures of both faces, with the data of a working day.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { logIn } from './people.mjs';

const LARGEST = 150_000;
const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
const TICKETS = [
  { number: 48103, platform: 'android', attempts: 5, files: [] },
  { number: 48097, platform: 'server', attempts: 3, expires_at: day(2.2), files: [['core-dump.zst', 4_800_000], ['journal.log.gz', 310_000]] },
  { number: 48095, platform: 'ios', attempts: 1, files: [['sysdiagnose.tar.gz', 9_600_000]] },
  { number: 48088, platform: 'desktop', attempts: 2, expires_at: day(6.5), files: [] },
  { number: 48071, platform: 'android', attempts: 1, spent: true, files: [['bugreport-2026-11-20.zip', 3_400_000]] },
  { number: 48066, platform: 'server', attempts: 5, expires_at: day(-1.3), files: [] },
  { number: 48059, platform: 'desktop', attempts: 4, done: true, files: [['crash-reports.tar', 820_000]] },
  { number: 48040, platform: 'ios', attempts: 2, done: true, files: [['logs.tar.gz', 1_250_000]] },
  { number: 48033, platform: 'server', attempts: 5, done: true, files: [['trace-1.log.xz', 640_000], ['trace-2.log.xz', 660_000], ['trace-3.log.xz', 655_000]] },
];
const NOTE = '**Miller & Sons**, 3rd floor gateway.\n\n- reboots at night since the update\n- wants a call *before* we restart it\n\nSee [the change](https://example.com/changes/911).';

async function fill(visit) {
  for (const [name, pretty_name] of [['android', 'Android'], ['ios', 'iOS'], ['desktop', 'Desktop'], ['server', 'Server']]) {
    await visit.ask('api', 'POST', '/api/v1/platforms/', { name, pretty_name });
  }
  const made = {};
  for (const { files, done, spent, expires_at, ...fields } of [...TICKETS].reverse()) {
    const ticket = await visit.ask('ticket', { ...fields, attempts: fields.attempts + (spent ? 0 : files.length), note: fields.number === 48097 ? NOTE : '' });
    for (const [name, size] of files) await visit.ask('put', ticket.token, name, size);
    await visit.ask('api', 'PATCH', `/api/v1/tickets/${ticket.number}/`, { ...(done ? { resolved: true } : {}), ...(expires_at ? { expires_at } : {}) });
    made[ticket.number] = ticket;
  }
  return made;
}

async function take(visit, page, name) {
  const path = await visit.picture(name, page);
  assert.ok(statSync(path).size <= LARGEST, `${name}: ${statSync(path).size} bytes`);
}

export async function both_faces(visit) {
  const { admin, gateway } = await visit.ask('urls');
  const tickets = await fill(visit);
  const panel = await visit.page({ viewport: { width: 1280, height: 560 } });
  await logIn(visit, panel, '/tickets/');
  await panel.getByRole('rowheader', { name: '48033' }).waitFor();
  await take(visit, panel, 'panel-tickets');
  await panel.locator('#language').selectOption('ru');
  await take(visit, panel, 'panel-tickets-russian');
  await panel.locator('#language').selectOption('en');
  await panel.setViewportSize({ width: 1280, height: 700 });
  await panel.locator('#theme').selectOption('dark');
  await panel.goto(`${admin}/tickets/show/server/48097/`);
  await panel.getByRole('rowheader', { name: 'core-dump.zst' }).waitFor();
  await take(visit, panel, 'panel-ticket-dark');

  const customer = await visit.page({ viewport: { width: 900, height: 560 } });
  await customer.goto(`${gateway}/u/#${tickets[48103].token}`);
  await customer.getByRole('button', { name: 'Choose files' }).waitFor();
  await take(visit, customer, 'upload');
  await customer.locator('[data-pick=files]').setInputFiles((await visit.ask('file', 'bugreport.zip', 2_500_000)).path);
  await customer.getByRole('button', { name: 'Send', exact: true }).click();
  await customer.getByRole('heading', { name: 'Received' }).first().waitFor();
  await take(visit, customer, 'upload-received');

  const phone = await visit.page({ locale: 'ru-RU', viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
  await phone.goto(`${gateway}/u/#${tickets[48095].token}`);
  await phone.getByRole('button', { name: 'Выбрать файлы' }).waitFor();
  await take(visit, phone, 'upload-phone');
}
