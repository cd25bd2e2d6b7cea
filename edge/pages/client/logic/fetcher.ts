/** The part of `fetch` that the page uses: a path of this server, and a body of text. */
export type Fetcher = (path: string, init: RequestInit & { body?: string }) => Promise<Response>;
