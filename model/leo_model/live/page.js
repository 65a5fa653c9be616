// What the server tells becomes lanes; what is clicked is asked of the server. No state of its own
// survives a new stage: the server tells everything again.
"use strict";
const at = (id) => document.getElementById(id);
const make = (tag, text, name) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
};
const FAULTS = new Set(["Cancel", "CancelApplied", "Raise", "Crash", "Busy", "BusySnapshot"]);
const MOST = 200, FRAME = 16;
let people = [], rows = new Map(), source = null, told = [];

async function ask(what, more = {}) {
  const answer = await fetch("act", { method: "POST", body: JSON.stringify({ what, ...more }) });
  const said = await answer.json();
  if (said.error) at("verdict").textContent = said.error;
}

function listen() {
  if (source) source.close();
  told = [];
  source = new EventSource("events?name=" + encodeURIComponent(at("name").value));
  source.onmessage = (message) => {
    // The page is laid out once for all that comes within a frame.
    if (told.push(JSON.parse(message.data)) === 1) setTimeout(show, FRAME);
  };
  source.onerror = () => { at("verdict").textContent = "The server is gone, or comes back in a moment."; };
}

function show() {
  for (const one of told.splice(0)) ({ stage, pace, scene, played, said, held, event, fell, rejected, answer, gone })[one.kind](one);
}

function stage(told) {
  people = []; rows = new Map();
  for (const id of ["events", "fallen", "memory", "talk", "people"]) at(id).replaceChildren();
  at("people").append(make("th", "#"));
  at("verdict").textContent = "Nothing has fallen.";
  at("told").textContent = "";
  at("discipline").replaceChildren(...told.disciplines.map((name) => {
    const option = make("option", name);
    option.selected = name === told.discipline;
    return option;
  }));
  at("trace").href = "trace/" + told.trace;
  at("scenes").replaceChildren(...told.scenes.map(([title, text, discipline], number) => {
    const item = make("li"), button = make("button", title);
    button.title = discipline;
    button.dataset.text = `${discipline}: ${text}`;
    button.onclick = () => ask("scene", { number });
    item.append(button);
    return item;
  }));
}

function pace(told) {
  at("pace").value = told.seconds === null ? "click" : String(told.seconds);
}

function scene(told) {
  const buttons = [...at("scenes").querySelectorAll("button")];
  buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === told.number)));
  at("told").textContent = buttons[told.number].dataset.text;
  document.body.dataset.scene = "on";
}

function played(told) {
  if (!at("fallen").children.length) at("verdict").textContent = "The scene is over, and nothing has fallen.";
  document.body.dataset.scene = "over";
  if (!told.as_claimed) at("verdict").textContent += " This is not what the claims say.";
}

function lane(who) {
  let column = people.indexOf(who);
  if (column < 0) {
    column = people.push(who) - 1;
    const head = make("th"), acts = make("span", undefined, "acts");
    head.append(make("span", who), make("span", "", "at"), acts);
    for (const [word, what] of [["Step", "step"], ["Cancel", "cancel"], ["Raise", "raise"]]) {
      const button = make("button", word);
      button.setAttribute("aria-label", `${word}: ${who}`);
      button.onclick = () => ask(what, { who });
      acts.append(button);
    }
    at("people").append(head);
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
  row.append(make("td", String(told.seq)));
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
  rows.set(told.seq, row);
  rows.delete(told.seq - MOST);
  if (at("events").rows.length > MOST) at("events").lastChild.remove();
  if (!instance) note(told.who, "");
  memory(told.now);
}

function memory(now) {
  const boxes = [["store", `n-grams v${now.store[0]}, snapshots v${now.store[1]}`, false]];
  for (const [name, [two, three]] of Object.entries(now.views)) {
    boxes.push([`view of ${name}`, `bigrams v${two}, trigrams v${three}`, two !== three]);
  }
  at("memory").replaceChildren(...boxes.map(([name, text, torn]) => {
    const box = make("div", undefined, torn ? "torn" : "");
    const said = make("dd", torn ? `${text} (torn)` : text);
    box.append(make("dt", name), said);
    if (name !== "store") {
      const button = make("button", "Kill");
      button.setAttribute("aria-label", `Kill ${name.slice(8)}`);
      button.onclick = () => ask("kill", { instance: name.slice(8) });
      said.append(" ", button);
    }
    return box;
  }));
}

function fell(told) {
  const item = make("li");
  item.append(make("b", `✗ ${told.property} (${told.standard})`), make("span", told.why + " "),
    make("span", told.claimed ? `(line ${told.line}; as the claims say)` : `(line ${told.line}; the claims say that it holds)`, "claim"));
  at("fallen").append(item);
  at("verdict").textContent = `${at("fallen").children.length} properties have fallen.`.replace(/^1 properties have/, "1 property has");
  const row = rows.get(told.line - 1);
  if (row) row.classList.add("fell");
}

function rejected(told) {
  at("verdict").textContent = `Line ${told.line} is no step of the specification: ${told.why}`;
}

function line(who, text, name) {
  const item = make("li", undefined, name);
  item.append(make("b", who + ": "), text);
  at("talk").prepend(item);
  if (at("talk").children.length > MOST) at("talk").lastChild.remove();
}

function said(told) { lane(told.who); line(told.who, told.text, ""); note(told.who, "waits for the lock"); }
function held(told) { note(told.who, `before ${told.action}`); }
function answer(told) { line(`Leo to ${told.who}`, told.text, "leo"); note(told.who, ""); }
function gone(told) { line(told.who, told.text, "gone"); note(told.who, ""); }

at("name").value = "ada";
at("name").onchange = listen;
at("discipline").onchange = () => ask("discipline", { name: at("discipline").value });
at("pace").onchange = () => {
  const chosen = at("pace").value;
  ask("pace", { seconds: chosen === "click" ? null : Number(chosen) });
};
at("say").onsubmit = (submitted) => {
  submitted.preventDefault();
  const text = at("text").value.trim();
  if (!text || !at("name").value) return;
  ask("say", { who: at("name").value, text });
  at("text").value = "";
};
listen();
