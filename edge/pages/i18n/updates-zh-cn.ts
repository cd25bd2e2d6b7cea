import type { Strings } from "./index.ts";

/** Updates of installed plugins. Part of `zhCn`. */
export const updatesZhCn: Pick<Strings, "updates"> = {
  updates: {
    badge: "有更新",
    look: "检查更新",
    heading: "新版本 {version}",
    reasons: {
      wants_more: "与现在的版本相比，它还要求：",
      other_key: "签名的密钥和现在的版本不同。清楚原因再更新。",
      became_paid: "现在开始收费：{price}。",
      runs_elsewhere: "运行的地方和现在的版本不同：{place}。",
      asked_first: "你选择了更新前先询问。",
      pinned: "你已固定在版本 {version}。",
    },
    runs: { edge: "在边缘", home: "在家里的机器上", both: "在家里或边缘" },
    agree: "更新到 {version}",
    agreeMore: "允许并更新到 {version}",
    toMarket: "在市场中查看",
    yanked: "发布者撤下了版本 {version}。在这里仍可继续使用。",
    revoked: "市场收回了版本 {version}，它不再运行。",
    problem: "没能更新到版本 {version}：{message}",
    lookFailed: "没能检查更新：{message}",
    setting: "更新方式",
    modes: {
      automatic: "不要求更多权限时自动更新",
      ask: "先问我",
      pinned: "固定在 {version}",
    },
    save: "保存",
    byHand: "从文件安装，不会更新。",
    history: "之前的版本",
    kept: "用到 {date}",
    keptRevoked: "已被市场收回",
    back: "退回到 {version}",
    backAsk:
      "把{title}退回到 {version} 吗？它会恢复当时的权限，但不包括你之后收回的。保存的内容不变；在你改变更新方式之前不会再更新。",
    entries: {
      automatic: "从 {from} 自动更新到 {to}",
      agreed: "经你同意，从 {from} 更新到 {to}",
      rollback: "从 {from} 退回到 {to}",
    },
  },
};
