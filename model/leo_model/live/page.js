// What the server tells becomes lanes; what is clicked is asked of the server. Nothing that was told
// survives a new stage: the server tells it again. What can have the focus stays where it is.
"use strict";
const at = (id) => document.getElementById(id);
const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
};
const press = (word, act, label = word) => {
  const made = make("button", word);
  made.setAttribute("aria-label", label);
  made.onclick = act;
  return made;
};
const FAULTS = new Set(["Cancel", "CancelApplied", "Raise", "Crash", "Busy", "BusySnapshot"]);
const MOST = 200, FRAME = 16;
let people = [], rows = new Map(), boxes = new Map(), source = null, told = [];
const names = new Set();

async function ask(what, more = {}) {
  const answer = await fetch("act", { method: "POST", body: JSON.stringify({ what, ...more }) });
  at("notice").textContent = (await answer.json()).error ?? "";
  return answer.ok;
}

// All who have spoken in this tab are here until it closes: then the server cancels their replies.
function listen() {
  const before = source;
  if (before) before.onmessage = null;
  told = [];
  source = new EventSource("events?" + new URLSearchParams([...names].map((name) => ["name", name])));
  source.onmessage = (message) => {
    // The page is laid out once for all that comes within a frame.
    if (told.push(JSON.parse(message.data)) === 1) setTimeout(show, FRAME);
  };
  source.onopen = () => { before?.close(); at("notice").textContent = ""; };
  source.onerror = () => { at("notice").textContent = "The server is gone, or comes back in a moment."; };
}

function show() {
  for (const one of told.splice(0)) ({ stage, pace, scene, played, said, held, event, fell, rejected, answer, gone })[one.kind](one);
}

function stage(told) {
  people = []; rows = new Map(); boxes = new Map();
  for (const id of ["events", "fallen", "memory", "talk", "told"]) at(id).replaceChildren();
  at("people").replaceChildren(at("people").firstElementChild);
  at("lanes-box").hidden = true;
  at("verdict").textContent = "Nothing has fallen. Play a scene, or say something.";
  at("trace").href = "trace/" + told.trace;
  if (!at("scenes").children.length) {
    at("discipline").append(...told.disciplines.map((name) => make("option", name)));
    at("scenes").append(...told.scenes.map(([title, text, discipline], number) => {
      const item = make("li");
      item.append(press(title, () => ask("scene", { number })));
      item.firstChild.dataset.text = `${discipline}: ${text}`;
      return item;
    }));
  }
  at("discipline").value = told.name;
  pressed(-1);
}

function pressed(wanted) {
  const buttons = [...at("scenes").querySelectorAll("button")];
  buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === wanted)));
  return buttons[wanted];
}

function pace(told) {
  at("pace").value = told.seconds === null ? "click" : String(told.seconds);
}

function scene(told) {
  at("told").textContent = pressed(told.number).dataset.text;
  document.body.dataset.scene = "on";
}

function played(told) {
  if (!at("fallen").children.length) at("verdict").textContent = "The scene is over, and nothing has fallen.";
  document.body.dataset.scene = "over";
  if (!told.as_claimed) at("verdict").textContent += " This is not what the claims say, or a reply failed.";
}

function lane(who) {
  let column = people.indexOf(who);
  if (column < 0) {
    column = people.push(who) - 1;
    const head = make("th"), acts = make("span", undefined, "acts");
    // What is read with each cell: not the buttons as well.
    Object.assign(head, { scope: "col", abbr: who });
    head.append(make("span", who), make("span", "", "at"), acts);
    for (const [word, what] of [["Step", "step"], ["Cancel", "cancel"], ["Raise", "raise"]]) {
      acts.append(press(word, () => ask(what, { who }), `${word}: ${who}`));
    }
    at("people").append(head);
    at("lanes-box").hidden = false;
    for (const row of at("events").rows) row.append(make("td"));
  }
  return column;
}

function note(who, text) {
  at("people").children[lane(who) + 1].querySelector(".at").textContent = text;
}

