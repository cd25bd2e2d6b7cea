import { access, constants, mkdir, readdir, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { BUNDLED_MODELS, type DataFolder, dataFolder } from "../data-folder.ts";
import { EDGE_OPTIONS } from "../edge/build.ts";
import { type Accelerators, probeAccelerators } from "../hardware/accelerators.ts";
import { type Hardware, memoryForModels, probeHardware } from "../hardware/probe.ts";
import { chooseDefault, listLocalModels, resolveModel } from "../model/registry.ts";
import { chooseProvider, type ProviderDecision } from "../runtime/choose-provider.ts";
import type { ProviderChoice } from "../runtime/providers.ts";
import { VERSION } from "../version.ts";
import { findRunning } from "./running.ts";
import { styled } from "./terminal.ts";

/** One thing that was looked at. `fix` says what to do about it. */
export interface Finding {
  topic: string;
  state: "ok" | "note" | "bad";
  found: string;
  fix?: string;
}

export interface DoctorFlags {
  json: boolean;
  data?: string;
  model?: string;
  provider?: ProviderChoice;
}

/** `porchlight doctor`: 0 when nothing keeps Porchlight from running, 1 otherwise. */
export async function doctor(flags: DoctorFlags): Promise<number> {
  const folder = dataFolder(flags.data);
  const hardware = probeHardware();
  const accelerators = await probeAccelerators("thorough");
  const decision = chooseProvider({ ...accelerators, build: `${hardware.os}-${hardware.arch}` }, flags.provider);
  const findings = [
    node(),
    ...machine(hardware),
    ...devices(accelerators),
    ...(await runtime(decision)),
    await data(folder),
    await edge(folder),
    ...(await models(folder, hardware, flags.model)),
  ];
  const healthy = findings.every(({ state }) => state !== "bad");
  if (flags.json)
    process.stdout.write(
      `${JSON.stringify({ version: VERSION, healthy, hardware, accelerators, provider: decision, findings })}\n`,
    );
  else process.stdout.write(`${text(findings, healthy)}\n`);
  return healthy ? 0 : 1;
}

function text(findings: Finding[], healthy: boolean): string {
  const width = Math.max(...findings.map(({ topic }) => topic.length)) + 2;
  const marks = { ok: styled("green", "✓"), note: styled("yellow", "•"), bad: styled("red", "✗") };
  const lines = findings.flatMap(({ topic, state, found, fix }) => [
    `  ${marks[state]} ${topic.padEnd(width)}${found}`,
    ...(fix === undefined ? [] : [`    ${" ".repeat(width)}${styled("dim", `→ ${fix}`)}`]),
  ]);
  const verdict = healthy ? "Nothing keeps Porchlight from running here." : "Mend what is marked ✗, then look again.";
  return [`Porchlight ${VERSION}`, "", ...lines, "", verdict].join("\n");
}

function node(): Finding {
  const found = `Node ${process.versions.node}`;
  if (Number(process.versions.node.split(".")[0]) >= 24) return { topic: "Node", state: "ok", found };
  return {
    topic: "Node",
    state: "bad",
    found,
    fix: "Start through 'npm start' or 'npx porchlight': they use the packaged Node 24.",
  };
}

function machine({ cpu, memory, os, arch }: Hardware): Finding[] {
  const cores = `${cpu.cores} core${cpu.cores === 1 ? "" : "s"}`;
  const small = memory.totalBytes < 2 * 1024 ** 3;
  return [
    {
      topic: "Processor",
      state: "ok",
      found: [`${cpu.model} (${os}, ${arch}), ${cores}`, cpu.features.join(" ")].filter(Boolean).join("; "),
    },
    {
      topic: "Memory",
      state: small ? "note" : "ok",
      found: `${gib(memory.totalBytes)}, ${gib(memory.freeBytes)} free`,
      ...(small ? { fix: "Keep to models under 1 billion parameters." } : {}),
    },
  ];
}

/** GPUs, NPUs and CUDA. */
function devices({ gpus, npus, cuda }: Accelerators): Finding[] {
  const cards = gpus.map(({ name, memoryBytes, driver }): Finding => {
    const memory = memoryBytes === undefined ? [] : [gib(memoryBytes)];
    const found = [name, ...memory, ...(driver === undefined ? [] : [`driver ${driver}`])].join(", ");
    return { topic: "GPU", state: "ok", found };
  });
  const neural = npus.map(({ name }): Finding => {
    const found = `${name}; not used: onnxruntime-node has no provider for it`;
    return { topic: "NPU", state: "ok", found };
  });
  const none: Finding[] = gpus.length > 0 ? [] : [{ topic: "GPU", state: "ok", found: "none" }];
  const libraries = [
    ...(cuda?.runtimes ?? []).map(({ version, path }) => `runtime ${version} (${path})`),
    ...(cuda?.cudnns ?? []).map(({ version, path }) => `cuDNN ${version} (${path})`),
  ];
  const cudaFinding: Finding[] =
    libraries.length === 0 ? [] : [{ topic: "CUDA", state: "ok", found: libraries.join(", ") }];
  return [...cards, ...none, ...neural, ...cudaFinding];
}

/** ONNX Runtime, where models run with it and why, and what else there is. One that was asked for is tried. */
async function runtime({ provider, reason, obstacle, alternatives }: ProviderDecision): Promise<Finding[]> {
  const topic = "Runtime";
  try {
    const [{ runtimeVersion }, { tryProvider }] = await Promise.all([
      import("../runtime/session.ts"),
      import("../runtime/try-provider.ts"),
    ]);
    const problem = await tryProvider(provider);
    const found = `ONNX Runtime ${runtimeVersion}, provider ${provider}: ${reason}`;
    const others = alternatives.map((other): Finding => {
      const { fix } = other;
      return {
        topic: "Provider",
        state: "note",
        found: `not ${other.provider}: ${other.reason}`,
        ...(fix === undefined ? {} : { fix }),
      };
    });
    if (problem === undefined) return [{ topic, state: "ok", found }, ...others];
    if (provider === "cpu") return [broken(problem)];
    const fix = obstacle?.fix ?? "Leave --provider away.";
    const why = obstacle === undefined ? problem : `${obstacle.reason} (${problem})`;
    return [{ topic, state: "note", found: `${found}, but the CPU will be used: ${why}`, fix }, ...others];
  } catch (error) {
    return [broken(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error))];
  }
}

