import * as fc from "fast-check";
import { expect, it } from "vitest";
import { rememberedFact } from "../../../../edge/home/memory/remembered-fact.ts";

it.each([
  ["Remember that I'm allergic to peanuts.", "I'm allergic to peanuts"],
  [
    "remember that my doctor is Dr. Smith in St. Gallen. What should I ask her?",
    "my doctor is Dr. Smith in St. Gallen",
  ],
  ["Please remember: my daughter is called Ida", "my daughter is called Ida"],
  ["please remember that the bins go out on Tuesdays", "the bins go out on Tuesdays"],
  ["Hey, could you please remember that I prefer metric units?", "I prefer metric units"],
  ["Ok, remember I live in Lyon!", "I live in Lyon"],
  ["Remember, my name is Ana. Now write a poem about her.", "my name is Ana"],
  ["Don’t forget that I’m vegan", "I'm vegan"],
  ["From now on, always remember that we speak French at home", "we speak French at home"],
  ["Remember to always answer in German", "always answer in German"],
  ["I want you to remember that my car is a 2CV, please.", "my car is a 2CV"],
  ["Remember that time is money", "time is money"],
  ["Please remember the following:\n- my cat is Tom\n- my dog is Rex.\n\nThanks", "my cat is Tom; my dog is Rex"],
  ["Hello! My dog is called Rex. Please remember that.", "My dog is called Rex"],
  ["I work at night, so please remember that", "I work at night"],
  ["keep in mind that I have no oven", "I have no oven"],
  ["I want you to remember something: I hate mushrooms", "I hate mushrooms"],
  ["Hi! remember that I'm using Fedora 42 (KDE), ok?", "I'm using Fedora 42 (KDE)"],
  ["please remember my birthday is 3 May", "my birthday is 3 May"],
  ["Make a note: my blood type is 0+", "my blood type is 0+"],
  ["记住我对花生过敏。", "我对花生过敏"],
  ["记住这个：我的车牌是沪A12345", "我的车牌是沪A12345"],
  ["以后请记住用简体中文", "用简体中文"],
  ["记住啊，我住三楼", "我住三楼"],
  ["請記住我住在台北，對海鮮過敏。", "我住在台北，對海鮮過敏"],
  ["我們住在高雄，請記住", "我們住在高雄"],
  ["请记住：我住在上海，在一家医院工作。", "我住在上海，在一家医院工作"],
  ["请记住，我女儿叫小雨", "我女儿叫小雨"],
  ["麻烦你记住垃圾每周二收。明天星期几？", "垃圾每周二收"],
  ["好的，帮我记一下：车位是B区12号", "车位是B区12号"],
  ["请记得我不吃香菜哦", "我不吃香菜"],
  ["记住以后都用中文回答我", "以后都用中文回答我"],
  ["我不吃辣，请记住。", "我不吃辣"],
  ["你好！我叫王芳。记住了哦", "我叫王芳"],
  ["请记住以下几点：\n1、我住在北京\n2、我养了一只猫", "我住在北京; 我养了一只猫"],
])("takes from %j what to remember", (message, fact) => {
  expect(rememberedFact(message)).toBe(fact);
});

it.each([
  "Do you remember when we talked about Rome?",
  "do you remember that I am vegan?",
  "Remember when we talked about Rome?",
  "Remember that song by Queen",
  "Remember that time we went to the sea",
  "Remember that one time at school? Write about it.",
  "Remember that I told you about my boss",
  "Remember that?",
  "Remember that.",
  "Remember this",
  "remember me",
  "remember my name",
  "Remember our conversation yesterday",
  "Don't forget my umbrella",
  "Remember that you are an AI",
  "Do not remember that I am vegan",
  "I don't want you to remember that I am vegan",
  "Remember the Alamo",
  "remember to buy milk",
  "Can you remember my name?",
  "Can you remember what I said yesterday?",
  "What do you remember about me?",
  "I can't remember that",
  "I don't know why, but I remember that.",
  "I remember that we met in Paris.",
  "She told me to remember that I am loved.",
  "Translate: 'Remember that I love you'",
  "How do I remember that my keys are at home?",
  "Remember that in this exercise x is 3. Solve it.",
  "What is the best way to remember names? Remember that I'm old.",
  "The exam covers chapter three. Remember that.",
  `Remember that I ${"very ".repeat(120)}much like long sentences`,
  "",
  "你还记得我上次说的那家店吗？",
  "记得我上次说的那家店",
  "记住了吗？",
  "记住单词的方法",
  "怎么记住英语单词？",
  "帮我记住英语单词的技巧",
  "请记住这些单词",
  "请记住",
  "记得带伞",
  "记住我的名字",
  "请记住今天的日期",
  "请不要记住我的名字",
  "请记住我刚才说的话",
  "記得我是誰嗎",
  "你能记住我的名字吗？",
  "我记住了你的名字",
  "翻译：“请记住我爱你”",
  "他让我记住以后要小心",
  "别忘了买牛奶",
])("finds nothing to remember in %j", (message) => {
  expect(rememberedFact(message)).toBeUndefined();
});

it("gives one line of bounded length, whatever a message is made of", () => {
  const piece = fc.constantFrom(
    "remember ",
    "that ",
    "please ",
    "I ",
    "my ",
    ": ",
    "?",
    ". ",
    "\n- ",
    "\u0000",
    "请",
    "记住",
    "：",
    "我",
    "x",
    "\ud800",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const fact = rememberedFact(pieces.join(""));
      if (fact === undefined) return;
      expect(fact).toMatch(/^\S(?:.*\S)?$/u);
      expect(fact.length).toBeLessThanOrEqual(500);
      expect(fact.isWellFormed()).toBe(true);
    }),
    { numRuns: 300 },
  );
});
