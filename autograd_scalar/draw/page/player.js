// --- Time: steps and playing ---------------------------------------------------------------------

let byBox = false; // whether a step goes over all that happens in a folded box

function goTo(step) {
  const before = time;
  time = Math.min(END, Math.max(0, step));
  if (time !== before) render();
  const { node } = event();
  if (node !== null && time !== before) {
    show([...new Set([node, ...parentsOf(node)].map(standInOf))]);
  }
  if (time === END) pause();
}

/** The node at which a step happens, or null. */
const nodeAt = (step) =>
  step >= 1 && step <= COUNT ? RESULTS[step - 1] : step > BEGUN ? RESULTS[END - step] : null;

/** The first and the last of the steps around this one that happen in the same folded box. */
function runAround(step) {
  const box = (at) => (nodeAt(at) === null || at > END ? null : standInOf(nodeAt(at)));
  const here = box(step);
  let [from, to] = [step, step];
  if (here !== null && isBox(here)) {
    while (box(from - 1) === here) from--;
    while (to < END && box(to + 1) === here) to++;
  }
  return [from, to];
}

/** Where a step on or back leads to. */
function next(way) {
  if (!byBox) return time + way;
  if (way > 0) return time < END ? runAround(time + 1)[1] : END;
  return time > 0 ? runAround(time)[0] - 1 : 0;
}

function pause() {
  clearTimeout(playing);
  playing = 0;
  showPlaying();
}

function play() {
  if (time === END) goTo(0);
  const tick = () => {
    if (!playing) return;
    playing = setTimeout(tick, Number(byId("speed").value));
    goTo(next(1));
  };
  playing = setTimeout(tick, Number(byId("speed").value));
  showPlaying();
}

function showPlaying() {
  document.body.classList.toggle("playing", playing !== 0);
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
}

const toggle = () => (playing ? pause() : play());
const jump = (step) => {
  pause();
  goTo(step);
};

byId("first").addEventListener("click", () => jump(0));
byId("back").addEventListener("click", () => jump(next(-1)));
byId("on").addEventListener("click", () => jump(next(1)));
byId("last").addEventListener("click", () => jump(END));
byId("play").addEventListener("click", toggle);
byId("time").addEventListener("input", (event) => {
  pause();
  goTo(Number(event.target.value));
});
byId("by-box").addEventListener("change", ({ target }) => {
  byBox = target.checked;
  render();
});
