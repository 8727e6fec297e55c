
/* Our own pictograms of the 16 classes of Geirhos et al., lines in a square of 24, beside the names of the classes. */

const PICTOGRAMS = {
  airplane: "M12 2c1 0 1.5 2 1.5 4v4l8 5v2l-8-2.5V19l2.5 2v1.5L12 21.5 8 22.5V21l2.5-2v-4.5l-8 2.5v-2l8-5V6c0-2 .5-4 1.5-4z",
  bear: "M5 14a7 7 0 1 0 14 0a7 7 0 1 0-14 0z M6.5 9.5A3 3 0 1 1 9.5 7.4 M17.5 9.5A3 3 0 1 0 14.5 7.4 M9.5 17a2.5 2 0 1 0 5 0a2.5 2 0 1 0-5 0z M9.5 12.5v.01 M14.5 12.5v.01",
  bicycle: "M2 16a4 4 0 1 0 8 0a4 4 0 1 0-8 0z M14 16a4 4 0 1 0 8 0a4 4 0 1 0-8 0z M6 16l4-8h6l2 8 M10 8l3 8H6 M13 16l3-8 M8 8h3 M16 8l-1-3h3",
  bird: "M3 12c3-1 4-5 8-6 3-.7 5 1 5 3l4 1-4 1c0 5-4 8-9 8-2 0-4-1-5-2 3 0 5-1 6-3 M12.5 8.5v.01 M8 19v3 M11 19v3",
  boat: "M3 17h18l-3 4H6z M12 3v14 M12 4l7 10h-7 M10 7l-5 7h5",
  bottle: "M10 2h4v5c0 2 3 3 3 6v7c0 1-1 2-2 2H9c-1 0-2-1-2-2v-7c0-3 3-4 3-6z M7 14h10",
  car: "M4 16H2v-4l3-1 3-4h7l4 4 3 1v4h-2 M9 16h6 M4 16.5a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0z M15 16.5a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0z M5 11h14",
  cat: "M5 4l4 4h6l4-4v9c0 4-3 7-7 7s-7-3-7-7z M9.5 12.5v.01 M14.5 12.5v.01 M12 15v1.5 M1.5 14l5 1 M22.5 14l-5 1",
  chair: "M6 3v19 M6 13h12v9 M6 3h2v10",
  clock: "M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0z M12 6v6l4 3",
  dog: "M7 6c-3-1-5 1-5 6 0 2 1 3 2 3l3-4 M17 6c3-1 5 1 5 6 0 2-1 3-2 3l-3-4 M7 6c3-1 7-1 10 0v9c0 3-2 5-5 5s-5-2-5-5z M9.8 11v.01 M14.2 11v.01 M10.5 15.5h3l-1.5 1.5z",
  elephant: "M3 20v-8c0-4 3-6 7-6h4c5 0 7 3 7 7v3c0 2 1 2 1 2 M3 20h3v-4h6v4h3v-5c2 0 3 1 4 3 M14 6c-1 3 0 6 3 6 M17.5 10v.01",
  keyboard: "M2 7h20v10H2z M5 10h.01 M8 10h.01 M11 10h.01 M14 10h.01 M17 10h2 M5 14h2 M9 14h6 M17 14h2",
  knife: "M3 21l9-9 M12 12l8-9c1 4-1 9-5 12z",
  oven: "M3 3h18v18H3z M3 8h18 M6 11h12v7H6z M7 5.5h.01 M11 5.5h.01 M17 5.5h.01",
  truck: "M2 6h12v10H2z M14 9h4l4 4v3h-8 M4 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0z M15.5 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0z",
};

/* A mark that draws the pictograms of those rows whose class has one, left of the frame. */
function pictograms(titles) {
  return (index, scales, values, { marginLeft }) => {
    const group = d3.create("svg:g").attr("aria-hidden", "true").attr("fill", "none").attr("stroke", "currentColor").attr("stroke-width", 1.6).attr("stroke-linecap", "round").attr("stroke-linejoin", "round");
    titles.forEach((title, row) => {
      if (Object.hasOwn(PICTOGRAMS, title)) group.append("path").attr("d", PICTOGRAMS[title]).attr("transform", `translate(${marginLeft - 27}, ${scales.y(row) - 9}) scale(0.75)`);
    });
    return group.node();
  };
}
