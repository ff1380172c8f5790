// Keeps the page open in headless Chromium and reports what a person would see:
//   node watch.mjs URL FOLDER
// For every name on standard input it writes FOLDER/name.png and prints one
// line of JSON: {name, level, findings, features: {name: {state, color}},
// shadows: {name: {tone}}, identity, errors, foreign, overflow}. A name that ends in -dark or -phone
// is looked at that way.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [url, folder] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
if (!executablePath) { console.error("no Chromium found; set CHROMIUM"); process.exit(2); }
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const errors = [], foreign = [];
page.on("console", (m) => { if (m.type() === "error") errors.push(m.text()); });
page.on("pageerror", (e) => errors.push(String(e)));
page.on("request", (r) => { if (!r.url().startsWith(new URL(url).origin) && !r.url().startsWith("data:")) foreign.push(r.url()); });
await page.goto(url, { waitUntil: "load" });
await page.waitForSelector('#live[data-on="true"]', { timeout: 30000 });
console.log(JSON.stringify({ name: "open" }));

async function look(name) {
  const phone = name.endsWith("-phone"), dark = name.endsWith("-dark");
  await page.setViewportSize(phone ? { width: 390, height: 844 } : { width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
  await page.waitForTimeout(400); // charts draw again
  const seen = await page.evaluate(() => ({
    level: document.querySelector("#verdict").dataset.level,
    findings: [...document.querySelectorAll("#verdict li")].map((e) => e.innerText),
    features: Object.fromEntries([...document.querySelectorAll(".feature")].map((e) => [e.dataset.feature, { state: e.dataset.state, color: getComputedStyle(e.querySelector(".chip")).color }])),
    shadows: Object.fromEntries([...document.querySelectorAll("[data-shadow]")].map((e) => [e.dataset.shadow, { tone: e.querySelector(".chip").dataset.tone }])),
    identity: document.querySelector('[data-testid="identity"]')?.dataset.match,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
  await page.screenshot({ path: join(folder, name + ".png"), fullPage: true });
  return { name, ...seen, errors, foreign };
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await look(line.trim())));
await browser.close();
