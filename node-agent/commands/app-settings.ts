/** What an app has to be told to ask this household's models. */
export interface AppAccess {
  /** Without a slash at the end. */
  origin: string;
  apiKey: string;
  model: string;
  /** Tokens of prompt and answer together. */
  contextLength: number;
}

interface App {
  /** Where what follows goes. */
  where: string;
  settings(access: AppAccess): string;
}

/** Apps by the name to call them by, with what to paste, as their own documentation has it. */
export const APPS = {
  openclaw: {
    where: "into ~/.openclaw/openclaw.json",
    settings: ({ origin, apiKey, model, contextLength }) =>
      JSON.stringify(
        {
          agents: { defaults: { model: { primary: `porchlight/${model}` } } },
          models: {
            mode: "merge",
            providers: {
              porchlight: {
                baseUrl: `${origin}/v1`,
                apiKey,
                api: "openai-completions",
                models: [
                  {
                    id: model,
                    name: model,
                    reasoning: false,
                    input: ["text"],
                    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
                    contextWindow: contextLength,
                    maxTokens: Math.ceil(contextLength / 2),
                  },
                ],
              },
            },
          },
        },
        null,
        2,
      ),
  },
  "open-webui": {
    where: "into the environment that Open WebUI is started with, or under Settings > Connections",
    settings: ({ origin, apiKey }) => shell({ OPENAI_API_BASE_URL: `${origin}/v1`, OPENAI_API_KEY: apiKey }),
  },
  continue: {
    where: "into ~/.continue/config.yaml",
    settings: ({ origin, apiKey, model, contextLength }) =>
      [
        "name: Porchlight",
        "version: 1.0.0",
        "schema: v1",
        "models:",
        `  - name: ${JSON.stringify(model)}`,
        "    provider: openai",
        `    model: ${JSON.stringify(model)}`,
        `    apiBase: ${JSON.stringify(`${origin}/v1`)}`,
        `    apiKey: ${JSON.stringify(apiKey)}`,
        "    roles: [chat, edit, apply]",
        "    defaultCompletionOptions:",
        `      contextLength: ${contextLength}`,
      ].join("\n"),
  },
  aider: {
    where: "into a shell, then start aider with the last line",
    settings: ({ origin, apiKey, model }) =>
      `${shell({ OPENAI_API_BASE: `${origin}/v1`, OPENAI_API_KEY: apiKey })}\naider --model ${quoted(`openai/${model}`)}`,
  },
  openai: {
    where: "into the environment of a program that uses OpenAI's libraries",
    settings: ({ origin, apiKey }) => shell({ OPENAI_BASE_URL: `${origin}/v1`, OPENAI_API_KEY: apiKey }),
  },
  anthropic: {
    where: "into the environment of a program that uses Anthropic's libraries",
    settings: ({ origin, apiKey }) => shell({ ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: apiKey }),
  },
} as const satisfies Record<string, App>;
export type AppName = keyof typeof APPS;
export const APP_NAMES = Object.keys(APPS) as AppName[]; // Object.keys loses the names

function shell(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}`)
    .join("\n");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
