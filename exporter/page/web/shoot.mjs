// Opens a page in headless Chromium, waits for conditions, checks it and takes
// a screenshot:
//   node shoot.mjs URL OUT.png [--width 1280] [--height 900] [--dark] [--full]
//     [--wait SELECTOR]... [--text SELECTOR]... [--color SELECTOR]
// Prints JSON: {texts, colors, errors, foreign, overflow}. Exits 1 where a wait
// failed.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const args = process.argv.slice(2);
const [url, out] = args;
const all = (name) => args.flatMap((a, i) => (a === name ? [args[i + 1]] : []));
const number = (name, d) => Number(all(name)[0] ?? d);

const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!executablePath) { console.error("no Chromium found; set CHROMIUM"); process.exit(2); }
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const page = await browser.newPage({ viewport: { width: number("--width", 1280), height: number("--height", 900) }, colorScheme: args.includes("--dark") ? "dark" : "light" });
const errors = [], foreign = [];
page.on("console", (m) => { if (m.type() === "error") errors.push(m.text()); });
page.on("pageerror", (e) => errors.push(String(e)));
page.on("request", (r) => { if (!r.url().startsWith(new URL(url).origin) && !r.url().startsWith("data:")) foreign.push(r.url()); });
let failed = "";
try {
  await page.goto(url, { waitUntil: "load" });
  for (const s of all("--wait")) { failed = s; await page.waitForSelector(s, { timeout: number("--timeout", 30000) }); }
  failed = "";
  await page.waitForTimeout(400);
} catch (e) { errors.push(String(e)); }
const texts = {}, colors = {};
for (const s of all("--text")) texts[s] = await page.locator(s).first().innerText().catch(() => null);
for (const s of all("--color")) colors[s] = await page.locator(s).first().evaluate((e) => getComputedStyle(e).borderColor).catch(() => null);
const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
await page.screenshot({ path: out, fullPage: args.includes("--full") });
await browser.close();
console.log(JSON.stringify({ texts, colors, errors, foreign, overflow }));
process.exit(failed ? 1 : 0);
