function render({ model, el, host }) {
  const root = document.createElement("div");
  root.className = "ma-stack";
  el.append(root);
  let alive = new AbortController();
  async function fill(box, part, signal) {
    const kind = part.kind, what = part.what;
    if (kind === "widget" && host) await (await host.getWidget(what)).render({ el: box, signal });
    else if (kind !== "mime") {
      // A widget of Jupyter's own, or the page of an older anywidget: the manager draws it.
      const view = await model.widget_manager.create_view(await model.widget_manager.get_model(what.replace("anywidget:", "")));
      if (signal.aborted) { view.remove(); return; }
      box.append(view.el);
      signal.addEventListener("abort", () => view.remove());
    }
    if (kind === "mime") {
      // marimo's element for what a cell shows; its attributes are JSON.
      const node = document.createElement("marimo-mime-renderer");
      node.setAttribute("data-mime", JSON.stringify(part.mime));
      node.setAttribute("data-data", JSON.stringify(what));
      box.append(node);
    }
  }
  function draw() {
    alive.abort();
    alive = new AbortController();
    const signal = alive.signal;
    root.replaceChildren();
    for (const part of model.get("parts")) {
      const box = document.createElement("div");
      if (part.name) box.classList.add("ma-panel", "ma-panel-" + part.name);
      root.append(box);
      fill(box, part, signal).catch((error) => { if (!signal.aborted) box.textContent = `This part cannot be shown here: ${error.message}`; });
    }
  }
  const changed = (message) => {
    if (message.type === "changed") { model.set("seen", message.at); model.save_changes(); }
  };
  model.on("change:parts", draw);
  model.on("msg:custom", changed);
  draw();
  return () => { alive.abort(); model.off("change:parts", draw); model.off("msg:custom", changed); };
}
export default { render };
