// --- Folding and unfolding ------------------------------------------------------------------------

const HAS_BOXES = OUTER.length > 0;

/** Unfold a box, or fold it again; what was pressed stays where it is on the screen. */
function toggleFold(thing) {
  const group = ~thing;
  if (unfolded.has(group)) return refold([group], [], thing);
  const groups = downFrom(group);
  const more = thingsIn(groups.at(-1)).length - 1;
  if (hasRoomFor(more, nameOfThing(thing))) refold([], groups, thing);
}

/** A group, and on down as long as there is nothing in it but one box. */
function downFrom(group) {
  const groups = [group];
  for (;;) {
    const [only, ...others] = thingsIn(groups.at(-1));
    if (others.length || !isBox(only)) return groups;
    groups.push(~only);
  }
}

function hasRoomFor(more, what) {
  const count = countSeen() + more;
  if (count <= DATA.limit) return true;
  say(
    `To unfold ${shortened(what)} would show ${counted(count, "thing")} at once, and the limit is ` +
      `${DATA.limit.toLocaleString("en")}: fold something else first.`,
  );
  return false;
}

/** Fold the ones, unfold the others, and keep this thing where it is. */
function refold(folding, unfolding, anchor = null) {
  say("");
  const before = anchor !== null && places.get(anchor);
  const hadFocus = thingOf(document.activeElement);
  for (const group of folding) unfolded.delete(group);
  for (const group of unfolding) unfolded.add(group);
  [pointed, chosen] = [null, cards.has(chosen) ? chosen : null];
  rebuild();
  if (chosen !== null && !cards.has(chosen)) chosen = anchor;
  showFolding();
  render();
  if (hadFocus !== null) focusOn(cards.has(hadFocus) ? hadFocus : standInFor(hadFocus));
  if (!before) return flyTo(opening());
  if (whole().zoom >= camera.zoom) return flyTo(middle(camera.zoom));
  const [x, y] = places.get(anchor);
  moveBy((before[0] - x) * camera.zoom, (before[1] - y) * camera.zoom);
  fit(anchor);
}

function middle(zoom) {
  const { width, height } = ground();
  return centred(zoom, width, height);
}

/** The box that a thing has been folded into. */
function standInFor(thing) {
  return groupsAround(thing)
    .map((group) => ~group)
    .find((box) => cards.has(box));
}

/** Zoom out as far as a thing needs to be seen whole, but not beyond what can be read. */
function fit(thing) {
  const { width, height } = ground();
  const [x, y, wide, high] = boxOf(thing);
  const whole = Math.min((width - 40) / wide, (height - 40) / high);
  if (whole >= camera.zoom) return show([thing]);
  const zoom = Math.min(camera.zoom, Math.max(whole, READABLE / 2));
  const placed = (room, from, size, least) =>
    size * zoom <= room - 2 * least ? (room - size * zoom) / 2 - from * zoom : least - from * zoom;
  flyTo({ zoom, x: placed(width, x, wide, 20), y: placed(height, y, high, 20) });
}

function say(text) {
  const place = byId("folding-note");
  place.hidden = !text;
  if (place.textContent !== text) place.textContent = text;
}

const foldedSeen = () => seen.filter((thing) => isBox(thing) && !isOpen(thing));

byId("fold-all").addEventListener("click", () => refold([...unfolded], []));
byId("unfold").addEventListener("click", () => {
  const boxes = foldedSeen();
  const more = boxes.reduce((sum, box) => sum + thingsIn(~box).length - 1, 0);
  if (hasRoomFor(more, "one level")) refold([], boxes.map((box) => ~box));
});

/** The controls for folding, where there is something to fold. */
function showFolding() {
  const folded = foldedSeen().length;
  byId("folds").hidden = !HAS_BOXES;
  byId("fold-all").disabled = !unfolded.size;
  byId("unfold").disabled = !folded;
  byId("box-legend").hidden = !HAS_BOXES;
  byId("box-steps").hidden = !folded;
  byBox = folded > 0 && byId("by-box").checked;
}
