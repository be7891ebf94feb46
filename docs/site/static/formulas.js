/* Formulas: MathJax lies beside this site. It reads the classes that Sphinx gives, and writes MathML for screen readers. */
window.MathJax = {
  loader: {
    load: ['input/tex', 'output/chtml', 'a11y/assistive-mml'],
    paths: {'mathjax-newcm': '[mathjax]/font'},
  },
  options: {
    ignoreHtmlClass: 'bd-main|bd-sidebar',
    processHtmlClass: 'math',
  },
  startup: {
    ready() {
      delete MathJax.config.options.menuOptions; // of the menu, which is not loaded; else MathJax warns
      MathJax.startup.defaultReady();
    },
  },
};
