// --- The node that is looked at: its facts and its paths -----------------------------------------

let drawnNode = null;

const focusOfAttention = () => pointed ?? chosen;

function showDetails() {
  const node = focusOfAttention();
  showPaths(node);
  const about = node ?? (time < END ? event().node : null) ?? OUTPUT;
  if (about !== drawnNode) {
    drawnNode = about;
    buildEditor(about);
  }
  const kind = isLeaf(about) ? "leaf" : DATA.signs[about];
  const label = DATA.labels[about];
  byId("head").replaceChildren(
    made("h2", {}, DATA.names[about], " ", made("span", { class: "kind" }, kind)),
    ...(label ? [made("p", { class: "label" }, label)] : []),
  );
  byId("facts").replaceChildren(...(isBroken() ? [] : facts(about)));
  refreshEditor();
}

function facts(node) {
  const [x, g] = [numberAt(node), gradientAt(node)];
  const list = made("dl", { class: "facts" });
  const fact = (term, ...what) => list.append(made("dt", {}, term), made("dd", {}, ...what));
  if (!isLeaf(node)) {
    fact("is", code(definition(node, passes.values)));
    const whole = expressionTexts()[node];
    if (whole !== definition(node, passes.values)) fact("of the leaves", code(whole));
  }
  const inFull = (x, kind) =>
    x === null
      ? made("span", { class: "reason" }, "not yet")
      : made("data", { class: kind, value: exact(x) }, exact(x));
  fact("data", inFull(x, "of-data"));
  fact(
    "grad",
    inFull(g, "of-grad"),
    made("br"),
    made(
      "code",
      { class: "reason" },
      `∂${DATA.names[OUTPUT]}/∂${DATA.names[node]}${g === null || Object.is(g, passes.gradients[node]) ? "" : ", so far"}`,
    ),
  );
  if (DATA.lines[node]) fact("code", code(DATA.lines[node]));
  const parts = [list];
  if (isLeaf(node)) parts.push(differenceBars(node));
  else parts.push(made("h3", {}, "Local derivatives"), slopeList(node));
  return [...parts, ...pathList(node)];
}

let textsFor = null;
let texts = [];
function expressionTexts() {
  if (textsFor !== passes) [textsFor, texts] = [passes, expressions(passes.values)];
  return texts;
}

function slopeList(node) {
  const formulas = slopeFormulas(node, passes.values);
  const parents = parentsOf(node);
  const items = parents
    .slice(0, MOST_ROWS)
    .map((parent, i) =>
      made("li", {}, ...slopeText(node, parent, formulas[i], passes.slopes[node][i])),
    );
  const more = parents.length - items.length;
  if (more > 0) items.push(made("li", {}, `and ${more} more`));
  return made("ul", { class: "plain" }, ...items);
}

function pathList(node) {
  if (node === OUTPUT) return [];
  const count = PATHS[node];
  const title =
    count === 1n
      ? "The path to the output"
      : `The ${count.toLocaleString("en")} paths to the output`;
  const items = pathsFrom(node, MOST_PATHS).map((path) => {
    const names = [node, ...path.map(([user]) => user)].map((n) => DATA.names[n]);
    const factors = path.map(([user, i]) => passes.slopes[user][i]).reverse();
    const text = made(
      "li",
      {},
      made("span", { class: "way" }, shortWay(names).join(" → ")),
      made("br"),
    );
    factors.slice(0, 8).forEach((x, i) => text.append(i ? " × " : "", signed(x)));
    if (factors.length > 8) text.append(` × … (${factors.length} factors)`);
    text.append(" = ", gradientOf(productAlong(path, passes.slopes)));
    return text;
  });
  const rest = count - BigInt(items.length);
  const sum =
    rest > 0n
      ? made(
          "p",
          {},
          `and ${rest.toLocaleString("en")} more. The sum over all of them: `,
          gradientOf(passes.gradients[node]),
        )
      : made(
          "p",
          {},
          count === 1n ? "The gradient: " : "Their sum, the gradient: ",
          gradientOf(passes.gradients[node]),
        );
  return [made("h3", {}, title), made("ol", { class: "paths" }, ...items), sum];
}

const shortWay = (names) =>
  names.length <= 9
    ? names
    : [...names.slice(0, 5), `… ${names.length - 8} nodes …`, ...names.slice(-3)];

function showPaths(node) {
  const reached = node === null || node === OUTPUT ? null : reachedFrom(node);
  picture.classList.toggle("tracing", reached !== null);
  ARROWS.forEach((arrow, i) =>
    arrowPaths[i].classList.toggle("on-path", reached?.has(arrow.parent) ?? false),
  );
  cards.forEach((card, other) => {
    card.classList.toggle("on-path", reached?.has(other) ?? false);
    card.classList.toggle("chosen", other === node);
  });
}
