import { secureHeaders } from "hono/secure-headers";

/** Headers of everything that is not a page: nothing in it may be run, framed or guessed to be another type. */
export const securityHeaders = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  crossOriginResourcePolicy: "same-origin",
  // On http it would be ignored, and on localhost it would bind every other server of the developer.
  strictTransportSecurity: false,
  // An error that is shown as a page has the page's own headers already.
  overwrite: false,
});
