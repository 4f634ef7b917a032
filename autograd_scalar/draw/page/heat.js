// --- Heat: the size of gradients or values as colour, on a logarithmic scale ----------------------

const MOST_DECADES = 16; // below the greatest; what is smaller still has the last colour
const MARKS = { zero: "∅", infinite: "∞", none: "?" };
const [INK, CHALK] = ["#0a0c0e", "#fefefe"];

let heat = ""; // "grad" or "data"

const sizeAt = (thing) => {
  if (isBox(thing)) {
    const range = ranges.get(thing)?.[heat];
    if (!range?.known) return null;
    if (range.nans) return NaN;
    return heat === "grad" ? range.high : Math.max(Math.abs(range.low), Math.abs(range.high));
  }
  const x = heat === "grad" ? gradientAt(thing) : numberAt(thing);
  return x === null ? null : Math.abs(x);
};

/** The powers of ten that the scale goes from and to: of all numbers, so folding changes none. */
function decades() {
  const numbers = heat === "grad" ? passes.gradients : passes.values.subarray(0, SIZE);
  let [low, high] = [Infinity, 0];
  for (const x of numbers) {
    const size = Math.abs(x);
    if (size > 0 && size < Infinity) {
      if (size < low) low = size;
      if (size > high) high = size;
    }
  }
  if (!high) return [-1, 0];
  const top = Math.max(Math.ceil(Math.log10(high)), Math.floor(Math.log10(low)) + 1);
  return [Math.max(Math.floor(Math.log10(low)), top - MOST_DECADES), top];
}

let scale = { passes: null, heat: "", ends: [0, 1] };
function scaleNow() {
  if (scale.passes !== passes || scale.heat !== heat) scale = { passes, heat, ends: decades() };
  return scale.ends;
}

function colourOf(size) {
  const [low, high] = scaleNow();
  const at = (Math.log10(size) - low) / (high - low);
  return DATA.ramp[Math.round(Math.min(1, Math.max(0, at)) * (DATA.ramp.length - 1))];
}

/** The relative luminance of a colour, from 0 to 1 (WCAG 2). */
function luminance(colour) {
  const parts = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255);
  const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const inkOn = (colour) => (luminance(colour) > 0.19 ? INK : CHALK);

function signFor(size) {
  if (size === null) return "";
  if (size !== size) return "none";
  if (size === Infinity) return "infinite";
  return size === 0 ? "zero" : "";
}

function showHeat() {
  picture.classList.toggle("heated", heat !== "");
  for (const [thing, card] of cards) {
    if (card.isOpen) continue;
    const size = heat ? sizeAt(thing) : null;
    const kind = signFor(size);
    const colour = size === null || kind ? "" : colourOf(size);
    const shown = `${heat};${kind};${colour}`;
    if (shown === card.heat) continue;
    card.heat = shown;
    card.ground.style.fill = colour;
    card.element.style.setProperty("--text-here", colour ? inkOn(colour) : "");
    card.element.classList.toggle("tinted", colour !== "");
    card.element.classList.toggle("dead", kind === "zero");
    card.element.classList.toggle("broken", kind === "none" || kind === "infinite");
    card.sign.textContent = heat ? (MARKS[kind] ?? "") : "";
  }
  for (const { element, use } of pieces.values()) {
    const isDead = heat === "grad" && use !== null && time === END && !passes.contributions[use];
    element.classList.toggle("dead", isDead);
  }
  showScale();
}

function showScale() {
  const place = byId("scale");
  place.hidden = heat === "";
  const [low, high] = heat ? scaleNow() : [0, 1];
  const ends = [low, high].map((power) => brief(10 ** power));
  const said = `${heat} ${ends}`;
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  byId("bar").style.background = `linear-gradient(90deg, ${DATA.ramp.join(", ")})`;
  byId("least").textContent = ends[0];
  byId("greatest").textContent = ends[1];
  const what = heat === "grad" ? "size of the gradient" : "size of the value";
  byId("bar").setAttribute("aria-label", `${what}, from ${ends[0]} (dark) to ${ends[1]} (light)`);
}

byId("heat").addEventListener("change", ({ target }) => {
  heat = target.value;
  showHeat();
});
