import * as z from "zod/mini";
import type { Fetcher } from "./fetcher.ts";

const modelsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      online: z.optional(z.boolean()),
      context_length: z.optional(z.nullable(z.number())),
      task: z.optional(z.string()),
    }),
  ),
});

const agentSchema = z.object({
  name: z.optional(z.nullable(z.string())),
  online: z.boolean(),
});

const agentsSchema = z.union([z.object({ agents: z.array(agentSchema) }), z.object({ data: z.array(agentSchema) })]);

export type Model = { id: string; online: boolean; contextLength: number | undefined };

/** What is known of the home: `unreachable` when this page cannot even reach its server. */
export type HomeState = {
  reach: "online" | "offline" | "unreachable" | "signed_out";
  machine: string;
  models: Model[];
};

/** Asks the edge which machines are online and which models they have. Never rejects. */
export async function readHome(fetcher: Fetcher = fetch): Promise<HomeState> {
  try {
    const [agentsResponse, modelsResponse] = await Promise.all([
      fetcher("/api/agents", { credentials: "same-origin" }),
      fetcher("/v1/models", { credentials: "same-origin" }),
    ]);
    if (agentsResponse.status === 401) return { reach: "signed_out", machine: "", models: [] };
    const agents = agentsSchema.safeParse(await agentsResponse.json());
    const models = modelsSchema.safeParse(await modelsResponse.json());
    if (!agents.success) return { reach: "unreachable", machine: "", models: [] };
    const list = "agents" in agents.data ? agents.data.agents : agents.data.data;
    const online = list.filter((agent) => agent.online);
    return {
      reach: online.length > 0 ? "online" : "offline",
      machine: online
        .map((agent) => agent.name ?? "")
        .filter((name) => name !== "")
        .join(", "),
      models: models.success ? models.data.data.filter(canChat).map(toModel) : [],
    };
  } catch {
    return { reach: "unreachable", machine: "", models: [] }; // No connection, or not our server: the same to the reader.
  }
}

type Listed = z.infer<typeof modelsSchema>["data"][number];

/** Models for embeddings have nothing to say. */
function canChat({ task }: Listed): boolean {
  return task !== "embed";
}

function toModel(model: Listed): Model {
  return { id: model.id, online: model.online ?? true, contextLength: model.context_length ?? undefined };
}
