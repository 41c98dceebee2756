function render({ model, el }) {
  const root = document.createElement("div");
  const id = "ma" + Math.random().toString(36).slice(2);
  root.className = "ma ma-wide";
  root.innerHTML = "<div class='ma-bar' role='tablist'></div><small role='status'></small><div class='ma-alert' role='alert'></div><div class='ma-panel' role='tabpanel' tabindex='0'></div>";
  const [bar, status, alert, panel] = root.children;
  el.append(root);
  panel.id = id;
  const tabs = model.get("tabs").map((name) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = name;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", id);
    tab.onclick = () => model.send({ type: "tab", name });
    bar.append(tab);
    return tab;
  });
  const heard = (message) => {
    if (message.type === "error") alert.textContent = message.text;
    if (message.type !== "panel") return;
    for (const tab of tabs) {
      const on = tab.textContent === message.tab;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
    }
    panel.setAttribute("aria-label", message.tab);
    panel.setAttribute("aria-busy", message.busy);
    status.textContent = message.note;
    if (message.busy && message.about === panel.dataset.about) return;
    panel.dataset.about = message.about;
    panel.innerHTML = message.html;
  };
  model.on("msg:custom", heard);
  // Nothing typed here reaches the notebook, where b inserts a cell and d d deletes one.
  for (const name of ["keydown", "keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(event.target) + step) % tabs.length];
    next.focus();
    next.click();
  });
  model.send({ type: "hello" });
  return () => model.off("msg:custom", heard);
}
export default { render };
