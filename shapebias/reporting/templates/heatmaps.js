
/* Heat maps: what rows of marks show of few models, these show of many. */

const ofShape = (share) => d3.interpolatePuOr(1 - share);
const ofKappa = (kappa) => d3.interpolatePuOr((1 + kappa) / 2);
const LABEL = 22; // characters of a column's name

/* A column's name is turned, the more the narrower the columns are, so that names do not touch. */
function turned(columns, wide) {
  const degrees = wide < 44 ? 60 : 35;
  const length = 6.4 * Math.min(LABEL, d3.max(columns, (name) => name.length) ?? 0);
  return { degrees, down: 20 + length * Math.sin((degrees * Math.PI) / 180), left: length * Math.cos((degrees * Math.PI) / 180) };
}

/*
 * A matrix of values with a colour each: rows from above, columns from the left.
 *
 * A cell with a share has a line at its bottom that is as long as this share of its width.
 */
function heatPlot({ rows, columns, cells, width, colour, show, aspect = 34 }) {
  const titles = marginFor(rows, width);
  const narrowest = 7 + 6.4 * (d3.max(cells, (cell) => show(cell.value).length) ?? 0); // else numbers touch: it is scrolled
  const wide = Math.max(narrowest, Math.min(110, (width - titles - 16) / columns.length));
  const { degrees, down, left } = turned(columns, wide);
  const margin = Math.max(titles, Math.ceil(left - wide / 2));
  const ink = (cell) => (cell.value === null ? "currentColor" : d3.lab(colour(cell.value)).l < 55 ? "#ffffff" : "#111111");
  const defined = cells.filter((cell) => cell.value !== null);
  const shares = defined.filter((cell) => cell.share !== undefined);
  const faint = (cell) => Math.max(...cell.models.map(strength));
  const box = { x1: (cell) => cell.column - 0.48, x2: (cell) => cell.column + 0.48, y1: (cell) => cell.row - 0.47, y2: (cell) => cell.row + 0.47 };
  return Plot.plot({
    width: margin + 16 + wide * columns.length, height: rows.length * aspect + down + 12, marginLeft: margin, marginRight: 16, marginTop: 12, marginBottom: down,
    x: { domain: [-0.5, columns.length - 0.5], axis: null },
    y: { domain: [rows.length - 0.5, -0.5], axis: null },
    marks: [
      Plot.rect(defined, { ...box, fill: (cell) => colour(cell.value), fillOpacity: faint }),
      Plot.rect(cells.filter((cell) => cell.value === null), { ...box, stroke: "var(--line)" }),
      Plot.ruleY(shares, { x1: box.x1, x2: (cell) => cell.column - 0.48 + 0.96 * cell.share, y: (cell) => cell.row + 0.41, stroke: ink, strokeWidth: 2.5, strokeOpacity: (cell) => 0.65 * faint(cell) }),
      Plot.text(cells, { x: "column", y: "row", text: (cell) => show(cell.value), fontSize: wide < 32 ? 11 : 12, fill: ink, fillOpacity: faint }),
      Plot.text(rows, { frameAnchor: "left", y: (_, row) => row, text: (name) => cut(name, (margin - 10) / 7), dx: -8, textAnchor: "end", fontSize: 12, title: (name) => name }),
      Plot.text(columns, { frameAnchor: "bottom", x: (_, column) => column, text: (name) => cut(name, LABEL), dy: 10, textAnchor: "end", rotate: -degrees, fontSize: 12 }),
      Plot.tip(cells, Plot.pointer({ x: "column", y: "row", title: "text", fontSize: 12, lineHeight: 1.3, maxRadius: 40 })),
    ],
  });
}

const isMany = () => networks.length > 6;

/* The networks that have rows, sorted as in the first chart: by shape bias where it is known. */
function ranked(rows) {
  const bias = new Map((page.bias[0]?.rows ?? []).filter((row) => row.averaging === "micro").map((row) => [row.model, row.value ?? -1]));
  const there = networks.filter((index) => rows.some((row) => row.model === index));
  return there.sort((a, b) => (bias.get(b) ?? -1) - (bias.get(a) ?? -1));
}

/* A column for each network, and one for people, with the mean of them. */
function modelsHeatPlot({ rows, titles, titleOf, what, width, colour = d3.interpolateViridis }) {
  const order = ranked(rows);
  const share = (row) => (row.n_conflict === undefined ? undefined : row.n / row.n_conflict);
  const cells = rows.filter((row) => order.includes(row.model)).map((row) => ({ row: titles.indexOf(titleOf(row)), column: order.indexOf(row.model), value: row.value, share: share(row), model: row.model, models: [row.model], text: says(nameOf(row.model), titleOf(row), row, what(row)) }));
  const people = titles.flatMap((title, row) => together(rows.filter((each) => titleOf(each) === title), row, title));
  for (const joined of people) cells.push({ ...joined, row: joined.y, column: order.length, share: d3.mean(joined.rows, share), models: persons });
  const columns = [...order.map(nameOf), ...(people.length > 0 ? [`people (${persons.length})`] : [])];
  return heatPlot({ rows: titles, columns, cells, width, colour, show: (value) => (value === null ? "–" : number(value)), aspect: 24 });
}
