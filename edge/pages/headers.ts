import { secureHeaders } from "hono/secure-headers";

/**
 * Headers of every page. Nothing comes from another origin, nothing runs or is styled inline, no other site frames a page, and
 * the only way from a string to markup is through DOMPurify (its Trusted Types policy is the one that is allowed).
 */
export const pageHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
    formAction: ["'self'"],
    requireTrustedTypesFor: ["'script'"],
    trustedTypes: ["dompurify"],
  },
  // With "no-referrer" a form would be sent with `Origin: null`, which cookie routes refuse.
  referrerPolicy: "same-origin",
  xFrameOptions: "DENY",
  crossOriginResourcePolicy: "same-origin",
  crossOriginOpenerPolicy: "same-origin",
  permissionsPolicy: { camera: [], microphone: [], geolocation: [], payment: [], usb: [] },
  // Sent over http it would be ignored, and on localhost it would bind every other server of the developer: https edges add it.
  strictTransportSecurity: false,
});
