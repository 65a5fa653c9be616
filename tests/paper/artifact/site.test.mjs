// Drives the pages in a real browser. SITE: the folder of the pages.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { barriers, faults, launch } from "./browser.mjs";

const site = resolve(process.env.SITE ?? "build/site");
const shots = resolve(site, "..", "screenshots");
const every = readdirSync(site).filter((name) => name.endsWith(".html"));
const STORY = "asyncio-lock.AllOrNothing.html";
const LONG = "unit-of-work.Serializable.html";
const MAIN = every.filter((name) => !/^[\w-]+\.[A-Z]/.test(name));
// One page is like another where it is a counterexample: all of them are opened, some are looked at.
const pages = [...MAIN, STORY, LONG];
const WIDTHS = [360, 768, 1400, 1800];
const SCHEMES = ["light", "dark"];
let browser;

before(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await launch();
});
after(async () => browser.close());

async function open(name, { hash = "", width = 1400, ...options } = {}) {
  const viewport = { width, height: width < 500 ? 740 : 900 };
  const context = await browser.newContext({ viewport, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) wrong.push(`asks for ${request.url()}`);
  });
  await page.goto(pathToFileURL(resolve(site, name)).href + hash);
  return { page, wrong, close: () => context.close() };
}

test("every page opens without errors and without a request", async () => {
  assert.ok(every.length > 10);
  for (const name of every) {
    const { wrong, close } = await open(name);
    assert.deepEqual(wrong, [], name);
    await close();
  }
});

test("nothing overlaps, is cut off or is too wide, narrow and wide, light and dark", async () => {
  for (const name of pages) {
    for (const width of WIDTHS) {
      for (const colorScheme of width === 360 || width === 1400 ? SCHEMES : ["light"]) {
        const { page, close } = await open(name, { width, colorScheme });
        assert.deepEqual(await page.evaluate(faults), [], `${name} at ${width}`);
        await page.screenshot({ path: `${shots}/${name}.${width}.${colorScheme}.png` });
        await close();
      }
    }
  }
});

test("text over text and text that is cut off would be seen", async () => {
  const { page, close } = await open("words.html", { width: 360 });
  await page.evaluate(() => document.querySelector("h1").style.setProperty("margin-bottom", "-3rem"));
  assert.ok((await page.evaluate(faults)).some((text) => text.startsWith("overlap")));
  await page.evaluate(() => document.querySelector("h1").style.setProperty("margin-left", "-9rem"));
  assert.ok((await page.evaluate(faults)).some((text) => text.startsWith("cut off")));
  await close();
});

test("the stepper opens at the fall, and goes by buttons, keys and links", async () => {
  const { page, close } = await open(STORY, { width: 360 });
  assert.match(await page.locator("#say").innerText(), /AllOrNothing has fallen/);
  assert.equal(await page.locator(".fallen").count(), 1);
  assert.match(await page.locator(".panel").last().innerText(), /✓ AllOrNothing is kept/);
  await page.getByRole("button", { name: "First" }).click();
  assert.equal(await page.locator(".fallen").count(), 0);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.locator(".fallen").count(), 0);
  assert.match(page.url(), /#step=4$/);
  await page.getByRole("button", { name: "The fall" }).click();
  assert.equal(await page.locator(".fallen").count(), 1);
  await close();
  const linked = await open(STORY, { hash: "#step=2" });
  assert.match(await linked.page.locator("#say").innerText(), /^Step 2:/);
  await linked.close();
});

test("a cycle of dependencies has its arrows, and panels stay aligned", async () => {
  const { page, close } = await open(LONG);
  assert.ok((await page.locator(".arrows path").count()) >= 4);
  const tops = () => page.locator(".memory").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
  assert.equal(new Set(await tops()).size, 1);
  await page.keyboard.press("Home");
  assert.equal(await page.locator(".arrows path").count(), 0);
  assert.equal(new Set(await tops()).size, 1);
  await close();
});

test("a cell of the table leads to its evidence, a search to its place", async () => {
  const { page, close } = await open("verdicts.html");
  await page.getByRole("link", { name: "asyncio-lock, AllOrNothing: faults" }).click();
  assert.match(await page.locator("h1").innerText(), /asyncio-lock loses AllOrNothing/);
  await page.goBack();
  await page.getByRole("link", { name: "shielded-unit-of-work, AllOrNothing: holds" }).click();
  assert.match(page.url(), /evidence\.html#shielded-unit-of-work$/);
  await page.getByRole("link", { name: "Search" }).click();
  await page.getByRole("searchbox").fill("torn view");
  await page.locator("#hits a").first().click();
  assert.match(page.url(), /\.html#/);
  await close();
});

test("without a script the story is told all the same", async () => {
  const { page, close } = await open(STORY, { javaScriptEnabled: false });
  assert.equal(await page.locator(".lanes tbody tr").count(), 5);
  assert.equal(await page.locator(".controls").isVisible(), false);
  await page.goto(pathToFileURL(resolve(site, "index.html")).href);
  assert.equal(await page.locator(".demo li").count(), 15);
  await close();
});

test("no page has a serious fault of accessibility, light or dark", async () => {
  for (const colorScheme of SCHEMES) {
    for (const name of pages) {
      const { page, close } = await open(name, { colorScheme, reducedMotion: "reduce" });
      assert.deepEqual(await barriers(page), [], `${name} (${colorScheme})`);
      await close();
    }
  }
});
