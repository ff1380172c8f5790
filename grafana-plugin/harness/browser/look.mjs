// Looks at pages: node look.mjs JOBS.json prints a JSON line for each job.
//   {"name", "url", "kind": "dashboard" | "editors", "width", "file"}
import { mkdtempSync, readFileSync, rmSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { chromium } from 'playwright-core';

const jobs = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  timeout: 120000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars'],
});

// What @grafana/ui itself says in development builds is not about the plugin.
const notOurs = [/Warning: /, /React Router Future Flag/, /\[i18n/, /i18next/, /Download the React DevTools/, /was not wrapped in act/, /preload/, /Failed to load resource/, /^404 .*\/img\/icons\//];

async function open(job) {
  const page = await browser.newPage();
  const errors = [];
  page.on('console', (m) => m.type() === 'error' && errors.push(m.text().slice(0, 400)));
  page.on('pageerror', (e) => errors.push('thrown: ' + String(e.stack ?? e).slice(0, 800)));
  page.on('response', (r) => r.status() >= 400 && errors.push(`${r.status()} ${r.url().slice(0, 200)}`));
  await page.setViewportSize({ width: job.width, height: job.width < 600 ? 844 : 900 });
  await page.goto(job.url, { waitUntil: 'load', timeout: 120000 });
  await page.waitForFunction('window.ready || document.body.dataset.error', null, { timeout: 60000 });
  const broken = await page.evaluate('document.body.dataset.error || ""');
  if (broken) {
    errors.push(broken);
  }
  return { page, errors };
}

async function dashboard(job) {
  const { page, errors } = await open(job);
  const patience = 30000;
  const settled = 'window.panels && window.panels().length > 0 && window.panels().every((p) => p.state === "Done" || p.state === "Error")';
  await page.waitForFunction(settled, null, { timeout: patience }).catch(() => errors.push('panels still load'));
  await page.waitForTimeout(400);
  await page.waitForFunction(settled, null, { timeout: patience }).catch(() => {});
  // All of it at once: panels are drawn where they are seen.
  const height = await page.evaluate('Math.max(...[...document.querySelectorAll("*")].map((e) => e.scrollHeight))');
  await page.setViewportSize({ width: job.width, height: Math.min(Math.max(height, 600), 12000) + 40 });
  await page.waitForTimeout(900);
  await page.waitForFunction(settled, null, { timeout: patience }).catch(() => {});
  const out = {
    panels: await page.evaluate('window.panels()'),
    noData: await page.locator('[data-testid="no-data"]').count(),
    saidWhy: await page.locator('[data-testid="said-why"]').allTextContents(),
    failed: await page.locator('[data-testid="failed"]').allTextContents(),
    text: (await page.evaluate('document.body.innerText')).slice(0, 20000),
    wide: await page.evaluate('document.documentElement.scrollWidth'),
  };
  if (job.file) {
    await page.screenshot({ path: job.file });
  }
  await page.close();
  return { ...out, errors };
}

/** Uses the editors as a person does, and reads what they would save. */
async function editors(job) {
  const { page, errors } = await open(job);
  const saved = async (id) => JSON.parse(await page.textContent(`[data-testid=${id}]`));
  const pick = async (label, option) => {
    await page.getByLabel(label, { exact: true }).first().click();
    await page.getByRole('option', { name: option }).first().click();
  };
  const out = { health: await page.evaluate('window.health') };
  await pick('Query', 'Distribution');
  await pick('Model', 'digits');
  await page.keyboard.press('Escape');
  await pick('Against', 'Before the last model change');
  out.query = await saved('query');
  out.explained = await page.getByText('reference and current side by side').count();
  await pick('Query', 'Drift');
  await page.getByRole('radio', { name: 'Code' }).check({ force: true });
  out.code = await saved('query');
  out.ran = await saved('ran');
  await page.getByRole('radio', { name: 'DNS SRV' }).check({ force: true });
  await page.getByLabel('SRV record').fill('_http._tcp.gnomon.example');
  await page.getByLabel('gnomonBearerToken').fill('s3cret');
  out.options = await saved('options');
  await page.locator('#variable-model').click();
  await page.getByRole('option', { name: 'digits' }).first().waitFor({ timeout: 20000 }).catch(() => {});
  out.offered = await page.getByRole('option').allTextContents();
  await page.keyboard.press('Escape');
  // A live channel, as a panel would listen to it.
  out.live = await page.evaluate(`new Promise((resolve, reject) => {
    const range = { from: Date.now() - 60000, to: Date.now(), raw: { from: 'now-1m', to: 'now' } };
    window.datasource.query({ requestId: 'live', range, scopedVars: {}, targets: [{ refId: 'A', queryType: 'live' }] }).subscribe({
      next: (r) => r.data.length && resolve(r.data[0].fields.map((f) => f.name)), error: reject });
  })`);
  if (job.file) {
    await page.screenshot({ path: job.file, fullPage: true });
  }
  await page.close();
  return { ...out, errors };
}

try {
  for (const job of jobs) {
    const result = await (job.kind === 'editors' ? editors : dashboard)(job).catch((e) => ({ errors: [`${job.name}: ${e.stack ?? e}`] }));
    result.errors = result.errors.filter((e) => !notOurs.some((n) => n.test(e)));
    console.log(JSON.stringify({ name: job.name, ...result }));
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
