"use strict";
// No module: a browser refuses those to a page that is opened as a file, and this one must say so.
(() => {
  const show = (id) => { document.getElementById(id).hidden = false; };
  if (location.protocol === "file:") {
    show("as-file");
    return;
  }
  // Text, not code, to a browser that does not know the keyword.
  import("./page.mjs").catch((error) => {
    document.getElementById("failed").textContent = `The page cannot begin (${error.message}): serve all of its files.`;
    show("failed");
  });
})();
