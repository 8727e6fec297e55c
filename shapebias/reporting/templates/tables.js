
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

for (const details of document.querySelectorAll("details.table")) {
  const table = details.querySelector("table");
  details.querySelectorAll("th button").forEach((button, column) => {
    button.disabled = false;
    button.addEventListener("click", () => sort(table, column));
  });
  const button = details.querySelector(".download");
  button.disabled = false;
  button.addEventListener("click", () => {
    const heading = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name);
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.dataset.value));
    downloadText(`${button.dataset.name}.csv`, csvText([heading, ...rows]), "text/csv");
  });
}
