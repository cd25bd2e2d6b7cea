import { archiveRequestSchema } from "../../shared/archive/messages.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import { readRequest } from "../link/read-request.ts";
import type { ArchiveKeeper } from "./keeper.ts";

/** Answers one `archive` stream: one request, one JSON object, or one with `error`. Never rejects. */
export async function serveArchive(stream: ProtocolStream, keeper: ArchiveKeeper | undefined): Promise<void> {
  try {
    await stream.write(new TextEncoder().encode(`${JSON.stringify(await answer(stream, keeper))}\n`));
    stream.end();
  } catch (cause) {
    // The stream was lost meanwhile, or failed on this side: then the peer must still learn that it is over.
    stream.reset(PorchlightError.from(cause).toWire());
  }
}

async function answer(stream: ProtocolStream, keeper: ArchiveKeeper | undefined): Promise<object> {
  try {
    if (keeper === undefined) throw new PorchlightError("not_found", "This machine keeps no conversations.");
    return await keeper.answer(await readRequest(stream, archiveRequestSchema));
  } catch (error) {
    return { error: PorchlightError.from(error).toWire() };
  }
}
