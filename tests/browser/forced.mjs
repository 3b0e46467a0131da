// The panel of a service that lets nobody do anything without the second step (REQUIRE_2FA=all).
import assert from 'node:assert/strict';
import { enrol, password } from './people.mjs';

export async function nothing_but_enrolment_until_it_is_done(visit) {
  visit.expect(/status of 40\d/);
  const { admin } = await visit.ask('urls');
  const person = await visit.ask('person', 'newcomer');
  const page = await visit.page();
  await page.goto(`${admin}/tickets/`);
  await password(page, person);
  await page.getByText('asks for a second step before anything else').waitFor();
  await visit.inspect(page, 'panel forced enrolment');
  for (const path of ['/tickets/', '/tickets/create/', '/account/tokens/', '/users/']) {
    await page.goto(admin + path);
    await page.getByRole('heading', { name: 'Set up the second step' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/account/two_factor/setup/');
  }
  await enrol(visit, page, person);
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByRole('heading', { name: 'Tickets' }).waitFor();
}
