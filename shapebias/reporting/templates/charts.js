
/* Charts, drawn by Observable Plot to the width of their container, and again when it or the isolated model changes. */

const number = (share) => (100 * share).toFixed(0);
const percent = (share) => (share === null ? "–" : `${number(share)} %`);
const hundredths = (value) => (value === null ? "–" : (Math.abs(value) < 0.005 ? 0 : value).toFixed(2)); // never -0.00
const interval = (row) => (row.low === null ? "" : ` [${number(row.low)}, ${number(row.high)}]`);
const counts = (row, what) => (row.value === null ? `0 of ${row.n} ${what}` : `${Math.round(row.value * row.n)} of ${row.n} ${what}`);
const nameOf = (index) => page.models[index].name;
const says = (name, where, row, what) => [name, where, `${percent(row.value)}${interval(row)}`, what].filter(Boolean).join("\n");

/* Leave out the middle of a long name. */
function cut(text, most) {
  const kept = Math.max(3, most) - 1;
  return text.length <= kept + 1 ? text : `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
}

/* Join the rows of several people into one: their mean, their range, and each of them. */
function together(rows, y, where) {
  const known = rows.filter((row) => page.models[row.model].person && row.value !== null);
  if (known.length === 0) return [];
  const values = known.map((row) => row.value);
  const joined = { y, value: d3.mean(values), low: d3.min(values), high: d3.max(values) };
  const name = known.length === 1 ? nameOf(known[0].model) : `${known.length} people, mean and range`;
  return [{ ...joined, n: d3.sum(known, (row) => row.n), rows: known, model: known[0].model, text: says(name, where, joined, `n = ${d3.sum(known, (row) => row.n)}`) }];
}

function marginFor(titles, width) {
  const longest = d3.max(titles, (title) => title.length) ?? 0;
  return Math.min(longest * 7 + 16, width * 0.38);
}

/*
 * Rows of marks between 0 and 1: one row a thing, one mark a model.
 *
 * items are networks' values, people are joined values, published are values of others; y is a row, and may lie between
 * two.  An item's text is its tooltip.  Headings are rows in bold without marks; lines are values drawn from top to
 * bottom; bars are shares on the right of the rows, under their title.
 */
function rowsPlot({ titles, headings = new Set(), items, people = [], published = [], lines = [], bars = null, notes = [], width, rowHeight, label, ends = null }) {
  const icons = titles.some((title) => Object.hasOwn(PICTOGRAMS, title)) ? 26 : 0;
  const margin = marginFor(titles, width) + icons;
  const right = bars === null ? 1 : 1.36;
  const all = [...items, ...people, ...published];
  const shade = d3.range(0, titles.length, 2).filter((row) => !headings.has(row));
  const names = titles.map((title, row) => ({ row, title: cut(title, (margin - icons - 10) / 7) }));
  const few = items.length <= 3 * titles.length;
  const seen = (row) => strength(row.model);
  const overPeople = strengthOfPeople();
  return Plot.plot({
    width, height: titles.length * rowHeight + 56, marginLeft: margin, marginRight: notes.length ? 62 : 28, marginTop: 22, marginBottom: 34,
    x: { domain: [0, right], axis: null },
    y: { domain: [titles.length - 0.5, -0.5], axis: null },
    marks: [
      Plot.rect(shade, { x1: 0, x2: right, y1: (row) => row - 0.5, y2: (row) => row + 0.5, fill: "currentColor", fillOpacity: 0.045 }),
      Plot.ruleX([0, 0.25, 0.5, 0.75, 1], { strokeOpacity: (tick) => (tick === 0.5 ? 0.45 : 0.14), strokeDasharray: "2 3" }),
      Plot.axisX({ ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: percent, label: null, fontSize: 12 }),
      Plot.text([label], { x: 0.5, frameAnchor: "bottom", dy: 30, fontSize: 12, fill: "var(--muted)" }),
      Plot.text(ends ?? [], { x: (_, index) => index, frameAnchor: "top", dy: -12, text: (end) => end, textAnchor: "start", fontSize: 12, fill: "var(--muted)", filter: (_, index) => index === 0 }),
      Plot.text(ends ?? [], { x: (_, index) => index, frameAnchor: "top", dy: -12, text: (end) => end, textAnchor: "end", fontSize: 12, fill: "var(--muted)", filter: (_, index) => index === 1 }),
      Plot.text(names.filter(({ row }) => !headings.has(row)), { frameAnchor: "left", y: "row", text: "title", dx: -8 - icons, textAnchor: "end", fontSize: 12, title: ({ row }) => titles[row] }),
      Plot.text(names.filter(({ row }) => headings.has(row)), { frameAnchor: "left", y: "row", text: (name) => titles[name.row], dx: 4, textAnchor: "start", fontSize: 12, fontWeight: 600 }),
      pictograms(titles),
      Plot.ruleX(lines, { x: "value", stroke: (line) => colourOf(line.model), strokeDasharray: "5 3", strokeOpacity: (line) => 0.7 * seen(line) }),
      Plot.ruleX(published, { x: "value", y1: (one) => one.y - 0.32, y2: (one) => one.y + 0.32, stroke: (one) => (one.human ? "var(--people)" : "var(--muted)"), strokeOpacity: (one) => (one.human ? 1 : 0.6), strokeWidth: (one) => (one.human ? 2 : 1) }),
      Plot.ruleY(people, { x1: "low", x2: "high", y: "y", stroke: "var(--people)", strokeWidth: 2, strokeOpacity: overPeople }),
      Plot.dot(people.flatMap((one) => one.rows.map((row) => ({ ...row, y: one.y }))), { x: "value", y: "y", symbol: "diamond", r: 2.5, stroke: "var(--people)", strokeOpacity: 0.45 * overPeople }),
      Plot.dot(people, { x: "value", y: "y", symbol: "diamond", r: 5.5, fill: "var(--people)", fillOpacity: overPeople }),
      Plot.ruleY(items.filter((row) => row.low !== null), { x1: "low", x2: "high", y: "y", stroke: (row) => colourOf(row.model), strokeWidth: 2, strokeOpacity: (row) => (few ? 0.75 : 0.4) * seen(row) }),
      Plot.dot(items.filter((row) => row.value !== null), { x: "value", y: "y", symbol: (row) => symbolOf(row.model), r: 4.5, fill: (row) => colourOf(row.model), stroke: (row) => colourOf(row.model), fillOpacity: seen, strokeOpacity: seen }),
      Plot.text(notes, { frameAnchor: "right", y: "y", text: "text", dx: 56, textAnchor: "end", fontSize: 12, fontWeight: 600, fillOpacity: (note) => (note.model === null ? 1 : seen(note)) }),
      ...(bars === null ? [] : [
        Plot.text([bars.title], { x: 1.08, frameAnchor: "top", dy: -12, textAnchor: "start", fontSize: 12, fill: "var(--muted)" }),
        Plot.ruleY(bars.rows, { x1: 1.08, x2: (row) => 1.08 + 0.28 * row.share, y: "y", stroke: (row) => colourOf(row.model), strokeWidth: 4, strokeOpacity: (row) => 0.75 * seen(row) }),
        Plot.tip(bars.rows, Plot.pointer({ x: (row) => 1.08 + 0.28 * row.share, y: "y", title: "text", fontSize: 12, lineHeight: 1.3, maxRadius: 12 })),
      ]),
      Plot.tip(all.filter((row) => row.value !== null), Plot.pointer({ x: "value", y: "y", title: "text", fontSize: 12, lineHeight: 1.3, maxRadius: 30 })),
    ],
  });
}

/* Where each network has its mark between a row's borders, and people below them. */
function lanes(rows) {
  const there = networks.filter((index) => rows.some((row) => row.model === index));
  const people = rows.some((row) => page.models[row.model].person);
  const count = there.length + people;
  const lane = (index) => (count < 2 ? 0 : 0.64 * ((count - 1) / count) * (index / (count - 1) - 0.5));
  return { count, of: (model) => lane(there.indexOf(model)), people: lane(count - 1) };
}

/* Networks and people by row; bars of the decided share where the rows have it. */
function byRow(rows, titles, titleOf, what) {
  const { count, of, people } = lanes(rows);
  const items = rows.filter((row) => !page.models[row.model].person).map((row) => {
    const index = titles.indexOf(titleOf(row));
    return { ...row, y: index + of(row.model), text: says(nameOf(row.model), titleOf(row), row, what(row)) };
  });
  const joined = titles.flatMap((title, index) => together(rows.filter((row) => titleOf(row) === title), index + people, title));
  return { items, people: joined, rowHeight: Math.max(24, 12 + 9 * count) };
}

const DRAW = {
  /* The shape bias of every model, of people, and of published models. */
  bias(data, width) {
    const rows = data.rows.filter((row) => row.averaging === "micro");
    const own = rows.filter((row) => !page.models[row.model].person);
    if (isMany()) own.sort((a, b) => (b.value ?? -1) - (a.value ?? -1));
    const titles = own.map((row) => nameOf(row.model));
    const items = own.map((row, y) => ({ ...row, y, text: says(nameOf(row.model), "", row, `${counts(row, "decisions by shape")}\n${row.n} of ${row.n_conflict} images decided`) }));
    const notes = items.map((row) => ({ y: row.y, model: row.model, text: percent(row.value) }));
    const joined = together(rows, titles.length, "");
    if (joined.length > 0) {
      titles.push(joined[0].rows.length === 1 ? nameOf(joined[0].model) : `people (${joined[0].rows.length})`);
      notes.push({ y: joined[0].y, model: joined[0].model, text: percent(joined[0].value) });
    }
    const published = [];
    for (const human of joined.length > 0 ? [false] : [true, false]) {
      const found = data.published.filter((one) => one.human === human);
      if (found.length === 0) continue;
      published.push(...found.map((one) => ({ ...one, y: titles.length, text: says(`${one.model}, published`, "", one, `${one.n === null ? "" : `n = ${one.n}, `}${one.paper}`) })));
      titles.push(human ? "people, published" : `published networks (${found.length})`);
      if (human) notes.push({ y: titles.length - 1, model: null, text: percent(found[0].value) });
    }
    return rowsPlot({ titles, items, people: joined, published, notes, width, rowHeight: isMany() ? 24 : 34, label: "share of decisions by shape", ends: ["← texture", "shape →"] });
  },

  /* Geirhos et al. 2019, figure 4: a row a class; of many models a heat map. */
  classes(data, width) {
    const rows = data.rows.filter((row) => row.averaging === "class");
    const what = (row) => `${counts(row, "decisions by shape")}\n${row.n} of ${row.n_conflict} images decided`;
    if (isMany()) {
      return modelsHeatPlot({ rows, titles: data.classes, titleOf: (row) => row.class, what, width, colour: ofShape });
    }
    const drawn = byRow(rows, data.classes, (row) => row.class, what);
    const { of, people } = lanes(rows);
    const bars = rows.filter((row) => !page.models[row.model].person).map((row) => ({ model: row.model, y: data.classes.indexOf(row.class) + of(row.model), share: row.n / row.n_conflict, text: `${nameOf(row.model)}\n${row.class}\n${row.n} of ${row.n_conflict} images decided` }));
    for (const joined of drawn.people) {
      const [n, all] = [d3.sum(joined.rows, (row) => row.n), d3.sum(joined.rows, (row) => row.n_conflict)];
      bars.push({ model: joined.model, y: joined.y, share: n / all, text: `people\n${data.classes[Math.round(joined.y - people)]}\n${n} of ${all} images decided` });
    }
    const published = drawn.people.length > 0 ? [] : Object.entries(data.published_classes).flatMap(([name, found]) => found.map((one) => ({ ...one, y: data.classes.indexOf(name), text: says(`${one.model}, published`, name, one, `n = ${one.n}, ${one.paper}`) })));
    const lines = data.rows.filter((row) => row.averaging === "macro" && row.value !== null && !page.models[row.model].person);
    return rowsPlot({ ...drawn, titles: data.classes, published, lines, bars: { title: "decided", rows: bars }, width, label: "share of decisions by shape", ends: ["← texture", "shape →"] });
  },

  /* The metric headline: rows under the cue that a large value speaks for. */
  evidence(data, width) {
    const cues = { both: "both cues are there", shape: "speaks for shape", texture: "speaks for texture" };
    const key = (row) => `${row.cue}\n${row.title}`;
    const keys = [], titles = [], headings = new Set();
    for (const [cue, title] of Object.entries(cues)) {
      const found = [...new Set(data.rows.filter((row) => row.cue === cue).map(key))];
      if (found.length === 0) continue;
      headings.add(keys.length);
      keys.push(cue, ...found);
      titles.push(title, ...found.map((each) => each.slice(each.indexOf("\n") + 1)));
    }
    const what = (row) => (row.metric === "saliency-share" ? `mean of ${row.n} images` : counts(row, row.metric === "accuracy" ? "right" : "decisions by shape"));
    if (isMany()) {
      const spoken = (text) => text.replace("\n", " · ");
      return modelsHeatPlot({ rows: data.rows, titles: keys.filter((_, row) => !headings.has(row)).map(spoken), titleOf: (row) => spoken(key(row)), what, width });
    }
    const drawn = byRow(data.rows, keys, key, what);
    for (const item of [...drawn.items, ...drawn.people]) item.text = item.text.replace(/\n(both|shape|texture)\n/, "\n");
    return rowsPlot({ ...drawn, titles, headings, width, label: "share" });
  },

  /* Top-1 accuracy: a row a condition; of many models a heat map. */
  accuracy(data, width) {
    const titles = [...new Set(data.rows.map((row) => row.title))];
    const what = (row) => counts(row, "right");
    const published = data.published.map((one) => ({ ...one, y: 0, text: says(`${one.model}, published`, titles[0], one, `${one.n === null ? "" : `n = ${one.n}, `}${one.paper}`) }));
    if (!isMany()) return rowsPlot({ ...byRow(data.rows, titles, (row) => row.title, what), published, titles, width, label: "accuracy" });
    return modelsHeatPlot({ rows: data.rows, titles, titleOf: (row) => row.title, what, width });
  },

  /* Accuracy as a number grows. The axis is the number, or its logarithm; clean images are where it changes nothing. */
  sweeps(data, width) {
    const [low, high] = d3.extent(data.rows, (row) => row.x);
    const points = data.rows.filter((row) => row.value !== null).map((row) => ({ ...row, text: says(nameOf(row.model), row.at === null ? "clean" : `${data.parameter} = ${row.label}`, row, row.note ?? counts(row, "right")) }));
    const own = networks.filter((index) => points.some((point) => point.model === index));
    const people = [...d3.group(points, (point) => point.x)].flatMap(([x, rows]) => together(rows, 0, rows[0].at === null ? "clean" : `${data.parameter} = ${rows[0].label}`).map((row) => ({ ...row, x }))).sort((a, b) => a.x - b.x);
    const domain = [low - 0.03 * (high - low), high + 0.03 * (high - low)];
    const overPeople = strengthOfPeople();
    const ticks = [];
    for (const tick of d3.sort(data.rows, (row) => row.at !== null)) {
      const room = (other) => (Math.abs(other.x - tick.x) * (width - 60)) / (domain[1] - domain[0]) > 8 + 3.4 * (other.label.length + tick.label.length);
      if (ticks.every(room)) ticks.push(tick);
    }
    return Plot.plot({
      width, height: Math.min(320, Math.max(220, width * 0.5)), marginLeft: 46, marginRight: 24, marginTop: 14, marginBottom: 42,
      x: { domain, axis: null }, y: { domain: [0, 1], axis: null },
      marks: [
        Plot.ruleY([0, 0.25, 0.5, 0.75, 1], { strokeOpacity: 0.14 }),
        Plot.axisY({ ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: percent, label: null, fontSize: 12 }),
        Plot.axisX({ ticks: ticks.map((tick) => tick.x), tickFormat: (x) => ticks.find((tick) => tick.x === x).label, label: null, fontSize: 12 }),
        Plot.text([`${data.parameter}${data.logarithmic ? " (logarithmic)" : ""}`], { frameAnchor: "bottom", dy: 38, fontSize: 12, fill: "var(--muted)" }),
        Plot.areaY(people, { x: "x", y1: "low", y2: "high", fill: "var(--people)", fillOpacity: 0.2 * overPeople }),
        Plot.ruleX(people, { x: "x", y1: "low", y2: "high", stroke: "var(--people)", strokeWidth: 2, strokeOpacity: 0.45 * overPeople }),
        Plot.lineY(people, { x: "x", y: "value", stroke: "var(--people)", strokeOpacity: overPeople }),
        Plot.dot(people, { x: "x", y: "value", symbol: "diamond", r: 5.5, fill: "var(--people)", fillOpacity: overPeople }),
        ...own.flatMap((index) => {
          const mine = points.filter((point) => point.model === index).sort((a, b) => a.x - b.x);
          const lineStyle = { stroke: colourOf(index), strokeOpacity: strength(index) };
          return [
            Plot.areaY(isMany() && isolated !== index ? [] : mine.filter((row) => row.low !== null), { x: "x", y1: "low", y2: "high", fill: colourOf(index), fillOpacity: 0.13 * strength(index) }),
            Plot.lineY(mine, { x: "x", y: "value", strokeWidth: 2, strokeDasharray: DASHES[page.models[index].line], ...lineStyle }),
            Plot.dot(mine, { x: "x", y: "value", symbol: symbolOf(index), r: 4, fill: (row) => (row.at === null ? "var(--paper)" : colourOf(index)), fillOpacity: strength(index), ...lineStyle }),
          ];
        }),
        Plot.tip([...points.filter((point) => !page.models[point.model].person), ...people], Plot.pointer({ x: "x", y: "value", title: "text", fontSize: 12, lineHeight: 1.3, maxRadius: 40 })),
      ],
    });
  },

  /* Geirhos et al. 2021, figure 3: accuracy over the conditions of one set, which people saw too. */
  strengths: (data, width) => DRAW.sweeps(data, width),

  /* Geirhos et al. 2021, figure 4: the kappa of each model with people, by set; people among themselves last. */
  kappas(data, width) {
    const indexOf = (name) => page.models.findIndex((model) => model.name === name);
    const cells = data.rows.map((row) => {
      const said = row.value === null ? "kappa –" : `kappa ${hundredths(row.value)}${row.low === null ? "" : ` [${hundredths(row.low)}, ${hundredths(row.high)}]`}`;
      const models = indexOf(row.name) < 0 ? persons : [indexOf(row.name)];
      return { row: data.models.indexOf(row.name), column: data.datasets.indexOf(row.dataset), value: row.value, models, text: `${row.name} with people\n${row.dataset}\n${said}\nn = ${row.n} images` };
    });
    const columns = data.datasets.map((name) => name.replace(/^.*[:/]/, ""));
    return heatPlot({ rows: data.models, columns, cells, width, colour: ofKappa, show: hundredths });
  },

  /* Cohen's kappa between all pairs of models. */
  consistency(data, width) {
    const there = page.models.map((_, index) => index).filter((index) => data.rows.some((row) => row.model === index || row.other === index));
    const cells = data.rows.map((row) => {
      const [first, second] = [there.indexOf(row.model), there.indexOf(row.other)].sort((a, b) => a - b);
      const kappa = row.value === null ? "kappa –, undefined: one of the two is always right or always wrong" : `kappa ${hundredths(row.value)} [${hundredths(row.low)}, ${hundredths(row.high)}]`;
      return { row: second - 1, column: first, value: row.value, models: [row.model, row.other], text: `${nameOf(there[second])}\nand ${nameOf(there[first])}\n${kappa}\nn = ${row.n} images` };
    });
    return heatPlot({ rows: there.slice(1).map(nameOf), columns: there.slice(0, -1).map(nameOf), cells, width, colour: ofKappa, show: hundredths });
  },
};

function dataOf(figure) {
  const { chart, index } = figure.dataset;
  if (chart === "evidence") return { rows: page.evidence };
  return page[chart === "classes" ? "bias" : chart][Number(index)];
}

function draw(figure, printed = null) {
  const container = figure.querySelector(".plot");
  const width = printed ?? Math.floor(container.clientWidth);
  if (width < 40) return;
  const drawn = DRAW[figure.dataset.chart](dataOf(figure), width);
  // Plot names its groups for screen readers, which hear of a picture's parts only where these have roles.
  for (const group of drawn.querySelectorAll("g[aria-label]")) {
    group.dataset.mark = group.getAttribute("aria-label");
    group.removeAttribute("aria-label");
  }
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", `Chart: ${figure.dataset.title}. Its numbers are in the tables of this page.`);
  drawn.addEventListener("click", () => {
    const model = drawn.value?.model;
    if (typeof model === "number") isolate(page.models[model].person ? "people" : model);
  });
  container.replaceChildren(drawn);
  // What is scrolled can be reached by keyboard.
  if (drawn.width.baseVal.value > width + 1) container.setAttribute("tabindex", "0");
  else container.removeAttribute("tabindex");
}

/* A chart as a file of its own: the colours of the theme are written into it. */
function standalone(figure) {
  const svg = figure.querySelector(".plot svg");
  const style = getComputedStyle(document.documentElement);
  const copy = svg.cloneNode(true);
  for (const tip of copy.querySelectorAll("[aria-label=tip], [data-mark=tip]")) tip.remove();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("style", `color: ${style.color}; background: ${style.getPropertyValue("--paper")}; font-family: system-ui, sans-serif`);
  const text = new XMLSerializer().serializeToString(copy);
  return text.replaceAll(/var\((--[\w-]+)\)/g, (all, name) => style.getPropertyValue(name).trim() || all);
}

function savePng(figure, name) {
  const svg = figure.querySelector(".plot svg");
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = make("canvas", { width: String(2 * svg.width.baseVal.value), height: String(2 * svg.height.baseVal.value) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    download(name, canvas.toDataURL("image/png"));
  });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(figure))}`;
}

