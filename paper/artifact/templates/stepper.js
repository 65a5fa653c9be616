// Steps through a behaviour. The data is in the page; nothing is fetched.
"use strict";

const stories = JSON.parse(document.getElementById("data").textContent);
const slider = document.getElementById("place");
const where = document.getElementById("where");
const say = document.getElementById("say");
const panels = document.getElementById("panels");
const link = document.getElementById("link");
const longest = Math.max(...stories.map((story) => story.frames.length));
const told = stories[0];
slider.max = String(longest);
for (const hidden of document.querySelectorAll(".controls, .keys")) hidden.hidden = false;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function lanes(story, place) {
  const scroll = element("div", "", "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", `Steps under ${story.discipline}`);
  const table = element("table", "", "lanes");
  const head = element("tr");
  for (const name of ["#", ...story.sessions]) {
    const cell = element("th", name);
    cell.scope = "col";
    if (name === "#") cell.setAttribute("aria-label", "step");
    head.append(cell);
  }
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  story.frames.forEach((frame, index) => {
    const row = element("tr", "", index + 1 === place ? "now" : index + 1 > place ? "later" : "");
    if (story.back_to && frame.n >= story.back_to) row.classList.add("round");
    row.append(element("td", String(frame.n)));
    const holders = Object.values(frame.holder || {});
    for (const lane of story.sessions) {
      const cell = element("td", "", index < place && holders.includes(lane) ? "holds-lock" : "");
      if (frame.actor === lane || !story.sessions.includes(frame.actor)) {
        cell.append(element("b", frame.action), frame.note ? ` ${frame.note}` : "");
        cell.dataset.lane = frame.actor;
      }
      row.append(cell);
    }
    body.append(row);
  });
  if (story.back_to) {
    const row = element("tr", "", place < story.frames.length ? "round later" : "round");
    const cell = element("td", `and again from step ${story.back_to}, for ever`);
    cell.colSpan = story.sessions.length;
    row.append(element("td", "↺"), cell);
    body.append(row);
  }
  table.append(top, body);
  scroll.append(table);
  return scroll;
}

// The dependency arrows, from step to step; those that go back in time are dashed. They run between
// the lanes and along the lines between the rows, so that they cross no word.
function arrows(scroll, story, place) {
  const table = scroll.firstChild;
  const edges = (story.edges || []).filter(([from, to]) => from < place && to < place);
  if (edges.length === 0) return;
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "arrows");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("width", String(table.offsetWidth));
  svg.setAttribute("height", String(table.offsetHeight));
  const cell = (index) => {
    const lane = Math.max(0, story.sessions.indexOf(story.frames[index].actor));
    return table.tBodies[0].rows[index].cells[lane + 1];
  };
  for (const [number, [from, to, back]] of edges.entries()) {
    const [one, other] = [cell(from), cell(to)];
    const right = one.offsetLeft < other.offsetLeft;
    const apart = 2 * number;
    // Out of the one at its side, to the line above or below the other, along it, and in.
    const x1 = one.offsetLeft + (right ? one.offsetWidth : 0) - apart;
    const x2 = other.offsetLeft + (right ? 0 : other.offsetWidth);
    const y1 = one.offsetTop + one.offsetHeight / 2;
    const y2 = other.offsetTop + other.offsetHeight / 2;
    const between = other.offsetTop + (y1 < y2 ? 0 : other.offsetHeight);
    const out = right ? -7 : 7;
    const line = document.createElementNS(space, "path");
    line.setAttribute("d", `M${x1 + out} ${y1} H${x1} V${between} H${x2 + out / 2} V${y2} H${x2}`);
    line.setAttribute("class", back ? "back" : "");
    const tip = document.createElementNS(space, "path");
    const side = right ? -6 : 6;
    tip.setAttribute("d", `M${x2 - side / 2} ${y2} l${side} -4 v8 z`);
    tip.setAttribute("class", back ? "tip back" : "tip");
    svg.append(line, tip);
  }
  scroll.append(svg);
}

