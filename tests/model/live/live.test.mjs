// Drives the live page in a real browser. LEO: the program. Each scene ends as the claims say.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { barriers, faults, launch } from "./browser.mjs";

const leo = resolve(process.env.LEO ?? ".venv/bin/leo");
const shots = resolve(process.env.SHOTS ?? "build/screenshots");
// Titles of the scenes, and what falls in them.
const SCENES = [
  ["No lock", ["MutualExclusion", "Refines", "Serializable", "SnapshotProvenance", "ViewNotTorn"]],
  ["A lock: half a reply", ["AllOrNothing", "Refines", "ViewAgreesWithStore"]],
  ["One commit, and a trap", ["Refines", "Serializable", "SnapshotProvenance", "ViewAgreesWithStore"]],
  ["As published", ["ReadsOwnObservation", "Refines", "Serializable", "SnapshotProvenance", "ViewAgreesWithStore"]],
  ["The same, shielded", []],
];
let server, address, browser;

before(async () => {
  mkdirSync(shots, { recursive: true });
  server = spawn(leo, ["live"], { stdio: ["ignore", "pipe", "inherit"] });
  address = await new Promise((found) => {
    server.stdout.once("data", (text) => found(String(text).match(/http:\S+/)[0]));
  });
  browser = await launch();
});
after(async () => {
  await browser.close();
  server.kill("SIGINT");
});

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, bypassCSP: true, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith("data:")) wrong.push(request.url());
  });
  await page.goto(address);
  await page.waitForSelector("#scenes button");
  return { page, wrong, close: () => context.close() };
}

// What the page shows as fallen when the scene is over.
async function over(page) {
  await page.waitForFunction(() => document.body.dataset.scene === "on", null, { timeout: 60_000 });
  await page.waitForFunction(() => document.body.dataset.scene === "over", null, { timeout: 60_000 });
  return (await page.locator("#fallen b").allTextContents()).map((text) => text.split(" ")[1]).sort();
}

// What `leo validate` says of the recording that the page offers.
async function judged(page, folder) {
  const waiting = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download the recording" }).click();
  const path = resolve(folder, "live.ndjson");
  await (await waiting).saveAs(path);
  // Its exit code is 1 where a property falls that the claims do not name, and 0 elsewhere.
  return JSON.parse(execFileSync(leo, ["validate", path, "--engine", "both", "--json"], { encoding: "utf8" }));
}

for (const [title, falls] of SCENES) {
  test(`the scene "${title}" ends as the claims say, by mouse and by keys`, async () => {
    const { page, wrong, close } = await open();
    const button = page.getByRole("button", { name: new RegExp(`^${title}`) });
    if (falls.length % 2) await button.click();
    else {
      await button.focus();
      await page.keyboard.press("Enter");
    }
    assert.deepEqual(await over(page), falls);
    assert.doesNotMatch(await page.locator("#verdict").innerText(), /not what the claims say/);
    const [found] = await judged(page, shots);
    assert.deepEqual([found.accepted, found.disagreement, [...found.broken].sort()], [true, null, falls]);
    assert.deepEqual(wrong, []);
    await close();
  });
}

test("narrow and wide, light and dark: nothing overlaps, no barrier", async () => {
  for (const width of [360, 1400]) {
    for (const colorScheme of ["light", "dark"]) {
      const { page, wrong, close } = await open({ viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" });
      await page.getByRole("button", { name: /^A lock/ }).click();
      await over(page);
      assert.deepEqual(await page.evaluate(faults), [], `${width} ${colorScheme}`);
      assert.deepEqual(await barriers(page), [], `${width} ${colorScheme}`);
      await page.screenshot({ path: `${shots}/live.${width}.${colorScheme}.png`, fullPage: true });
      assert.deepEqual(wrong, []);
      await close();
    }
  }
});

test("two people in two tabs; a tab that closes cancels its reply", async () => {
  const [one, two] = [await open(), await open()];
  await one.page.locator("#discipline").selectOption("asyncio-lock");
  await one.page.locator("#pace").selectOption("click");
  for (const [tab, name] of [[one, "ada"], [two, "bob"]]) {
    await tab.page.locator("#name").fill(name);
    await tab.page.locator("#name").press("Tab");
    await tab.page.locator("#text").fill(`I am ${name}, and I speak`);
    await tab.page.locator("#text").press("Enter");
    await two.page.waitForFunction((who) => [...document.querySelectorAll("#talk b")].some((b) => b.textContent === `${who}: `), name);
  }
  await one.close();
  await two.page.waitForFunction(() => document.querySelector("#talk .gone"));
  await two.page.locator("#pace").selectOption("0");
  for (let n = 0; n < 3; n += 1) await two.page.getByRole("button", { name: "Step: bob" }).click();
  await two.page.waitForFunction(() => document.querySelector("#talk .leo"));
  assert.deepEqual(two.wrong, []);
  await two.close();
});

test("frames while many actions happen", async (report) => {
  const { page, close } = await open();
  await page.locator("#pace").selectOption("0");
  const took = await page.evaluate(async () => {
    const took = [];
    let last = performance.now(), going = true;
    const frame = (now) => { took.push(now - last); last = now; if (going) requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    for (let n = 0; n < 20; n += 1) {
      await Promise.all([..."abcde"].map((who) => fetch("act", { method: "POST", body: JSON.stringify({ what: "say", who, text: `Does ${who} see a field?` }) })));
    }
    going = false;
    return took.sort((a, b) => a - b);
  });
  report.diagnostic(`95 % of ${took.length} frames within ${took[Math.floor(took.length * 0.95)].toFixed(0)} ms, all within ${took.at(-1).toFixed(0)} ms`);
  await page.waitForFunction(() => document.querySelectorAll("#talk .leo").length > 4);
  await close();
});
