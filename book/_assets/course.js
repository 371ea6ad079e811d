// A formula too wide for the page scrolls: let the keyboard reach it too.
function reachable() {
  for (const box of document.querySelectorAll("div.math, div.highlight pre, .cell_output pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

reachable();
window.addEventListener("resize", reachable);
