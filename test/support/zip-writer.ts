import { deflateRawSync } from "node:zlib";

export interface ZipPart {
  name: string;
  bytes: Uint8Array;
  stored?: boolean;
  /** What the headers claim in place of the truth. */
  flags?: number;
  method?: number;
  packedBytes?: number;
}

/** A zip file of these parts (PKWARE's APPNOTE 6.3), without checksums: nothing here reads them. */
export function zipOf(parts: readonly ZipPart[], comment = ""): Buffer<ArrayBuffer> {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, stored = false, flags = 0, ...claimed } of parts) {
    const packed = stored ? Buffer.from(bytes) : deflateRawSync(bytes);
    const method = claimed.method ?? (stored ? 0 : 8);
    const packedBytes = claimed.packedBytes ?? packed.length;
    const nameBytes = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(nameBytes.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(packedBytes, 20);
    entry.writeUInt32LE(Math.min(bytes.length, 0xffff_fffe), 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, nameBytes, packed);
    central.push(entry, nameBytes);
    offset += 30 + nameBytes.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, directory, end, Buffer.from(comment)]);
}
