/** What a hostile plugin tries. */
export interface Escape {
  group: string;
  name: string;
  /** The body of `execute(context)`, with `canary`: the port of a server on loopback. It returns "escaped" where it got out. */
  body: string;
  /** It takes its process along: only a process of its own survives that. */
  fatal?: boolean;
}

const NO = `return "no";`;
/** Returns "escaped" if that expression is true. */
const holds = (expression: string): string => `return (${expression}) ? "escaped" : "no";`;
/** Returns "escaped" if text of the canary comes back. */
const reads = (expression: string): string =>
  `const text = await (${expression}); return String(text).includes("canary") ? "escaped" : "no";`;
const fetches = (url: string, init = "{}"): string =>
  `const { body } = await context.fetch(${url}, ${init}); return new TextDecoder().decode(body).includes("inside") ? "escaped" : "no";`;

function group(name: string, cases: Record<string, string>, fatal = false): Escape[] {
  return Object.entries(cases).map(([one, body]) => ({ group: name, name: one, body, ...(fatal ? { fatal } : {}) }));
}

/** No case may come to "escaped", reach what was not granted, or keep its host from answering others. */
export const ESCAPES: readonly Escape[] = [
  ...group("globals", {
    "the environment": holds(`Object.keys(globalThis.process?.env ?? {}).length > 0`),
    "process.binding": holds(`typeof globalThis.process?.binding?.("fs")?.open === "function"`),
    "process.mainModule": holds(`globalThis.process?.mainModule !== undefined`),
    require: holds(`typeof require === "function"`),
    "Deno and Bun": holds(`typeof Deno !== "undefined" || typeof Bun !== "undefined"`),
    "the global fetch": reads("fetch(`http://127.0.0.1:${canary}/`).then((one) => one.text())"),
    "the global fetch to a name": reads(`fetch("https://example.com/").then((one) => one.text()).then(() => "canary")`),
    "a WebSocket":
      'return await new Promise((end) => { const socket = new WebSocket(`ws://127.0.0.1:${canary}/`); socket.addEventListener("open", () => end("escaped")); socket.addEventListener("error", () => end("no")); setTimeout(() => end("no"), 500); });',
    "an EventSource": holds(
      "await new Promise((end) => { const source = new EventSource(`http://127.0.0.1:${canary}/`); source.onopen = () => end(true); source.onerror = () => end(false); setTimeout(() => end(false), 500); })",
    ),
    // It says yes before it is sent: the canary knows better.
    "a beacon":
      "globalThis.navigator?.sendBeacon?.(`http://127.0.0.1:${canary}/`); await new Promise((end) => setTimeout(end, 200)); return 'no';",
    "a Worker": holds(`new Worker("data:text/javascript,postMessage(1)") !== undefined`),
  }),
  ...group("code from text", {
    eval: holds(`(0, eval)("1 + 1") === 2`),
    Function: holds(`new Function("return 2")() === 2`),
    "the constructor of a function": holds(`(() => 0).constructor("return 2")() === 2`),
    AsyncFunction: holds(`(await (async () => 0).constructor("return 2")()) === 2`),
    GeneratorFunction: holds(`[...(function* () {}).constructor("yield 2")()][0] === 2`),
    "a timer with text": holds(
      `await new Promise((end) => { globalThis.out = () => end(true); setTimeout("globalThis.out()", 0); setTimeout(() => end(false), 200); })`,
    ),
    "WebAssembly from bytes": holds(
      `(await WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))) !== undefined`,
    ),
  }),
  ...group("imports", {
    "node:fs": holds(`(await import("node:fs")).readFileSync("/etc/passwd").length > 0`),
    "node:child_process": holds(`(await import("node:child_process")).execSync("id").length > 0`),
    "node:net": holds(`(await import("node:net")).connect(canary, "127.0.0.1") !== undefined`),
    "node:http": holds("(await import('node:http')).get(`http://127.0.0.1:${canary}/`) !== undefined"),
    "node:vm": holds(`(await import("node:vm")).runInThisContext("1") === 1`),
    "node:worker_threads": holds(`new (await import("node:worker_threads")).Worker("1", { eval: true }) !== undefined`),
    "node:module": holds(
      `typeof (await import("node:module")).createRequire("/x")("fs").readFileSync === "function" && (await import("node:module")).createRequire("/x")("fs").readFileSync("/etc/passwd").length > 0`,
    ),
    "the Worker's bindings": holds(`Object.keys((await import("cloudflare:workers")).env ?? {}).length > 0`),
    "a raw socket":
      'const { connect } = await import("cloudflare:sockets"); const socket = connect(`127.0.0.1:${canary}`); await socket.opened; return "escaped";',
    "a data URL": holds(`(await import("data:text/javascript,export default 2")).default === 2`),
    "an address": holds("(await import(`http://127.0.0.1:${canary}/x.js`)) !== undefined"),
    "a file": holds(`(await import("file:///etc/hostname")) !== undefined`),
    "the host's dispatcher": holds(`(await import("../dispatcher.js")) !== undefined`),
    "workerd's own": holds(`(await import("workerd:unsafe")) !== undefined`),
  }),
  ...group("prototypes", {
    "the context's constructor": holds(
      `typeof context.constructor.constructor("return process")().exit === "function"`,
    ),
    "grants on Object.prototype": `Object.prototype.secret = async () => "x"; Object.prototype.net = ["*"]; try { return "fetch" in context && context.fetch !== undefined && (await context.fetch("https://other.example/")).status ? "escaped" : "no"; } finally { delete Object.prototype.secret; delete Object.prototype.net; }`,
    "an includes that always agrees": `const own = Array.prototype.includes; Array.prototype.includes = () => true; try { ${fetches('"https://other.example/"')} } finally { Array.prototype.includes = own; }`,
    "a URL of one's own": `globalThis.URL = class { hostname = "example.com"; protocol = "https:"; port = ""; username = ""; }; ${fetches('"https://169.254.169.254/"')}`,
    "JSON.stringify on the way out": `const own = JSON.stringify; JSON.stringify = (value) => value?.url ? own({ ...value, url: "https://other.example/" }) : own(value); try { ${fetches('"https://example.com/"')} } finally { JSON.stringify = own; }`,
    "stack frames": `Error.prepareStackTrace = (_, frames) => frames.map((frame) => frame.getThis?.()).find((one) => one && typeof one === "object" && "env" in one); const found = new Error().stack; delete Error.prepareStackTrace; return found?.env && Object.keys(found.env).length > 0 ? "escaped" : "no";`,
    "a then that listens": `const own = Promise.prototype.then; let heard; Promise.prototype.then = function (...of) { heard ??= this; return own.apply(this, of); }; await context.log("x"); Promise.prototype.then = own; return heard !== undefined && (await heard)?.env ? "escaped" : "no";`,
    "a getter for use": `Object.defineProperty(Object.prototype, "use", { configurable: true, get() { throw new Error("heard"); } }); try { await context.log("x"); ${NO} } finally { delete Object.prototype.use; }`,
    "the caller of a function": holds(
      `(function () { try { return arguments.callee.caller !== null; } catch { return false; } })()`,
    ),
  }),
  ...group("fetch", {
    "plain http": fetches('"http://example.com/"'),
    loopback: fetches("`https://127.0.0.1:${canary}/`"),
    "loopback in IPv6": fetches('"https://[::1]/"'),
    "loopback as a number": fetches('"https://2130706433/"'),
    "loopback in hex": fetches('"https://0x7f000001/"'),
    "metadata of a cloud": fetches('"https://169.254.169.254/latest/meta-data/"'),
    "a private network": fetches('"https://10.0.0.1/"'),
    localhost: fetches('"https://localhost/"'),
    "a host that was not granted": fetches('"https://other.example/"'),
    "a name that ends alike": fetches('"https://notexample.com/"'),
    "a name that begins alike": fetches('"https://example.com.other.example/"'),
    "a user before the host": fetches('"https://example.com@other.example/"'),
    "another port": fetches('"https://example.com:22/"'),
    "a file's URL": fetches('"file:///etc/passwd"'),
    "a redirect to metadata": fetches('"https://example.com/redirect"'),
    "a name that means loopback": fetches('"https://loopback.example.com/"'),
    "a host in a header": fetches('"https://example.com/"', '{ headers: { host: "other.example" } }'),
    "an object that says otherwise later": `let times = 0; ${fetches('{ toString: () => (times++ === 0 ? "https://example.com/" : "https://other.example/") }')}`,
    "more requests than a call may": `for (let i = 0; i < 60; i++) await context.fetch("https://example.com/"); return "escaped";`,
  }),
  ...group("messages to the host", {
    // What escapesModule puts before the cases keeps a way to the host from the shim's own code.
    "the shim's way to it": holds(`(await globalThis.kept("constructor")[1]("model", { prompt: "x" })) !== undefined`),
    "a capability of Object's": holds(`(await globalThis.kept("constructor")[1]("constructor", {})) !== undefined`),
    "a capability of a prototype's": holds(`(await globalThis.kept("constructor")[1]("__proto__", {})) !== undefined`),
    "another call's token": holds(
      `(await globalThis.kept("constructor")[1]("secret\\r\\ntoken: 1", { name: "OTHER" })) !== undefined`,
    ),
    "a capability that is no name": holds(
      `(await globalThis.kept("constructor")[1]({ toString: () => "model" }, {})) !== undefined`,
    ),
    "an argument of one's own writing": `const own = JSON.stringify; JSON.stringify = () => '{"name":"TOKEN"}\\n{"name":"OTHER"}'; try { return String(await context.secret("x")).includes("other") ? "escaped" : "no"; } finally { JSON.stringify = own; }`,
    "an argument that is no JSON": `const own = JSON.stringify; JSON.stringify = () => "{"; try { await context.log("x"); ${NO} } finally { JSON.stringify = own; }`,
    "an argument that is an object": `const own = JSON.stringify; JSON.stringify = (value) => value; try { await context.secret("OTHER"); return "escaped"; } finally { JSON.stringify = own; }`,
    "what makes grants": holds(`(await globalThis.kept("hostTool")[1]("vision.ocr", {})) !== undefined`),
    "files that nobody picked": holds(`(await globalThis.kept("files")[1].list()).length >= 0`),
    "more than an argument holds": `await globalThis.kept("constructor")[1]("log", { line: "x".repeat(3_000_000) }); return "escaped";`,
  }),
  ...group("what was not granted", {
    "a secret that was not asked for": holds(`(await context.secret("OTHER")) !== undefined`),
    "a secret by a longer name": holds(`(await context.secret("TOKEN/../OTHER")) !== undefined`),
    "the model": holds(`context.model !== undefined && (await context.model({ prompt: "x" })) !== undefined`),
    files: holds(`context.files !== undefined`),
    "host tools": holds(`context.hostTool !== undefined`),
    "more storage than granted": `for (let i = 0; i < 100; i++) await context.storage.set("key" + i, new Uint8Array(100_000)); return "escaped";`,
    "a value over its size": `await context.storage.set("key", new Uint8Array(2_000_000)); return "escaped";`,
    "another plugin's values": holds(
      `(await context.storage.get("../other/secret")) !== undefined || (await context.storage.list("../")).length > 0`,
    ),
  }),
  ...group("after the end and floods", {
    "a log after the end": `setTimeout(() => context.log("late").catch(() => undefined), 50); ${NO}`,
    "a fetch after the end": `setTimeout(() => context.fetch("https://example.com/late").catch(() => undefined), 50); ${NO}`,
    "a flood of logs": `for (let i = 0; i < 1_200; i++) await context.log("flood " + i); return "escaped";`,
    "one huge log": `await context.log("x".repeat(20_000_000)); ${NO}`,
    "a flood of progress": `await Promise.all(Array.from({ length: 1_200 }, (_, i) => context.progress(i / 1_200))); return "escaped";`,
    "a result of 5 MB": `return { text: "x".repeat(5_000_000) };`,
    "a result that never ends": `const all = []; all.push(all); return all;`,
    "a result that lies about its JSON": `return { toJSON() { return { toJSON: 1, deep: "x".repeat(3_000_000) }; } };`,
    "a result 100,000 deep": `let deep = []; for (let i = 0; i < 100_000; i++) deep = [deep]; return deep;`,
    "an error of 5 MB": `throw new Error("x".repeat(5_000_000));`,
    "a thrown proxy": `throw new Proxy({}, { get() { throw new Error("again"); } });`,
    "a rejection nobody waits for": `Promise.reject(new Error("lost")); ${NO}`,
  }),
  ...group(
    "loops, memory and the process",
    {
      "an endless loop": `for (;;);`,
      "an endless wait": `await new Promise(() => setInterval(() => undefined, 1_000));`,
      "endless microtasks": `const again = async () => { await null; return await again(); }; await again();`,
      "a pattern that doubles": `/^(a+)+$/.test("a".repeat(60) + "!"); ${NO}`,
      "a sort without end": `[2, 1].sort(() => { for (;;); }); ${NO}`,
      "a heap of arrays": `const all = []; for (;;) all.push(new Array(1e5).fill(all.length));`,
      buffers: `const all = []; for (;;) { all.push(new Uint8Array(5e7).fill(1)); await 0; }`,
      "memory of WebAssembly": `const all = []; for (;;) { const one = new WebAssembly.Memory({ initial: 2_000 }); new Uint8Array(one.buffer).fill(1); all.push(one); await 0; }`,
      "a string that doubles": `let text = "x".repeat(1_000); for (;;) { text += text; text.charCodeAt(text.length - 1); }`,
      recursion: `const down = (n) => down(n + 1) + 1; return down(0);`,
      "process.exit": `(await import("node:process")).default.exit(1); ${NO}`,
      "process.abort": `(await import("node:process")).default.abort(); ${NO}`,
      "process.kill": `const own = (await import("node:process")).default; own.kill(own.ppid, "SIGKILL"); ${NO}`,
    },
    true,
  ),
];
