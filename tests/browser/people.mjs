// What several files of scenarios do with accounts.
import assert from 'node:assert/strict';
import { until } from './visit.mjs';

export async function password(page, person) {
  await page.getByLabel('User name').fill(person.username);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Somebody of their own for every visit, a superuser unless given, in by both steps: one-time codes are good for one use each. */
export async function logIn(visit, page, path = '/', given = null) {
  const { admin } = await visit.ask('urls');
  const person = given ?? await visit.ask('engineer');
  visit.expect(/status of 401/);
  await page.goto(admin + path);
  await password(page, person);
  if (person.totp === false) return person;
  await page.getByLabel('One-time code').fill(await visit.ask('code', person.username));
  await page.getByRole('button', { name: 'Log in' }).click();
  return person;
}

/** From the page that asks for the password to the backup codes: gives them. */
export async function enrol(visit, page, person) {
  await page.getByRole('heading', { name: 'Set up the second step' }).waitFor();
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Set up the second step' }).click();
  const picture = page.getByRole('img', { name: 'QR code' });
  await picture.waitFor();
  await until(() => picture.evaluate((image) => image.complete && image.naturalWidth > 0), 'the QR code');
  const secret = (await page.locator('.secret').innerText()).trim();
  await visit.inspect(page, 'panel enrolment');
  await page.getByLabel('One-time code').fill('12');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await until(() => page.locator('[role=alert], .invalid-feedback').first().isVisible(), 'the refusal of a wrong code');
  await page.getByLabel('One-time code').fill(await visit.ask('code_of', secret));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('heading', { name: 'Backup codes' }).waitFor();
  const codes = await page.locator('.codes code').allInnerTexts();
  assert.equal(new Set(codes).size, 10);
  return codes;
}

/** In as a superuser whose session all visits share, or as `person` by the page's own form. */
export async function inside(visit, path = '/', options = {}, person = null) {
  const page = await visit.page(options);
  const { admin } = await visit.ask('urls');
  if (person) {
    visit.me = await logIn(visit, page, path, person);
  } else {
    visit.me = await visit.ask('session');
    await page.context().addCookies(Object.entries(visit.me.cookies).map(([name, value]) => ({ name, value, url: admin })));
    await page.goto(admin + path);
  }
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  return page;
}
