(() => {
  const box = document.currentScript.parentElement;
  let data = null; // read when a slider first moves: the page is there sooner
  const image = box.querySelector("img"), says = box.querySelector(".explorer-readout");
  const inputs = [...box.querySelectorAll("input")], button = box.querySelector("button");

  function source(runs) {
    let svg = "";
    for (let i = 0; i < runs.length; i += 2) svg += data.tags.slice(runs[i], runs[i] + runs[i + 1]).join("");
    return "data:image/svg+xml," + encodeURIComponent(svg);
  }

  function show() {
    data ??= JSON.parse(box.querySelector('script[type="application/json"]').textContent);
    let position = 0;
    inputs.forEach((input, i) => {
      const text = data.sliders[i][+input.value];
      position = position * data.sliders[i].length + +input.value;
      input.setAttribute("aria-valuetext", text);
      input.closest("div").querySelector("b").textContent = text;
    });
    image.src = source(data.frames[data.positions[position]]);
    image.alt = data.alt[position];
    says.textContent = data.readout[position];
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    if (button) button.textContent = "Play";
    says.removeAttribute("aria-live");
  }

  inputs.forEach((input) => input.addEventListener("input", () => { stop(); show(); }));
  if (button) {
    const time = button.closest("div").querySelector("input");
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (time.value === time.max) time.value = 0;
      else time.stepUp();
      button.textContent = "Pause";
      says.setAttribute("aria-live", "off"); // or each frame would be read aloud
      show();
      timer = setInterval(() => {
        if (time.value === time.max) return stop();
        time.stepUp();
        show();
      }, 300);
    });
  }
  box.querySelector(".explorer-controls").hidden = false;
})();
