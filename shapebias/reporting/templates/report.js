"use strict";

/* Names of data sets, classes and files are text: they only ever become text nodes and attributes. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/* Tables: sorted by a click on a heading, downloaded as CSV with the values that are not rounded. */

function compare(first, second) {
  const [a, b] = [Number(first), Number(second)];
  if (first === "" || second === "") return (first === "") - (second === "");
  return Number.isNaN(a) || Number.isNaN(b) ? first.localeCompare(second, "en", { numeric: true }) : a - b;
}

function sort(table, column) {
  const headings = [...table.tHead.rows[0].cells];
  const ascending = headings[column].getAttribute("aria-sort") !== "ascending";
  for (const heading of headings) heading.removeAttribute("aria-sort");
  headings[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = (row) => row.cells[column].dataset.value;
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (value(a) === "" || value(b) === "" || ascending ? 1 : -1) * compare(value(a), value(b)));
  table.tBodies[0].append(...rows);
}

function csv(table) {
  const quote = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [[...table.tHead.rows[0].cells].map((cell) => cell.dataset.name)];
  for (const row of table.tBodies[0].rows) lines.push([...row.cells].map((cell) => cell.dataset.value));
  return lines.map((line) => line.map(quote).join(",") + "\r\n").join("");
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  make("a", { href: address, download: `${name.replaceAll(/[^\w.=-]+/g, "-")}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

for (const details of document.querySelectorAll("details.table")) {
  const table = details.querySelector("table");
  details.querySelectorAll("th button").forEach((button, column) => {
    button.disabled = false;
    button.addEventListener("click", () => sort(table, column));
  });
  const button = details.querySelector(".download");
  button.disabled = false;
  button.addEventListener("click", () => download(button.dataset.name, csv(table)));
}

/* Images: one is picked, and its table has a row for each condition and a column for each model. */

const browsed = JSON.parse(document.getElementById("browsed").textContent);
const colours = JSON.parse(document.getElementById("looks").textContent);
const at = (id) => document.getElementById(id);
const state = { dataset: 0, image: 0 };

function clean(image) {
  return image.seen.find((picture) => picture !== null) ?? null;
}

function chip(model) {
  return make("span", { class: "chip", style: `background: ${colours[model]}`, "aria-hidden": "true" });
}

function bar([name, share]) {
  const text = make("span", { style: `--share: ${Math.round(100 * share)}%` }, name);
  return make("div", { class: "bar" }, text, make("b", {}, `${Math.round(100 * share)} %`));
}

const MARKS = { right: "✓ right", wrong: "✗ wrong", shape: "● shape", texture: "▦ texture", neither: "– neither", "no answer": "– no answer" };

function answerCell(answer, model, condition, methods) {
  if (answer === undefined) return make("td", {});
  const maps = methods.filter((method) => answer.maps?.[method]).map((method) =>
    make("figure", { title: method },
      make("img", { src: answer.maps[method], alt: `${method} map of ${model}, ${condition}` }),
      make("figcaption", {}, method)));
  const said = make("div", { class: "said" });
  if (answer.class !== undefined) said.append(make("strong", {}, answer.class));
  if (answer.kind) said.append(make("div", { class: `kind-${answer.kind.replace(" ", "-")}` }, MARKS[answer.kind]));
  for (const best of answer.best ?? []) said.append(bar(best));
  return make("td", {}, make("div", { class: "answer" }, ...maps, said));
}

function conditionCell(data, image, place) {
  const cell = make("th", { scope: "row" }, data.conditions[place]);
  const picture = image.seen[place];
  if (picture !== null) cell.append(make("img", { src: picture, alt: `${image.id}, ${data.conditions[place]}` }));
  return cell;
}

function truth(image) {
  const { shape, texture } = image.truth;
  if (shape !== undefined && texture !== undefined && shape !== texture) return `shape ${shape}, texture ${texture}`;
  return image.truth.class === undefined ? "label unknown" : `label ${image.truth.class}`;
}

function pick(place) {
  const data = browsed[state.dataset];
  state.image = (place + data.images.length) % data.images.length;
  const image = data.images[state.image];
  const options = [...at("strip").children];
  options.forEach((option, index) => option.setAttribute("aria-selected", String(index === state.image)));
  at("strip").setAttribute("aria-activedescendant", options[state.image].id);
  const strip = at("strip");
  strip.scrollLeft = options[state.image].offsetLeft - strip.offsetLeft - strip.clientWidth / 2;
  const heading = make("tr", {}, make("th", { scope: "col" }, "condition"));
  for (const model of data.models) heading.append(make("th", { scope: "col" }, chip(model), model));
  const body = make("tbody", {});
  data.conditions.forEach((condition, index) => {
    const answers = data.models.map((model) => answerCell(image.answers[index][model], model, condition, data.methods));
    body.append(make("tr", {}, conditionCell(data, image, index), ...answers));
  });
  const table = make("table", { class: "picked" }, make("thead", {}, heading), body);
  const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Answers to ${image.id}` }, table);
  at("picked").replaceChildren(make("h3", {}, `${image.id} (${truth(image)})`), scroll);
}

function show(dataset) {
  state.dataset = dataset;
  const data = browsed[dataset];
  const options = data.images.map((image, index) => {
    const picture = clean(image);
    const inside = picture === null ? image.id : make("img", { src: picture, alt: image.id });
    const option = make("div", { role: "option", id: `option-${index}`, title: image.id }, inside);
    option.addEventListener("click", () => pick(index));
    return option;
  });
  at("strip").replaceChildren(...options);
  const left = data.total - data.images.length;
  const notes = [];
  if (left > 0) notes.push(`${data.images.length} of ${data.total} images are here; the page was made with --images ${data.limit}.`);
  if (!data.kept) notes.push("The study did not keep its images (--keep-images), so pictures under conditions are missing.");
  at("note").textContent = notes.join(" ");
  pick(0);
}

if (browsed.length > 0) {
  at("browser").hidden = false;
  browsed.forEach((data, index) => at("dataset").append(make("option", { value: String(index) }, data.dataset)));
  at("dataset").addEventListener("change", (event) => show(Number(event.target.value)));
  at("previous").addEventListener("click", () => pick(state.image - 1));
  at("next").addEventListener("click", () => pick(state.image + 1));
  at("strip").addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: state.image - 1, ArrowRight: state.image + 1, Home: 0, End: -1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    pick(moves[event.key]);
  });
  show(0);
}
