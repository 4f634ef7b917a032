// --- The story of a step -------------------------------------------------------------------------

function tellStep(pass, node) {
  const box = node === null || pass === "seed" ? null : standInOf(node);
  const told = box !== null && isBox(box) ? storyOfBox(pass, box) : STORIES[pass](node);
  byId("step-title").replaceChildren(told.title);
  byId("story").replaceChildren(...told.story);
  byId("time").setAttribute("aria-valuetext", told.title);
  const spoken = `${told.title}. ${told.spoken}`;
  if (byId("spoken").textContent !== spoken) byId("spoken").textContent = spoken;
}

const STORIES = {
  broken: () => ({
    title: "Another path",
    story: [made("p", {}, "Change the number back, or run the Python code with this one.")],
    spoken: "No result is shown.",
  }),

  leaves: () => ({
    title: `Start: ${LEAVES.length} ${LEAVES.length === 1 ? "leaf" : "leaves"}`,
    story: [
      made(
        "p",
        {},
        "The numbers that the rest is computed from. Step on with → or play with Space.",
      ),
    ],
    spoken: "The numbers that the rest is computed from.",
  }),

  forward: (node) => {
    const y = passes.values[node];
    const numbers = numbersOf(node, passes.values);
    const inNumbers = cut(
      chosenToo(
        node,
        numbers.map((x) => literal(x, 4)),
        passes.values,
      ),
    )[0];
    return {
      title: `Forward ${TURN_OF[node]} of ${COUNT}: ${nameOfNode(node)}`,
      story: [
        made(
          "p",
          { class: "equation" },
          code(`${nameOfNode(node)} = ${definition(node, passes.values)}`),
          code(`= ${inNumbers}`),
          made("span", {}, "= ", valueOf(y)),
        ),
      ],
      spoken: `${definition(node, passes.values)} is ${brief(y)}`,
    };
  },

  seed: () => ({
    title: `Backward: the gradient of ${nameOfNode(OUTPUT)} by itself is 1`,
    story: [
      made(
        "p",
        { class: "equation" },
        code(`∂${nameOfNode(OUTPUT)}/∂${nameOfNode(OUTPUT)}`),
        made("span", {}, "= ", gradientOf(1)),
      ),
      made("p", {}, "From here each node hands its gradient back, times its local derivatives."),
    ],
    spoken: "From here each node hands its gradient back, times its local derivatives.",
  }),

  backward: (node) => {
    const g = passes.gradients[node];
    const rows = handedBack(node);
    return {
      title: `Backward ${time - BEGUN} of ${COUNT}: ${nameOfNode(node)} = ${definition(node, passes.values)}`,
      story: [
        made(
          "p",
          {},
          "Upstream gradient ",
          code(`∂${nameOfNode(OUTPUT)}/∂${nameOfNode(node)}`),
          " = ",
          gradientOf(g),
          g === 0 ? ": exactly zero contributes nothing." : ".",
        ),
        g === 0 ? null : stepTable(node, rows),
      ].filter(Boolean),
      spoken:
        g === 0
          ? "The gradient is zero and contributes nothing."
          : rows
              .slice(0, 4)
              .map(
                ({ parent, slope, sent, before, after }) =>
                  `To ${nameOfNode(parent)}: ${brief(g)} times ${brief(slope)} is ${brief(sent)}; ` +
                  `${brief(before)} plus ${brief(sent)} is ${brief(after)}`,
              )
              .join(". "),
    };
  },
};

/** What happens in a box that is folded: to the nodes since the step went into it. */
function storyOfBox(pass, box) {
  const [from, to] = runAround(time);
  const title = shortened(titleAt(~box));
  const count = counted(time - from + 1, "value");
  const [node] = [event().node];
  const how = byBox ? STORY_WORDS[pass][0] : STORY_WORDS[pass][1];
  const which = `${(time - (pass === "backward" ? BEGUN : 0)).toLocaleString("en")} of ${COUNT.toLocaleString("en")}`;
  const range = rangeText(ranges.get(box)?.[pass === "forward" ? "data" : "grad"] ?? empty());
  const kind = pass === "forward" ? "of-data" : "of-grad";
  const what = pass === "forward" ? "data" : "|grad|";
  const name = pass === "forward" ? "Forward" : "Backward";
  return {
    title: `${name} ${which}: ${title} ${how} ${byBox ? count : nameOfNode(node)}`,
    story: [
      made(
        "p",
        {},
        byBox || from === to ? "" : `${counted(time - from + 1, "value")} of ${(to - from + 1).toLocaleString("en")} in this box. `,
        `In it now: ${what} `,
        made("span", { class: `figures ${kind}` }, range || "none yet"),
        ".",
      ),
      made(
        "p",
        {},
        pass === "forward" ? "The last one: " : "The last one that handed on: ",
        code(`${nameOfNode(node)} = ${definition(node, passes.values)}`),
        ", ",
        pass === "forward"
          ? valueOf(passes.values[node])
          : made("span", {}, code(`∂${nameOfNode(OUTPUT)}/∂${nameOfNode(node)}`), " = ", gradientOf(passes.gradients[node])),
        ". Unfold the box to see how.",
      ),
    ],
    spoken: `${what} in it now ${range || "none yet"}.`,
  };
}
const STORY_WORDS = {
  forward: ["computes", "computes"],
  backward: ["hands back the gradients of", "hands back the gradient of"],
};

/** What a node hands to each of its parents, and the sums there before and after. */
function handedBack(node) {
  const texts = slopeFormulas(node, passes.values);
  const slopes = slopesOf(node);
  const before = gradientsAfter(COUNT - TURN_OF[node]).slice();
  const sent = contributionsOf(node);
  return parentsOf(node).map((parent, i) => {
    const sum = before[parent];
    before[parent] += sent[i];
    return {
      parent,
      formula: texts[i],
      slope: slopes[i],
      sent: sent[i],
      before: sum,
      after: before[parent],
    };
  });
}

function stepTable(node, rows) {
  const g = passes.gradients[node];
  const titles = ["to", "local derivative", "upstream × local", "sum in grad"];
  const body = rows
    .slice(0, MOST_ROWS)
    .map((row) =>
      made(
        "tr",
        {},
        made("th", { scope: "row" }, nameOfNode(row.parent)),
        made(
          "td",
          { "data-title": titles[1] },
          ...slopeText(node, row.parent, row.formula, row.slope),
        ),
        made(
          "td",
          { "data-title": titles[2] },
          gradientOf(g),
          " × ",
          signed(row.slope),
          " = ",
          gradientOf(row.sent),
        ),
        made(
          "td",
          { "data-title": titles[3], class: "sum" },
          figure(row.before),
          " + ",
          signed(row.sent, "of-grad"),
          " = ",
          gradientOf(row.after),
        ),
      ),
    );
  const head = made(
    "thead",
    {},
    made("tr", {}, ...titles.map((title) => made("th", { scope: "col" }, title))),
  );
  const table = made("table", {}, head, made("tbody", {}, ...body));
  const more = rows.length - body.length;
  if (more > 0) table.append(made("caption", {}, `and ${more} more operands`));
  return table;
}

/** A local derivative, as a formula and as a number where that is another thing. */
function slopeText(node, parent, { text, reason }, x) {
  const isNumber = text.replace("−", "-") === brief(x, 6);
  const shown = [
    code(`${partial(node, parent)} = ${isNumber ? "" : `${text} = `}`),
    figure(x, "of-slope"),
  ];
  return reason ? [...shown, made("span", { class: "reason" }, ` as ${reason}`)] : shown;
}