const versions = (word, held) =>
  `${word} ` + Object.entries(held).map(([name, number]) => `${name} v${number}`).join(", ");

function event(told) {
  const row = make("tr"), instance = told.action === "Crash" || told.action === "Recover";
  const column = instance ? (people.length ? 0 : lane(told.who)) : lane(told.who);
  if (FAULTS.has(told.action)) row.className = "fault";
  row.append(make("td", String(told.line)));
  people.forEach((_, number) => {
    const cell = make("td");
    if (number === column) {
      cell.append(make("b", instance ? `${told.action} of ${told.instance}` : told.action));
      if (Object.keys(told.reads).length) cell.append(make("span", versions("reads", told.reads), "reads"));
      if (Object.keys(told.writes).length) cell.append(make("span", versions("writes", told.writes), "writes"));
    }
    row.append(cell);
  });
  at("events").prepend(row);
  rows.set(told.line, row);
  rows.delete(told.line - MOST);
  if (at("events").rows.length > MOST) at("events").lastChild.remove();
  if (!instance) note(told.who, told.action === "Call" ? "waits for its turn" : "");
  memory(told.now);
}

function memory(now) {
  box("store", `n-grams v${now.store[0]}, snapshots v${now.store[1]}`);
  for (const [name, [two, three]] of Object.entries(now.views)) {
    const torn = two !== three;
    box(`view of ${name}`, `bigrams v${two}, trigrams v${three}${torn ? " (torn)" : ""}`, torn, name);
  }
  for (const [name, [holder, ...queue]] of Object.entries(now.locks)) {
    box(`lock of ${name}`, [holder || "free", ...queue].join("; then "));
  }
}

function box(name, text, torn = false, instance = null) {
  if (!boxes.has(name)) {
    const made = make("div"), said = make("dd"), shown = make("span");
    said.append(shown);
    made.append(make("dt", name), said);
    if (instance) said.append(" ", press("Kill", () => ask("kill", { instance }), `Kill ${instance}`));
    at("memory").append(made);
    boxes.set(name, { made, shown });
  }
  const { made, shown } = boxes.get(name);
  shown.textContent = text;
  made.className = torn ? "torn" : "";
}

function fell(told) {
  const item = make("li");
  const claim = told.claimed ? "The claims name this fall" : "The claims say that it holds";
  item.append(make("b", `${told.property} (${told.standard})`), make("span", `Broken promise: ${told.meaning}. `, "meaning"),
    make("span", `Line ${told.line}: ${told.why}. `), make("span", `${claim} under ${at("discipline").value}.`, "claim"));
  at("fallen").append(item);
  at("verdict").textContent = `${at("fallen").children.length} properties have fallen.`.replace(/^1 properties have/, "1 property has");
  const row = rows.get(told.line);
  if (row) row.classList.add("fell");
}

function rejected(told) {
  at("verdict").textContent = `Line ${told.line} is no step of the specification: ${told.why}.`;
}

function line(who, text, name) {
  const item = make("li", undefined, name);
  item.append(make("b", who + ": "), text);
  at("talk").prepend(item);
  if (at("talk").children.length > MOST) at("talk").lastChild.remove();
}

function said(told) { lane(told.who); line(told.who, told.text, ""); }
function held(told) { note(told.who, `before ${told.action}`); }
function answer(told) { line(`Leo to ${told.who}`, told.text, "leo"); note(told.who, ""); }
function gone(told) { line(told.who, told.text, "gone"); note(told.who, ""); }

at("name").value = "ada";
at("discipline").onchange = () => ask("discipline", { name: at("discipline").value });
at("pace").onchange = () => {
  const chosen = at("pace").value;
  ask("pace", { seconds: chosen === "click" ? null : Number(chosen) });
};
at("say").onsubmit = async (submitted) => {
  submitted.preventDefault();
  const text = at("text").value.trim(), who = at("name").value;
  if (!text || !who) return;
  if (!names.has(who)) {
    names.add(who);
    listen();
  }
  // What is refused can be said again.
  if (await ask("say", { who, text })) at("text").value = "";
};
listen();
