function render({ model, el }) {
  el.classList.add("ma-plan-review");
  const plan = document.createElement("div");
  const form = document.createElement("div");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const button = document.createElement("button");
  const message = document.createElement("p");
  const rows = document.createElement("ol");
  input.type = "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  button.type = "button";
  button.textContent = "Apply";
  message.setAttribute("role", "status");
  rows.start = 0;
  label.append("Type the phrase to apply it: ", input);
  form.append(label, button);
  el.append(plan, form, message, rows);
  // In a notebook a letter typed into anything but a text field can insert or delete cells.
  for (const type of ["keydown", "keyup", "keypress"]) {
    el.addEventListener(type, (event) => event.stopPropagation());
  }
  for (const node of [input, button]) node.dataset.lmSuppressShortcuts = "true";
  let waiting;
  const lost = () => {
    message.textContent = "No answer from the kernel. account.journal(), in a new one, says whether anything was sent.";
  };
  const draw = () => {
    const ready = model.get("state") === "ready";
    if (!ready) clearTimeout(waiting);
    plan.innerHTML = model.get("plan_html");
    input.disabled = !ready;
    button.disabled = !ready || input.value !== model.get("phrase");
    message.textContent = model.get("message");
    rows.replaceChildren(
      ...model.get("rows").map((row) => {
        const item = document.createElement("li");
        item.dataset.status = row.status;
        item.textContent = `${row.status}: ${row.message}`;
        return item;
      }),
    );
  };
  input.addEventListener("input", draw);
  button.addEventListener("click", () => {
    if (button.disabled) return;
    button.disabled = true;
    input.disabled = true;
    waiting = setTimeout(lost, 5000);
    try { model.send({ type: "apply", typed: input.value }); } catch { lost(); }
  });
  for (const name of ["plan_html", "phrase", "state", "message", "rows"]) model.on(`change:${name}`, draw);
  draw();
  return () => clearTimeout(waiting);
}
export default { render };
