import { parseXml, type XmlElement, XmlElement as Element } from "@rgrove/parse-xml";

export interface StoredObject {
  key: string;
  bytes: number;
  /** ISO 8601. */
  changed: string;
}

export interface Listing {
  objects: StoredObject[];
  truncated: boolean;
}

/** What a store answers to ListObjectsV2. Throws Error for anything else. */
export function readListing(text: string): Listing {
  const root = rootOf(text);
  if (root?.name !== "ListBucketResult")
    throw new Error("The answer is not that of an S3 store. Is S3_ENDPOINT its address?");
  const objects = childrenOf(root, "Contents").map((one) => ({
    key: textIn(one, "Key"),
    bytes: Number(textIn(one, "Size")),
    changed: textIn(one, "LastModified"),
  }));
  return { objects, truncated: textIn(root, "IsTruncated") === "true" };
}

/** Code and words of an error, as far as there are any. */
export function problemIn(text: string): { code: string; message: string } {
  const root = rootOf(text);
  if (root?.name !== "Error") return { code: "no reason was given", message: "" };
  return { code: textIn(root, "Code").slice(0, 100), message: textIn(root, "Message").slice(0, 300) };
}

function rootOf(text: string): XmlElement | undefined {
  try {
    return parseXml(text).root ?? undefined;
  } catch {
    return undefined; // a page of something in between
  }
}

function childrenOf(parent: XmlElement, name: string): XmlElement[] {
  return parent.children.filter((child): child is XmlElement => child instanceof Element && child.name === name);
}

function textIn(parent: XmlElement, name: string): string {
  return childrenOf(parent, name)[0]?.text ?? "";
}
