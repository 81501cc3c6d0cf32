"use strict";
const data = JSON.parse(document.getElementById("curves").textContent);
const css = getComputedStyle(document.documentElement);
const colour = (name) => css.getPropertyValue(`--${name}`).trim();
const PALETTE = ["#2b6cb0", "#b7791f", "#2f7d5b", "#7a4fa3", "#b8432f", "#4a5568", "#b0457f", "#5b7f2b"];

for (const slider of document.querySelectorAll(".slider")) {
  const pair = slider.closest(".pair");
  const stage = slider.querySelector(".stage");
  const range = stage.querySelector("input");
  const show = (side) => {
    const name = slider.querySelector(`select.${side}`).value;
    const source = pair.querySelector(`.strip img[data-name="${name}"]`);
    const image = stage.querySelector(`img.${side}`);
    image.src = source.src;
    image.alt = source.alt;
    stage.querySelector(`.tag.${side}`).textContent = source.dataset.label;
  };
  const cut = () => stage.style.setProperty("--cut", `${range.value}%`);
  for (const side of ["left", "right"]) {
    slider.querySelector(`select.${side}`).addEventListener("change", () => show(side));
    show(side);
  }
  range.addEventListener("input", cut);
  cut();
}

const axis = (title, more) => ({
  title: { text: title, font: { size: 13 } }, gridcolor: "#ecece8", linecolor: "#9a9a9a",
  ticks: "outside", tickcolor: "#9a9a9a", ticklen: 4, tickfont: { size: 12 }, zeroline: false,
  type: "log", dtick: "D2", exponentformat: "power", fixedrange: true, ...more,
});
const layout = (more) => ({
  font: { family: css.getPropertyValue("--plain"), color: colour("ink") },
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hoverlabel: { font: { size: 12 } },
  margin: { l: 54, r: 12, t: 8, b: 44 }, dragmode: false,
  xaxis: axis("evaluations of the loss"), ...more,
});
const CONFIG = { displayModeBar: false, responsive: true };
const numbers = (values) => values.map((_, index) => index + 1);

// The content term begins at nothing, which would press all else together.
const limits = ({ terms, goal }) => {
  const above = Object.values(terms).map((values) => values.filter((value) => value > 0).sort((a, b) => a - b));
  const middles = above.filter((values) => values.length).map((values) => values[values.length >> 1]);
  const ends = [Math.min(...middles, goal.total) / 3, 1.6 * Math.max(...terms.total, goal.total)];
  return ends.map(Math.log10);
};

const drawPair = (place, curve) => {
  const steps = numbers(curve.terms.total);
  const text = curve.seconds.map((seconds) => `${seconds} s`);
  const line = (term, dash, width) => ({
    x: steps, y: curve.terms[term], text, name: `Gatys, ${term}`, mode: "lines",
    line: { color: colour("gatys"), dash, width },
    hovertemplate: "%{y:.4g} at evaluation %{x}, %{text}<extra></extra>",
  });
  const traces = [line("total", "solid", 2.5), line("content", "dot", 1.3), line("style", "dash", 1.3), {
    x: [1, steps.length], y: [curve.goal.total, curve.goal.total], name: "network, total", mode: "lines",
    line: { color: colour("fast"), width: 2.5 }, hovertemplate: "network: %{y:.4g}<extra></extra>",
  }];
  const annotations = [];
  if (curve.overtaken) {
    const y = curve.goal.total;
    traces.push({
      x: [curve.overtaken], y: [y], mode: "markers", showlegend: false, hoverinfo: "skip",
      marker: { size: 11, color: "#fff", line: { color: colour("ink"), width: 2 } },
    });
    annotations.push({
      x: Math.log10(curve.overtaken), y: Math.log10(y), text: `overtakes at ${curve.overtaken}`, ay: -34,
      ax: Math.log(curve.overtaken) < 0.7 * Math.log(steps.length) ? 62 : -62,
      showarrow: true, arrowhead: 0, arrowwidth: 1, font: { size: 12 }, bgcolor: "rgba(253,253,251,.85)",
    });
  }
  Plotly.newPlot(place, traces, layout({
    annotations, yaxis: axis("loss", { range: limits(curve) }),
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
  }), CONFIG);
};

const drawAll = (place) => {
  const styles = [...new Set(data.map((curve) => curve.style))];
  const traces = data.map((curve, index) => ({
    x: numbers(curve.terms.total),
    y: curve.terms.total.map((value) => value === null ? null : value / curve.goal.total),
    name: curve.style.replaceAll("_", " "), legendgroup: curve.style, mode: "lines",
    text: curve.terms.total.map(() => curve.title),
    showlegend: data.findIndex((other) => other.style === curve.style) === index,
    line: { color: PALETTE[styles.indexOf(curve.style) % PALETTE.length], width: 1.6 },
    hovertemplate: "%{text}<br>%{y:.3g} of the network's loss at evaluation %{x}<extra></extra>",
  }));
  const crossed = data.filter((curve) => curve.overtaken);
  traces.push({
    x: crossed.map((curve) => curve.overtaken), y: crossed.map(() => 1), mode: "markers",
    showlegend: false, hoverinfo: "skip",
    marker: { size: 8, color: "#fff", line: { color: colour("ink"), width: 1.5 } },
  });
  const longest = Math.max(...data.map((curve) => curve.seconds.length));
  Plotly.newPlot(place, traces, layout({
    yaxis: axis("loss, network = 1"),
    shapes: [{ type: "line", x0: 1, x1: longest, y0: 1, y1: 1, line: { color: colour("fast"), width: 2.5 } }],
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
  }), CONFIG);
};

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    if (target.id === "all-curves") drawAll(target);
    else drawPair(target, data[Number(target.dataset.curve)]);
  }
}, { rootMargin: "1200px" });
for (const place of document.querySelectorAll(".plot")) watcher.observe(place);
