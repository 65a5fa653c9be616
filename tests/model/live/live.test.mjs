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
  return (await page.locator("#fallen b").allTextContents()).map((text) => text.split(" ")[0]).sort();
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
    // The lines of the stories are those that the lanes mark.
    const told = (await page.locator("#fallen li").allTextContents()).map((text) => text.match(/Line (\d+)/)[1]);
    const marked = await page.locator("#events .fell td:first-child").allTextContents();
    assert.deepEqual(marked.sort(), [...new Set(told)].sort());
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
      const { x, width: wide } = await page.getByRole("button", { name: "Cancel: ada" }).boundingBox();
      assert.ok(x + wide < width, `${width}: the buttons of a person are on the page`);
      assert.deepEqual(await page.evaluate(faults), [], `${width} ${colorScheme}`);
      assert.deepEqual(await barriers(page, true), [], `${width} ${colorScheme}`);
      await page.screenshot({ path: `${shots}/live.${width}.${colorScheme}.png`, fullPage: true });
      assert.deepEqual(wrong, []);
      await close();
    }
  }
});

async function speak(page, name, text) {
  await page.locator("#name").fill(name);
  await page.locator("#name").press("Tab");
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

test("people in two tabs; a tab that closes cancels its replies", async () => {
  const [one, two] = [await open(), await open()];
  await one.page.locator("#discipline").selectOption("asyncio-lock");
  await one.page.locator("#pace").selectOption("click");
  for (const [tab, name] of [[one, "ada"], [two, "bob"]]) {
    await speak(tab.page, name, `I am ${name}, and I speak`);
    await two.page.getByText("before Call").waitFor();
    await two.page.getByRole("button", { name: `Step: ${name}` }).click();
    if (name === "ada") {
      await two.page.getByText("before Acquire").waitFor();
      await two.page.getByRole("button", { name: "Step: ada" }).click();
      await two.page.getByText("before Recall").waitFor();
    }
  }
  await two.page.getByText("ada; then bob").waitFor();
  // Who speaks under another name has not gone.
  await speak(two.page, "cyd", "I am another one");
  await two.page.getByText("before Call").waitFor();
  await one.close();
  await two.page.waitForSelector("#talk .gone");
  assert.deepEqual(await two.page.locator("#talk .gone b").allTextContents(), ["ada: "]);
  await two.page.locator("#pace").selectOption("0");
  await two.page.waitForSelector("#talk .leo");
  assert.deepEqual(two.wrong, []);
  await two.close();
});

for (const way of ["click", "key"]) {
  test(`a step that raises and a killed instance, by ${way}`, async () => {
    const { page, wrong, close } = await open();
    // A button keeps the focus while the page changes.
    const press = async (name) => {
      const button = page.getByRole("button", { name });
      await (way === "click" ? button.click() : button.press("Enter"));
      if (way === "key") assert.ok(await button.evaluate((one) => one === document.activeElement), name);
    };
    await page.locator("#discipline").selectOption("asyncio-lock");
    await page.locator("#pace").selectOption("click");
    for (const [text, fault, seen] of [["one", "Raise: ada", "Raise"], ["two", "Kill i1", "Recover of i1"]]) {
      await speak(page, "ada", text);
      for (const action of ["Call", "Acquire", "Recall", "Ingest", "LoadBigrams"]) {
        await page.getByText(`before ${action}`, { exact: true }).waitFor();
        if (action !== "LoadBigrams") await press("Step: ada");
      }
      await press(fault);
      await page.locator("#events b", { hasText: new RegExp(`^${seen}$`) }).waitFor();
    }
    assert.match(await page.locator("#talk .gone").last().innerText(), /a click made this step raise/);
    await page.locator("#pace").selectOption("0");
    await speak(page, "ada", "three");
    await page.waitForSelector("#talk .leo");
    const [found] = await judged(page, shots);
    assert.deepEqual([found.accepted, found.disagreement], [true, null]);
    assert.ok(found.broken.includes("AllOrNothing"));
    assert.equal(await page.locator("#notice").innerText(), "");
    await press("Raise: ada");
    await page.getByText("no reply of ada is held").waitFor();
    assert.deepEqual(wrong.filter((text) => !/ 409 /.test(text)), []);
    await close();
  });
}

test("what a screen reader is told: names, roles, and the verdict when it falls", async () => {
  const { page, close } = await open();
  const cdp = await page.context().newCDPSession(page);
  // The text below each node of the tree that assistive technology sees, by role and name.
  const heard = async () => {
    const { nodes } = await cdp.send("Accessibility.getFullAXTree");
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const text = (node) => node.role?.value === "StaticText" ? node.name.value : (node.childIds ?? []).map((id) => byId.get(id)).filter(Boolean).map(text).join(" ").trim();
    return nodes.filter(({ ignored }) => !ignored).map((node) => ({
      role: node.role.value, name: node.name?.value ?? "", text: text(node),
      live: node.properties?.find(({ name }) => name === "live")?.value.value,
    }));
  };
  const spoken = (nodes) => nodes.filter(({ live }) => live).map(({ role, name, text }) => [role, name, text]);
  await page.locator("#discipline").selectOption("bare");
  await page.getByText("Nothing has fallen.").waitFor();
  assert.deepEqual(spoken(await heard()), [
    ["status", "", ""], ["log", "What was said, newest first", ""], ["alert", "", ""],
    ["status", "", "Nothing has fallen. Play a scene, or say something."], ["log", "Properties that have fallen", ""],
  ]);
  await page.getByRole("button", { name: /^A lock/ }).press("Enter");
  await over(page);
  const nodes = await heard();
  const controls = nodes.filter(({ role }) => ["button", "link", "textbox", "combobox"].includes(role)).map(({ role, name }) => `${role} ${name}`);
  assert.deepEqual(controls.filter((name, place) => name.endsWith(" ") || controls.indexOf(name) !== place), []);
  for (const name of ["combobox Discipline", "combobox Speed", "textbox You say", "button Kill i1", "button Cancel: ada"]) assert.ok(controls.includes(name), name);
  const [[, , told], talk, notice, verdict, fallen] = spoken(nodes);
  assert.match(told, /^asyncio-lock: One person/);
  assert.deepEqual([notice[2], verdict[2]], ["", "3 properties have fallen."]);
  for (const [, falls] of SCENES.slice(1, 2)) for (const name of falls) assert.ok(fallen[2].includes(name), name);
  assert.match(talk[2], /What is a field\?/);
  await close();
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
