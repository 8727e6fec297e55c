"use strict";

/* What all parts of the page share: its data, the legend, and which model is seen alone. */

const page = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);

/* Names of data sets, classes and files are text: they only ever become text nodes and attributes. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function download(name, address) {
  make("a", { href: address, download: name.replaceAll(/[^\w.=-]+/g, "-") }).click();
}

function downloadText(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  download(name, address);
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function csvText(lines) {
  const quote = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return lines.map((line) => line.map(quote).join(",") + "\r\n").join("");
}

const networks = page.models.map((_, index) => index).filter((index) => !page.models[index].person);
const persons = page.models.map((_, index) => index).filter((index) => page.models[index].person);

/* Matplotlib's markers and lines, which the figures for papers have, in the words of Observable Plot. */
const SYMBOLS = { o: "circle", s: "square", D: "diamond", "^": "triangle", v: "triangle2", P: "plus", X: "times" };
const DASHES = { "-": null, "--": "6 3", "-.": "7 3 2 3", ":": "2 3" };
const symbolOf = (index) => (page.models[index].person ? "diamond" : SYMBOLS[page.models[index].marker]);
const colourOf = (index) => page.models[index].colour;

/* One model, or all people, can be seen alone: what is drawn of the others becomes faint, on the whole page. */
let isolated = null;
const isSeen = (index) => isolated === null || index === isolated || (isolated === "people" && page.models[index].person);
const FAINT = 0.12;
const strength = (index) => (isSeen(index) ? 1 : FAINT);
const strengthOfPeople = () => (isolated === null || isolated === "people" ? 1 : FAINT);

function isolate(key) {
  isolated = key === isolated ? null : key;
  for (const button of at("legend").children) button.setAttribute("aria-pressed", String(button.dataset.key === String(isolated)));
  const seen = (name) => isolated === null || page.models.some((model, index) => model.name === name && isSeen(index));
  for (const row of document.querySelectorAll("[data-model]")) row.classList.toggle("faint", !seen(row.dataset.model));
  for (const row of document.querySelectorAll("[data-people]")) row.classList.toggle("faint", isolated !== null && isolated !== "people");
  document.dispatchEvent(new Event("isolate"));
}

/* The mark of a model, or of people together. */
function mark(key) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-8 -8 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const shapes = { circle: d3.symbolCircle, square: d3.symbolSquare, diamond: d3.symbolDiamond, triangle: d3.symbolTriangle, triangle2: d3.symbolTriangle2, plus: d3.symbolPlus, times: d3.symbolTimes };
  const symbol = key === "people" ? "diamond" : symbolOf(key);
  path.setAttribute("d", d3.symbol(shapes[symbol], 80)());
  path.setAttribute(symbol === "plus" || symbol === "times" ? "stroke" : "fill", key === "people" ? "var(--people)" : colourOf(key));
  svg.append(path);
  return svg;
}

function legend() {
  const button = (key, name) => {
    const made = make("button", { type: "button", "data-key": String(key), "aria-pressed": "false", title: `See ${name} alone` }, mark(key), make("span", {}, name));
    made.addEventListener("click", () => isolate(key));
    return made;
  };
  at("legend").append(...networks.map((index) => button(index, page.models[index].name)));
  if (persons.length > 0) at("legend").append(button("people", persons.length === 1 ? page.models[persons[0]].name : `people (${persons.length})`));
  at("bar").hidden = false;
}

/* In text and tables a model has the mark that it has in charts; people together have no name. */
for (const chip of document.querySelectorAll("[data-chip]")) {
  const index = page.models.findIndex(({ name }) => name === chip.dataset.chip);
  chip.append(mark(index < 0 ? "people" : index));
}

legend();
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isolated !== null) isolate(isolated);
});
