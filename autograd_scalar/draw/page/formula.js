// --- Formulas: programs, read aloud ---------------------------------------------------------------

// How text binds: a sum, a product, a sign, a power, a name or a call.
const [SUM, PRODUCT, SIGN, POWER, NAME] = [0, 1, 2, 3, 4];
const LONGEST = 150;
const LONGEST_REASON = 40;
const SHOWN = { "<": "<", "<=": "≤" };
const OPPOSITE = { "<": "≤", "<=": "<" }; // with the sides exchanged
const EXTREME = /e-?\d{3}\b/; // a number at the ends of the range, where only rounding differs
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

const inside = ([text, binding], least) => (binding < least ? `(${text})` : text);
const superscript = (n) => [...String(n)].map((c) => SUPERSCRIPTS[c] ?? "⁻").join("");

function literal(x, digits = 6) {
  const text = brief(x, digits).replace(/^-/, "−");
  return [text, text.startsWith("−") ? SIGN : NAME];
}

/** Text with its middle left out where it is too long. */
function cut([text, binding]) {
  if (text.length <= LONGEST) return [text, binding];
  const letters = [...text];
  return [`${letters.slice(0, LONGEST - 50).join("")} … ${letters.slice(-45).join("")}`, SUM];
}

/**
 * One operation as text.
 * `texts` are those of its operands, `numbers` what they come to: a choice shows what was chosen.
 */
function written(name, texts, numbers) {
  const [a, b] = texts;
  switch (name) {
    case "+":
      return [sum([a, b]), SUM];
    case "-":
      return [difference(a, b), SUM];
    case "*":
      return product(a, b);
    case "/":
    case "//":
    case "%":
      return [`${inside(a, PRODUCT)} ${name} ${inside(b, SIGN)}`, PRODUCT];
    case "neg":
      return [`−${inside(a, SIGN)}`, SIGN];
    case "**":
      return /^−?\d+$/.test(b[0])
        ? [`${inside(a, NAME)}${superscript(b[0])}`, POWER]
        : [`${inside(a, NAME)} ** ${inside(b, POWER)}`, POWER];
    case "<":
    case "<=":
      return [`${inside(a, SUM)} ${SHOWN[name]} ${inside(b, SUM)}`, SUM];
    case "where":
      if (numbers[0] !== numbers[0]) break; // not known here
      return numbers[0] !== 0 ? texts[1] : texts[2];
    case "abs":
      return [`|${a[0]}|`, NAME];
    case "detach":
      return a;
    case "dot": {
      const half = texts.length / 2;
      return [sum(texts.slice(0, half).map((w, i) => product(w, texts[half + i]))), SUM];
    }
  }
  return [`${name}(${texts.map(([text]) => text).join(", ")})`, NAME];
}

/** A sum; a negative term is taken away. */
function sum([first, ...others]) {
  const more = others.map((term) => {
    const text = inside(term, PRODUCT);
    return text.startsWith("−") ? ` − ${text.slice(1)}` : ` + ${text}`;
  });
  return inside(first, SUM) + more.join("");
}

function difference(a, b) {
  const text = inside(b, PRODUCT);
  return `${inside(a, SUM)} ${text.startsWith("−") ? `+ ${text.slice(1)}` : `− ${text}`}`;
}

/** A product; a number comes first, as people write it. */
function product(a, b) {
  const isNumber = ([text]) => /^−?[\d.]+(e-?\d+)?$/.test(text);
  if (isNumber(b) && !isNumber(a)) [a, b] = [b, a];
  return [`${inside(a, PRODUCT)}·${inside(b, NAME - 1)}`, PRODUCT];
}

// What rounding has lost is put back by terms such as a − (a − b + b), which are 0 but for rounding:
// they make a number exact and a formula unreadable, so sums are also kept as terms that cancel.

const constant = (x) => new Map([[CONSTANT, x]]);
const CONSTANT = -1;

/** The terms of a sum, each slot's factor; null for what is none. */
function termsOf(name, [a, b, c], [condition]) {
  if (name === "where") return condition !== condition ? null : condition !== 0 ? b : c;
  const isOne = (terms) => terms.size === 1 && terms.get(CONSTANT) === 1;
  if (name === "*" && isOne(a)) return b;
  if (name === "*" && isOne(b)) return a;
  if (name !== "+" && name !== "-") return null;
  const terms = new Map(a);
  for (const [slot, factor] of b) {
    terms.set(slot, (terms.get(slot) ?? 0) + (name === "+" ? factor : -factor));
  }
  return new Map([...terms].filter(([, factor]) => factor !== 0));
}

