// Bundles the pages' scripts and styles into dist/assets/assets/, which the ASSETS binding serves under /assets/.
// Names are fixed: browsers revalidate by ETag, so a new build is seen at once. Plain JavaScript: wrangler runs it by any Node.
import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const pages = fileURLToPath(new URL("..", import.meta.url));
const outdir = fileURLToPath(new URL("../../../dist/assets/assets", import.meta.url));

await mkdir(outdir, { recursive: true });
await build({
  entryPoints: {
    account: `${pages}client/account.ts`,
    chat: `${pages}client/chat.ts`,
    import: `${pages}client/import.ts`,
    page: `${pages}client/page.ts`,
    style: `${pages}style/index.css`,
  },
  outdir,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  legalComments: "linked",
  logLevel: "warning",
});
await copyFile(`${pages}style/icon.svg`, `${outdir}/icon.svg`);
