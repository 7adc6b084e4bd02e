"use strict";
const plots = Array.from(document.querySelectorAll(".plot"));
const touch = matchMedia("(pointer: coarse)").matches;

// A style sheet cannot size Plotly's pictures: they follow the width of the page, or of the paper.
function fit() {
  plots.forEach((plot) => Plotly.relayout(plot, { width: plot.clientWidth }));
}

const drawn = plots.map((plot) => {
  const figure = JSON.parse(document.getElementById(plot.id + "-figure").textContent);
  figure.layout.dragmode = touch ? false : "zoom";
  figure.layout.width = plot.clientWidth;
  const shown = { displayModeBar: false, showTips: false, scrollZoom: false };
  return Plotly.newPlot(plot, figure.data, figure.layout, shown);
});
Promise.all(drawn).then(() => { document.documentElement.dataset.drawn = String(plots.length); });

let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(fit, 120);
});

const folded = () => document.querySelectorAll("details:not(.numbers):not([open])");
let opened = [];
addEventListener("beforeprint", () => {
  opened = Array.from(folded());
  opened.forEach((details) => { details.open = true; });
  document.documentElement.classList.add("printing");
  fit();
});
addEventListener("afterprint", () => {
  opened.forEach((details) => { details.open = false; });
  document.documentElement.classList.remove("printing");
  fit();
});
