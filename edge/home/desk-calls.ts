/** A part of the Home object as the Worker reaches it: the methods of `Desk` that are named, each over a call. */
export type Remote<Desk, Method extends keyof Desk> = {
  [Name in Method]: Desk[Name] extends (...args: infer Args) => infer Answer
    ? (...args: Args) => Promise<Awaited<Answer>>
    : never;
};

/** What calls of these methods come to. */
export type DeskAnswer<Desk, Method extends keyof Desk> = Desk[Method] extends (...args: never[]) => infer Answer
  ? Answer
  : never;

/** Only data crosses, by one method of the object: objects of it would have to be disposed of after each call. */
export function remoteDesk<Desk, Method extends keyof Desk & string>(
  methods: readonly Method[],
  call: (method: Method, args: unknown[]) => Promise<unknown>,
): Remote<Desk, Method> {
  const entries = methods.map((method) => [method, async (...args: unknown[]) => await call(method, args)] as const);
  return Object.fromEntries(entries) as Remote<Desk, Method>; // An entry for each name, with the types of the desk's own.
}

/** The other end of `remoteDesk`. Refuses what is not one of `methods`: the Worker may reach no more than those. */
export function callDesk<Desk, Method extends keyof Desk & string>(
  desk: Desk,
  methods: readonly Method[],
  method: Method,
  args: unknown[],
): DeskAnswer<Desk, Method> {
  if (!methods.includes(method)) throw new TypeError(`There is no method '${method}' to call.`);
  // Its only caller is `remoteDesk`, which has the types of this very method.
  const call = desk[method] as (...args: unknown[]) => DeskAnswer<Desk, Method>;
  return call.apply(desk, args);
}
