// A line chart as SVG: one or two axes with ticks, lines, one marked place. A library of charts is larger than all
// scripts of this page together, and these charts have two kinds: scores by epoch, loss and rate by epoch.

const CHART = { width: 560, height: 260, left: 56, right: 56, top: 14, bottom: 44 };

// About `count` round numbers between two ends.
function ticks(least, most, count) {
  const rough = (most - least) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough);
  const found = [];
  for (let at = Math.ceil(least / step) * step; at <= most + step / 1e6; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

const shortNumber = (value) => (value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(0) : String(value));

// A scale from numbers to px, linear or logarithmic.
function scale(values, from, to, log) {
  const known = values.filter((value) => value !== null && Number.isFinite(value) && (!log || value > 0));
  let [least, most] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
  if (least === most) [least, most] = log ? [least / 2, most * 2] : [least - (Math.abs(least) || 1) / 10, most + (Math.abs(most) || 1) / 10];
  const f = log ? Math.log10 : (value) => value;
  const powers = log ? ticks(Math.floor(f(least)), Math.ceil(f(most)), 20).filter(Number.isInteger) : [];
  const wide = powers.length > 3; // one mark for each power of ten, more where there are few
  const marks = log
    ? powers.flatMap((power) => (wide ? [1] : [1, 2, 5]).map((factor) => Number((factor * 10 ** power).toPrecision(3)))).filter((value) => value >= least && value <= most)
    : ticks(least, most, 5);
  return { marks: marks.length ? marks : [least, most], at: (value) => from + ((f(value) - f(least)) / (f(most) - f(least))) * (to - from) };
}

// series: [{name, x, y, right (on the right axis), style}]; mark: {x, name}; axes: {x, left, right, log}.
function chart(title, series, axes, mark) {
  const { width, height, left, right, top, bottom } = CHART;
  const x = scale(series.flatMap((line) => line.x), left, width - right, false);
  const y = scale(series.filter((line) => !line.right).flatMap((line) => line.y), height - bottom, top, axes.log);
  const z = scale(series.filter((line) => line.right).flatMap((line) => line.y), height - bottom, top, axes.logRight);
  const svg = make("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  svg.append(make("title", {}, title));
  const text = (at, up, content, anchor, extra = {}) => svg.append(make("text", { x: at, y: up, "text-anchor": anchor, ...extra }, content));
  for (const value of x.marks) {
    svg.append(make("line", { class: "grid", x1: x.at(value), x2: x.at(value), y1: top, y2: height - bottom }));
    text(x.at(value), height - bottom + 16, shortNumber(value), "middle");
  }
  for (const value of y.marks) {
    svg.append(make("line", { class: "grid", x1: left, x2: width - right, y1: y.at(value), y2: y.at(value) }));
    text(left - 6, y.at(value) + 4, shortNumber(value), "end");
  }
  if (axes.right) for (const value of z.marks) text(width - right + 6, z.at(value) + 4, shortNumber(value), "start");
  text((left + width - right) / 2, height - 8, axes.x, "middle");
  text(0, 0, axes.left, "middle", { transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)` });
  if (axes.right) text(0, 0, axes.right, "middle", { transform: `translate(${width - 8} ${(top + height - bottom) / 2}) rotate(90)` });
  if (mark) {
    svg.append(make("line", { class: "mark", x1: x.at(mark.x), x2: x.at(mark.x), y1: top, y2: height - bottom }));
    text(x.at(mark.x) + (x.at(mark.x) > width / 2 ? -5 : 5), height - bottom - 6, mark.name, x.at(mark.x) > width / 2 ? "end" : "start");
  }
  for (const line of series) svg.append(...drawLine(line, x, line.right ? z : y));
  const legend = make("p", { class: "legend" });
  for (const line of series) legend.append(make("span", { class: line.style }, make("i"), ` ${line.name}`), " ");
  return make("figure", {}, make("figcaption", {}, title), svg, legend);
}

// The path of a line, interrupted where a value is missing; a single point is a dot.
function drawLine(line, x, y) {
  let [path, pen, count] = ["", "M", 0];
  line.x.forEach((at, index) => {
    const value = line.y[index];
    if (value === null || !Number.isFinite(value)) pen = "M";
    else {
      path += `${pen}${x.at(at).toFixed(1)} ${y.at(value).toFixed(1)}`;
      [pen, count] = ["L", count + 1];
    }
  });
  if (count > 1) return [make("path", { class: line.style, d: path })];
  return count ? [make("path", { class: `${line.style} point`, d: `${path}h0` })] : [];
}
