// A formula or a block of code too wide for the page scrolls: let the keyboard reach it too.
const reachable = new ResizeObserver((boxes) => {
  for (const { target: box } of boxes) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll("div.math, div.highlight pre, .cell_output pre")) reachable.observe(box);

// Icons are characters of a font that mean nothing when read aloud; the buttons have names of their own.
for (const icon of document.querySelectorAll("[class*='fa-']")) icon.ariaHidden = "true";

// A notebook opened in a tab is of no use: save it.
for (const link of document.querySelectorAll(".btn-download-source-button")) link.download = "";

// Paper is white: print the light theme.
const root = document.documentElement.dataset;
let shown = root.theme;
window.addEventListener("beforeprint", () => {
  shown = root.theme;
  root.theme = "light";
});
window.addEventListener("afterprint", () => (root.theme = shown));
