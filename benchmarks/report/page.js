"use strict";
// Shows the details of a point: the nearest one under the pointer, the tapped one, or the one with focus.
const data = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
const REACH = 26, COVERED = 3; // CSS pixels
let shown = null, pinned = false, from = 0; // from: scroll position when it was shown

function lines(list, target) {
  for (const [key, text] of list) {
    const term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = key;
    value.textContent = text;
    target.append(term, value);
  }
}

// Other marks at the same place: a network has the same cost and about the same AP in each runtime.
function covered(mark) {
  const [x, y] = middle(mark);
  return [...mark.closest("svg").querySelectorAll(".mark")].filter((other) => {
    const [left, top] = middle(other);
    return other !== mark && Math.hypot(left - x, top - y) < COVERED;
  });
}

function middle(mark) {
  const box = mark.getBoundingClientRect();
  return [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
}

function details(mark) {
  const one = data.marks[mark.dataset.mark];
  const head = document.createElement("h3"), list = document.createElement("dl");
  head.textContent = one.title;
  lines(one.lines, list);
  if (one.row !== null) {
    list.append(document.createElement("hr"));
    lines(data.rows[one.row], list);
  }
  return [head, list];
}

function show(mark) {
  if (mark === shown) return;
  hide();
  shown = mark;
  mark.classList.add("on");
  const parts = [mark, ...covered(mark)].flatMap(details);
  tip.replaceChildren(...parts);
  tip.hidden = false;
  tip.scrollTop = 0;
  from = window.scrollY;
  place(mark.getBoundingClientRect());
}

function place(box) {
  const size = tip.getBoundingClientRect(), gap = 14;
  const width = document.documentElement.clientWidth, height = window.innerHeight;
  let left = box.right + gap;
  if (left + size.width > width - 8) left = box.left - gap - size.width;
  let top = box.top - size.height / 3;
  if (left < 8) { // no room at either side: below, or above
    left = Math.max(8, Math.min(width - 8 - size.width, box.left - size.width / 2));
    top = box.bottom + gap;
    if (top + size.height > height - 8) top = box.top - gap - size.height;
  }
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(8, Math.min(height - 8 - size.height, top))}px`;
}

function hide() {
  if (shown) shown.classList.remove("on");
  shown = null;
  pinned = false;
  tip.hidden = true;
}

function nearest(svg, event) {
  let best = null, least = REACH;
  for (const mark of svg.querySelectorAll(".mark")) {
    const [x, y] = middle(mark), away = Math.hypot(x - event.clientX, y - event.clientY);
    if (away < least) [best, least] = [mark, away];
  }
  return best;
}

for (const svg of document.querySelectorAll("figure svg")) {
  for (const [id, one] of Object.entries(data.marks)) {
    const mark = svg.querySelector(`[id="${svg.dataset.prefix}${id}"]`);
    if (!mark) continue;
    mark.classList.add("mark");
    mark.dataset.mark = id;
    mark.tabIndex = 0;
    mark.setAttribute("role", "button");
    mark.setAttribute("aria-label", one.title);
    mark.addEventListener("focus", () => { if (mark.matches(":focus-visible")) { show(mark); pinned = true; } });
  }
  svg.addEventListener("pointermove", (event) => {
    if (pinned || event.pointerType === "touch") return;
    const mark = nearest(svg, event);
    if (mark) show(mark); else hide();
  });
  svg.addEventListener("pointerleave", () => { if (!pinned) hide(); });
  svg.addEventListener("click", (event) => {
    const mark = nearest(svg, event);
    if (!mark) { hide(); return; }
    show(mark);
    pinned = true; // stays, so that it can be scrolled and copied from
  });
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
document.addEventListener("click", (event) => { if (!event.target.closest("svg, #tip")) hide(); });
// the scroll event that brought the point under the pointer arrives after the point is shown
window.addEventListener("scroll", () => { if (!pinned && window.scrollY !== from) hide(); }, { passive: true });
