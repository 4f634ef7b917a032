// --- The story of a step -------------------------------------------------------------------------

function tellStep(pass, node) {
  const told = STORIES[pass](node);
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
      title: `Forward ${TURN_OF.get(node)} of ${COUNT}: ${DATA.names[node]}`,
      story: [
        made(
          "p",
          { class: "equation" },
          code(`${DATA.names[node]} = ${definition(node, passes.values)}`),
          code(`= ${inNumbers}`),
          made("span", {}, "= ", valueOf(y)),
        ),
      ],
      spoken: `${definition(node, passes.values)} is ${brief(y)}`,
    };
  },

  seed: () => ({
    title: `Backward: the gradient of ${DATA.names[OUTPUT]} by itself is 1`,
    story: [
      made(
        "p",
        { class: "equation" },
        code(`∂${DATA.names[OUTPUT]}/∂${DATA.names[OUTPUT]}`),
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
      title: `Backward ${time - SEED} of ${COUNT}: ${DATA.names[node]} = ${definition(node, passes.values)}`,
      story: [
        made(
          "p",
          {},
          "Upstream gradient ",
          code(`∂${DATA.names[OUTPUT]}/∂${DATA.names[node]}`),
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
                  `To ${DATA.names[parent]}: ${brief(g)} times ${brief(slope)} is ${brief(sent)}; ` +
                  `${brief(before)} plus ${brief(sent)} is ${brief(after)}`,
              )
              .join(". "),
    };
  },
};

/** What a node hands to each of its parents, and the sums there before and after. */
function handedBack(node) {
  const texts = slopeFormulas(node, passes.values);
  return parentsOf(node).map((parent, i) => {
    const sent = passes.contributions[node][i];
    const before = passes.before[node][i];
    return {
      parent,
      formula: texts[i],
      slope: passes.slopes[node][i],
      sent,
      before,
      after: before + sent,
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
        made("th", { scope: "row" }, DATA.names[row.parent]),
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
