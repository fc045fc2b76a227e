// Comforts on top of pages that work without any of this: `/` goes to the search, boxes are ticked together and counted.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("search")?.focus();
});
function boxes(form) { return Array.from(form.querySelectorAll("input[type=checkbox][name=only], input[type=checkbox][name=hold], input[type=checkbox][name=event], input[type=checkbox][name=run]")); }
function count(form) {
  const total = form.querySelector("[data-total]");
  if (!total) return;
  const ticked = boxes(form).filter((box) => box.checked);
  const money = new Map(); // by currency: what is in two of them has no sum
  for (const box of ticked) {
    const unit = box.dataset.unit ?? total.dataset.total;
    money.set(unit, (money.get(unit) || 0) + Number(box.dataset.money || 0));
  }
  const changes = ticked.reduce((sum, box) => sum + Number(box.dataset.changes || 0), 0);
  const many = changes ? `, ${changes.toLocaleString("en")} change${changes === 1 ? "" : "s"}` : "";
  const sums = [...money].filter(([, sum]) => sum);
  const amount = sums.map(([unit, sum]) => `, ${sum.toLocaleString("en", { maximumFractionDigits: 2 })} ${unit}`).join("");
  total.textContent = `${ticked.length.toLocaleString("en")} of ${boxes(form).length.toLocaleString("en")} selected${many}${amount}`;
}
document.addEventListener("change", (event) => { if (event.target.form) count(event.target.form); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-tick]");
  if (!button) return;
  for (const box of boxes(button.form)) {
    box.checked = button.dataset.tick === "all" || (button.dataset.tick === "invert" && !box.checked);
  }
  count(button.form);
});
// What somebody has begun in a piece of a page: an open part, something typed or ticked, a table scrolled.
function changed(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.type !== "hidden" && field.value !== field.defaultValue;
  return field.selectedIndex !== Math.max(0, Array.from(field.options).findIndex((one) => one.defaultSelected));
}
function touched(piece) {
  return piece.querySelector("details[open]") !== null
    || Array.from(piece.querySelectorAll("input, select, textarea")).some(changed)
    || Array.from(piece.querySelectorAll(".scroll, .source")).some((one) => one.scrollTop || one.scrollLeft);
}
// A piece that renews itself waits while somebody reads on in it, types in it, or does not look at all.
document.addEventListener("htmx:beforeRequest", (event) => {
  const piece = event.target;
  if (!(piece instanceof Element) || !piece.hasAttribute("data-fresh")) return;
  const reads = piece !== document.activeElement && piece.contains(document.activeElement);
  if (reads || touched(piece) || document.hidden || !getSelection().isCollapsed) event.preventDefault();
});
// Who has pressed a button waits for its answer: nothing that renews itself may load the page anew meanwhile, or the
// answer is lost. A minute at most, since the answer may be a file, and then the page stays.
let pressed = -Infinity;
document.addEventListener("submit", (event) => { if (!event.defaultPrevented) pressed = Date.now(); });
document.addEventListener("htmx:beforeOnLoad", (event) => { if (Date.now() - pressed < 60000) event.preventDefault(); });
function reveal() { for (const one of document.querySelectorAll("button[data-line]")) one.hidden = false; }
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-line]");
  const text = document.getElementById("text");
  if (!button || !text) return;
  const lines = text.value.split("\n");
  const start = lines.slice(0, button.dataset.line - 1).join("\n").length + (button.dataset.line > 1 ? 1 : 0);
  text.closest("details").open = true;
  text.focus();
  text.setSelectionRange(start, start + lines[button.dataset.line - 1].length);
  text.scrollTop = Math.max(0, (button.dataset.line - 4) * (text.scrollHeight / lines.length));
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.previousElementSibling.textContent);
  button.textContent = "Copied";
});
// Each part of a page that scripts add to, whenever it comes: with the page, or when a part of it renews itself.
function comfort() {
  reveal();
  if (navigator.clipboard) for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
  for (const form of document.forms) {
    for (const button of form.querySelectorAll("button[data-tick]")) button.hidden = false;
    count(form);
  }
}
document.addEventListener("htmx:afterSettle", comfort);
comfort();
