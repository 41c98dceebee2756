"""How a page looks: on a light and on a dark screen, wide and narrow, and on paper."""

NARROW_PAGE = 720
"""Pixels of a window below which the lines of a wide chart are too small to read."""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --page: #fff; --band: #f6f8fa;
  --red: #b42318; --pass: #eefaf6; --fail: #fdf1ea; --unsure: #fdf7e8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9ea7b0; --line: #30363d; --page: #16191d; --band: #1d2126;
    --red: #ff8a7a; --pass: #10291f; --fail: #331c10; --unsure: #2f2610; }
}
body { margin: 2rem auto; max-width: 1080px; padding: 0 1.5rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
h1, p { overflow-wrap: anywhere; } p { margin: .3rem 0 .8rem; } .quiet { color: var(--quiet); }
.verdict { border-left: 6px solid; padding: .6rem 1rem; margin: 1rem 0; font-weight: 600; }
.pass { border-color: #009e73; background: var(--pass); } .fail { border-color: #d55e00; background: var(--fail); }
.unsure { border-color: #e69f00; background: var(--unsure); }
.decide { padding-left: 1.2rem; margin: .3rem 0 .8rem; } .decide li { margin: .25rem 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .2rem 0 1rem; }
.scroll .gt_table { margin-left: 0 !important; width: 100% !important; }
.scroll .gt_table, .scroll .gt_table th, .scroll .gt_table td, .scroll .gt_table span { color: var(--ink) !important;
  background-color: transparent !important; border-color: var(--line) !important; }
.scroll .gt_table td.gt_right { white-space: nowrap; font-variant-numeric: tabular-nums; }
.scroll .gt_table td.gt_left { overflow-wrap: anywhere; min-width: 3.2rem; }
.scroll .gt_table td.gt_striped { background-color: var(--band) !important; }
.scroll .gt_table td[style*="#b42318"] { color: var(--red) !important; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; overflow: visible; }
/* The pictures are drawn for paper; what is white and black there takes the colours of the page. */
figure svg [fill="#FFFFFF"] { fill: var(--page); } figure svg [fill="#1F2328"] { fill: var(--ink); }
figure svg [stroke="#1F2328"] { stroke: var(--ink); }
dl { display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr; gap: .2rem 1rem; font-size: .9rem; }
dt { font-weight: 600; overflow-wrap: anywhere; } dd { margin: 0; overflow-wrap: anywhere; }
figure svg[data-page="narrow"] { display: none; }
@media print, (max-width: NARROW_PAGE) {
  figure svg[data-page="wide"] { display: none; } figure svg[data-page="narrow"] { display: inline; }
}
@media (max-width: 600px) { body { margin: 1rem auto; padding: 0 .8rem; } h1 { font-size: 1.35rem; } }
@media print {
  @page { size: A4; margin: 12mm; }
  :root { color-scheme: light; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --page: #fff; --band: #f6f8fa;
    --red: #b42318; --pass: #eefaf6; --fail: #fdf1ea; --unsure: #fdf7e8; }
  body { max-width: none; margin: 0; padding: 0; font-size: 10px; line-height: 1.35; }
  h1 { font-size: 18px; } h2 { font-size: 13px; margin-top: 1rem; }
  h2, h2 + p { break-after: avoid; } tr, .verdict, .decide li { break-inside: avoid; }
  thead { display: table-header-group; }
  .charts { display: grid; grid-template-columns: 1fr 1fr; gap: 0 6mm; }
  figure { break-inside: avoid; margin: .3rem 0; } figure svg { max-height: 120mm; width: auto; }
  .scroll { overflow: visible; } .scroll .gt_table, .scroll .gt_table * { font-size: 8.5px !important; }
  .scroll .gt_table td { padding: 1.5px 4px !important; }
  .scroll .gt_table td.gt_right { white-space: normal; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
""".replace("NARROW_PAGE", f"{NARROW_PAGE}px")
