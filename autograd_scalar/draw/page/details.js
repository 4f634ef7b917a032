// --- The node that is looked at: its facts and its paths -----------------------------------------

let drawn = null; // a thing

const focusOfAttention = () => pointed ?? chosen;

function showDetails() {
  const thing = focusOfAttention();
  showPaths(thing);
  const { node } = time < END ? event() : { node: null };
  const about = thing ?? (node === null ? standInOf(OUTPUT) : standInOf(node));
  if (about !== drawn) {
    drawn = about;
    buildEditor(about);
  }
  const kind = isBox(about) ? detailAt(~about) : isLeaf(about) ? "leaf" : signOf(about);
  const label = isBox(about) ? counted(WITHIN[~about], "value") : labelOf(about);
  byId("head").replaceChildren(
    made("h2", {}, nameOfThing(about), ...(kind ? [" ", made("span", { class: "kind" }, kind)] : [])),
    ...(label ? [made("p", { class: "label" }, label)] : []),
  );
  const told = isBox(about) ? factsOfBox : facts;
  byId("facts").replaceChildren(...(isBroken() ? [] : told(about)));
  refreshEditor();
}

function facts(node) {
  const [x, g] = [numberAt(node), gradientAt(node)];
  const list = made("dl", { class: "facts" });
  const fact = (term, ...what) => list.append(made("dt", {}, term), made("dd", {}, ...what));
  if (!isLeaf(node)) {
    fact("is", code(definition(node, passes.values)));
    const { text, isWhole } = expression(node, passes.values);
    if (text !== definition(node, passes.values)) fact(isWhole ? "of the leaves" : "in full", code(text));
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
      `∂${nameOfNode(OUTPUT)}/∂${nameOfNode(node)}${g === null || Object.is(g, passes.gradients[node]) ? "" : ", so far"}`,
    ),
  );
  if (lineOf(node)) fact("code", code(lineOf(node)));
  const parts = [list];
  if (isLeaf(node)) parts.push(differenceBars(node));
  else parts.push(made("h3", {}, "Local derivatives"), slopeList(node));
  return [...parts, ...pathList(node)];
}

function slopeList(node) {
  const formulas = slopeFormulas(node, passes.values);
  const parents = parentsOf(node);
  const slopes = slopesOf(node);
  const items = parents
    .slice(0, MOST_ROWS)
    .map((parent, i) =>
      made("li", {}, ...slopeText(node, parent, formulas[i], slopes[i])),
    );
  const more = parents.length - items.length;
  if (more > 0) items.push(made("li", {}, `and ${more} more`));
  return made("ul", { class: "plain" }, ...items);
}

function pathList(node) {
  if (node === OUTPUT) return [];
  const count = pathsOf(node);
  const title =
    count === 1n
      ? "The path to the output"
      : `The ${count.toLocaleString("en")} paths to the output`;
  const items = pathsFrom(node, MOST_PATHS).map((path) => {
    const names = [node, ...path.map(([user]) => user)].map(nameOfNode);
    const factors = path.map(([user, i]) => slopesOf(user)[i]).reverse();
    const text = made(
      "li",
      {},
      made("span", { class: "way" }, shortWay(names).join(" → ")),
      made("br"),
    );
    factors.slice(0, 8).forEach((x, i) => text.append(i ? " × " : "", signed(x)));
    if (factors.length > 8) text.append(` × … (${factors.length} factors)`);
    text.append(" = ", gradientOf(productAlong(path)));
    return text;
  });
  const rest = count - BigInt(items.length);
  const sum =
    rest > 0n
      ? made(
          "p",
          {},
          `${items.length ? `and ${rest.toLocaleString("en")} more` : "Too long to be listed"}. The sum over all of them: `,
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

function showPaths(thing) {
  for (const [other, { element }] of cards) element.classList.toggle("chosen", other === thing);
  const node = thing === null || isBox(thing) ? null : thing;
  const reached = node === null || node === OUTPUT ? null : reachedFrom(node);
  picture.classList.toggle("tracing", reached !== null);
  const seenOnPath = new Set(reached?.nodes.map(standInOf));
  for (const [other, { element }] of cards) {
    element.classList.toggle("on-path", seenOnPath.has(other));
  }
  const uses = new Map(); // one for each pair of what is seen
  for (const from of reached?.nodes ?? []) {
    const tail = standInOf(from);
    for (const use of usesOf(from)) {
      const head = standInOf(OWNER[use]);
      if (head !== tail) uses.set(own.has(use) ? `${use}` : pairKey(tail, head), use);
    }
  }
  mark("on-path", uses.values());
  for (const { tail, head, element } of pieces.values()) {
    const isIts = thing !== null && isBox(thing) && (tail === thing || head === thing);
    element.classList.toggle("its", isIts);
  }
}

// --- A box ----------------------------------------------------------------------------------------

const MOST_LISTED = 12;

function factsOfBox(thing) {
  const inside = new Uint8Array(SIZE);
  const nodes = nodesOf(thing).sort((a, b) => a - b);
  for (const node of nodes) inside[node] = 1;
  const [data, grad] = [empty(), empty()];
  let squares = 0;
  let parameters = 0;
  const into = new Set();
  const out = [];
  for (const node of nodes) {
    const [x, g] = [numberAt(node), gradientAt(node)];
    if (x !== null) add(data, x);
    if (g !== null) add(grad, Math.abs(g));
    if (PARAMETERS.has(node)) [parameters, squares] = [parameters + 1, squares + (g ?? NaN) ** 2];
    for (let i = START[node]; i < START[node + 1]; i++) {
      const parent = OPERANDS[i];
      if (parent >= 0 && !inside[parent]) into.add(parent);
    }
    if (node === OUTPUT || usesOf(node).some((use) => !inside[OWNER[use]])) out.push(node);
  }
  const list = made("dl", { class: "facts" });
  const fact = (term, ...what) => list.append(made("dt", {}, term), made("dd", {}, ...what));
  const numbers = (range, kind) => made("span", { class: `figures ${kind}` }, rangeText(range) || "not yet");
  const zeros = (range) => (range.zeros ? `, ${range.zeros.toLocaleString("en")} of them 0` : "");
  const title = titleAt(~thing);
  if (shortened(title) !== title) fact("name", title);
  fact("data", numbers(data, "of-data"), zeros(data));
  fact("|grad|", numbers(grad, "of-grad"), zeros(grad));
  if (parameters) {
    const sum = squares === squares || time >= BEGUN ? figure(squares, "of-grad") : "not yet";
    fact("parameters", `${parameters.toLocaleString("en")}; the sum of the squares of their gradients: `, sum);
  }
  return [list, ...valueList("Values in", [...into]), ...valueList("Values out", out)];
}

function valueList(title, nodes) {
  if (!nodes.length) return [];
  const number = (x, kind) => (x === null ? "" : figure(x, kind));
  const rows = nodes.slice(0, MOST_LISTED).map((node) =>
    made(
      "tr",
      {},
      made("th", { scope: "row" }, nameOfNode(node)),
      made("td", { "data-title": "data" }, number(numberAt(node), "of-data")),
      made("td", { "data-title": "grad" }, number(gradientAt(node), "of-grad")),
    ),
  );
  const head = ["value", "data", "grad"].map((name) => made("th", { scope: "col" }, name));
  const table = made("table", {}, made("thead", {}, made("tr", {}, ...head)), made("tbody", {}, ...rows));
  const more = nodes.length - rows.length;
  if (more > 0) table.append(made("caption", {}, `and ${more.toLocaleString("en")} more`));
  return [made("h3", {}, `${title}: ${nodes.length.toLocaleString("en")}`), table];
}
