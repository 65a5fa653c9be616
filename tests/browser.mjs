// What every test in a real browser needs. CHROMIUM: the browser's program.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
});

// Faults of accessibility, the serious ones or all.
export async function barriers(page, all = false) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.filter(({ impact }) => all || ["serious", "critical"].includes(impact));
  return found.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
}

// What a person would see as broken: text over text, text cut off, a page wider than the window.
export function faults() {
  const found = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) found.push(`the page is ${wide} wide`);
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (parent.closest("svg, math, .skip, thead, script, style, .arrows")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    let scroller = parent;
    while (scroller && !["auto", "scroll"].includes(getComputedStyle(scroller).overflowX)) scroller = scroller.parentElement;
    for (const rect of range.getClientRects()) {
      if (rect.width < 2 || rect.height < 2) continue;
      if (!scroller && (rect.right > innerWidth + 1 || rect.left < -1)) {
        found.push(`cut off: ${node.data.trim().slice(0, 40)}`);
      }
      boxes.push({ rect, node, sticky: Boolean(parent.closest(".controls, tbody th")) });
    }
  }
  boxes.sort((one, other) => one.rect.top - other.rect.top);
  for (let n = 0; n < boxes.length; n += 1) {
    const a = boxes[n];
    for (let m = n + 1; m < boxes.length && boxes[m].rect.top < a.rect.bottom - 3; m += 1) {
      const b = boxes[m];
      if (a.node === b.node || a.sticky || b.sticky) continue;
      const x = Math.min(a.rect.right, b.rect.right) - Math.max(a.rect.left, b.rect.left);
      const y = Math.min(a.rect.bottom, b.rect.bottom) - Math.max(a.rect.top, b.rect.top);
      const [one, other] = [a, b].map(({ node }) => node.data.trim().slice(0, 30));
      if (x > 2 && y > 5) found.push(`overlap: ${one} / ${other}`);
    }
  }
  for (const box of document.querySelectorAll("main :not(thead)")) {
    if (getComputedStyle(box).overflowX === "hidden" && box.scrollWidth > box.clientWidth + 1) found.push(`clipped: ${box.className}`);
  }
  return [...new Set(found)];
}
