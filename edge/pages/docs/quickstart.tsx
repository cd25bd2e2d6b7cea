import { CodeBlock } from "../components/code-block.tsx";
import { Inline } from "../components/inline.tsx";
import type { Strings } from "../i18n/index.ts";

const curlSample = (origin: string) => `curl ${origin}/v1/chat/completions \\
  -H "Authorization: Bearer $PORCHLIGHT_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "starter", "messages": [{"role": "user", "content": "What can you do?"}]}'`;

const javascriptSample = (origin: string) => `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${origin}/v1",
  apiKey: process.env.PORCHLIGHT_API_KEY,
});
const stream = await client.chat.completions.create({
  model: "starter",
  messages: [{ role: "user", content: "What can you do?" }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;

const pythonSample = (origin: string) => `import os
from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=os.environ["PORCHLIGHT_API_KEY"])
answer = client.chat.completions.create(
    model="starter",
    messages=[{"role": "user", "content": "What can you do?"}],
)
print(answer.choices[0].message.content)`;

/** Three ways to the first answer, each ready to paste for this very address. */
export function Quickstart(props: { origin: string; strings: Strings["docs"]; copyLabel: string }) {
  const { origin, strings, copyLabel } = props;
  return (
    <section id="quickstart" class="quickstart">
      <h2>{strings.quickstart}</h2>
      <p>
        <Inline text={strings.quickstartText} />
      </p>
      <CodeBlock language="curl" code={curlSample(origin)} copyLabel={copyLabel} />
      <div class="code-pair">
        <CodeBlock language="JavaScript" code={javascriptSample(origin)} copyLabel={copyLabel} />
        <CodeBlock language="Python" code={pythonSample(origin)} copyLabel={copyLabel} />
      </div>
    </section>
  );
}
