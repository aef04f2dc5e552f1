// Everything here can be read without this script: it only filters, shows tips, and moves two sliders.
"use strict";

const byId = (id) => document.getElementById(id);
const data = (id) => { const found = byId(id); return found && JSON.parse(found.textContent); };

// ---- filter: a cell is shown when each of its factors has its level checked
const filter = byId("filter"), cells = data("cells");
if (filter && filter.querySelector("input")) {
  filter.hidden = false;
  const apply = () => {
    const off = {};
    for (const box of filter.querySelectorAll("input")) if (!box.checked) (off[box.name] ??= []).push(box.value);
    const shown = (of) => Object.entries(of).every(([name, level]) => !(off[name] || []).includes(level));
    const hidden = new Set(Object.keys(cells).filter((id) => !shown(cells[id])));
    for (const row of document.querySelectorAll("[data-cell]")) row.classList.toggle("off", hidden.has(row.dataset.cell));
    const all = Object.keys(cells).length, left = all - hidden.size;
    byId("shown").textContent = hidden.size ? `${left} of ${all} cells are shown.` : `All ${all} cells are shown.`;
  };
  filter.addEventListener("change", apply);
  filter.addEventListener("submit", (event) => event.preventDefault());
  apply();  // a browser may remember boxes from an earlier visit
}

// ---- sliders: the arithmetic of bench/report/cost.py; the sliders move through powers of ten
const sliders = byId("sliders"), shares = data("shares");
if (sliders) {
  sliders.hidden = false;
  const digits = (value) => value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  const number = (value) => {
    const round = value >= 1000 ? 10 ** (Math.floor(Math.log10(value)) - 2) : 0;
    const kept = round ? Math.round(value / round) * round : value;
    return kept.toLocaleString("en", { minimumFractionDigits: digits(value), maximumFractionDigits: digits(value) });
  };
  const round = (value) => Number(value.toPrecision(2));
  const least = (value, digits, unit = "", less = "") =>
    value < 10 ** -digits / 2 ? `< ${10 ** -digits}${unit}` : `${less}${value.toFixed(digits)}${unit}`;
  const words = (one, upstream, rate) => {
    const less = one.atMost ? "< " : "", cores = rate * one.cpu / 1e6;
    return [
      one.adds === null ? "no figure" : `${less}${number(one.adds)} ms`,
      one.adds === null ? "no figure" : least(100 * one.adds / (one.adds + upstream), 1, "%", less),
      one.cpu === null ? "no figure" : least(cores, 2),
      one.cpu === null ? "no figure" : String(Math.ceil(cores / 0.7)),
    ];
  };
  const apply = () => {
    const [upstream, rate] = ["upstream", "rate"].map((id) => round(10 ** Number(byId(id).value)));
    byId("upstream-out").textContent = upstream.toLocaleString("en");
    byId("rate-out").textContent = rate.toLocaleString("en");
    byId("upstream").setAttribute("aria-valuetext", `${upstream} ms`);
    byId("rate").setAttribute("aria-valuetext", `${rate} requests a second`);
    byId("load").textContent = `If your upstream takes ${upstream.toLocaleString("en")} ms and you need ${rate.toLocaleString("en")} requests/s:`;
    for (const row of document.querySelectorAll("#calculator tr[data-cell]")) {
      const found = words(shares[row.dataset.cell], upstream, rate);
      row.querySelectorAll("td").forEach((place, index) => { place.textContent = found[index]; });
    }
  };
  sliders.addEventListener("input", apply);
  sliders.addEventListener("submit", (event) => event.preventDefault());
}

// ---- tips: the title of a mark, at once and by touch, too
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("svg g:has(> title), svg g[data-tip]");
  tip.hidden = !mark;
  if (!mark) return;
  const title = mark.querySelector(":scope > title");
  if (title) { mark.dataset.tip = title.textContent; title.remove(); }  // or the browser shows its own as well
  tip.textContent = mark.dataset.tip;
  const left = Math.min(event.pageX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${event.pageY + 16}px`;
});
