// Tables are sorted by a click on a heading and filtered by a word. Without this script they are as they were written.
"use strict";

const numberIn = (text) => {
  const found = text.replaceAll("−", "-").replace(/,(?=\d{3})/g, "").match(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i);
  return found ? parseFloat(found[0]) : NaN;
};

const valueOf = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();

function compare(a, b, numeric) {
  if (!numeric) return a.localeCompare(b, "en", { numeric: true });
  const [x, y] = [numberIn(a), numberIn(b)];
  return isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) : x - y;
}

function sort(table, heading) {
  const column = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  const numeric = heading.classList.contains("number");
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("setting"));
    const nothing = (row) => numeric && isNaN(numberIn(valueOf(row, column)));
    rows.sort((a, b) => nothing(a) - nothing(b) ||
      (down ? -1 : 1) * compare(valueOf(a, column), valueOf(b, column), numeric));
    body.append(...rows);
  }
}

function filter(table, word, count) {
  let shown = 0;
  let all = 0;
  for (const body of table.tBodies) {
    const rows = [...body.rows];
    const about = rows.filter((row) => row.classList.contains("setting")).map((row) => row.textContent).join(" ");
    let here = 0;
    for (const row of rows.filter((one) => !one.classList.contains("setting"))) {
      row.hidden = !`${about} ${row.textContent}`.toLowerCase().includes(word);
      here += !row.hidden;
      all += 1;
    }
    body.hidden = here === 0;
    shown += here;
  }
  count.textContent = word ? `${shown} of ${all} rows` : "";
}

for (const table of document.querySelectorAll("table.data")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading));
    heading.append(button);
  }
  const box = table.parentNode;
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("output");
  input.type = "search";
  input.setAttribute("aria-label", `Filter the rows: ${box.getAttribute("aria-label")}`);
  input.addEventListener("input", () => filter(table, input.value.trim().toLowerCase(), count));
  label.className = "filter";
  label.append("Filter ", input, " ", count);
  box.before(label);
}

// What is folded is printed.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of opened) one.open = false;
});
