// --- Time: steps and playing ---------------------------------------------------------------------

function goTo(step) {
  const before = time;
  time = Math.min(END, Math.max(0, step));
  if (time !== before) render();
  const { node } = event();
  if (node !== null && time !== before) show([node, ...parentsOf(node)]);
  if (time === END) pause();
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
    goTo(time + 1);
  };
  playing = setTimeout(tick, Number(byId("speed").value));
  showPlaying();
}

function showPlaying() {
  document.body.classList.toggle("playing", playing !== 0);
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
}

const toggle = () => (playing ? pause() : play());
const stepBy = (steps) => {
  pause();
  goTo(time + steps);
};

byId("first").addEventListener("click", () => stepBy(-END));
byId("back").addEventListener("click", () => stepBy(-1));
byId("on").addEventListener("click", () => stepBy(1));
byId("last").addEventListener("click", () => stepBy(END));
byId("play").addEventListener("click", toggle);
byId("time").addEventListener("input", (event) => {
  pause();
  goTo(Number(event.target.value));
});