function broken(why: string): Finding {
  return {
    topic: "Runtime",
    state: "bad",
    found: `ONNX Runtime does not load: ${why}`,
    fix: "Run 'npm install' again.",
  };
}

async function data(folder: DataFolder): Promise<Finding> {
  try {
    await mkdir(folder.root, { recursive: true, mode: 0o700 });
    await access(folder.root, constants.W_OK);
    return { topic: "Data", state: "ok", found: folder.root };
  } catch {
    return {
      topic: "Data",
      state: "bad",
      found: `${folder.root} cannot be written`,
      fix: "Give another folder with --data.",
    };
  }
}

async function edge(folder: DataFolder): Promise<Finding> {
  const topic = "Edge";
  const running = await findRunning(folder.running);
  if (running) return { topic, state: "ok", found: `running at ${running.origin} (process ${running.pid})` };
  const built = await stat(EDGE_OPTIONS).then(
    () => "built",
    () => "not built yet; 'porchlight up' builds it",
  );
  if (await isFree(8787)) return { topic, state: "ok", found: `${built}, port 8787 is free` };
  return {
    topic,
    state: "note",
    found: `${built}, port 8787 is taken by another program`,
    fix: "Start with another: porchlight up --port 8790",
  };
}

async function models(folder: DataFolder, hardware: Hardware, wanted: string | undefined): Promise<Finding[]> {
  const local = await listLocalModels({ folders: [folder.models, BUNDLED_MODELS] });
  const preferred =
    wanted === undefined
      ? chooseDefault(local, memoryForModels(hardware))
      : await resolveModel(wanted, local).catch((error: Error) => error);
  const topic = "Model";
  const listed = local.map((model): Finding => {
    if (!model.usable)
      return { topic, state: "note", found: `${model.name}: ${model.problem}`, fix: `Mend or remove ${model.folder}.` };
    const { parameters, quantization, contextLength } = model.info;
    const mark = preferred !== undefined && "name" in preferred && preferred.name === model.name ? ", the default" : "";
    return {
      topic,
      state: "ok",
      found: `${model.name}: ${millions(parameters)} parameters, ${quantization}, context ${contextLength}${mark}`,
    };
  });
  if (preferred instanceof Error) return [...listed, { topic, state: "bad", found: preferred.message }];
  const own = await readdir(folder.models).catch(() => []);
  if (own.length > 0) return listed;
  const fix = "Get a larger one: 'porchlight models suggest' says which suits this machine, 'models pull' gets it.";
  return [...listed, { topic, state: "note", found: "only the small starter model is here", fix }];
}

function gib(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

function millions(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} billion` : `${(count / 1e6).toFixed(1)} million`;
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
