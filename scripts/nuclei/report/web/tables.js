// Sorting of tables by their columns, rows that lead to cells, tables as CSV. The tables are the platform's own, so a
// screen reader knows them; of a library only the sorting would be used, which is a comparison.

function valueOf(cell) {
  return cell.dataset.value ?? cell.textContent.trim();
}

// Numbers by size, then texts by their letters with their numbers by size, then empty cells, in both directions.
function compareCells(one, other, direction) {
  const [a, b] = [valueOf(one), valueOf(other)];
  if (a === "" || b === "") return (a === "") - (b === "");
  const [x, y] = [Number.parseFloat(a), Number.parseFloat(b)];
  const numbers = [a, b].every((text) => /^[+−-]?[\d.]/.test(text));
  return direction * (numbers && x !== y ? x - y : a.localeCompare(b, "en", { numeric: true }));
}

function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const direction = heads[column].getAttribute("aria-sort") === "ascending" ? -1 : 1;
  heads.forEach((head, at) => {
    if (at === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  });
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => compareCells(one.cells[column], other.cells[column], direction));
  table.tBodies[0].append(...rows);
}

function makeSortable(table) {
  if (!table.tHead) return;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = make("button", { type: "button", class: "sort" }, ...head.childNodes);
    button.addEventListener("click", () => sortBy(table, column));
    head.replaceChildren(button);
  });
}

for (const table of document.querySelectorAll(".table table")) makeSortable(table);

// A click anywhere in a row does what its link does; keyboards and screen readers have the link.
for (const row of document.querySelectorAll("tr[data-cell]")) {
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !String(getSelection())) location.hash = `cell=${row.dataset.cell}`;
  });
}
