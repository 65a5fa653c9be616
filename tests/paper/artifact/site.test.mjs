// Drives the pages in a real browser. SITE: the folder of the pages. CHROMIUM: the browser's program.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const site = resolve(process.env.SITE ?? "build/site");
const shots = resolve(site, "..", "screenshots");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = readdirSync(site).filter((name) => name.endsWith(".html"));
const STORY = "asyncio-lock.AllOrNothing.html";
const SIZES = [
  { width: 360, height: 740 },
  { width: 1400, height: 900 },
];
let browser;

before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
});
after(async () => browser.close());

async function open(name, options = {}) {
  const context = await browser.newContext({ viewport: SIZES[1], ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) wrong.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(resolve(site, name)).href);
  return { page, wrong, close: () => context.close() };
}

test("every page loads without errors and fits, narrow and wide, light and dark", async () => {
  assert.ok(pages.length > 10);
  for (const viewport of SIZES) {
    for (const colorScheme of ["light", "dark"]) {
      for (const name of pages) {
        const { page, wrong, close } = await open(name, { viewport, colorScheme });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.deepEqual(wrong, [], name);
        assert.ok(wide <= viewport.width, `${name} is ${wide} wide at ${viewport.width}`);
        if (["index.html", STORY, "theorems.html", "experiments.html"].includes(name)) {
          await page.screenshot({ path: `${shots}/${name}.${viewport.width}.${colorScheme}.png` });
        }
        await close();
      }
    }
  }
});

test("the stepper reaches the violation by buttons", async () => {
  const { page, close } = await open(STORY);
  const last = Number(await page.locator("#place").getAttribute("max"));
  assert.equal(await page.locator(".fallen").count(), 0);
  for (let step = 0; step < last; step += 1) await page.getByText("on >").click();
  assert.match(await page.locator("#say").innerText(), /AllOrNothing has fallen/);
  assert.equal(await page.locator(".fallen").count(), 1);
  await page.getByText("|< first").click();
  assert.equal(await page.locator(".fallen").count(), 0);
  await close();
});

test("the stepper reaches the violation by keys, and shows that the repair keeps it", async () => {
  const { page, close } = await open(STORY, { viewport: SIZES[0] });
  await page.keyboard.press("End");
  assert.match(await page.locator(".panel").first().innerText(), /✗ AllOrNothing falls/);
  assert.match(await page.locator(".panel").last().innerText(), /✓ AllOrNothing is kept/);
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.locator(".fallen").count(), 0);
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.locator(".fallen").count(), 1);
  await page.screenshot({ path: `${shots}/violation.360.png`, fullPage: true });
  await close();
});

test("a cell of the table leads to its evidence", async () => {
  const { page, close } = await open("index.html");
  await page.getByRole("link", { name: " asyncio-lock, AllOrNothing:" }).click();
  assert.match(await page.locator("h1").innerText(), /asyncio-lock loses AllOrNothing/);
  await page.goBack();
  await page.getByRole("link", { name: " shielded-unit-of-work, AllOrNothing:" }).click();
  assert.match(page.url(), /evidence\.html#shielded-unit-of-work\.AllOrNothing$/);
  await close();
});

test("no page has a serious fault of accessibility, light or dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const name of pages) {
      const { page, close } = await open(name, { colorScheme });
      await page.keyboard.press("End");
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
      const told = serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
      assert.deepEqual(told, [], `${name} (${colorScheme})`);
      await close();
    }
  }
});
