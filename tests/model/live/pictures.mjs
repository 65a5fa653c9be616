// Takes the pictures of the README: the live page, light and dark, when a lock has left half a reply.
// LEO: the program. PICTURES: the folder.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { launch } from "./browser.mjs";

const server = spawn(process.env.LEO, ["live"], { stdio: ["ignore", "pipe", "inherit"] });
const address = await new Promise((found) => {
  server.stdout.once("data", (text) => found(String(text).match(/http:\S+/)[0]));
});
const browser = await launch();
for (const colorScheme of ["light", "dark"]) {
  const page = await browser.newPage({ viewport: { width: 1180, height: 700 }, colorScheme, reducedMotion: "reduce" });
  await page.goto(address);
  await page.getByRole("button", { name: /^A lock/ }).click();
  await page.waitForFunction(() => document.body.dataset.scene === "on");
  await page.waitForFunction(() => document.body.dataset.scene === "over");
  await page.screenshot({ path: resolve(process.env.PICTURES, `live-${colorScheme}.png`), fullPage: true });
  await page.close();
}
await browser.close();
server.kill("SIGINT");
