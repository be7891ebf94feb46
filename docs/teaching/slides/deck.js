/* Turns a page of slides into one slide at a time: arrow keys, space, Page Up and Down, Home, End, two buttons; #7 is the
   seventh slide. Formulas are set once by MathJax, which lies beside the page. */
window.MathJax = {
  loader: {
    load: ['input/tex', 'output/chtml', 'a11y/assistive-mml'],
    paths: {'mathjax-newcm': '[mathjax]/font'},
  },
  tex: {inlineMath: [['$', '$']], displayMath: [['$$', '$$']]},
  chtml: {linebreaks: {inline: false}},
  options: {skipHtmlTags: ['script', 'style', 'pre', 'code']},
};

document.addEventListener('DOMContentLoaded', () => {
  const slides = [...document.querySelectorAll('.slide')];
  const place = document.getElementById('place');
  let now = 0;

  function show(number) {
    now = Math.min(Math.max(number, 0), slides.length - 1);
    slides.forEach((slide, k) => slide.classList.toggle('here', k === now));
    place.textContent = `${now + 1} of ${slides.length}`;
    if (location.hash !== `#${now + 1}`) history.replaceState(null, '', `#${now + 1}`);
  }
  function fit() {
    const scale = Math.min(innerWidth / 1280, innerHeight / 720);
    document.documentElement.style.setProperty('--scale', scale);
  }
  const steps = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1};

  document.body.classList.add('shown');
  document.getElementById('back').onclick = () => show(now - 1);
  document.getElementById('on').onclick = () => show(now + 1);
  addEventListener('resize', fit);
  addEventListener('hashchange', () => show((parseInt(location.hash.slice(1), 10) || 1) - 1));
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const folded = event.target.closest && event.target.closest('summary, button');
    if (event.key in steps) show(now + steps[event.key]);
    else if (event.key === ' ' && !folded) show(now + (event.shiftKey ? -1 : 1));
    else if (event.key === 'Home') show(0);
    else if (event.key === 'End') show(slides.length - 1);
    else return;
    event.preventDefault();
  });
  fit();
  show((parseInt(location.hash.slice(1), 10) || 1) - 1);
});
