// One scenario's visit: contexts and pages that note every complaint of the browser, and the checks all scenarios share.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { HtmlValidate } from 'html-validate';

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SLOW_MS = 30000;

// What a serialised document cannot show (quotes, spaces, how void elements were written) is not asked.
const html = new HtmlValidate({
  extends: ['html-validate:standard'],
  rules: {
    'no-trailing-whitespace': 'off', 'void-style': 'off', 'attribute-boolean-style': 'off', 'attribute-empty-style': 'off',
    'doctype-style': 'off', 'no-inline-style': 'error', 'long-title': 'off',
  },
});

export function validateHtml(text, what) {
  const report = html.validateStringSync(text);
  const said = report.results.flatMap((result) => result.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`));
  assert.deepEqual(said, [], `html-validate on ${what}`);
}

export class Visit {
  constructor(browser, ask, shots) {
    Object.assign(this, { browser, ask, shots, contexts: [], log: [], complaints: [], expected: [] });
  }

  /** A page of a browser of its own: nothing shared with other contexts. */
  async page(options = {}) {
    const context = await this.browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' /* colours are looked at once they have changed */, ...options });
    context.setDefaultTimeout(SLOW_MS);
    this.contexts.push(context);
    context.on('page', (page) => this.#watch(page));
    return context.newPage();
  }

  #watch(page) {
    page.on('console', (message) => {
      this.log.push(`console ${message.type()}: ${message.text()}`);
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (!['127.0.0.1', 'localhost'].includes(hostname) && !['data:', 'blob:'].includes(protocol)) this.complaints.push(`asked ${request.url()}`);
    });
  }

  /** Errors the scenario provokes: the browser reports every refused request. */
  expect(pattern) {
    this.expected.push(pattern);
  }

  assertQuiet() {
    const left = this.complaints.filter((text) => !this.expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(left, [], 'the browser complained');
  }

  async picture(name, page = this.contexts.at(-1)?.pages().at(-1), options = {}) {
    if (!page) return '';
    const path = join(this.shots, `${name}.png`);
    await page.screenshot({ path, caret: 'initial', ...options }); // hiding the caret would write styles into the page
    return path;
  }

  /** axe-core and html-validate on what is shown now, in both colour modes. */
  async inspect(page, what) {
    validateHtml(await page.content(), what);
    for (const theme of ['light', 'dark']) {
      await page.evaluate((value) => {
        document.documentElement.dataset.bsTheme = value;
      }, theme);
      // The source is evaluated by the debugger, which no content policy stops. Only colours differ by theme.
      if (!(await page.evaluate('Boolean(window.axe)'))) await page.evaluate(AXE);
      const rules = theme === 'light' ? '' : ", runOnly: ['color-contrast', 'link-in-text-block']";
      const found = await page.evaluate(`axe.run(document, { resultTypes: ['violations']${rules} })`);
      const said = found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html.slice(0, 200)} (${n.any.concat(n.all).map((c) => c.message).join('; ')})`).slice(0, 3).join(' | ')}`);
      assert.deepEqual(said, [], `axe-core on ${what}, ${theme}`);
      if (process.env.LC_ALL_PICTURES) await this.picture(`${what.replaceAll(/[^\p{L}\p{N}]+/gu, '-')}-${theme}`, page, { fullPage: true });
    }
    await page.evaluate(() => {
      document.documentElement.dataset.bsTheme = 'light';
    });
  }

  async close() {
    for (const context of this.contexts) await context.close();
  }
}

/** Until `condition` gives something true; its exceptions count as not yet. */
export async function until(condition, what, ms = SLOW_MS) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}${last ? `: ${last}` : ''}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