/** What these terms are in the fewest signs, if that is a number or one of the slots. */
function sameAs(terms, texts) {
  if (terms.size > 1) return null;
  const [[slot, factor]] = terms.size ? terms : [[CONSTANT, 0]];
  if (slot === CONSTANT) return literal(factor);
  return factor === 1 ? texts[slot] : null;
}

/**
 * The outputs of a program as text, its inputs called by these names; and of each the comparisons
 * for which it is that formula and no other.
 */
function formulas(program, names, inputs) {
  const [count, constants, nodes, outputs] = program;
  const slots = slotsOf(program, inputs);
  const texts = [...names];
  const sums = names.map((_, slot) => new Map([[slot, 1]]));
  const at = (list, o, ofConstant) => (o < 0 ? ofConstant(constants[~o]) : list[o]);
  for (const [primitive, ...operands] of nodes) {
    const theirs = operands.map((o) => at(texts, o, literal));
    const numbers = operands.map((o) => at(slots, o, (x) => x));
    const { name } = DATA.table[primitive];
    const theirTerms = operands.map((o) => (o < 0 ? constant(constants[~o]) : sums[o]));
    const terms = termsOf(name, theirTerms, numbers);
    const same = terms && sameAs(terms, texts);
    const isSquare = name === "*" && operands[0] === operands[1];
    sums.push(terms ?? new Map([[texts.length, 1]]));
    texts.push(
      same ??
        cut(isSquare ? [`${inside(theirs[0], NAME)}²`, POWER] : written(name, theirs, numbers)),
    );
  }
  const nodeOf = (o) => (o < count ? [-1] : nodes[o - count]);
  const named = ([primitive]) => (primitive < 0 ? "" : DATA.table[primitive].name);
  const decisions = (o) => {
    if (named(nodeOf(o)) !== "where") return [];
    const [, condition, yes, no] = nodeOf(o);
    const holds = slots[condition] !== 0;
    const sign = condition < 0 ? "" : named(nodeOf(condition));
    if (!Object.hasOwn(OPPOSITE, sign)) return decisions(holds ? yes : no);
    const [a, b] = nodeOf(condition)
      .slice(1)
      .map((p) => at(texts, p, literal)[0]);
    const said = holds ? `${a} ${SHOWN[sign]} ${b}` : `${b} ${OPPOSITE[sign]} ${a}`;
    return [said, ...decisions(holds ? yes : no)];
  };
  return outputs.map((o) => {
    const reasons = decisions(o);
    const isLong = reasons.join(", ").length > LONGEST_REASON;
    const reason = isLong ? "" : reasons.filter((said) => !EXTREME.test(said)).join(", ");
    return { text: at(texts, o, literal)[0], reason };
  });
}

const nameOf = (o) => (o < 0 ? literal(DATA.constants[~o]) : [nameOfNode(o), NAME]);

/** The local derivatives of a node by its parents, as formulas. */
function slopeFormulas(node, values) {
  const names = [["1", NAME], nameOf(node), ...operandsOf(node).map(nameOf)];
  return formulas(kindOf(node).slopes, names, [1, values[node], ...numbersOf(node, values)]);
}

const primitiveName = (node) => DATA.table[kindOf(node).primitive].name;

/** What a node is of its operands. */
const definition = (node, values) => cut(chosenToo(node, operandsOf(node).map(nameOf), values))[0];

/** In a definition a choice is shown as it was made in the code, with all its operands. */
function chosenToo(node, texts, values) {
  const name = primitiveName(node);
  if (name === "where") return [`where(${texts.map(([text]) => text).join(", ")})`, NAME];
  return written(name, texts, numbersOf(node, values));
}

const MOST_EXPANDED = 300; // nodes: the text of more is cut in any case

/** What a node is of the leaves, and whether it is of them alone: far ones are called by name. */
function expression(node, values) {
  const expanded = new Set([node]);
  for (const other of expanded) {
    for (const parent of parentsOf(other)) {
      if (!isLeaf(parent) && expanded.size < MOST_EXPANDED) expanded.add(parent);
    }
  }
  const written = new Map();
  let isWhole = true;
  for (const other of [...expanded].sort((a, b) => a - b)) {
    const theirs = operandsOf(other).map((o) => {
      if (o >= 0 && !isLeaf(o) && !expanded.has(o)) isWhole = false;
      return written.get(o) ?? nameOf(o);
    });
    written.set(other, cut(chosenToo(other, theirs, values)));
  }
  return { text: written.get(node)[0], isWhole };
}
