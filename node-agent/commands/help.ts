import type { FLAGS } from "./flags.ts";
import { COMMANDS, type CommandName } from "./index.ts";

const FLAG_HELP: Record<keyof typeof FLAGS, [form: string, meaning: string]> = {
  ask: ["--ask TEXT", "ask one question over the public API, print the answer, and exit"],
  port: ["--port N", "where the edge listens on this machine (8787)"],
  "local-port": ["--local-port N", "where the agent's own API listens on this machine (8788)"],
  model: ["--model NAME|PATH", "the default model: a name, folder or .gguf file (or PORCHLIGHT_MODEL)"],
  quantization: ["--quantization Q", "fp32, int8 or int4; without it, what suits the model"],
  provider: ["--provider P", "where models run: auto (the default), cpu, cuda, webgpu, coreml or dml"],
  memory: ["--memory SIZE", "memory for all loaded models, such as 8GB (three quarters of the machine's)"],
  context: ["--context N", "tokens of one conversation, at most what the model can take (as many as fit)"],
  "keep-alive": ["--keep-alive TIME", "how long an idle model stays loaded: 30s, 5m (the default), 1h, 0 or forever"],
  "kv-disk": ["--kv-disk SIZE", "keep what was computed of past conversations on the disk, up to this (off)"],
  draft: ["--draft NAME", "a smaller model of the same family that guesses ahead for the default one"],
  "canary-every": ["--canary-every T", "how often the idle model is tried, such as 30s; 0: only at the start (2m)"],
  threads: ["--threads N", "threads of each model (the physical cores)"],
  data: ["--data FOLDER", "where everything is kept (~/.local/share/porchlight)"],
  as: ["--as NAME", "the name a pulled or quantised model gets here"],
  weights: ["--weights Q", "quantize, eval: precision of the layers, fp32, int8 or int4 (int4)"],
  block: ["--block N", "quantize: weights per scale in int4, 32, 64 or 128 (by the row's length)"],
  embedding: ["--embedding Q", "quantize: precision of the embedding (int8)"],
  "output-layer": ["--output-layer Q", "quantize: precision of the output layer (int8)"],
  recipe: ["--recipe FILE", "quantize: a JSON file with all of this, and a precision for tensors by name"],
  method: ["--method M", "quantize: gptq fits int4 to a text, rtn rounds to nearest (gptq)"],
  calibration: ["--calibration FILE", "quantize: the text to fit to (without it, one that the model writes)"],
  text: ["--text FILE", "quantize, eval: the text that perplexity is measured on"],
  host: ["--host ADDRESS", "edge: address to listen on (all with a certificate, else 127.0.0.1)"],
  origin: ["--origin URL", "edge: where people come to, such as https://home.example"],
  cert: ["--cert FILE", "edge: certificate with its chain, PEM; renewed ones are taken up"],
  key: ["--key FILE | NAME", "edge: the certificate's private key, PEM; plugin sign: which of your keys"],
  official: ["--official", "plugin publish: ask for two reviewers, so that the market stands for it"],
  "http-port": ["--http-port PORT", "edge: a port where plain http is sent on to https"],
  "trusted-proxy": ["--trusted-proxy A", "edge: whose X-Forwarded-For is believed: 127.0.0.1,10.0.0.0/8"],
  "give-up-after": ["--give-up-after N", "edge: end with code 1 after N failures in a row (20)"],
  "passphrase-file": ["--passphrase-file F", "edge backup, restore: encryption by the passphrase in it"],
  "phrase-file": ["--phrase-file FILE", "backup key, restore: a file with the recovery phrase"],
  "root-key": ["--root-key FILE", "market: its root's key, made with a new market; keep it off every network"],
  out: ["--out FILE", "sessions export: where to (without it, standard output)"],
  "dry-run": ["--dry-run", "edge deploy: say what would be done, and build"],
  link: ["--link", "link to a model folder on this disk instead of copying it"],
  force: ["--force", "pull what this build cannot load; write over a file or state"],
  unattended: ["--unattended", "up, edge: no key and no link in the output, which is a log"],
  pull: ["--pull", "connect: get the smallest model that is of use, if only the starter is here"],
  wait: ["--wait", "drain: return only when nothing runs any more"],
  versions: ["--versions", "list every version of every model in the store"],
  yes: ["-y, --yes", "remove without asking"],
  json: ["--json", "print one JSON object instead of text"],
  help: ["-h, --help", "show this, or the help of one command"],
  version: ["--version", "print the version"],
};

/** The help text, of one command or of all. */
export function help(command: CommandName | undefined): string {
  return command === undefined ? overview() : detail(command);
}

function overview(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]): [string, string] => [name, summary]);
  return [
    "Porchlight: a private AI assistant. The door is public, the models stay at home.",
    "",
    "  porchlight up                  everything on this machine; the same as 'npm start'",
    '  porchlight up --ask "Hello"    one question, one answer',
    "",
    "Commands",
    ...columns(commands),
    "",
    "Flags",
    ...columns(Object.values(FLAG_HELP)),
    "",
    "Exit codes: 0 done, 1 failed (a sentence says why), 2 wrong usage, 130 interrupted.",
  ].join("\n");
}

function detail(name: CommandName): string {
  const { usage, summary, flags } = COMMANDS[name];
  return [`${usage}\n  ${summary}`, "", ...columns([...flags, "help" as const].map((flag) => FLAG_HELP[flag]))].join(
    "\n",
  );
}

function columns(rows: [string, string][]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}
