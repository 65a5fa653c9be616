// Looks through the pages' words. They are in the page; nothing is fetched.
"use strict";

const entries = JSON.parse(document.getElementById("entries").textContent);
const query = document.getElementById("query");
const found = document.getElementById("found");
const hits = document.getElementById("hits");
document.querySelector(".search").hidden = false;

// How well an entry fits: every word has to be there, and counts more in the heading.
function fit([, heading, words], asked) {
  let sum = 0;
  for (const word of asked) {
    if (heading.toLowerCase().includes(word)) sum += 5;
    else if (words.toLowerCase().includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function excerpt(words, word) {
  const at = Math.max(0, words.toLowerCase().indexOf(word) - 60);
  return (at ? "… " : "") + words.slice(at, at + 180) + (at + 180 < words.length ? " …" : "");
}

function search() {
  const asked = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = asked.length ? entries.map((entry) => [fit(entry, asked), entry]).filter(([sum]) => sum) : [];
  ranked.sort(([one], [other]) => other - one);
  found.textContent = asked.length ? `${ranked.length} found` : "";
  hits.replaceChildren(...ranked.slice(0, 40).map(([, [place, heading, words]]) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = place;
    link.textContent = heading;
    const text = document.createElement("p");
    text.textContent = excerpt(words, asked[0]);
    item.append(link, text);
    return item;
  }));
}

query.addEventListener("input", () => {
  history.replaceState(null, "", query.value ? `#${encodeURIComponent(query.value)}` : "#");
  search();
});
query.value = decodeURIComponent(location.hash.slice(1));
search();
query.focus();
