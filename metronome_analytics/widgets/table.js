// One line per statement: this travels with every table, see asset() in base.py.
const make = (tag, parent, attrs = {}, words = "") => {
  const node = document.createElement(tag);
  node.textContent = words;
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};
const ROW = 26, BLOCK = 100, AROUND = 20;
const text = (number) => number.toLocaleString("en");

async function copy(words) {
  try { await navigator.clipboard.writeText(words); return true; } catch { /* not allowed here: the older way */ }
  const area = make("textarea", document.body);
  area.value = words;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function render({ model, el }) {
  const label = model.get("label"), many = model.get("multiple");
  const root = make("div", el, { class: many ? "ma ma-wide" : "ma ma-wide ma-one", role: "group", "aria-label": label });
  const title = make("b", root);
  const bar = make("div", root, { class: "ma-bar" });
  const input = make("input", bar, { type: "search", "aria-label": label + ": search", placeholder: "Search", autocomplete: "off", spellcheck: "false" });
  const choice = make("details", bar, { class: "ma-columns" });
  make("summary", choice, {}, "Columns");
  const offered = make("div", choice);
  const csv = make("button", bar, { type: "button" }, "CSV");
  const copied = make("button", bar, { type: "button" }, "Copy");
  const grid = make("div", root, { class: "ma-grid", tabindex: "0", role: "region", "aria-label": label + " rows" });
  const table = make("table", grid);
  const head = make("tr", make("thead", table));
  const body = make("tbody", table);
  const status = make("small", root, { role: "status" });
  const alert = make("div", root, { class: "ma-alert", role: "alert" });
  const blocks = new Map(), asked = new Set();
  let state, waiting, gone = false, last = -1, drawn = "";

  const lost = () => { gone = true; alert.textContent = "No answer from the kernel. Restart it if need be, and run this cell again."; };
  function say(message) {
    clearTimeout(waiting);
    waiting = setTimeout(lost, 5000);
    try { model.send(message); } catch { lost(); }
  }
  // In marimo a widget stands in a tree of its own, outside of which its focus is its host's.
  const focus = () => { const node = root.getRootNode().activeElement; return root.contains(node) ? node : undefined; };
  const current = (block) => block && block.look === state.look && block.marks === state.marks;

  function draw() {
    if (!state) return;
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - AROUND);
    const end = Math.min(state.found, first + Math.ceil(grid.clientHeight / ROW) + 2 * AROUND);
    for (let start = first - (first % BLOCK); start < end; start += BLOCK) {
      const key = `${start} ${state.look} ${state.marks}`;
      if (current(blocks.get(start)) || asked.has(key)) continue;
      asked.add(key);
      say({ type: "window", start });
    }
    // What was shown stays until its rows have come again: nothing is blank for a choice or an order.
    const rows = [];
    for (let at = first; at < end; at++) rows.push(blocks.get(at - (at % BLOCK))?.rows[at % BLOCK]);
    const key = `${first} ${end} ${state.look} ${rows.map((row) => row ? `${row.row}${row.chosen}` : "").join()}`;
    if (key === drawn) return;
    drawn = key;
    const focused = focus()?.dataset.at;
    body.replaceChildren();
    gap(first);
    rows.forEach((row, i) => line(row, first + i));
    gap(state.found - end);
    if (focused !== undefined) body.querySelector(`[data-at="${focused}"]`)?.focus();
    // Columns never get narrower while one scrolls.
    for (const th of head.children) th.style.minWidth = Math.max(parseFloat(th.style.minWidth) || 0, Math.min(th.offsetWidth, 340) - 16) + "px";
  }
  function gap(rows) {
    const row = make("tr", body, { class: "ma-gap", "aria-hidden": "true" });
    make("td", row, { colspan: state.columns.length + 1 }).style.height = Math.max(rows, 0) * ROW + "px";
    row.hidden = rows <= 0;
  }
  function line(row, at) {
    const node = make("tr", body, row ? { "data-row": row.row } : {});
    node.classList.toggle("ma-on", !!row?.chosen);
    const box = make("input", make("td", node), { type: many ? "checkbox" : "radio", "aria-label": "Row " + text(at + 1), "data-at": at });
    box.checked = !!row?.chosen;
    box.disabled = !row;
    box.onclick = (event) => {
      const from = many && event.shiftKey && last >= 0 ? last : at;
      last = at;
      say({ type: "pick", look: state.look, from, to: at, on: box.checked });
    };
    if (!many) node.onclick = (event) => { if (!event.target.closest("button, input") && !box.disabled && getSelection().isCollapsed) box.click(); };
    state.columns.forEach((column, i) => {
      const [brief, whole] = row ? row.cells[i] ?? [null, null] : ["…", null];
      const cell = make("td", node, column.right ? { class: "ma-right" } : {}, brief ?? "");
      if (whole !== null) cell.title = whole;
      if (!column.id || !whole || !row) return;
      const button = make("button", cell, { type: "button", class: "ma-copy", "aria-label": "Copy " + whole, title: "Copy " + whole });
      button.onclick = async () => { note((await copy(whole)) ? "copied " + whole : "The browser does not let this page copy."); };
    });
  }
  function note(words) {
    const parts = [`showing ${text(state.found)} of ${text(state.total)}`];
    if (state.chosen && many) parts.push(`${text(state.chosen)} selected`);
    if (words) parts.push(words);
    status.textContent = parts.join(" · ");
  }
  function show(message) {
    const fresh = !state || message.look !== state.look;
    const names = (of) => of ? JSON.stringify([of.columns, of.offered]) : "";
    const heads = names(message) !== names(state);
    const shape = !state || message.columns.length !== state.columns.length || message.columns.some((column, i) => column.name !== state.columns[i].name);
    state = message;
    title.textContent = message.title;
    if (fresh) { grid.scrollTop = 0; last = -1; asked.clear(); }
    if (shape) blocks.clear();
    if (message.first) blocks.set(0, message.first);
    if (heads) headings();
    const all = head.querySelector("input");
    all.checked = message.chosen > 0 && message.chosen >= message.found;
    all.indeterminate = message.chosen > 0 && !all.checked;
    grid.setAttribute("aria-busy", "true");
    drawn = "";
    note("");
    if (message.found) draw();
    else body.replaceChildren();
    if (message.first || !message.found) grid.setAttribute("aria-busy", "false");
    if (!message.found && message.search) note(`nothing has “${message.search}” in the columns shown`);
  }
  function headings() {
    const focused = focus()?.dataset.column;
    head.replaceChildren();
    const all = make("input", make("th", head), { type: "checkbox", "aria-label": "Select every row found" });
    all.hidden = !many;
    all.onclick = () => say({ type: "all", on: all.checked });
    for (const column of state.columns) {
      const th = make("th", head, { scope: "col", ...(column.sort ? { "aria-sort": column.sort } : {}) });
      if (column.right) th.className = "ma-right";
      make("button", th, { type: "button", "data-column": column.name }, column.name).onclick = () => say({ type: "sort", column: column.name });
    }
    if (focused !== undefined) [...head.querySelectorAll("button")].find((node) => node.dataset.column === focused)?.focus();
    const shown = state.columns.map((column) => column.name);
    if (offered.dataset.names === JSON.stringify(state.offered)) {
      for (const box of offered.querySelectorAll("input")) box.checked = shown.includes(box.value);
      return;
    }
    offered.dataset.names = JSON.stringify(state.offered);
    offered.replaceChildren();
    for (const name of state.offered) {
      const line = make("label", offered);
      const box = make("input", line, { type: "checkbox", value: name });
      line.append(" " + name);
      box.checked = shown.includes(name);
      box.onchange = () => {
        const now = state.columns.map((column) => column.name);
        const names = box.checked ? [...now, name] : now.filter((other) => other !== name);
        if (names.length) say({ type: "columns", names });
        else box.checked = true;
      };
    }
  }
  async function file(message, buffers) {
    const words = new TextDecoder().decode(buffers[0]);
    if (message.to === "copy") { note((await copy(words)) ? `copied ${text(message.rows)} rows` : "The browser does not let this page copy."); return; }
    const link = make("a", root, { href: URL.createObjectURL(new Blob([words], { type: "text/csv" })), download: "table.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
    link.remove();
    note(`${text(message.rows)} rows in table.csv`);
  }
  const heard = (message, buffers) => {
    clearTimeout(waiting);
    if (gone) { gone = false; alert.textContent = ""; }
    if (message.type === "state") show(message);
    if (message.type === "file") file(message, buffers);
    if (message.type === "changed") { model.set("seen", message.at); model.save_changes(); }
    if (message.type === "error") alert.textContent = message.text;
    if (message.type !== "rows" || !state || message.look !== state.look) return;
    blocks.set(message.start, message);
    asked.delete(`${message.start} ${message.look} ${message.marks}`);
    draw();
    grid.setAttribute("aria-busy", "false");
  };
  model.on("msg:custom", heard);
  let typing;
  input.oninput = () => { clearTimeout(typing); typing = setTimeout(() => say({ type: "query", text: input.value }), 120); };
  grid.onscroll = draw;
  csv.onclick = () => say({ type: "export", to: "csv" });
  copied.onclick = () => say({ type: "export", to: "copy" });
  // Nothing typed here reaches the notebook, where b inserts a cell and d d deletes one.
  for (const name of ["keydown", "keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());
  say({ type: "hello" });
  return () => { clearTimeout(waiting); clearTimeout(typing); model.off("msg:custom", heard); };
}
export default { render };
