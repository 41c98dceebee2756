const make = (tag, parent, attrs = {}, words = "") => {
  const node = document.createElement(tag);
  node.textContent = words;
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};

function render({ model, el }) {
  const root = make("div", el, { class: "ma", role: "group", "aria-label": model.get("label") });
  const bar = make("div", root, { class: "ma-bar" });
  const status = make("small", root, { role: "status" });
  const alert = make("div", root, { class: "ma-alert", role: "alert" });
  const fields = {};
  let waiting, gone = false;
  const lost = () => { gone = true; alert.textContent = "No answer from the kernel. Restart it if need be, and run this cell again."; };
  function say(message) {
    clearTimeout(waiting);
    waiting = setTimeout(lost, 5000);
    try { model.send(message); } catch { lost(); }
  }
  function field(wanted) {
    const box = make("label", bar, {}, wanted.label + " ");
    const node = make(wanted.options ? "select" : "input", box, { "aria-label": wanted.label, ...(wanted.options ? {} : { type: "date" }) });
    node.onchange = () => say({ type: "set", name: wanted.name, value: node.value });
    return (fields[wanted.name] = { box, node, options: "" });
  }
  function show(message) {
    for (const name in fields) fields[name].box.hidden = true;
    for (const wanted of message.fields) {
      const have = fields[wanted.name] ?? field(wanted);
      have.box.hidden = false;
      const options = JSON.stringify(wanted.options ?? "");
      if (wanted.options && have.options !== options) {
        have.node.replaceChildren();
        for (const [value, words] of wanted.options) make("option", have.node, { value }, words);
        have.options = options;
      }
      // A date half typed is not taken away.
      if (wanted.options || wanted.value) have.node.value = wanted.value;
    }
    status.textContent = message.note;
  }
  const heard = (message) => {
    clearTimeout(waiting);
    if (gone) { gone = false; alert.textContent = ""; }
    if (message.type === "fields") show(message);
    if (message.type === "changed") { model.set("seen", message.at); model.save_changes(); }
    if (message.type === "error") alert.textContent = message.text;
  };
  model.on("msg:custom", heard);
  // Nothing typed here reaches the notebook, where b inserts a cell and d d deletes one.
  for (const name of ["keydown", "keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());
  say({ type: "hello" });
  return () => { clearTimeout(waiting); model.off("msg:custom", heard); };
}
export default { render };
