/** The style of the report; dark or light as the reader's system is. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --text: #1c2430; --soft: #5d6878; --line: #dfe4ea; --back: #fff; --now: #2463c9; --before: #b9c4d3; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e9f0; --soft: #97a3b4; --line: #303844; --back: #14181e; --now: #6ea3f5; --before: #4d5a6b; --bad: #ff8a80; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; } p { color: var(--soft); margin: .3rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; color: var(--soft); } td.number, th.number { text-align: right; white-space: nowrap; }
dl { display: flex; flex-wrap: wrap; gap: .8rem 2.4rem; margin: 1rem 0; } dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.25rem; overflow-wrap: anywhere; }
figure { display: inline-block; margin: .6rem 1.6rem .6rem 0; max-width: 100%; overflow-x: auto; vertical-align: top; } figcaption { color: var(--soft); font-size: .85rem; }
svg .now { fill: var(--now); } svg .before { fill: var(--before); } svg .hover { fill: transparent; } svg .axis { stroke: var(--line); }
.bad { color: var(--bad); font-weight: 600; }
`;