// Every panel has the same lines in the same places, so that nothing moves from step to step.
function memory(story, place) {
  const list = element("dl", "", "memory");
  const frame = place === 0 ? story.start : story.frames[Math.min(place, story.frames.length) - 1];
  if (!frame || !frame.store) return list;
  const add = (name, text) => {
    const line = element("div");
    line.append(element("dt", name), element("dd", text || "–"));
    list.append(line);
  };
  for (const [instance, holder] of Object.entries(frame.holder)) {
    add("lock of " + instance, holder === "nobody" ? "free" : "held by " + holder);
  }
  add("called and waiting, in order", frame.queue.join(", "));
  for (const [object, written] of Object.entries(frame.store)) {
    add(`store: ${object}`, `v${written.length} ${written.join(", ")}`);
  }
  for (const [instance, view] of Object.entries(frame.views)) {
    const up = frame.up[instance] ? "" : " (the process is down)";
    add("view of " + instance + up, `bigrams ${view.bigrams}, trigrams ${view.trigrams}`);
  }
  for (const session of story.sessions) {
    const saw = frame.saw[session];
    add(`${session} generated from`, saw ? `bigrams ${saw.bigrams}, trigrams ${saw.trigrams}` : "");
  }
  return list;
}

function panel(story, place, index) {
  const ended = place >= story.frames.length;
  const fallen = ended && story.witness !== "";
  const box = element("section", "", fallen ? "panel fallen" : ended ? "panel kept" : "panel");
  box.append(element("h2", (index === 0 ? "" : "what if: ") + story.discipline));
  const verdict = !ended ? "…" : fallen ? `✗ ${told.property} falls: ${story.witness}` : `✓ ${told.property} is kept here`;
  box.append(element("p", verdict, "verdict"), lanes(story, place), memory(story, place));
  return box;
}

function show() {
  const place = Number(slider.value);
  where.textContent = `${place} of ${longest}`;
  link.href = `#step=${place}`;
  panels.replaceChildren(...stories.map((story, index) => panel(story, place, index)));
  stories.forEach((story, index) => {
    arrows(panels.children[index].querySelector(".scroll"), story, place);
  });
  if (place === 0) {
    say.textContent = "Nothing has happened yet.";
    return;
  }
  const frame = told.frames[Math.min(place, told.frames.length) - 1];
  const step = `Step ${frame.n}: ${frame.actor} ${frame.action}${frame.note ? ", " + frame.note : ""}.`;
  const then = told.back_to ? `Then again from step ${told.back_to}, for ever.` : told.ever ? "Then nothing, for ever." : "";
  const fall = `${then} ✗ ${told.property} ${told.ever ? "falls" : "has fallen"}: ${told.witness}.`;
  say.textContent = place < told.frames.length ? step : `${step} ${fall}`;
}

const moves = {
  first: () => 0,
  back: () => Math.max(0, Number(slider.value) - 1),
  on: () => Math.min(longest, Number(slider.value) + 1),
  last: () => told.frames.length,
};

function go(place) {
  slider.value = String(place);
  history.replaceState(null, "", `#step=${place}`);
  show();
}

// A link to a step, or the moment of the fall.
function begin() {
  const asked = /^#step=(\d+)$/.exec(location.hash);
  slider.value = String(asked ? Math.min(longest, Number(asked[1])) : told.frames.length);
  show();
}

for (const button of document.querySelectorAll("[data-go]")) {
  button.addEventListener("click", () => go(moves[button.dataset.go]()));
}
slider.addEventListener("input", () => go(Number(slider.value)));
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target === slider) return;
  const name = { ArrowRight: "on", ArrowLeft: "back", Home: "first", End: "last" }[event.key];
  if (name) {
    event.preventDefault();
    go(moves[name]());
  }
});
addEventListener("hashchange", begin);
addEventListener("resize", show);
begin();