function chartCsv(figure) {
  const data = dataOf(figure);
  const averaging = { bias: "micro", classes: "class" }[figure.dataset.chart];
  const rows = data.rows.filter((row) => averaging === undefined || row.averaging === averaging || (averaging === "class" && row.averaging === "macro"));
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const lines = rows.map((row) => columns.map((name) => (name === "model" || name === "other" ? nameOf(row[name]) : row[name])));
  const published = figure.dataset.chart === "bias" ? data.published.map((one) => [...columns.map((name) => one[name]), one.paper]) : [];
  return csvText([published.length > 0 ? [...columns, "published in"] : columns, ...lines, ...published]);
}

function save(figure, form) {
  const name = `${figure.dataset.chart}-${figure.dataset.title}.${form}`;
  if (form === "svg") downloadText(name, standalone(figure), "image/svg+xml");
  if (form === "png") savePng(figure, name);
  if (form === "csv") downloadText(name, chartCsv(figure), "text/csv");
}

const figures = [...document.querySelectorAll("figure.chart")];
const resized = new ResizeObserver((entries) => entries.forEach((entry) => draw(entry.target.closest("figure"))));
for (const figure of figures) {
  resized.observe(figure.querySelector(".plot"));
  figure.querySelector(".save").hidden = false;
  for (const button of figure.querySelectorAll("[data-save]")) button.addEventListener("click", () => save(figure, button.dataset.save));
}
document.addEventListener("isolate", () => figures.forEach((figure) => draw(figure)));

/* On paper a chart is drawn as wide as the paper, so that its words are not smaller than the text. */
const PAPER = 690;
window.addEventListener("beforeprint", () => figures.forEach((figure) => draw(figure, PAPER)));
window.addEventListener("afterprint", () => figures.forEach((figure) => draw(figure)));
