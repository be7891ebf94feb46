/* Recorded widgets: every slider changes the picture; the others go back to where they start. */
const say = slider => {
  const [, , label] = JSON.parse(slider.dataset.frames)[slider.value];
  slider.nextElementSibling.textContent = label;
  slider.setAttribute('aria-valuetext', label);
};
for (const figure of document.querySelectorAll('figure.recorded')) {
  const picture = figure.querySelector('img');
  const sliders = [...figure.querySelectorAll('input')];
  for (const slider of sliders) {
    slider.value = slider.dataset.start;
    slider.addEventListener('input', () => {
      for (const other of sliders) if (other !== slider) { other.value = other.dataset.start; say(other); }
      [picture.src, picture.alt] = JSON.parse(slider.dataset.frames)[slider.value];
      say(slider);
    });
  }
}

/* What scrolls sideways can be reached by keyboard. */
const reach = () => {
  for (const box of document.querySelectorAll('div.math, mjx-container[display], .pst-scrollable-table-container, .wide, p:has(> img), pre, dt.sig')) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
};
window.addEventListener('load', () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(reach));
