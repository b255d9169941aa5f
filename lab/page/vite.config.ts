import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Write index.html for the built module: a module is the entry, so that its exports stay. */
const page: Plugin = {
  name: "page",
  apply: "build",
  enforce: "post", // after the style has its name
  generateBundle(_, bundle) {
    const names = Object.keys(bundle);
    const [script, style] = [/\.js$/, /\.css$/].map((kind) => names.find((name) => kind.test(name)));
    const source = readFileSync("index.html", "utf8")
      .replace("/src/lab.tsx", `./${script}`)
      .replace("<!-- style -->", `<link rel="stylesheet" href="./${style}" />`);
    this.emitFile({ type: "asset", fileName: "index.html", source });
  },
};

// One module: it opens the page, and exports what a notebook's widget calls.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      input: { lab: "src/lab.tsx" },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "assets/lab-[hash].js" },
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [page],
});
