import { tryEscapesAtHome } from "../support/plugins/escapes-at-home.ts";

/** Tries to get out of the sandbox for plugins at home in every way that we know, and prints one table. `node test/campaign/escapes.ts` */
const { tried, beside, findings } = await tryEscapesAtHome();
console.log("| what is tried | case | what came of it | ms |\n| --- | --- | --- | --- |");
for (const { escape, outcome, ms } of tried)
  console.log(`| ${escape.group} | ${escape.name} | ${outcome} | ${Math.round(ms)} |`);
console.log(
  `${tried.length} cases, ${findings.length} findings; ${beside.calls} calls of another plugin meanwhile, ${beside.failed} failed, the slowest took ${Math.round(beside.slowestMs)} ms`,
);
for (const finding of findings) console.error(finding);
process.exitCode = findings.length === 0 ? 0 : 1;
