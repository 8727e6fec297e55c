
/* Images: filtered, one is picked, and what each model answered to it under each condition is shown with its map. */

const state = { data: null, found: [], image: 0 };
const MARKS = { right: "✓ right", wrong: "✗ wrong", shape: "● shape", texture: "▦ texture", neither: "– neither", "no answer": "– no answer" };

const chip = (model) => make("span", { class: "chip", "aria-hidden": "true" }, mark(page.models.findIndex(({ name }) => name === model)));
const pictureOf = (image) => image.seen.find((picture) => picture !== null) ?? image.answers.flatMap(Object.values).find((answer) => answer.seen)?.seen ?? null;
const isRight = (answer) => answer?.kind === "right" || answer?.kind === "shape";
const isWrong = (answer) => answer?.kind !== undefined && answer.kind !== "" && !isRight(answer);

/* Each filter says which images it keeps; clean answers are those under the first condition. */
const FILTERS = {
  all: { label: "all images", keeps: () => true },
  disagree: { label: "models disagree", keeps: (image) => new Set(state.data.models.map((model) => image.answers[0][model]?.class).filter(Boolean)).size > 1 },
  texture: { label: "answered by texture", needs: ["of-model"], keeps: (image) => image.answers[0][at("model").value]?.kind === "texture" },
  apart: { label: "right for one, wrong for another: right", needs: ["of-model", "and-other"], keeps: (image) => isRight(image.answers[0][at("model").value]) && isWrong(image.answers[0][at("other").value]) },
  lost: { label: "right when clean, wrong under a condition", needs: ["of-model", "under"], keeps: (image) => isRight(image.answers[0][at("model").value]) && isWrong(image.answers[Number(at("condition").value)][at("model").value]) },
};

function bar([name, share]) {
  const text = make("span", { style: `--share: ${Math.round(100 * share)}%` }, name);
  return make("div", { class: "bar" }, text, make("b", {}, `${Math.round(100 * share)} %`));
}

/* The image as the model saw it, and its map above it, as opaque as the reader chose. */
function layered(picture, map, model, condition) {
  if (picture === null && map === undefined) return null;
  const layers = make("div", { class: "layers" });
  if (picture !== null) layers.append(make("img", { src: picture, alt: map === undefined ? `the image, ${condition}` : "" }));
  if (map !== undefined) layers.append(make("img", { src: map, class: picture === null ? "map alone" : "map", alt: `${at("method").value} map of ${model}, ${condition}` }));
  return layers;
}

function card(answer, model, condition, picture) {
  const said = make("div", { class: "said" });
  if (answer.class !== undefined) said.append(make("strong", {}, answer.class));
  if (answer.kind) said.append(make("div", { class: `kind-${answer.kind.replace(" ", "-")}` }, MARKS[answer.kind]));
  for (const best of answer.best ?? []) said.append(bar(best));
  return make("div", { class: "card", "data-model": model }, make("h4", {}, chip(model), model), layered(picture, answer.maps?.[at("method").value], model, condition), said);
}

function truth(image) {
  const { shape, texture } = image.truth;
  if (shape !== undefined && texture !== undefined && shape !== texture) return `shape ${shape}, texture ${texture}`;
  return image.truth.class === undefined ? "label unknown" : `label ${image.truth.class}`;
}

function conditionBlock(image, index) {
  const { conditions, models } = state.data;
  const answered = models.filter((model) => image.answers[index][model] !== undefined);
  if (answered.length === 0) return null;
  const picture = image.seen[index];
  const mapped = answered.some((model) => image.answers[index][model].maps !== undefined);
  const own = picture === null || mapped ? null : make("img", { class: "seen", src: picture, alt: `${image.id}, ${conditions[index]}` });
  const cards = answered.map((model) => card(image.answers[index][model], model, conditions[index], image.answers[index][model].seen ?? (mapped ? picture : null)));
  return make("section", { class: "block", "aria-label": conditions[index] }, make("h3", {}, conditions[index]), make("div", { class: "cards" }, own, ...cards));
}

function show() {
  const image = state.found[state.image];
  const options = [...at("strip").children];
  options.forEach((option, index) => option.setAttribute("aria-selected", String(index === state.image)));
  if (image === undefined) {
    at("strip").removeAttribute("aria-activedescendant");
    at("picked").replaceChildren();
    return;
  }
  const option = options[state.image];
  at("strip").setAttribute("aria-activedescendant", option.id);
  at("strip").scrollLeft = option.offsetLeft - at("strip").offsetLeft - at("strip").clientWidth / 2;
  const link = make("a", { href: `#image=${encodeURIComponent(image.id)}` }, "link to this image");
  const blocks = state.data.conditions.map((_, index) => conditionBlock(image, index)).filter((block) => block !== null);
  const widest = Math.max(...blocks.map((block) => block.querySelector(".cards").childElementCount));
  at("picked").style.setProperty("--cards", String(widest));
  at("picked").replaceChildren(make("h3", { class: "title" }, `${image.id} (${truth(image)}) `, link), ...blocks);
}

