"use strict";
(() => {
  const rows = [...document.querySelectorAll("tbody tr")];
  const states = [...document.querySelectorAll("button[data-state]")];
  const words = document.getElementById("words");
  const count = document.getElementById("count");

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const pressed = states.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.state);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(wanted.every((word) => text.includes(word)) && (!pressed.length || pressed.includes(row.dataset.state)));
      shown += row.hidden ? 0 : 1;
    }
    const narrowed = wanted.length > 0 || pressed.length > 0;
    for (const section of document.querySelectorAll(".section")) {
      section.hidden = narrowed && !section.querySelector("tbody tr:not([hidden])");
      if (narrowed && !section.hidden) section.open = true;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
  }

  function sort(button) {
    const head = button.closest("th");
    const column = [...head.parentNode.children].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const one of head.parentNode.children) one.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[column].textContent.trim();
    const sorted = [...body.rows].sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }));
    for (const row of down ? sorted.reverse() : sorted) body.append(row);
  }

  function fold(open) {
    for (const one of document.querySelectorAll("main details")) one.open = open;
  }

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  words.addEventListener("input", filter);
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const one of states) {
    one.addEventListener("click", () => {
      one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
      filter();
    });
  }
  for (const one of document.querySelectorAll(".sort")) one.addEventListener("click", () => sort(one));
  document.getElementById("unfold").addEventListener("click", () => fold(true));
  document.getElementById("fold").addEventListener("click", () => fold(false));
  document.getElementById("theme").addEventListener("click", theme);
  filter();
})();
