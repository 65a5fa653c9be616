// Steps through a behaviour. The data is in the page; nothing is fetched.
"use strict";

const stories = JSON.parse(document.getElementById("data").textContent);
const slider = document.getElementById("place");
const where = document.getElementById("where");
const say = document.getElementById("say");
const panels = document.getElementById("panels");
const longest = Math.max(...stories.map((story) => story.frames.length));
slider.max = String(longest);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function lanes(story, place) {
  const table = element("table", "", "lanes");
  const head = element("tr");
  const first = element("th", "step");
  first.scope = "col";
  first.style.width = "3rem";
  head.append(first);
  for (const lane of story.sessions) {
    const cell = element("th", lane);
    cell.scope = "col";
    head.append(cell);
  }
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  story.frames.forEach((frame, index) => {
    const row = element("tr", "", index + 1 === place ? "now" : index + 1 > place ? "later" : "");
    row.append(element("td", String(frame.n)));
    const holders = Object.values(frame.holder || {});
    for (const lane of story.sessions) {
      const mine = frame.actor === lane || !story.sessions.includes(frame.actor);
      const text = mine ? frame.action + (frame.note ? ": " + frame.note : "") : "";
      const held = index < place && holders.includes(lane);
      row.append(element("td", text, held ? "holds-lock" : ""));
    }
    body.append(row);
  });
  table.append(top, body);
  return table;
}

function memory(story, place) {
  const list = element("dl", "", "memory");
  const frame = place === 0 ? story.start : story.frames[Math.min(place, story.frames.length) - 1];
  if (!frame || !frame.store) return list;
  const add = (name, text) => list.append(element("dt", name), element("dd", text || "–"));
  for (const [instance, holder] of Object.entries(frame.holder)) {
    add("lock of " + instance, holder === "nobody" ? "free" : "held by " + holder);
  }
  add("called and waiting, in order", frame.queue.join(", "));
  for (const [object, written] of Object.entries(frame.store)) {
    add(`store: ${object} v${written.length}`, written.join(", "));
  }
  for (const [instance, view] of Object.entries(frame.views)) {
    const up = frame.up[instance] ? "" : " (the process is down)";
    add("view of " + instance + up, `bigrams ${view.bigrams}, trigrams ${view.trigrams}`);
  }
  for (const [session, saw] of Object.entries(frame.saw)) {
    add(`${session} generated from`, `bigrams ${saw.bigrams}, trigrams ${saw.trigrams}`);
  }
  return list;
}

function panel(story, place, index) {
  const ended = place >= story.frames.length;
  const fallen = ended && story.witness !== "";
  const box = element("section", "", fallen ? "panel fallen" : "panel");
  box.append(element("h2", (index === 0 ? "" : "what if: ") + story.discipline));
  const verdict = !ended ? "…" : fallen ? `✗ ${story.property} falls: ${story.witness}` : `✓ ${story.property} is kept here`;
  box.append(element("p", verdict, "verdict"), lanes(story, place), memory(story, place));
  return box;
}

function show() {
  const place = Number(slider.value);
  where.textContent = `${place} of ${longest}`;
  panels.replaceChildren(...stories.map((story, index) => panel(story, place, index)));
  const told = stories[0];
  if (place === 0) {
    say.textContent = "Nothing has happened yet.";
  } else {
    const frame = told.frames[Math.min(place, told.frames.length) - 1];
    const step = `Step ${frame.n}: ${frame.actor} ${frame.action}${frame.note ? ", " + frame.note : ""}.`;
    say.textContent = place < told.frames.length ? step : `${step} ✗ ${told.property} has fallen: ${told.witness}.`;
  }
}

const moves = {
  first: () => 0,
  back: () => Math.max(0, Number(slider.value) - 1),
  on: () => Math.min(longest, Number(slider.value) + 1),
  last: () => longest,
};

function go(name) {
  slider.value = String(moves[name]());
  show();
}

for (const button of document.querySelectorAll("[data-go]")) {
  button.addEventListener("click", () => go(button.dataset.go));
}
slider.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target === slider) return;
  const name = { ArrowRight: "on", ArrowLeft: "back", Home: "first", End: "last" }[event.key];
  if (name) {
    event.preventDefault();
    go(name);
  }
});
show();
