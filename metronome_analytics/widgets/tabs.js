function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "ma ma-wide";
  root.innerHTML = "<div class='ma-bar' role='tablist'></div><div class='ma-bar ma-said'><small role='status'></small><button type='button' hidden></button></div><div class='ma-alert' role='alert'></div>";
  const [bar, said, alert] = root.children;
  const [status, offer] = said.children;
  el.append(root);
  let waiting;
  const lost = () => { alert.textContent = "No answer from the kernel. Restart it if need be, and run this cell again."; };
  function say(message) {
    clearTimeout(waiting);
    waiting = setTimeout(lost, 5000);
    try { model.send(message); } catch { lost(); }
  }
  const tabs = model.get("tabs").map((name) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = name;
    tab.setAttribute("role", "tab");
    tab.onclick = () => say({ type: "tab", name });
    bar.append(tab);
    return tab;
  });
  offer.onclick = () => say({ type: "load" });
  const heard = (message) => {
    clearTimeout(waiting);
    if (message.type === "error") alert.textContent = message.text;
    if (message.type !== "state") return;
    for (const tab of tabs) {
      const on = tab.textContent === message.tab;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
    }
    status.textContent = message.note;
    offer.textContent = message.offer;
    offer.hidden = !message.offer;
    alert.textContent = message.error;
    // What is below is of other widgets and says nothing of itself to screen readers.
    const panel = el.closest(".ma-stack")?.querySelector(".ma-panel-tab");
    for (const [key, value] of [["role", "tabpanel"], ["aria-label", message.tab], ["aria-busy", message.busy]]) panel?.setAttribute(key, value);
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
  say({ type: "hello" });
  return () => { clearTimeout(waiting); model.off("msg:custom", heard); };
}
export default { render };
