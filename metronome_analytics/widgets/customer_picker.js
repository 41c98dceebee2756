// One line per statement: this travels with every picker, see asset() in base.py.
const make = (tag, parent, attrs = {}, words = "") => {
  const node = document.createElement(tag);
  node.textContent = words;
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};

const text = (number) => number.toLocaleString("en");

function render({ model, el }) {
  const view = "ma" + Math.random().toString(36).slice(2);
  const label = model.get("label");
  const root = make("div", el, { class: "ma", role: "group", "aria-label": label });
  const bar = make("div", root, { class: "ma-bar" });
  const input = make("input", bar, {
    type: "text", role: "combobox", "aria-label": label, placeholder: label + ": search", autocomplete: "off", spellcheck: "false",
    "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": view, "aria-describedby": view + "s",
  });
  const button = (words, parent, act, attrs) => {
    const node = make("button", parent, { type: "button", ...attrs }, words);
    node.onclick = () => { act(); input.focus(); };
    return node;
  };
  const all = button("Select all hits", bar, () => say({ type: "all", text: input.value }));
  const none = button("Clear", bar, () => say({ type: "clear" }));
  all.hidden = !model.get("multiple");
  const chips = make("div", root, { class: "ma-chips", role: "list", "aria-label": label + " chosen" });
  const list = make("ul", root, { class: "ma-list", id: view, role: "listbox", "aria-label": label + " found", "aria-multiselectable": model.get("multiple") });
  list.hidden = true;
  const status = make("small", root, { id: view + "s", role: "status" });
  const alert = make("div", root, { class: "ma-alert", role: "alert" });
  let asked = 0, shown = 0, at = -1, waiting, enter = false, gone = false, found = "", count = 0;

  const lost = () => { gone = true; alert.textContent = "No answer from the kernel. Restart it if need be, and run this cell again."; };
  function say(message) {
    clearTimeout(waiting);
    waiting = setTimeout(lost, 5000);
    try { model.send({ ...message, view }); } catch { lost(); }
  }
  const ask = () => say({ type: "query", number: ++asked, text: input.value });
  const open = (on) => {
    list.hidden = !on;
    input.setAttribute("aria-expanded", on);
    if (!on) mark(-1);
  };
  const tell = () => { status.textContent = found + (count ? ` · ${text(count)} selected` : ""); };
  function mark(to) {
    at = to;
    [...list.children].forEach((node, i) => node.classList.toggle("ma-at", i === at));
    const node = list.children[at];
    if (node) { input.setAttribute("aria-activedescendant", node.id); node.scrollIntoView({ block: "nearest" }); }
    else input.removeAttribute("aria-activedescendant");
  }
  const badge = (node, customer) => { if (customer.archived) make("small", node, {}, " archived"); };

  function showHits(message) {
    // Late answers are dropped: what is shown is never older than what was shown.
    if (message.view !== view || message.number < shown) return;
    shown = message.number;
    const same = list.dataset.query === message.query;
    list.replaceChildren();
    message.hits.forEach((hit, i) => {
      const node = make("li", list, { id: view + i, role: "option", "aria-selected": hit.chosen, "data-id": hit.id });
      make("b", node, {}, hit.name);
      badge(node, hit);
      make("small", node, {}, hit.note);
      node.onmousedown = (event) => event.preventDefault();
      node.onclick = () => { say({ type: "pick", id: hit.id }); if (!model.get("multiple")) open(false); };
    });
    found = `${text(message.found)} of ${text(message.total)}`;
    if (message.found > message.hits.length) found += `, the best ${message.hits.length} shown`;
    found += message.searched;
    tell();
    all.disabled = !message.found;
    mark(same ? Math.min(at, message.hits.length - 1) : input.value.trim() && message.hits.length ? 0 : -1);
    // Set last: whoever waits for it finds everything in place.
    list.dataset.query = message.query;
    if (enter && shown === asked) { enter = false; list.children[at]?.click(); }
  }
  function showChosen(message) {
    chips.replaceChildren();
    for (const chip of message.chips) {
      const node = make("span", chips, { role: "listitem", "data-id": chip.id, title: chip.id }, chip.name);
      badge(node, chip);
      button("×", node, () => say({ type: "pick", id: chip.id }), { "aria-label": "Remove " + chip.name });
    }
    count = message.count;
    if (count > message.chips.length) button(`and ${text(count - message.chips.length)} more`, make("span", chips, { role: "listitem" }), () => say({ type: "more" }));
    none.disabled = !count;
    tell();
    ask();
  }
  const heard = (message) => {
    clearTimeout(waiting);
    if (gone) { gone = false; alert.textContent = ""; }
    if (message.type === "hits") showHits(message);
    if (message.type === "chosen") showChosen(message);
    if (message.type === "changed") { model.set("seen", message.at); model.save_changes(); }
    if (message.type === "error") alert.textContent = message.text;
  };
  model.on("msg:custom", heard);

  input.oninput = () => { open(true); enter = false; ask(); };
  input.onfocus = input.onclick = () => open(true);
  // A list that closes moves what is below it: while a button is held, only after the click has found its target.
  root.addEventListener("focusout", (event) => {
    if (root.contains(event.relatedTarget)) return;
    // In marimo a widget stands in a tree of its own, outside of which its focus is its host's.
    const away = () => { if (!root.contains(root.getRootNode().activeElement)) open(false); };
    if (!document.querySelector(":active")) open(false);
    else document.addEventListener("pointerup", () => setTimeout(away), { once: true });
  });
  // Nothing typed here reaches the notebook, where b inserts a cell and d d deletes one.
  for (const name of ["keydown", "keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());
  input.addEventListener("keydown", (event) => {
    const n = list.children.length;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      open(true);
      if (n) mark(event.key === "ArrowDown" ? (at + 1) % n : (Math.max(at, 0) + n - 1) % n);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (shown < asked) enter = true;
      else if (!list.hidden) list.children[at]?.click();
    } else if (event.key === "Backspace" && !input.value && count) say({ type: "last" });
    else if (event.key === "Escape") {
      if (input.value) { input.value = ""; ask(); } else open(false);
    }
  });
  say({ type: "hello" });
  return () => { clearTimeout(waiting); model.off("msg:custom", heard); };
}
export default { render };