function pick(index) {
  const count = state.found.length;
  state.image = count === 0 ? 0 : (index + count) % count;
  show();
}

function filter() {
  const chosen = FILTERS[at("filter").value];
  for (const id of ["of-model", "and-other", "under"]) at(id).hidden = !chosen.needs?.includes(id);
  const { images, total, limit, kept } = state.data;
  state.found = images.filter(chosen.keeps);
  const options = state.found.map((image, index) => {
    const picture = pictureOf(image);
    const inside = picture === null ? image.id : make("img", { src: picture, alt: image.id });
    const option = make("div", { role: "option", id: `option-${index}`, title: image.id }, inside);
    option.addEventListener("click", () => pick(index));
    return option;
  });
  at("strip").replaceChildren(...options);
  at("found").textContent = `${state.found.length} of ${images.length} images`;
  const notes = [];
  if (total > images.length) notes.push(`The page has ${images.length} of ${total} images; it was made with --images ${limit}.`);
  if (!kept) notes.push("The study did not keep its images (--keep-images), so pictures under conditions are missing.");
  at("note").textContent = notes.join(" ");
  pick(0);
}

function fill(select, names) {
  select.replaceChildren(...names.map(([value, name]) => make("option", { value }, name)));
}

function showDataset(index) {
  state.data = page.browsed[index];
  const { models, conditions, methods, images } = state.data;
  const kinds = new Set(images.flatMap((image) => Object.values(image.answers[0]).map((answer) => answer.kind)));
  const usable = Object.entries(FILTERS).filter(([name]) => (name !== "texture" || kinds.has("texture")) && (!["disagree", "apart"].includes(name) || models.length > 1) && (name !== "lost" || conditions.length > 1));
  fill(at("filter"), usable.map(([name, { label }]) => [name, label]));
  fill(at("model"), models.map((model) => [model, model]));
  fill(at("other"), models.map((model) => [model, model]));
  at("other").selectedIndex = models.length > 1 ? 1 : 0;
  fill(at("condition"), conditions.slice(1).map((condition, index) => [String(index + 1), condition]));
  fill(at("method"), methods.map((method) => [method, method]));
  at("of-method").hidden = methods.length < 2;
  at("of-opacity").hidden = methods.length === 0;
  filter();
}

/* On a touch screen, a swipe to the left picks the next image; up and down the page scrolls as everywhere. */
const SWIPE = 50; // pixels
function swipes(element) {
  let start = null;
  element.addEventListener("touchstart", (event) => {
    start = event.touches.length === 1 ? event.touches[0] : null;
  }, { passive: true });
  element.addEventListener("touchend", (event) => {
    if (start === null) return;
    const end = event.changedTouches[0];
    const [across, down] = [end.clientX - start.clientX, end.clientY - start.clientY];
    if (Math.abs(across) > Math.max(SWIPE, 2 * Math.abs(down))) pick(state.image - Math.sign(across));
    start = null;
  }, { passive: true });
}

/* A link to one image: #image=ID. */
function follow() {
  const asked = /^#image=(.*)$/.exec(location.hash)?.[1];
  if (asked === undefined) return;
  let identity = asked;
  try {
    identity = decodeURIComponent(asked);
  } catch {
    /* a stray per cent sign: taken as it is */
  }
  page.browsed.forEach((data, dataset) => {
    const index = data.images.findIndex(({ id }) => id === identity);
    if (index < 0) return;
    at("dataset").value = String(dataset);
    showDataset(dataset);
    pick(index);
    at("images").scrollIntoView();
  });
}

if (page.browsed.length > 0) {
  at("browser").hidden = false;
  fill(at("dataset"), page.browsed.map((data, index) => [String(index), data.dataset]));
  at("dataset").addEventListener("change", () => showDataset(Number(at("dataset").value)));
  for (const id of ["filter", "model", "other", "condition"]) at(id).addEventListener("change", filter);
  at("method").addEventListener("change", show);
  const fade = () => at("browser").style.setProperty("--opacity", String(at("opacity").value / 100));
  at("opacity").addEventListener("input", fade);
  fade();
  at("previous").addEventListener("click", () => pick(state.image - 1));
  at("next").addEventListener("click", () => pick(state.image + 1));
  swipes(at("picked"));
  at("strip").addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: state.image - 1, ArrowRight: state.image + 1, Home: 0, End: -1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    pick(moves[event.key]);
  });
  showDataset(0);
  follow();
  window.addEventListener("hashchange", follow);
}
