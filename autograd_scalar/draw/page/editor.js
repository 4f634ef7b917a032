// --- A leaf's number, changed, and what values alone say of its derivative -----------------------

let editor = null;

function buildEditor(node) {
  editor = null;
  const place = byId("editor");
  place.replaceChildren();
  if (isBox(node) || !isLeaf(node)) return;
  const field = made("input", {
    type: "text",
    id: "number",
    inputmode: "text",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "complaint",
  });
  const slider = made("input", {
    type: "range",
    id: "slider",
    step: "any",
    "aria-label": `${nameOfNode(node)}, by slider`,
  });
  const reset = made("button", { type: "button", id: "reset" }, "Reset all");
  const complaint = made("p", { id: "complaint", class: "complaint", role: "alert" });
  place.append(
    made(
      "div",
      { class: "editing" },
      made("label", { for: "number" }, "change data to"),
      field,
      reset,
    ),
    slider,
    complaint,
  );
  editor = { node, field, slider, reset, complaint, kept: passes.leaves[node] };
  if (UNCHANGEABLE.length) {
    for (const control of [field, slider, reset]) control.disabled = true;
    complaint.textContent = `Only Python can compute ${UNCHANGEABLE[0]}, so the numbers here stay as they are.`;
    complaint.removeAttribute("role");
  }
  field.value = exact(passes.leaves[node]);
  centreSlider();
  field.addEventListener("input", () => take(field.value, false));
  field.addEventListener("change", () => take(field.value, true));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const x = passes.leaves[node];
    const step = (event.shiftKey ? 1 : 0.1) * (event.key === "ArrowUp" ? 1 : -1);
    if (Number.isFinite(x)) take(String(Number((x + step).toPrecision(12))), true);
  });
  slider.addEventListener("input", () =>
    take(String(Number(Number(slider.value).toPrecision(4))), true),
  );
  slider.addEventListener("change", centreSlider);
  place.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    focusOn(standInOf(node));
  };
  reset.addEventListener("click", () => {
    change(GIVEN);
    editor.kept = passes.leaves[node];
    editor.field.value = exact(passes.leaves[node]);
    editor.complaint.textContent = "";
    field.removeAttribute("aria-invalid");
    field.focus(); // the button is gone
    centreSlider();
  });
}

function centreSlider() {
  const x = passes.leaves[editor.node];
  const reach = Number.isFinite(x) ? Math.max(1, 2 * Math.abs(x)) : 1;
  const middle = Number.isFinite(x) ? x : 0;
  editor.slider.min = middle - reach;
  editor.slider.max = middle + reach;
  editor.slider.value = middle;
}

/** The text of the field: a number at once, what is none is refused with a sentence. */
function take(text, done) {
  const { node, field, slider, complaint } = editor;
  const x = numberIn(text);
  if (x === null) {
    field.setAttribute("aria-invalid", "true");
    complaint.textContent = text.trim()
      ? `${text.trim().slice(0, 40)} is no number: write one as 2, -0.5, 1e-3, inf or nan.`
      : "Write a number, such as 2, -0.5, 1e-3, inf or nan.";
    put(node, editor.kept); // not the number that was typed on the way to what is none
    return;
  }
  field.removeAttribute("aria-invalid");
  complaint.textContent = "";
  if (done) {
    field.value = exact(x);
    editor.kept = x;
  }
  if (document.activeElement !== slider) {
    if (!(x >= slider.min && x <= slider.max)) centreSlider();
    slider.value = x;
  }
  put(node, x);
}

function put(node, x) {
  if (Object.is(x, passes.leaves[node])) return;
  const leaves = passes.leaves.slice();
  leaves[node] = x;
  change(leaves);
}

function change(leaves) {
  passes = passesFor(leaves);
  render();
}

function refreshEditor() {
  if (editor)
    editor.reset.hidden = LEAVES.every((leaf) => Object.is(GIVEN[leaf], passes.leaves[leaf]));
}

let known = { passes: null, leaf: null, difference: null };
function differenceOf(leaf) {
  if (known.passes !== passes || known.leaf !== leaf) {
    known = { passes, leaf, difference: finiteDifference(leaf) };
  }
  return known.difference;
}

/** The gradient beside what values alone say of it. */
function differenceBars(leaf) {
  const gradient = passes.gradients[leaf];
  const difference = UNCHANGEABLE.length ? undefined : differenceOf(leaf);
  if (difference === undefined) return made("p", { class: "bars" });
  if (difference === null) {
    return made(
      "p",
      { class: "bars" },
      "A small step would already cross a comparison that Python decided by: there is no finite difference to compare with.",
    );
  }
  const largest = Math.max(Math.abs(gradient), Math.abs(difference));
  const bar = (name, x, kind) => {
    const filled = made("span", { class: `filled ${kind}` });
    const part =
      Number.isFinite(x) && Number.isFinite(largest) && largest > 0 ? Math.abs(x) / largest : 0;
    filled.style.width = `${50 * part}%`;
    filled.style.left = `${x < 0 ? 50 - 50 * part : 50}%`;
    return made(
      "div",
      { class: "bar" },
      made("span", {}, name),
      made("span", { class: "rail" }, filled),
      figure(x, kind),
    );
  };
  return made(
    "div",
    { class: "bars", role: "group", "aria-label": "Finite difference" },
    bar("gradient", gradient, "of-grad"),
    bar("difference", difference, "of-difference"),
    made("p", {}, agreement(gradient, difference)),
  );
}

function agreement(gradient, difference) {
  if (Object.is(gradient, difference)) return "They are the same to the last digit.";
  if (!Number.isFinite(gradient) || !Number.isFinite(difference))
    return "There is no number to compare.";
  const size = Math.max(Math.abs(gradient), Math.abs(difference));
  const scale = Math.max(size, 1e-12 * Math.abs(passes.values[OUTPUT]), 1e-300);
  const error = Math.abs(gradient - difference) / scale;
  const digits = Math.min(15, Math.floor(-Math.log10(error)));
  return digits >= 3
    ? `They agree to ${digits} digits.`
    : "They differ: the function bends or jumps here within a small step.";
}
