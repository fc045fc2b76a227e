// Comforts of the raw editor of a rule: what fits at the cursor, and each error in its line. Saving needs none of this.
"use strict";
const list = document.getElementById("completions");
const fits = document.getElementById("fits");
let found = { start: 0, options: [] };
let chosen = -1;
let asked = 0;
function editor() { return document.getElementById("text"); } // htmx may have put another one in its place
function line_height() { return parseFloat(getComputedStyle(editor()).lineHeight); }
function letter_width() {
  const style = getComputedStyle(editor());
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  return pen.measureText("m").width;
}
function close_list() {
  list.hidden = true;
  chosen = -1;
  fits.textContent = "";
  editor().removeAttribute("aria-activedescendant");
}
function choose(number) {
  chosen = (number + found.options.length) % found.options.length;
  Array.from(list.children).forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
  list.children[chosen].scrollIntoView({ block: "nearest" });
  editor().setAttribute("aria-activedescendant", list.children[chosen].id);
}
function accept(number) {
  const text = editor();
  text.setRangeText(found.options[number].insert, found.start, text.selectionStart, "end");
  close_list();
  text.focus();
  text.dispatchEvent(new Event("input", { bubbles: true }));
}
function place_list() {
  const text = editor();
  const lines = text.value.slice(0, found.start).split("\n");
  const style = getComputedStyle(text);
  const top = text.offsetTop + parseFloat(style.paddingTop) + lines.length * line_height() - text.scrollTop;
  const left = text.offsetLeft + parseFloat(style.paddingLeft) + lines.at(-1).length * letter_width() - text.scrollLeft;
  list.style.left = `${Math.max(0, Math.min(left, text.clientWidth - list.offsetWidth))}px`;
  const above = top - line_height() - list.offsetHeight;
  list.style.top = `${top + list.offsetHeight > text.offsetTop + text.offsetHeight && above > 0 ? above : top}px`;
}
let waiting;
async function offer(first) {
  clearTimeout(waiting);
  const text = editor();
  const mine = ++asked;
  const at = text.selectionStart;
  const sent = new FormData(text.form);
  sent.set("at", Array.from(text.value.slice(0, at)).length); // in characters, as the server counts
  const answer = await fetch(text.form.dataset.address, { method: "POST", body: sent });
  if (!answer.ok || mine !== asked || text !== editor() || at !== text.selectionStart) return;
  const { begun, options } = await answer.json();
  found = { start: at - begun, options };
  if (!found.options.length) return close_list();
  list.replaceChildren(...found.options.map((one, number) => {
    const item = document.createElement("li");
    const word = document.createElement("code");
    word.textContent = one.word;
    item.id = `fit-${number}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.append(word, ` ${one.meaning}`);
    item.title = one.meaning;
    return item;
  }));
  list.hidden = false;
  fits.textContent = `${found.options.length} fit here; arrow keys choose, Enter takes, Escape closes`;
  place_list();
  if (first) choose(0);
}
document.addEventListener("keydown", (event) => {
  if (event.target !== editor()) return;
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    offer(true);
  } else if (!list.hidden) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(chosen + (event.key === "ArrowDown" ? 1 : chosen < 0 ? 0 : -1));
    } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
      event.preventDefault();
      accept(chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close_list();
    }
  }
});
document.addEventListener("input", (event) => {
  if (event.target !== editor()) return;
  clearTimeout(waiting);
  in_lines([]); // what was said is about another text
  const letter = editor().value[editor().selectionStart - 1] || "";
  if (/\w/.test(letter) && event.inputType === "insertText") waiting = setTimeout(offer, 200, false);
  else close_list();
});
list.addEventListener("mousedown", (event) => {
  const item = event.target.closest("li");
  event.preventDefault(); // the text keeps the focus
  if (item) accept(Array.from(list.children).indexOf(item));
});
document.addEventListener("focusout", (event) => { if (event.target === editor()) close_list(); });
// --- errors in their lines ---
let shown = [];
function in_lines(errors) {
  shown = errors;
  document.querySelector(".in-lines").replaceChildren(...errors.map(({ words }) => {
    const line = document.createElement("p");
    const text = document.createElement("span");
    text.textContent = words;
    line.append(text);
    return line;
  }));
  place_lines();
}
function place_lines() {
  const padding = parseFloat(getComputedStyle(editor()).paddingTop);
  Array.from(document.querySelector(".in-lines").children).forEach((one, number) => {
    one.style.top = `${padding + (shown[number].line - 1) * line_height() - editor().scrollTop}px`;
    one.style.height = `${line_height()}px`;
  });
}
function read_errors() {
  const items = Array.from(document.querySelectorAll("#looked button[data-line]"), (one) => one.closest("li"));
  in_lines(items.map((one) => ({ line: Number(one.querySelector("button").dataset.line), words: one.dataset.words })));
}
document.addEventListener("scroll", (event) => { if (event.target === editor()) { place_lines(); close_list(); } }, true);
document.addEventListener("toggle", (event) => { if (event.target.matches("details.text")) place_lines(); }, true);
document.addEventListener("htmx:afterSettle", read_errors);
editor().setAttribute("aria-controls", "completions");
for (const one of document.querySelectorAll(".with-scripts")) one.hidden = false;
read_errors();
