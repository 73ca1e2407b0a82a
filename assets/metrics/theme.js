// The page's colours for a Plotly figure: the server's figures know no theme. Pure but for reading CSS variables.

const NARROW = 600;

/** @typedef {{text: string, dim: string, card: string, line: string, grid: string, font: string, busy: string}} Colours */

/** @param {HTMLElement} root @returns {Colours} */
export function coloursOf(root) {
  const style = getComputedStyle(root), value = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const isDark = document.body.classList.contains("dark");
  return {
    text: value("--body-text-color", isDark ? "#e4eaf2" : "#17212e"), dim: value("--body-text-color-subdued", isDark ? "#93a1b3" : "#5a6878"),
    card: value("--block-background-fill", isDark ? "#151c26" : "#ffffff"), line: value("--border-color-primary", isDark ? "#273140" : "#dde3ea"),
    grid: isDark ? "rgba(147, 161, 179, .16)" : "rgba(90, 104, 120, .14)", font: value("--font", "sans-serif"), busy: value("--oa-busy", "#0b62d6"),
  };
}

/**
 * A layout in these colours, as wide and high as its box.
 * @param {Object} layout @param {Colours} colours @returns {Object}
 */
export function themed(layout, colours) {
  const { template, height, width, title, meta, ...rest } = layout, axis = { gridcolor: colours.grid, zerolinecolor: colours.grid, linecolor: colours.line, tickcolor: colours.line };
  const result = { ...rest, autosize: true, paper_bgcolor: colours.card, plot_bgcolor: colours.card,
    font: { size: 12, ...layout.font, family: colours.font, color: colours.dim },
    hoverlabel: { ...layout.hoverlabel, bgcolor: colours.card, bordercolor: colours.line, font: { family: colours.font, color: colours.text, size: 12 } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colours.dim, activecolor: colours.busy, orientation: "h" } };
  for (const name of new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))]))
    result[name] = { ...layout[name], ...axis, ...(layout[name]?.showspikes === false ? {} : { spikecolor: colours.dim, spikethickness: 1 }) };
  if (layout.annotations) result.annotations = layout.annotations.map((each) => ({ ...each, font: { size: 12, ...each.font, color: each.font?.size < 12 ? colours.dim : colours.text } }));
  result.legend = { ...layout.legend, bgcolor: "rgba(0,0,0,0)", font: { size: 12, ...layout.legend?.font, color: colours.text } };
  return result;
}

/**
 * A layout for a narrow box: few ticks of time that stand upright, and a legend below them.
 * @param {Object} layout @param {number} width in pixels @returns {Object}
 */
export function narrowed(layout, width) {
  if (width >= NARROW || layout.xaxis?.type !== "date") return layout;
  const legend = layout.legend?.y < 0 ? { legend: { ...layout.legend, font: { ...layout.legend.font, size: 11 }, itemwidth: 30 } } : {};
  return { ...layout, ...legend, xaxis: { ...layout.xaxis, nticks: 4, tickangle: 0, automargin: false, title: { ...layout.xaxis.title, standoff: 6 } } };
}
