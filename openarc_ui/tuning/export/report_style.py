"""The look of the report: light and dark by what the reader's system prefers, on paper, and on a phone."""

STYLE = """\
:root { color-scheme: light dark; --page: #f6f8fb; --card: #fff; --text: #17212e; --dim: #5a6878; --line: #dde3ea; --busy: #0b62d6; --warn: #9a6700; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1219; --card: #151c26; --text: #e4eaf2; --dim: #93a1b3; --line: #273140; --busy: #6aa8ff; --warn: #e2a336; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 "IBM Plex Sans", ui-sans-serif, system-ui, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1320px; margin: 0 auto; padding: 32px 20px 48px; }
header { margin-bottom: 20px; }
h1 { font-size: 26px; line-height: 1.25; margin: 2px 0 8px; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0 0 10px; overflow-wrap: anywhere; }
h3 { font-size: 14px; margin: 18px 0 4px; }
h4 { font-size: 13px; margin: 14px 0 0; overflow-wrap: anywhere; }
p { margin: 6px 0; }
.outcome { font-size: 19px; line-height: 1.4; margin: 0; max-width: 46em; }
.dim { color: var(--dim); font-size: 13px; }
.warn { border-left: 4px solid var(--warn); padding: 8px 14px; background: var(--card); border-radius: 6px; }
section, figure { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; margin: 0 0 14px; }
section.card { border-left: 4px solid var(--busy); }
figure { background: #fff; color: #17212e; }
figcaption { font-weight: 700; font-size: 15px; margin-bottom: 6px; }
figure svg { display: block; width: 100%; max-width: 820px; height: auto; margin: 0 auto; }
figure svg text { font-family: inherit; }
@media screen and (prefers-color-scheme: dark) {
  figure { background: var(--card); color: var(--text); }
  figure svg { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th { font-size: 12px; color: var(--dim); white-space: normal; vertical-align: bottom; }
.wide { font-size: 12px; }
.wide th, .wide td { padding-right: 8px; }
.wide th:first-child { white-space: nowrap; }
.named td:first-child, .wide td:nth-child(2) { white-space: normal; min-width: 14em; }
.free th, .free td { white-space: normal; overflow-wrap: anywhere; }
.number { text-align: right; }
tr.strong td { font-weight: 700; }
dl { display: grid; grid-template-columns: minmax(9em, max-content) 1fr; gap: 3px 16px; margin: 0; font-size: 14px; }
dt { color: var(--dim); overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 8px 0 0; padding-left: 20px; }
li { margin: 3px 0; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--busy); margin-top: 10px; }
pre { margin: 8px 0 0; padding: 10px 12px; background: var(--page); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; font-size: 12.5px; line-height: 1.45; }
code { font-family: "IBM Plex Mono", ui-monospace, Consolas, monospace; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; margin-top: 4px; font-size: 13px; }
blockquote { margin: 4px 0 0; padding: 8px 10px; background: var(--page); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { color: var(--dim); font-size: 13px; margin-top: 20px; }
@media (max-width: 600px) {
  main { padding: 20px 12px 32px; }
  section, figure { padding: 14px 12px; border-radius: 10px; }
  h1 { font-size: 22px; }
  .outcome { font-size: 17px; }
  figure { overflow-x: auto; }
  figure svg { min-width: 560px; }
  .wide td:nth-child(2) { min-width: 11em; }
  .pair { grid-template-columns: 1fr; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 6px; }
}
@media print {
  :root { --page: #fff; --card: #fff; --text: #000; --dim: #444; --line: #ccc; }
  main { max-width: none; padding: 0; }
  section, figure { border: 0; padding: 0 0 10px; break-inside: avoid; }
  section.card { border-left: 0; }
  table { font-size: 10px; }
  .scroll { overflow: visible; }
  th, td { white-space: normal; }
}
"""
