/* Runs before the page is drawn, so that a chosen theme does not flash. */
(function () {
  try {
    const chosen = localStorage.getItem("relay-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    /* a browser that keeps nothing: the system's theme */
  }
})();
