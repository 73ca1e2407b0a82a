// Plotly itself, from this program and when the first figure is drawn.

const ADDRESS = "/page-assets/plotly/plotly.min.js", AGAIN_MS = 4000;
let loading = null;

/** @returns {Promise<any>} Plotly; asked for again a while after it could not be had */
export function plotly() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = ADDRESS;
    script.onload = () => done(window.Plotly);
    script.onerror = () => { script.remove(); setTimeout(() => { loading = null; }, AGAIN_MS); failed(new Error("Plotly could not be loaded from this server.")); };
    document.head.append(script);
  });
  return loading;
}
