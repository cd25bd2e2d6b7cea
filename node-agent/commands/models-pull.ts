import { homedir } from "node:os";
import { PorchlightError } from "../../shared/errors.ts";
import { pullModel, type PullEvent } from "../model/pull/pull.ts";
import { namedSource, refuseUnsupported } from "../model/pull/named.ts";
import { checkModelName } from "../model/pull/source.ts";
import { listVersions } from "../model/store/versions.ts";
import type { StoredVersion } from "../model/store/commit.ts";
import { findLocalFiles, importModel, linkModel } from "../model/store/import-local.ts";
import { findModel } from "./models-find.ts";
import { DownloadProgress } from "./models-progress.ts";
import type { ModelsContext } from "./models.ts";
import { formatBytes } from "./models-units.ts";
import { interruption } from "./signals.ts";
import { say, styled } from "./terminal.ts";

/** `porchlight models pull`: exit code 0 when the model is here, 130 when interrupted (the same command goes on). */
export async function pullModelNamed(context: ModelsContext): Promise<number> {
  const { flags, modelsDir, model } = context;
  const { source, endpoint, token, name: suggested } = namedSource(model, process.env);
  const name = flags.as === undefined ? suggested : checkModelName(flags.as);
  const stop = new AbortController();
  void interruption().then(() => stop.abort(new PorchlightError("cancelled")));
  const progress = new DownloadProgress();
  try {
    if (source.kind === "path") return await pullPath(source.path, context, stop.signal);
    const pulled = await pullModel(source, {
      modelsDir,
      endpoint,
      signal: stop.signal,
      ...(token === undefined ? {} : { token }),
      ...(name === undefined ? {} : { name }),
      ...(flags.force ? {} : { inspectConfig: refuseUnsupported }),
      onEvent: (event) => report(event, progress),
    });
    progress.clear();
    return await done(modelsDir, pulled.name, pulled, flags.json);
  } catch (error) {
    progress.clear();
    if (!(error instanceof PorchlightError) || error.code !== "cancelled") throw error;
    say("Stopped. The same command goes on from here.");
    return 130;
  }
}

async function pullPath(path: string, { flags, modelsDir }: ModelsContext, signal: AbortSignal): Promise<number> {
  const found = await findLocalFiles(path.replace(/^~(?=\/)/, homedir()));
  const name = checkModelName(flags.as ?? found.name);
  if (!flags.link)
    return await done(modelsDir, name, await importModel(found, { modelsDir, name, signal }), flags.json);
  await linkModel(found, { modelsDir, name, signal });
  return await done(modelsDir, name, undefined, flags.json);
}

/** @param stored what the store has now; undefined for a model that is only linked to. */
async function done(
  modelsDir: string,
  name: string,
  stored: StoredVersion | undefined,
  json: boolean,
): Promise<number> {
  const { model, place: folder } = await findModel(modelsDir, name);
  const changed = stored?.changed ?? true;
  const active = stored?.active ?? true;
  if (json) {
    const version = stored && { version: stored.version, active };
    const problem = model.usable ? {} : { problem: model.problem };
    process.stdout.write(
      `${JSON.stringify({ name, folder, changed, ...version, usable: model.usable, ...problem })}\n`,
    );
    return 0;
  }
  if (stored && !active) {
    say(`${styled("green", "✓")} Version ${stored.version} of ${styled("bold", name)} is here, but another is pinned.`);
    say(`  Use it: porchlight models unpin ${name}, then porchlight models rollback ${name} ${stored.version}`);
    return 0;
  }
  say(
    `${styled("green", "✓")} ${styled("bold", name)} ${changed ? "is here" : "was here already, unchanged"}: ${folder}`,
  );
  const oldest = (await listVersions(modelsDir, name)).at(-1);
  if (changed && oldest !== undefined && oldest.id !== stored?.version)
    say(`  The version before is kept: porchlight models rollback ${name}`);
  if (model.usable && model.info.task === "embed") {
    say(`  It makes embeddings: porchlight up serves it beside the chat models, at /v1/embeddings as "${name}".`);
  } else if (model.usable) say(`  Use it: porchlight up --model ${name}`);
  else say(styled("yellow", `  This build cannot load it: ${model.problem}`));
  return 0;
}

function report(event: PullEvent, progress: DownloadProgress): void {
  if (event.type === "received") return progress.add(event.bytes, event.kept);
  if (event.type === "checking") return;
  progress.start(event.bytes);
  say(
    `Pulling ${styled("bold", event.name)}: ${event.files} file${event.files === 1 ? "" : "s"}, ${formatBytes(event.bytes)}.`,
  );
}
