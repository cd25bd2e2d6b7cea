import type { Strings } from "./index.ts";

/** 记忆的页面。`zhCn` 的一部分。 */
export const memoryZhCn: Pick<Strings, "memory"> = {
  memory: {
    title: "记忆",
    text: "你要求记住的事。它们会随你的问题一起告诉模型，只用于你的问题；这里的其他人看不到。",
    empty: "还没有记住任何事。",
    emptyText: "在对话里写“请记住……”，或在这里添加。",
    count: "{n} 条，最多 {most} 条",
    added: "添加于 {date}",
    changed: "修改于 {date}",
    said: "来自对话",
    edit: "编辑",
    hide: "取消",
    save: "保存",
    fact: "内容",
    forget: "忘掉",
    forgetAsk: "忘掉这件事？",
    instructions: "固定要求",
    instructionsText: "你希望怎样得到回答。适用于没有单独要求的每个对话，也适用于定时提问。",
    instructionsLabel: "要求",
    usesFacts: "把记住的事告诉模型",
    saved: "已保存。",
    add: "让它记住一件事",
    addText: "一条写一件事，用你自己的话：“我对花生过敏。”",
    put: "记住",
    all: "全部忘掉",
    allText: "上面的内容会一次全部忘掉。对话保持不变。",
    allAsk: "忘掉记住的关于你的一切？",
  },
};
