// --- Where everything stands: layouts, in which unfolded boxes are blown up -----------------------

const CARD_HEIGHT = 66;
const BOX_HEIGHT = 84;
const HEADER = 30; // of an unfolded group, for its title
const EDGE = 12; // around what is in it
const TIP = 8; // the length of an arrow's tip, which stands after its path

/** Lists of what has the same key, by that. */
function grouped(items, key) {
  const found = new Map();
  for (const item of items) {
    if (!found.has(key(item))) found.set(key(item), []);
    found.get(key(item)).push(item);
  }
  return found;
}

const LAYOUTS = DATA.layouts.map(([width, height, at, arrows]) => ({
  width,
  height,
  corners: at,
  paths: grouped(arrows, ([tail, head]) => `${tail}>${head}`),
}));

const layoutOf = (group) => layouts.get(group) ?? laidOut(group);
const layouts = new Map(); // of the groups that have been seen

function laidOut(group) {
  const which = LAYOUT_OF[group + 1];
  layouts.set(group, which >= 0 ? LAYOUTS[which] : layered(group));
  return layouts.get(group);
}

const places = new Map(); // of each thing that is seen, `[x, y, width, height]`
const stretches = new Map(); // of ROOT and each unfolded group how its layout is stretched
let extent = { width: 1, height: 1 };

const boxOf = (thing) => places.get(thing);

/** The size of a thing as it is now. */
function sizeOf(thing, folded) {
  if (!isBox(thing)) return [folded, CARD_HEIGHT];
  if (!isOpen(thing)) return [folded, BOX_HEIGHT];
  const { width, height } = stretchOf(~thing);
  return [Math.max(folded, width + 2 * EDGE), height + HEADER + EDGE];
}

/** How the layout of a group is stretched, so that there is room for what is unfolded in it. */
function stretchOf(group) {
  const { width, height, corners } = layoutOf(group);
  const things = thingsIn(group);
  const sizes = things.map((thing, i) => sizeOf(thing, corners[3 * i + 2]));
  const high = (i) => (isBox(things[i]) ? BOX_HEIGHT : CARD_HEIGHT);
  const wide = things.map((_, i) => [corners[3 * i], corners[3 * i + 2], sizes[i][0]]);
  const tall = things.map((_, i) => [corners[3 * i + 1], high(i), sizes[i][1]]);
  const [x, y] = [stretched(wide), stretched(tall)];
  const found = { x, y, sizes, width: x(width), height: y(height) };
  stretches.set(group, found);
  return found;
}

/**
 * The least stretching of a line, never shrinking it, that makes each of these intervals, each
 * `[from, length, length wanted]`, as long as is wanted: a function from old places to new ones.
 */
function stretched(intervals) {
  const grown = intervals.filter(([, length, wanted]) => wanted > length);
  if (!grown.length) return (x) => x;
  const marks = [...new Set(grown.flatMap(([from, length]) => [from, from + length]))];
  marks.sort((a, b) => a - b);
  const place = new Map(marks.map((mark, i) => [mark, i]));
  const moved = [];
  marks.forEach((mark, i) => {
    let to = i ? moved[i - 1] + mark - marks[i - 1] : mark;
    for (const [from, length, wanted] of grown) {
      if (from + length === mark) to = Math.max(to, moved[place.get(from)] + wanted);
    }
    moved.push(to);
  });
  return (x) => {
    let [low, high] = [-1, marks.length]; // marks[low] <= x < marks[high]
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (marks[middle] <= x) low = middle;
      else high = middle;
    }
    if (low < 0) return x;
    if (low === marks.length - 1) return moved[low] + x - marks[low];
    const part = (x - marks[low]) / (marks[low + 1] - marks[low]);
    return moved[low] + part * (moved[low + 1] - moved[low]);
  };
}

/** Place all that is seen. */
function placeAll() {
  places.clear();
  stretches.clear();
  const { width, height } = stretchOf(ROOT);
  extent = { width, height };
  placeIn(ROOT, 0, 0);
}

function placeIn(group, left, top) {
  const { corners } = layoutOf(group);
  const stretch = stretches.get(group);
  Object.assign(stretch, { left, top });
  thingsIn(group).forEach((thing, i) => {
    const [x, y, folded] = corners.slice(3 * i, 3 * i + 3);
    const high = isBox(thing) ? BOX_HEIGHT : CARD_HEIGHT;
    const [wide, tall] = stretch.sizes[i];
    // In the middle of the room there is.
    const from = left + (stretch.x(x) + stretch.x(x + folded) - wide) / 2;
    const down = top + (stretch.y(y) + stretch.y(y + high) - tall) / 2;
    places.set(thing, [from, down, wide, tall]);
    if (isOpen(thing)) placeIn(~thing, from + EDGE, down + HEADER);
  });
}

// --- Arrows ---------------------------------------------------------------------------------------

/** The path of the arrow between two things of one group; `which`, if there are several. */
function pathBetween(group, tail, head, which = 0) {
  const [a, b] = [PLACE_IN.get(tail), PLACE_IN.get(head)];
  const known = layoutOf(group).paths.get(`${a}>${b}`)?.[which];
  const [from, to] = [boxOf(tail), boxOf(head)];
  if (!known) return curve(rightOf(tail), [to[0] - tipOf(head), to[1] + to[3] / 2]);
  const { x, y, left, top } = stretches.get(group);
  const points = [];
  for (let i = 2; i < known.length; i += 2) {
    points.push([left + x(known[i]), top + y(known[i + 1])]);
  }
  // What was blown up has moved away from its ends.
  const last = points.length - 1;
  pull(points, 0, 1, from[0] + from[2], within(from, points[0][1], tail));
  pull(points, last, last - 1, to[0] - tipOf(head), within(to, points[last][1], head));
  return points;
}

const tipOf = (thing) => (isOpen(thing) ? 0 : TIP - 1);
const rightOf = (thing) => [boxOf(thing)[0] + boxOf(thing)[2], boxOf(thing)[1] + boxOf(thing)[3] / 2];

/** A height at the side of a thing; not above the place it has for arrows. */
function within([, top, , high], y, thing) {
  const margin = isOpen(thing) ? HEADER : 6;
  return Math.min(top + high - 6, Math.max(top + margin, y));
}

function pull(points, end, beside, x, y) {
  const [dx, dy] = [x - points[end][0], y - points[end][1]];
  points[end] = [x, y];
  points[beside] = [points[beside][0] + dx, points[beside][1] + dy];
}

/** From the right of one thing to the left of another. */
function curve([x1, y1], [x2, y2]) {
  const bend = x2 > x1 ? Math.min(140, (x2 - x1) / 2) : Math.min(140, 24 + (x1 - x2) / 2);
  return [
    [x1, y1],
    [x1 + bend, y1],
    [x2 - bend, y2],
    [x2, y2],
  ];
}

const rounded = (x) => Math.round(x * 10) / 10;
const svgPath = ([start, ...others]) =>
  `M${start.map(rounded)}C${others.map((point) => point.map(rounded)).join(" ")}`;
