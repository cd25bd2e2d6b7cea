import type { Permissions } from "./manifest.ts";

/** A permission as people read it, before they say yes. */
export interface PermissionWords {
  /** `high`: what it sees can leave the machine, or others pay for it. */
  risk: "high" | "low";
  text: string;
}

type Language = "en" | "zh-CN";

const MEBIBYTE = 1024 * 1024;

const WORDS = {
  en: {
    net: (hosts: string) => `Send to and read from the Internet: ${hosts}`,
    anywhere: "Send to and read from any site on the Internet",
    files: "Read the files that you pick for it",
    turns: "Read what you ask in conversations and what is answered, and add to it",
    schedule: "Run by itself at set times",
    secrets: (names: string) => `Use what you enter as: ${names}`,
    model: "Ask your own models",
    tools: (names: string) => `Use what your machines can do: ${names}`,
    storage: (size: string) => `Keep up to ${size} of its own`,
    nothing: "Nothing beyond what it is asked",
    and: ", ",
  },
  "zh-CN": {
    net: (hosts: string) => `访问互联网（发送和读取）：${hosts}`,
    anywhere: "访问互联网上的任何网站（发送和读取）",
    files: "读取你为它选择的文件",
    turns: "读取你在对话中的提问和回答，并可补充内容",
    schedule: "在设定的时间自行运行",
    secrets: (names: string) => `使用你填写的：${names}`,
    model: "向你自己的模型提问",
    tools: (names: string) => `使用你的机器的能力：${names}`,
    storage: (size: string) => `保存自己的数据，最多 ${size}`,
    nothing: "除了交给它的内容，什么都不要求",
    and: "、",
  },
} as const;

/** What a plugin asks for, in words, the dangerous first. Never empty. */
export function permissionWords(permissions: Permissions, language: Language): PermissionWords[] {
  const words = WORDS[language];
  const { net, files, secrets, model, tools, storageBytes, turns, schedule } = permissions;
  const list: PermissionWords[] = [];
  const isAnywhere = net.some((host) => host === "*");
  if (isAnywhere) list.push({ risk: "high", text: words.anywhere });
  else if (net.length > 0) list.push({ risk: "high", text: words.net(net.join(words.and)) });
  if (files) list.push({ risk: "high", text: words.files });
  if (turns === "read") list.push({ risk: "high", text: words.turns });
  if (secrets.length > 0) list.push({ risk: "high", text: words.secrets(secrets.join(words.and)) });
  if (model) list.push({ risk: "low", text: words.model });
  if (tools.length > 0) list.push({ risk: "low", text: words.tools(tools.join(words.and)) });
  if (schedule === true) list.push({ risk: "low", text: words.schedule });
  if (storageBytes > 0) list.push({ risk: "low", text: words.storage(sizeWords(storageBytes)) });
  return list.length > 0 ? list : [{ risk: "low", text: words.nothing }];
}

/** A size as people read it: whole mebibytes, or kibibytes below one. */
export function sizeWords(bytes: number): string {
  return bytes >= MEBIBYTE ? `${Math.round(bytes / MEBIBYTE)} MiB` : `${Math.max(1, Math.round(bytes / 1024))} KiB`;
}
