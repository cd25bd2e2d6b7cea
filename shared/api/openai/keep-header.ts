/** `yes`: the answer goes on when its client has left, and waits for it. */
export const KEEP_HEADER = "porchlight-keep";
