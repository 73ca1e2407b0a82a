// Line icons on a grid of 24, drawn with the colour of the text.

const SHAPES = {
  add: "M12 5v14M5 12h14",
  arrowDown: "M12 5v14M6 13l6 6 6-6",
  arrowUp: "M12 19V5M6 11l6-6 6 6",
  attach: "M20 11.5 12 19.4a5 5 0 0 1-7-7l8.3-8.2a3.3 3.3 0 0 1 4.7 4.7l-8.3 8.2a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevronLeft: "M14.5 6l-6 6 6 6",
  chevronRight: "M9.5 6l6 6-6 6",
  close: "M6 6l12 12M18 6L6 18",
  colour: "M12 3a9 9 0 1 0 0 18c1.5 0 2-1 1.5-2.2-.6-1.5.3-2.8 2-2.800H18a3 3 0 0 0 3-3c0-5.5-4-10-9-10zM7.5 12h.01M9.5 8h.01M14.5 8h.01",
  continue: "M5 5v14l8-7zM13 5v14l8-7z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  delete: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  export: "M12 15V4M8 8l4-4 4 4M4 15v5h16v-5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  import: "M12 4v11M8 11l4 4 4-4M4 15v5h16v-5",
  insertAfter: "M4 5h16M4 10h16M12 14v7M8.5 17.5h7",
  insertBefore: "M4 14h16M4 19h16M12 3v7M8.5 6.5h7",
  list: "M4 5h16v14H4zM9.5 5v14",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  moveDown: "M12 4v16M7 15l5 5 5-5",
  moveUp: "M12 20V4M7 9l5-5 5 5",
  new: "M12 4H5v15h15v-7M10 14l9.5-9.5M15 4h5v5",
  prefill: "M4 6h9M4 12h5M4 18h7M14 12h6M17 9l3 3-3 3",
  retry: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  role: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20a7 7 0 0 1 14 0",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  tool: "M14.5 6.5a4 4 0 0 1 5-1l-2.6 2.6 1 2 2 1 2.6-2.6a4 4 0 0 1-5.4 4.6L9 21l-4-4 8-8a4 4 0 0 1 1.5-2.5z",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
};

/**
 * @param {keyof typeof SHAPES} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", class: `oc-svg oc-svg-${name}` })) picture.setAttribute(key, value);
  line.setAttribute("d", SHAPES[name]);
  picture.append(line);
  return picture;
}
